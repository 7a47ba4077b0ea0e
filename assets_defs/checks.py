"""Asset checks: what needs attention after a night, with figures."""

from typing import Final

import dagster as dg

from assets_defs.catalog_assets import products
from assets_defs.links import gallery_link
from assets_defs.partitions import shard_key
from assets_defs.picture_assets import candidate_images, prompts, verdicts
from assets_defs.publication_assets import published_catalog
from catalog_gen.judging.siblings import CLEARLY, swapped_siblings
from catalog_gen.stages.captions import findings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.failures import grouped
from catalog_gen.stages.picture_check import check_pictures
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.stages.review import waiting_for_a_person
from catalog_gen.store.consistency import doubtful_siblings, outliers, uneven_groups
from catalog_gen.store.figures import (
    coverage_figures,
    feed_figures,
    prompt_figures,
    verdict_figures,
)
from catalog_gen.store.ledger import open_failures
from resources.catalog import CatalogResource

#: A feed with a larger share of bad rows was probably exported wrongly.
MOST_REJECTED: Final = 0.20
#: Below this share of accepted pictures, the model, a template or the rubric is wrong.
LEAST_ACCEPTED: Final = 0.50
#: Variants look uneven beyond these differences: share of the longer side, and L*. The sample's
#: variants differ by 0.06 and 2.6 at most.
MOST_FILL_SPREAD: Final = 0.10
MOST_LIGHT_SPREAD: Final = 5.0
#: Pictures that a category and view must have to be searched for outliers.
LEAST_ALIKE: Final = 8
#: Limit of the modified z-score, as its authors recommend.
OUTLIER: Final = 3.5
#: Maximum lines of metadata; `catalog-gen status` lists all.
SHOWN: Final = 20
MOST_ROWS: Final = 500


@dg.asset_check(asset=products)
def feed_quality(catalog: CatalogResource) -> dg.AssetCheckResult:
    """At most a fifth of the feed's rows are rejected, and no photo disputes what they say."""
    opened = catalog.open()
    with opened.store.reading() as connection:
        feed = feed_figures(connection)
    share = feed.rejected / feed.rows_read if feed.rows_read else 1.0
    description = f"{feed.rejected} of {feed.rows_read} rows were rejected"
    metadata: dict[str, dg.RawMetadataValue] = {
        "rejected": feed.rejected,
        "rows_read": feed.rows_read,
        "share": share,
    }
    disputed = 0
    if opened.settings.captions is not None:
        found = findings(opened, Drawer.of(opened).dialect, REFERENCE_HASH)
        disputed = sum(each.kind == "disputed" for each in found)
        description += f"; photos dispute {disputed} values and suggest {len(found) - disputed}"
        first = sorted(found, key=lambda each: (each.kind, each.product_id))[:SHOWN]
        metadata["photos"] = dg.MetadataValue.md(
            "\n".join(f"- `{each.product_id}`: {each.words}" for each in first)
        )
    return dg.AssetCheckResult(
        passed=share <= MOST_REJECTED and not disputed,
        severity=dg.AssetCheckSeverity.WARN,
        description=description,
        metadata=metadata,
    )


@dg.asset_check(asset=prompts)
def prompt_budget(catalog: CatalogResource) -> dg.AssetCheckResult:
    """Every prompt fits the text encoder, so no clause was dropped."""
    with catalog.open().store.reading() as connection:
        figures = prompt_figures(connection)
    return dg.AssetCheckResult(
        passed=figures.trimmed == 0,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{figures.trimmed} of {figures.prompts} prompts lost clauses; shorten the "
        "template"
        if figures.trimmed
        else f"all {figures.prompts} prompts fit",
        metadata={"trimmed": figures.trimmed, "unsupported": figures.unsupported},
    )


@dg.asset_check(asset=candidate_images)
def stored_bytes(
    context: dg.AssetCheckExecutionContext, catalog: CatalogResource
) -> dg.AssetCheckResult:
    """Stored pictures still have the hash that they were stored under; a share of them a night."""
    found = check_pictures(catalog.open(), Stamp.at_once(context.run.run_id))
    return dg.AssetCheckResult(
        passed=not found.damaged,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{len(found.damaged)} stored pictures are damaged; {found.checked} of "
        f"{found.stored} were checked tonight",
        metadata={
            "damaged": list(found.damaged[:SHOWN]),
            "checked": found.checked,
            "stored": found.stored,
        },
    )


