"""What is learned about products from their photos."""

import dagster as dg

from assets_defs.catalog_assets import products
from assets_defs.run_progress import progress_in_run_log
from assets_defs.stage_asset import stage_asset
from catalog_gen.stages.catalog import Stamp
from catalog_gen.stages.lessons import learn_concepts
from resources.catalog import CatalogResource
from resources.diffusion import DiffusionPipelineResource


@stage_asset(group="catalog", kinds={"pytorch", "duckdb"}, deps=[products])
def learned_concepts(
    context: dg.AssetExecutionContext,
    catalog: CatalogResource,
    diffusion_pipeline: DiffusionPipelineResource,
) -> dg.MaterializeResult[None]:
    """Words, LoRAs and embeddings of products, where a view draws with them."""
    opened = catalog.open()
    stamp = Stamp.at_once(context.run.run_id)
    with progress_in_run_log(context):
        result = learn_concepts(
            opened,
            lambda: diffusion_pipeline.model(opened),
            stamp,
            budget=catalog.picture_budget,
        )
    for problem in result.problems:
        context.log.warning(f"Not learned: {problem}")
    return dg.MaterializeResult(
        metadata={
            "learned": result.learned,
            "failed": result.failed,
            "deferred": result.deferred,
            "seconds": round(result.seconds, 3),
        }
    )
