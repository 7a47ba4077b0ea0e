"""The resources of each deployment, by name."""

from collections.abc import Mapping

import dagster as dg

from resources.catalog import CatalogResource
from resources.diffusion import DiffusionPipelineResource, RayPipelineResource
from resources.scorer import ClipScorerResource


def resources_for(deployment: str) -> Mapping[str, object]:
    """The resources of a deployment.

    ``local``: this machine, with its GPU if it has one; ``gpu``: its GPU or nothing; ``ray``: a
    pool of workers.

    Raises:
        dg.DagsterInvalidDefinitionError: there is no deployment with that name.
    """
    pipelines = {
        "local": DiffusionPipelineResource(),
        "gpu": DiffusionPipelineResource(device="cuda"),  # refuses to fall back to the CPU
        "ray": RayPipelineResource(),
    }
    if deployment not in pipelines:
        raise dg.DagsterInvalidDefinitionError(
            f"CATALOG_DEPLOYMENT={deployment!r} is none of: {', '.join(pipelines)}"
        )
    return {
        "catalog": CatalogResource(),
        "diffusion_pipeline": pipelines[deployment],
        "clip_scorer": ClipScorerResource(),
    }
