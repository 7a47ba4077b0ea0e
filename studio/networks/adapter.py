"""An IP-Adapter for a Stable Diffusion pipeline of the studio's: its networks, training and files.

IP-Adapter (https://arxiv.org/abs/2308.06721) in its Plus form: an image encoder turns a photo into
local tokens, a resampler those into a few, and beside each cross-attention to the text stands
another one to these. Unlike there, the image encoder is trained along, since no large one is at
hand: it also learns to agree with the studio's scorer, and tokens learn to recall the photo. The
pipeline is not changed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, cosine_similarity

from studio.evaluation.sheets import tile, to_bytes
from studio.files import whole_file
from studio.networks.diffusion import GUIDANCE, STEPS
from studio.networks.objective import Objective, VPrediction
from studio.networks.sizes import SIDE, AdapterSize
from studio.training.loop import warmed_average

#: Weight of the encoder's disagreement with the scorer, in cosine distance.
AGREEMENT: Final[float] = 0.1
#: Weight of the error of the photo as it is recalled from the tokens.
RECALL: Final[float] = 0.2
#: Side of the recalled photo in cells, and of a cell in pixels.
CELLS, CELL = 8, 4
#: Share of the text's values that the photo's begin with.
QUIET: Final[float] = 0.1
#: Pictures whose error is compared with their own photo and with another product's.
COMPARED: Final[int] = 64
#: The names that the resampler's layers have in published files, by diffusers' own.
_PUBLISHED: Final = (
    (".ln0.", ".0.norm1."),
    (".ln1.", ".0.norm2."),
    (".attn.to_q.", ".0.to_q."),
    (".attn.to_out.0.", ".0.to_out."),
    (".ff.0.", ".1.0."),
    (".ff.1.net.0.proj.", ".1.1."),
    (".ff.1.net.2.", ".1.3."),
)


@dataclass(frozen=True)
class Sitting:
    """One batch: what is to be drawn, and the photos to look at meanwhile."""

    latents: Tensor
    """(B, C, H, W), of the true pictures."""
    hidden: Tensor
    """(B, T, W), their captions as the text encoder reads them; some are empty."""
    photos: Tensor
    """(B, 3, S, S), the encoder's ``pixel_values``; zeros stand for no photo."""
    embeddings: Tensor
    """(B, E), the scorer's view of these photos, of length 1; zeros where there is none."""


def build_encoder(size: AdapterSize) -> Any:
    """A fresh ``CLIPVisionModelWithProjection`` for photos (B, 3, ``SIDE``, ``SIDE``)."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    config: Any = CLIPVisionConfig
    return CLIPVisionModelWithProjection(
        config(
            hidden_size=size.width,
            intermediate_size=4 * size.width,
            projection_dim=size.embedding,
            num_hidden_layers=size.layers,
            num_attention_heads=size.heads,
            image_size=SIDE,
            patch_size=size.patch,
        )
    )


def pixel_values(photos: Any) -> Tensor:
    """uint8 (B, H, W, 3) as the image encoder reads it: normalised as transformers' default is."""
    from transformers.utils.constants import OPENAI_CLIP_MEAN, OPENAI_CLIP_STD

    mean, deviation = (
        torch.tensor(each).view(1, 3, 1, 1) for each in (OPENAI_CLIP_MEAN, OPENAI_CLIP_STD)
    )
    values: Tensor = torch.from_numpy(np.ascontiguousarray(photos)).permute(0, 3, 1, 2) / 255
    return (values - mean) / deviation


