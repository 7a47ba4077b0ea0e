"""The replay audit: redraws old pictures each night, in its own job on its own schedule."""

import dagster as dg

from assets_defs.publication_assets import published_catalog
from assets_defs.stage_asset import stage_asset
from catalog_gen.settings.nights import AuditSettings
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.replay import audit
from catalog_gen.store.replays import unexplained_drift
from resources.catalog import CatalogResource


@stage_asset(group="audit", kinds={"pytorch", "duckdb"}, deps=[published_catalog])
def replay_audit(
    context: dg.AssetExecutionContext, catalog: CatalogResource
) -> dg.MaterializeResult[None]:
    """Redraws a sample of old pictures and records how they differ, and why."""
    found = audit(catalog.open(), Stamp.at_once(context.run.run_id))
    for each in found.drifted:
        why = "; ".join([*each.environment_changed, each.problem])
        context.log.warning(f"{each.image_id[:16]} {each.result}: {why}")
    results: dict[str, int] = dict(found.results.items())
    return dg.MaterializeResult(
        metadata={
            "replayed": found.replayed,
            "results": dg.MetadataValue.json(results),
            "causes": dg.MetadataValue.json(dict(found.causes)),
        }
    )


@dg.asset_check(asset=replay_audit)
def no_unexplained_drift(catalog: CatalogResource) -> dg.AssetCheckResult:
    """Every picture of the last audit came out the same, or its cause is known."""
    with catalog.open().store.reading() as connection:
        changed = unexplained_drift(connection)
    return dg.AssetCheckResult(
        passed=not changed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(changed)} pictures changed although the environment did not",
        metadata={"images": changed[:20]},
    )


replay_audit_job = dg.define_asset_job(
    "nightly_audit",
    selection=dg.AssetSelection.assets(replay_audit)
    | dg.AssetSelection.checks_for_assets(replay_audit),
    description="Draws old pictures again and records which ones drifted, and why.",
)


def audit_schedule(settings: AuditSettings, timezone: str) -> dg.ScheduleDefinition:
    """One audit a night, on by default."""
    return dg.ScheduleDefinition(
        name="nightly_audit",
        job=replay_audit_job,
        cron_schedule=settings.cron,
        execution_timezone=timezone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
