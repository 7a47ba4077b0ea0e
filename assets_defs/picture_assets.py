"""The assets from prompts to verdicts, which are partitioned into shards."""

import dagster as dg
from pydantic import Field

from assets_defs.catalog_assets import products
from assets_defs.concept_assets import learned_concepts
from assets_defs.failed_shards import mark_failed_shards
from assets_defs.partitions import shards_of
from assets_defs.previews import describe_shards
from assets_defs.run_progress import progress_in_run_log
from assets_defs.stage_asset import stage_asset
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.images import draw_missing
from catalog_gen.stages.mending import Kind, mend
from catalog_gen.stages.prompts import write_prompts
from catalog_gen.stages.relearning import learn_again
from catalog_gen.stages.scores import score_images
from catalog_gen.stages.verdicts import judge_images
from catalog_gen.store.drawing_lock import drawing_process
from resources.catalog import CatalogResource
from resources.diffusion import DiffusionPipelineResource
from resources.scorer import ClipScorerResource


class Again(dg.Config):
    """What a run that starts at ``candidate_images`` redraws; a whole refresh ignores it."""

    failed: bool = Field(
        default=True, description="Failed pictures and lessons that the next night would try again."
    )
    given_up: bool = Field(
        default=True, description="Failed pictures and lessons without attempts left."
    )
    rejected: bool = Field(
        default=False,
        description="Pictures of products and views whose every candidate was rejected.",
    )
    products: list[str] = Field(default=[], description="Only these product ids; empty: all.")

    @property
    def kinds(self) -> list[Kind]:
        """The selected kinds, as the ledger's statuses."""
        chosen: dict[Kind, bool] = {
            "failed": self.failed,
            "given up": self.given_up,
            "rejected": self.rejected,
        }
        return [kind for kind, wanted in chosen.items() if wanted]


@stage_asset(
    group="pictures", kinds={"jinja", "duckdb"}, deps=[products, learned_concepts], sharded=True
)
def prompts(context: dg.AssetExecutionContext, catalog: CatalogResource) -> None:
    """The prompt of every product and view; only new and changed ones are written."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    result = write_prompts(opened, shards_of(context), stamp, budget=catalog.picture_budget)
    for name in result.set_aside:
        context.log.warning(f"Outbox file {name} is damaged; its pictures are drawn again")
    context.log.info(
        f"{result.prompts} prompts are new or changed; {result.planned} pictures planned, "
        f"{result.reused} reused, {result.unsupported} wishes that the model can't draw"
    )


@stage_asset(
    group="pictures",
    kinds={"pytorch", "duckdb"},
    deps=[prompts],
    sharded=True,
    hooks={mark_failed_shards},
)
def candidate_images(
    context: dg.AssetExecutionContext,
    config: Again,
    catalog: CatalogResource,
    diffusion_pipeline: DiffusionPipelineResource,
) -> None:
    """Candidate pictures: draws exactly what the ledger still wants.

    Materialised without the prompts, it first resets what failed, lessons too, on the assumption
    that the cause was fixed.
    """
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    wanted = shards_of(context)
    if not context.job_def.has_node_named(prompts.op.name):  # prompts are not part of this run
        learned = learn_again(
            opened,
            lambda: diffusion_pipeline.model(opened),
            config.kinds,
            stamp,
            shards=wanted,
            products=config.products,
        )
        for problem in learned.problems:
            context.log.warning(f"Not learned: {problem}")
        mended = mend(opened, config.kinds, stamp, shards=wanted, products=config.products)
        context.log.info(
            f"Failed pictures planned again: {mended.again}; products with a new photo: "
            f"{mended.photos}; new candidates after rejections: {mended.rungs}; products learned: "
            f"{learned.learned}"
        )
    other = drawing_process(opened.home)
    if other is not None:
        context.log.warning(f"Process {other or 'unknown'} is drawing; this run waits for it")
    with progress_in_run_log(context):
        result = draw_missing(
            opened, lambda: diffusion_pipeline.engine(opened, stamp.run_id), wanted, stamp
        )
    where = f" on {result.device}" if result.device else ""
    context.log.info(f"{result.generated} pictures drawn{where}, {result.failed} failed")
    for worker, count in sorted(result.workers.items()):
        context.log.info(f"{count} of them on {worker}")
    if result.held_up:
        context.log.warning(f"Pictures waited in the outbox meanwhile: {result.held_up}")
    for name in result.set_aside:
        context.log.warning(f"Outbox file {name} is damaged; its pictures are drawn again")
    describe_shards(context, opened, result.by_shard, wanted)


@stage_asset(group="pictures", kinds={"pytorch", "duckdb"}, deps=[candidate_images], sharded=True)
def clip_scores(
    context: dg.AssetExecutionContext,
    catalog: CatalogResource,
    clip_scorer: ClipScorerResource,
) -> None:
    """CLIP similarity and margin, image embeddings, and the signals measured on the pixels."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    scorer = clip_scorer.scorer(opened.settings.scorer)
    with progress_in_run_log(context):
        result = score_images(
            opened, scorer, shards_of(context), stamp, clip_scorer.elsewhere(opened)
        )
    context.log.info(f"{result.scored} pictures scored")


@stage_asset(group="pictures", kinds={"duckdb"}, deps=[clip_scores], sharded=True)
def verdicts(
    context: dg.AssetExecutionContext,
    catalog: CatalogResource,
    clip_scorer: ClipScorerResource,
) -> None:
    """The rubric's verdict on each picture: five criteria, a total of 0 to 10, a decision."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    scorer = clip_scorer.scorer(opened.settings.scorer)
    with progress_in_run_log(context):
        result = judge_images(opened, scorer.scorer_hash, shards_of(context), stamp)
    context.log.info(
        f"{result.accepted} accepted, {result.review} to review, {result.rejected} rejected"
    )
