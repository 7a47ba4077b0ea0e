"""Text to image: from noise, by the prompt alone."""

from catalog_gen.diffusion.loading import LoadedPipeline
from catalog_gen.diffusion.methods.batch import Batch, Pictures, run


def draw(loaded: LoadedPipeline, batch: Batch) -> Pictures:
    """Draw a batch of ``batch.key.width`` x ``batch.key.height`` pictures."""
    return run(loaded.text2img, batch, width=batch.key.width, height=batch.key.height)
