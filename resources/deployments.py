"""The resources of each deployment, by name."""

from collections.abc import Mapping

import dagster as dg

from resources.catalog import CatalogResource
from resources.diffusion import DiffusionPipelineResource, RayPipelineResource
from resources.scorer import ClipScorerResource, RayScorerResource


def resources_for(deployment: str) -> Mapping[str, object]:
    """The resources of a deployment.

    ``local``: this machine, with its GPU if it has one; ``gpu``: its GPU or nothing; ``ray``: a
    pool of workers.

    Raises:
        dg.DagsterInvalidDefinitionError: there is no deployment with that name.
    """
    machines = {
        "local": (DiffusionPipelineResource(), ClipScorerResource()),
        # It refuses to fall back to the CPU.
        "gpu": (DiffusionPipelineResource(device="cuda"), ClipScorerResource()),
        "ray": (RayPipelineResource(), RayScorerResource()),
    }
    if deployment not in machines:
        raise dg.DagsterInvalidDefinitionError(
            f"CATALOG_DEPLOYMENT={deployment!r} is none of: {', '.join(machines)}"
        )
    pipeline, scorer = machines[deployment]
    return {"catalog": CatalogResource(), "diffusion_pipeline": pipeline, "clip_scorer": scorer}