class Recall(nn.Module):
    """The photo from the resampler's tokens, reduced; it is there for training only.

    The denoiser's error says little about a photo: noise and caption decide most of it. Painting
    the photo again asks for colour and form of its every part, so that tokens hold them early.
    """

    def __init__(self, width: int, heads: int) -> None:
        """``width`` is that of a token."""
        super().__init__()
        self.cells = nn.Parameter(torch.randn(CELLS**2, width) * 0.1)
        self.look = nn.MultiheadAttention(width, heads, batch_first=True)
        self.paint = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Linear(2 * width, 3 * CELL**2),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, W) to (B, 3, S, S) with a side S of ``CELLS * CELL``."""
        cells = self.cells.expand(len(tokens), -1, -1)
        seen, _ = self.look(cells, tokens, tokens, need_weights=False)
        painted: Tensor = self.paint(cells + seen)
        painted = painted.reshape(-1, CELLS, CELLS, 3, CELL, CELL).permute(0, 3, 1, 4, 2, 5)
        return painted.flatten(4, 5).flatten(2, 3)


class AdapterStage:
    """Encoder, resampler and attentions in training; see ``loop.Stage``."""

    name = "adapter"
    learning_rate = 1.5e-3
    weight_decay = 1e-3

    def __init__(
        self,
        size: AdapterSize,
        pipeline: Any,
        sitting: Callable[[int, torch.Generator], Sitting],
        shown: Callable[[int], tuple[Any, list[str]]],
        objective: Objective | None = None,
    ) -> None:
        """``sitting`` gives a batch, ``shown`` photos (N, S, S, 3) and prompts for them."""
        from diffusers.models.attention_processor import (
            AttnProcessor,
            IPAdapterAttnProcessor2_0,
        )
        from diffusers.models.embeddings import (
            IPAdapterPlusImageProjection,
            MultiIPAdapterImageProjection,
        )

        torch.manual_seed(7)
        self.batch = size.batch
        self._shown, self._sitting, self._examples = size.shown, sitting, shown
        self._pipeline = pipeline
        self._objective = objective or VPrediction()
        unet = pipeline.unet.requires_grad_(False)
        context = unet.config.cross_attention_dim
        projection: Any = IPAdapterPlusImageProjection
        resampler = projection(
            embed_dims=size.width,
            output_dims=context,
            hidden_dims=size.resampler,
            heads=size.resampler // 64,
            num_queries=size.tokens,
        )
        processors: dict[str, Any] = {}
        attentions = nn.ModuleDict()
        for name in unet.attn_processors:
            if name.endswith("attn1.processor"):
                processors[name] = AttnProcessor()
                continue
            own = unet.get_submodule(name.removesuffix(".processor"))
            beside: Any = IPAdapterAttnProcessor2_0
            added = beside(own.to_k.out_features, context, num_tokens=(size.tokens,))
            # As in the paper, the second attention begins as a copy of the first; but quietly, so
            # that the model draws nearly as it did and little has to be repaired.
            added.to_k_ip[0].weight.data.copy_(own.to_k.weight)
            added.to_v_ip[0].weight.data.copy_(own.to_v.weight * QUIET)
            processors[name] = attentions[str(2 * len(attentions) + 1)] = added
        self.parts = nn.ModuleDict(
            {
                "encoder": build_encoder(size),
                "resampler": resampler,
                "attentions": attentions,
                "recall": Recall(context, size.resampler // 64),
            }
        )
        self._average = torch.optim.swa_utils.AveragedModel(self.parts, avg_fn=warmed_average)
        unet.set_attn_processor(processors)
        unet.encoder_hid_proj = MultiIPAdapterImageProjection([resampler])
        unet.register_to_config(encoder_hid_dim_type="ip_image_proj")

    def network(self) -> nn.Module:
        return self.parts

    def modules(self) -> Mapping[str, nn.Module]:
        return {"parts": self.parts, "average": self._average}

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        sitting = self._sitting(size, generator)
        noise = torch.randn(sitting.latents.shape, generator=generator)
        moments = torch.rand(size, generator=generator)
        error, seen = self._errors(sitting, sitting.photos, noise, moments)
        known = sitting.embeddings.any(1)
        share = known / known.sum().clamp(min=1)
        apart = share @ (1 - cosine_similarity(seen.image_embeds, sitting.embeddings))
        painted = self.parts["recall"](self.parts["resampler"](seen.hidden_states[-2]))
        reduced = adaptive_avg_pool2d(sitting.photos, CELLS * CELL)
        recalled = share @ (painted - reduced).square().mean((1, 2, 3))
        drawing = error.mean()
        third = max(1, size // 3)
        return {
            "loss": drawing + AGREEMENT * apart + RECALL * recalled,
            "drawing": drawing,
            "early": error[:third].mean(),
            "late": error[-third:].mean(),
            "apart": apart,
            "recalled": recalled,
        }

    def _errors(
        self, sitting: Sitting, photos: Tensor, noise: Tensor, moments: Tensor
    ) -> tuple[Tensor, Any]:
        """Squared errors (B,), and what the encoder says of the photos.

        The batch is spread over the times of the noise from 0 to 1 in order; ``moments`` (B,), 0
        to 1, are each one's place in its share of them.
        """
        size = len(noise)
        strata = (torch.arange(size) + moments) / size
        exercise = self._objective.exercise(sitting.latents, noise, strata)
        encoder: Any = self.parts["encoder"]
        seen = encoder(photos, output_hidden_states=True)
        drawn = self._pipeline.unet(
            exercise.noisy,
            timestep=exercise.times,
            encoder_hidden_states=sitting.hidden,
            added_cond_kwargs={"image_embeds": [seen.hidden_states[-2][:, None]]},
        ).sample
        return (drawn - exercise.wanted).square().mean((1, 2, 3)), seen

    def _attention_paid(self) -> dict[str, float]:
        """How much more the error is with another product's photo than with the own one."""
        generator = torch.Generator().manual_seed(11)
        sitting = self._sitting(COMPARED, generator)
        noise = torch.randn(sitting.latents.shape, generator=generator)
        moments = torch.full((COMPARED,), 0.5)
        own, _ = self._errors(sitting, sitting.photos, noise, moments)
        other, _ = self._errors(sitting, sitting.photos.roll(1, 0), noise, moments)
        return {"own photo": float(own.mean()), "another photo": float(other.mean())}

    def stepped(self, step: int) -> None:
        self._average.update_parameters(self.parts)

    @torch.no_grad()
    def sheet(self) -> tuple[Image.Image, dict[str, float]]:
        """Photos above what is drawn of them, by the weights as they are; errors by photo."""
        photos, prompts = self._examples(self._shown)
        encoder: Any = self.parts["encoder"]
        drawn = []
        # Alone: the pipeline shows every picture of a batch all photos of the batch.
        for place, (photo, prompt) in enumerate(zip(photos, prompts, strict=True)):
            values = pixel_values(photo[None])
            both = torch.cat([torch.zeros_like(values), values])
            seen = encoder(both, output_hidden_states=True).hidden_states[-2][:, None]
            drawn.append(
                self._pipeline(
                    prompt,
                    num_inference_steps=STEPS,
                    guidance_scale=GUIDANCE,
                    generator=torch.Generator().manual_seed(place),
                    ip_adapter_image_embeds=[seen],
                    output_type="pt",
                ).images
            )
        pictures = to_bytes(torch.cat(drawn) * 2 - 1)
        sheet = tile(np.concatenate([photos, pictures]), len(photos))
        return sheet, self._attention_paid()

    def export(self, folder: Path) -> None:
        """Write ``ip-adapter.safetensors`` and ``image_encoder``, in fp16."""
        import copy

        from safetensors.torch import save

        parts: Any = self._average.module
        encoder = copy.deepcopy(parts["encoder"]).half()
        encoder.save_pretrained(folder / "image_encoder", safe_serialization=True)
        tensors = published(parts["resampler"], parts["attentions"])
        with whole_file(folder / "ip-adapter.safetensors") as stream:
            stream.write(save({name: each.half() for name, each in tensors.items()}))


def published(resampler: nn.Module, attentions: nn.Module) -> dict[str, Tensor]:
    """The weights by the names of published IP-Adapter files."""
    tensors: dict[str, Tensor] = {}
    own = resampler.state_dict()
    for name, value in own.items():
        if ".attn.to_v." in name:
            continue
        if ".attn.to_k." in name:
            value = torch.cat([value, own[name.replace("to_k", "to_v")]])
            name = name.replace(".attn.to_k.", ".0.to_kv.")
        for ours, theirs in _PUBLISHED:
            name = name.replace(ours, theirs)
        tensors[f"image_proj.{name}"] = value.contiguous()
    for name, value in attentions.state_dict().items():
        tensors[f"ip_adapter.{name.replace('_ip.0.', '_ip.')}"] = value.contiguous()
    return tensors
