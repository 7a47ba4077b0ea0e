"""Experiments, which no night runs: each by hand, on its own schedule, or from the command line."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import dagster as dg
from pydantic import Field

from assets_defs.run_progress import progress_in_run_log
from assets_defs.stage_asset import stage_asset
from catalog_gen.errors import ConfigError
from catalog_gen.experiments.sentences import sentence
from catalog_gen.settings.nights import ExperimentSettings
from catalog_gen.stages.catalog import Catalog, Stamp
from catalog_gen.stages.experiment_plan import plan_experiment
from catalog_gen.stages.experiments import draw_experiment, write_experiment
from catalog_gen.stages.runs import finish
from catalog_gen.store.snapshot import publish_snapshot
from resources.catalog import CatalogResource, config_from_environment
from resources.diffusion import DiffusionPipelineResource
from resources.scorer import ClipScorerResource

#: The file that the command line names; a launch request may name only what the settings list.
FILE: Final = "CATALOG_EXPERIMENT"


class Which(dg.Config):
    """The experiment to run."""

    name: str = Field(default="", description="One of [experiments] in catalog.toml.")


@stage_asset(group="experiments", kinds={"pytorch", "duckdb"})
def experiment(
    context: dg.AssetExecutionContext,
    config: Which,
    catalog: CatalogResource,
    diffusion_pipeline: DiffusionPipelineResource,
    clip_scorer: ClipScorerResource,
) -> dg.MaterializeResult[None]:
    """A grid over recipes' fields: draws the cells that are missing, scores and compares them.

    Its pictures have full lineage and are never live.
    """
    opened = catalog.open()
    file = file_of(opened, config.name)
    if file is None:  # "Materialize all" names none
        context.log.info("No experiment was named in the launch's configuration: none is drawn.")
        return dg.MaterializeResult(metadata={"cells": 0, "drawn": 0})
    planned = plan_experiment(opened, file)
    context.log.info(
        f"{planned.name}: {len(planned.cells)} cells, {planned.missing} pictures to draw"
    )
    scorer = clip_scorer.scorer(opened.settings.scorer)
    stamp = Stamp.at_once(context.run.run_id)
    with progress_in_run_log(context):
        draw_experiment(
            opened,
            planned,
            lambda own: diffusion_pipeline.engine(own, stamp.run_id),
            scorer,
            stamp,
        )
    written = write_experiment(opened, planned, config_from_environment())
    finish(opened, stamp)
    publish_snapshot(opened.store, opened.home)
    for effect in written.findings.effects:
        context.log.info(f"{effect.grid}: {sentence(effect)}")
    recommended: dict[str, str] = {each.grid: each.why for each in written.findings.advice}
    return dg.MaterializeResult(
        metadata={
            "experiment": planned.name,
            "cells": len(planned.cells),
            "drawn": planned.missing,
            "recommended": dg.MetadataValue.json(recommended),
            "page": dg.MetadataValue.path(str(written.page)),
            "sheet": dg.MetadataValue.path(str(written.sheet)),
        }
    )


def file_of(catalog: Catalog, name: str) -> Path | None:
    """The file of an experiment of the settings, or the one that the command line names; None if
    neither names any.

    Raises:
        ConfigError: the settings have no such experiment.
    """
    known = catalog.settings.experiments
    if name in known:
        return known[name].file
    if not name:
        return Path(file) if (file := os.environ.get(FILE)) else None
    raise ConfigError(
        f"experiment '{name}'",
        f"catalog.toml has {', '.join(known) or 'none'} under [experiments]",
        "Name one of them in the launch's configuration, or add it there.",
    )


experiment_job = dg.define_asset_job(
    "run_experiment",
    selection=dg.AssetSelection.assets(experiment),
    description="Draws an experiment's missing cells and writes its page and sheet.",
)


def experiment_schedules(
    experiments: Mapping[str, ExperimentSettings], timezone: str
) -> list[dg.ScheduleDefinition]:
    """A schedule for each experiment that has a time, on by default."""
    return [
        dg.ScheduleDefinition(
            name=f"experiment_{name.replace('-', '_')}",
            job=experiment_job,
            cron_schedule=each.cron,
            execution_timezone=timezone,
            run_config={"ops": {"experiment": {"config": {"name": name}}}},
            default_status=dg.DefaultScheduleStatus.RUNNING,
        )
        for name, each in experiments.items()
        if each.cron is not None
    ]
