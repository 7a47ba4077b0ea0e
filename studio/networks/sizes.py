"""The sizes of the studio model's networks, as data, so that tests can train small ones.

``STANDARD`` is what ``data/models/studio`` holds, ``LARGE`` draws 256x256 at the same cost of a
denoiser, ``MINIATURE`` and ``LARGE_MINIATURE`` run the same code in seconds. It builds nothing;
``vae``, ``diffusion``, ``clip`` and ``judge`` do.
"""

from dataclasses import dataclass, replace
from typing import Final

#: Side of the pictures that the scorer and the judge look at, in pixels.
SIDE: Final[int] = 128
#: Side of latents, whatever the pictures' own.
LATENT_SIDE: Final[int] = 16
#: Longest caption, in tokens, with the two that mark its start and end.
CONTEXT: Final[int] = 32


@dataclass(frozen=True)
class VaeSize:
    """An ``AutoencoderKL``: every block after the first halves the side."""

    channels: tuple[int, ...]
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
class AdapterSize:
    """An IP-Adapter with the Plus form's resampler, and the ViT that looks at photos for it."""

    width: int
    """Of the image encoder."""
    layers: int
    heads: int
    patch: int
    """Side of a patch in pixels, of ``SIDE``."""
    embedding: int
    """Of the scorer that the encoder learns to agree with."""
    resampler: int
    """Width of the resampler, a multiple of 64."""
    tokens: int
    """How many the denoiser attends to."""
    batch: int
    shown: int


@dataclass(frozen=True)
class StudioSize:
    """The four networks together."""

    vae: VaeSize
    generator: GeneratorSize
    scorer: ScorerSize
    judge: JudgeSize

    @property
    def side(self) -> int:
        """Side of the generator's pictures in pixels: 128 with four blocks, 256 with five."""
        return int(LATENT_SIDE * 2 ** (len(self.vae.channels) - 1))


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

#: Pictures of twice the side from latents of twice the channels and the same 16x16 places.
LARGE: Final = replace(
    STANDARD,
    vae=VaeSize(channels=(16, 32, 64, 128, 128), latent_channels=16, crop=128, batch=16),
)

LARGE_MINIATURE: Final = replace(
    MINIATURE,
    vae=VaeSize(channels=(8, 8, 8, 16, 16), latent_channels=16, crop=32, batch=4),
)

ADAPTER: Final = AdapterSize(
    width=192,
    layers=4,
    heads=6,
    patch=16,
    embedding=128,
    resampler=128,
    tokens=16,
    batch=16,
    shown=8,
)

MINIATURE_ADAPTER: Final = AdapterSize(
    width=32,
    layers=2,
    heads=2,
    patch=32,
    embedding=128,
    resampler=64,
    tokens=2,
    batch=2,
    shown=2,
)