@dg.asset_check(asset=candidate_images)
def all_drawn(catalog: CatalogResource) -> dg.AssetCheckResult:
    """Every wanted picture could be drawn."""
    opened = catalog.open()
    with opened.store.reading() as connection:
        groups = grouped(open_failures(connection))
    pictures = sum(group.count for group in groups)
    if not pictures:
        return dg.AssetCheckResult(passed=True, description="every wanted picture was drawn")
    rows = [
        dg.TableRecord(
            {
                "product": each.product_id,
                "view": each.view,
                "shard": shard_key(each.shard),
                "error": f"{', '.join(group.values)}: {group.rule}" if group.values else group.rule,
                "what to do": group.remedy,
                "tried again": "by `retry`" if each.given_up else "by the next refresh",
            }
        )
        for group in groups
        for each in group.failed
    ]
    shards = sorted({each.shard for group in groups for each in group.failed})
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"Pictures that could not be drawn: {pictures}. "
        + " ".join(f"{group.count} x {group.rule}. {group.remedy}" for group in groups[:SHOWN])
        + f" Then materialise candidate_images of shard {', '.join(map(shard_key, shards))} again, "
        "or run `catalog-gen retry`.",
        metadata={
            "failed": pictures,
            "failures": dg.MetadataValue.table(rows[:MOST_ROWS]),
            "gallery": gallery_link(opened.home, "failed"),
        },
    )


@dg.asset_check(asset=verdicts)
def pass_rate(catalog: CatalogResource) -> dg.AssetCheckResult:
    """At least half of the pictures are accepted."""
    opened = catalog.open()
    with opened.store.reading() as connection:
        figures = verdict_figures(connection)
    share = figures.accepted / figures.judged if figures.judged else 1.0
    return dg.AssetCheckResult(
        passed=share >= LEAST_ACCEPTED,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{figures.accepted} of {figures.judged} pictures were accepted",
        metadata={
            "accepted": figures.accepted,
            "review": figures.review,
            "rejected": figures.rejected,
            "gallery": gallery_link(opened.home),
        },
    )


@dg.asset_check(asset=verdicts)
def needs_review(catalog: CatalogResource) -> dg.AssetCheckResult:
    """No picture waits for review; `catalog-gen review` lists the same ones."""
    opened = catalog.open()
    with opened.store.reading() as connection:
        waiting = waiting_for_a_person(connection, opened.settings)
    return dg.AssetCheckResult(
        passed=not waiting,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(waiting)} pictures wait for a person; `catalog-gen review` lists them"
        if waiting
        else "nothing waits for a person",
        metadata={
            "products": sorted({each.product_id for each in waiting})[:MOST_ROWS],
            "gallery": gallery_link(opened.home, "review"),
        },
    )


@dg.asset_check(asset=published_catalog)
def publish_coverage(catalog: CatalogResource) -> dg.AssetCheckResult:
    """The share of active products with a live picture reaches the settings' minimum."""
    opened = catalog.open()
    with opened.store.reading() as connection:
        figures = coverage_figures(connection)
    share = figures.live / figures.active if figures.active else 1.0
    return dg.AssetCheckResult(
        passed=share >= opened.settings.publish.min_coverage,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{figures.live} of {figures.active} active products have a live picture",
        metadata={
            "live": figures.live,
            "active": figures.active,
            "coverage": share,
            "gallery": gallery_link(opened.home),
        },
    )


@dg.asset_check(asset=published_catalog)
def even_variants(catalog: CatalogResource) -> dg.AssetCheckResult:
    """The live pictures of a group's variants share framing and light."""
    opened = catalog.open()
    with opened.store.reading() as connection:
        uneven = uneven_groups(connection, MOST_FILL_SPREAD, MOST_LIGHT_SPREAD)
    return _for_a_person(
        opened,
        [
            f"{each.group_id} {each.view}: size differs by {each.fill_spread:.0%} of the side, "
            f"light by {each.light_spread:.1f} L*"
            for each in uneven
        ],
        "groups have variants of another size or light",
    )


@dg.asset_check(asset=published_catalog)
def no_outliers(catalog: CatalogResource) -> dg.AssetCheckResult:
    """No live picture is unlike the others of its category and view."""
    opened = catalog.open()
    with opened.store.reading() as connection:
        found = outliers(connection, LEAST_ALIKE, OUTLIER)
    return _for_a_person(
        opened,
        [
            f"{each.product_id} {each.view}: {each.measure} {each.value:.2f}, "
            f"usual among {each.category}: {each.usual:.2f}"
            for each in found
        ],
        "live pictures are unlike their category's",
    )


@dg.asset_check(asset=published_catalog)
def own_colours(catalog: CatalogResource) -> dg.AssetCheckResult:
    """No two variants of a group show each other's colour."""
    opened = catalog.open()
    with opened.store.reading() as connection:
        doubtful = doubtful_siblings(connection, CLEARLY)
    return _for_a_person(
        opened,
        [
            f"{each.first} and {each.second}, {each.view}: the other way round fits better by "
            f"{each.gain:.0f} CIEDE2000"
            for each in swapped_siblings(doubtful)
        ],
        "pairs of variants show each other's colour",
    )


def _for_a_person(catalog: Catalog, findings: list[str], bad: str) -> dg.AssetCheckResult:
    """A warning with its findings; the pictures stay live."""
    return dg.AssetCheckResult(
        passed=not findings,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{len(findings) or 'no'} {bad}",
        metadata={
            "findings": findings[:SHOWN],
            "gallery": gallery_link(catalog.home),
        },
    )
