"""From prompts to verdicts: the assets that are partitioned into shards."""

import dagster as dg

from assets_defs.catalog_assets import products
from assets_defs.partitions import shards_of
from assets_defs.previews import attach_previews
from assets_defs.stage_asset import stage_asset
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.images import draw_missing
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.stages.scores import score_images
from catalog_gen.stages.verdicts import judge_images
from catalog_gen.store.drawing_lock import drawing_process
from resources.catalog import CatalogResource
from resources.diffusion import DiffusionPipelineResource
from resources.scorer import ClipScorerResource


@stage_asset(group="pictures", kinds={"jinja", "duckdb"}, deps=[products], sharded=True)
def prompts(context: dg.AssetExecutionContext, catalog: CatalogResource) -> None:
    """What each product and view asks for; only new and changed wishes are written."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    result = write_prompts(opened, shards_of(context), stamp, budget=catalog.picture_budget)
    for name in result.set_aside:
        context.log.warning(f"Outbox file {name} is damaged; its pictures are drawn again")
    context.log.info(
        f"{result.prompts} prompts are new or changed; {result.planned} pictures planned, "
        f"{result.reused} reused, {result.unsupported} wishes that the model can't draw"
    )


@stage_asset(group="pictures", kinds={"pytorch", "duckdb"}, deps=[prompts], sharded=True)
def candidate_images(
    context: dg.AssetExecutionContext,
    catalog: CatalogResource,
    diffusion_pipeline: DiffusionPipelineResource,
) -> None:
    """Candidate pictures: what the ledger still wants, and nothing else, is drawn."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    wanted = shards_of(context)
    other = drawing_process(opened.home)
    if other is not None:
        context.log.warning(f"Process {other or 'unknown'} is drawing; this run waits for it")
    result = draw_missing(opened, lambda: diffusion_pipeline.engine(opened), wanted, stamp)
    where = f" on {result.device}" if result.device else ""
    context.log.info(f"{result.generated} pictures drawn{where}, {result.failed} failed")
    if result.held_up:
        context.log.warning(f"Pictures waited in the outbox meanwhile: {result.held_up}")
    for name in result.set_aside:
        context.log.warning(f"Outbox file {name} is damaged; its pictures are drawn again")
    attach_previews(context, opened, result.by_shard)


@stage_asset(group="pictures", kinds={"pytorch", "duckdb"}, deps=[candidate_images], sharded=True)
def clip_scores(
    context: dg.AssetExecutionContext,
    catalog: CatalogResource,
    clip_scorer: ClipScorerResource,
) -> None:
    """CLIP similarity and margin, image embeddings, and everything measured on the pixels."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    result = score_images(
        opened, clip_scorer.scorer(opened.settings.scorer), shards_of(context), stamp
    )
    context.log.info(f"{result.scored} pictures scored")


@stage_asset(group="pictures", kinds={"duckdb"}, deps=[clip_scores], sharded=True)
def verdicts(
    context: dg.AssetExecutionContext,
    catalog: CatalogResource,
    clip_scorer: ClipScorerResource,
) -> None:
    """The rubric's answer for each picture: five criteria, a total of 10, a decision."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    scorer = clip_scorer.scorer(opened.settings.scorer)
    result = judge_images(opened, scorer.scorer_hash, shards_of(context), stamp)
    context.log.info(
        f"{result.accepted} accepted, {result.review} to review, {result.rejected} rejected"
    )
