"""Latent consistency models: Stable Diffusion distilled to a few steps, with guidance as an input.

Latent Consistency Models (https://arxiv.org/abs/2310.04378).
"""

from collections.abc import Mapping
from typing import ClassVar

from catalog_gen.diffusion.families.family import OWN, TaskRules
from catalog_gen.diffusion.families.stable_diffusion import StableDiffusion
from catalog_gen.method import Task


class LatentConsistency(StableDiffusion):
    """``LatentConsistencyModelPipeline``, whose UNet takes the guidance scale."""

    pipelines: ClassVar[Mapping[str, frozenset[str]]] = {
        "LatentConsistencyModelPipeline": StableDiffusion.pipelines["StableDiffusionPipeline"]
    }
    # diffusers has no ControlNet pipeline for these; their IP-Adapters are not tested here.
    tasks: ClassVar[Mapping[Task, TaskRules]] = {
        task: rules for task, rules in StableDiffusion.tasks.items() if rules.part is None
    }
    # Trained like a plain model, it would lose what it was distilled to.
    teachable: ClassVar[bool] = False
    schedulers: ClassVar[tuple[str, ...]] = (OWN, "lcm")
