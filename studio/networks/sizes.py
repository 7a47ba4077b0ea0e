"""The sizes of the studio model's networks, as data, so that tests can train small ones.

``STANDARD`` is the size in ``data/models/studio``; ``MINIATURE`` runs the same code in seconds.
"""

from dataclasses import dataclass
from typing import Final

#: Side of every picture, in pixels, and of its latents.
SIDE: Final[int] = 128
LATENT_SIDE: Final[int] = SIDE // 8
#: Longest caption, in tokens, with the two that mark its start and end.
CONTEXT: Final[int] = 32


@dataclass(frozen=True)
class VaeSize:
    """An ``AutoencoderKL`` of four blocks, so that latents have an eighth of the side."""

    channels: tuple[int, int, int, int]
    latent_channels: int
    crop: int
    """Side of a training crop in pixels; crops suffice, since the network is convolutional."""
    batch: int


@dataclass(frozen=True)
class GeneratorSize:
    """A CLIP text encoder and a UNet of two levels, 16x16 and 8x8."""

    text_width: int
    text_layers: int
    text_heads: int
    channels: tuple[int, int]
    heads: tuple[int, int]
    dit_width: int
    """Of the transformer that ``compare`` trains beside the UNet, of about as many parameters."""
    dit_layers: int
    dit_heads: int
    batch: int
    shown: int
    """Pictures on a sample sheet."""


@dataclass(frozen=True)
class ScorerSize:
    """A modified ResNet and a small transformer, joined as CLIP."""

    image_layers: tuple[int, int, int, int]
    image_width: int
    text_width: int
    text_layers: int
    embedding: int
    batch: int


@dataclass(frozen=True)
class JudgeSize:
    """A residual classifier: channels of each level; a level halves the side."""

    channels: tuple[int, ...]
    batch: int


@dataclass(frozen=True)
class StudioSize:
    """The four networks together."""

    vae: VaeSize
    generator: GeneratorSize
    scorer: ScorerSize
    judge: JudgeSize


STANDARD: Final = StudioSize(
    vae=VaeSize(channels=(16, 32, 64, 128), latent_channels=8, crop=64, batch=16),
    generator=GeneratorSize(
        text_width=192,
        text_layers=2,
        text_heads=6,
        channels=(80, 160),
        heads=(2, 5),
        dit_width=192,
        dit_layers=10,
        dit_heads=6,
        batch=48,
        shown=24,
    ),
    scorer=ScorerSize(
        image_layers=(1, 1, 1, 1),
        image_width=16,
        text_width=128,
        text_layers=2,
        embedding=128,
        batch=64,
    ),
    judge=JudgeSize(channels=(24, 48, 96, 160, 192), batch=64),
)

MINIATURE: Final = StudioSize(
    vae=VaeSize(channels=(8, 8, 16, 16), latent_channels=8, crop=32, batch=4),
    generator=GeneratorSize(
        text_width=32,
        text_layers=1,
        text_heads=2,
        channels=(16, 32),
        heads=(1, 2),
        dit_width=32,
        dit_layers=4,
        dit_heads=2,
        batch=4,
        shown=2,
    ),
    scorer=ScorerSize(
        image_layers=(1, 1, 1, 1),
        image_width=8,
        text_width=32,
        text_layers=1,
        embedding=32,
        batch=4,
    ),
    judge=JudgeSize(channels=(8, 8, 16, 16), batch=4),
)
