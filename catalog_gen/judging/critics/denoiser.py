"""Soundness: the probability that a person finds the product's form sound.

The drawing model's denoiser has learned what products look like. A picture is encoded, noised by a
fixed amount, and passed to the U-Net with the picture's own prompt. The features are the mean, the
standard deviation and the means of the four quarters of every channel of the middle and up blocks,
which represent objects' parts (D. Baranchuk et al., "Label-efficient semantic segmentation with
diffusion models", 2022, arXiv:2112.03126), and how far the prediction is from the truth. A linear
probe, fitted to people's verdicts, turns them into a probability. It is valid only for the model
whose pictures people judged, and refused for any other.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np

from catalog_gen.diffusion.model import find_model
from catalog_gen.diffusion.prediction import right_prediction
from catalog_gen.errors import ConfigError, ModelError
from catalog_gen.fingerprint import sha256_file, sha256_json
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.critics.critic import Answer, Critic, Hashing
from catalog_gen.judging.probe import Floats, Probe
from catalog_gen.settings.judge import CriticSettings
from catalog_gen.settings.model import ModelSettings

if TYPE_CHECKING:
    import torch

#: Time step of the added noise, of 1,000.
NOISE_TIME: Final = 400
_BATCH: Final = 16
_DIGITS: Final = 4
_WEIGHTS: Final = "diffusion_pytorch_model.safetensors"


class DenoiserFeatures:
    """A Stable Diffusion folder's autoencoder, text encoder and U-Net, loaded at first use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._parts: Any = None

    def denoiser_hash(self, hashing: Hashing = sha256_file) -> str:
        """SHA-256 of the U-Net's weights.

        Raises:
            ModelError: the folder has no U-Net weights.
        """
        weights = self._folder / "unet" / _WEIGHTS
        if not weights.is_file():
            raise ModelError(
                str(self._folder),
                f"has no unet/{_WEIGHTS}, which the critic needs",
                "Set critic.id to the Stable Diffusion folder whose pictures were judged.",
            )
        return hashing(weights)

    def of(self, pictures: Sequence[Pixels], prompts: Sequence[str]) -> Floats:
        """Features (N, F) of pictures (H, W, 3), each with the prompt that it was drawn from.

        Raises:
            ModelError: the model can't be loaded.
        """
        import torch

        parts = self._loaded()
        rows = []
        for start in range(0, len(pictures), _BATCH):
            chosen = slice(start, start + _BATCH)
            with torch.inference_mode():
                rows.append(_features(parts, pictures[chosen], prompts[chosen]))
        return np.concatenate(rows) if rows else np.empty((0, 0))

    def _loaded(self) -> Any:
        import torch
        from diffusers import StableDiffusionPipeline

        from catalog_gen.diffusion.loading import without_progress_bars

        with self._lock:
            if self._parts is None:
                stock: Any = StableDiffusionPipeline
                try:
                    with without_progress_bars():
                        parts = stock.from_pretrained(
                            self._folder,
                            dtype=torch.float32,
                            local_files_only=True,
                            use_safetensors=True,
                            safety_checker=None,
                        )
                except (OSError, ValueError, RuntimeError, KeyError) as error:
                    raise ModelError(
                        str(self._folder),
                        f"can't be loaded for the critic ({error})",
                        "Set critic.id to a Stable Diffusion folder in diffusers' form.",
                    ) from error
                self._parts = parts.to("cuda" if torch.cuda.is_available() else "cpu")
            return self._parts


class DenoiserCritic(Critic):
    """A probe on the features of a Stable Diffusion folder's denoiser."""

    fact: ClassVar[Answer] = "soundness"
    takes: ClassVar[frozenset[str]] = frozenset({"weights"})

    def __init__(self, settings: CriticSettings) -> None:
        super().__init__(settings)
        if settings.weights is None:
            raise ConfigError(
                "critic.weights",
                "is not set, and a critic of kind 'denoiser' needs the weights of its probe",
                "Set it to data/models/critic.safetensors, or take [critic] out.",
            )
        self._weights = settings.weights
        self._features = DenoiserFeatures(settings.id)
        self._probe: Probe | None = None
        self._lock = threading.Lock()

    def check(self) -> str:
        self._loaded()
        folder = find_model(ModelSettings(id=str(self.settings.id))).path
        return f"{self._weights}, of pictures by {folder}"

    def identity(self, hashing: Hashing) -> str:
        denoiser = self._features.denoiser_hash(hashing)
        _checked(self._weights, denoiser)
        return sha256_json({"denoiser": denoiser, "weights": hashing(self._weights)})

    def look(self, pictures: Sequence[Pixels], prompts: Sequence[str]) -> list[float]:
        """Soundness of each picture (H, W, 3): the probability, 0..1, that its form is sound.

        Raises:
            ModelError: the weights are missing, not a critic's, or for another model; or the model
                can't be loaded.
        """
        probe = self._loaded()
        features = self._features.of(pictures, prompts)
        if not len(features):
            return []
        if features.shape[1] != len(probe.weights):
            raise ModelError(
                str(self._weights),
                f"weighs {len(probe.weights)} features, and the model has {features.shape[1]}",
                "Train it again: python -m studio.training.critic.",
            )
        return [round(1 - float(wrong), _DIGITS) for wrong in probe.probabilities(features)]

    def _loaded(self) -> Probe:
        with self._lock:
            if self._probe is None:
                self._probe = _checked(self._weights, self._features.denoiser_hash())
            return self._probe


def save_critic(path: Path, probe: Probe, denoiser_hash: str, labels: int) -> None:
    """Write a critic's weights: the probe, and the hash of the model that it was fitted for."""
    from safetensors.numpy import save_file

    metadata = json.dumps({"denoiser": denoiser_hash, "labels": labels, "noise_time": NOISE_TIME})
    save_file(probe.tensors(), path, metadata={"critic": metadata})


def _checked(weights: Path, denoiser_hash: str) -> Probe:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="numpy") as stored:
            metadata = json.loads((stored.metadata() or {})["critic"])
            probe = Probe.of({name: stored.get_tensor(name) for name in stored.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, ValueError, RecursionError) as error:
        raise ModelError(
            str(weights),
            f"is not a critic ({error})",
            "Set critic.weights to data/models/critic.safetensors, or take [critic] out.",
        ) from error
    if metadata["denoiser"] != denoiser_hash:
        raise ModelError(
            str(weights),
            "judges pictures of another model "
            f"({metadata['denoiser'][:12]}, not {denoiser_hash[:12]})",
            "Label pictures of this model and train a critic on them "
            "(python -m studio.training.critic), or take [critic] out.",
        )
    return probe


def _features(parts: Any, pictures: Sequence[Pixels], prompts: Sequence[str]) -> Floats:
    """What the U-Net's middle and up blocks hold, and how far its prediction is off, (N, F)."""
    import torch

    seen: list[torch.Tensor] = []

    def keep(_module: object, _given: object, made: "torch.Tensor") -> None:
        seen.append(_summary(made))

    blocks = (parts.unet.mid_block, *parts.unet.up_blocks)
    hooks = [block.register_forward_hook(keep) for block in blocks if block is not None]
    try:
        latents = _latents(parts, pictures)
        hidden, _ = parts.encode_prompt(list(prompts), latents.device, 1, False)
        noise = torch.randn(latents.shape[1:], generator=torch.Generator().manual_seed(0))
        time = torch.tensor([NOISE_TIME], device=latents.device)
        level = Level.of(parts.scheduler)
        noise = noise.to(latents.device)
        noisy = level.signal * latents + level.spread * noise
        predicted = parts.unet(noisy, time, encoder_hidden_states=hidden).sample
    finally:
        for hook in hooks:
            hook.remove()
    off = (predicted - level.truth(latents, noise)).abs()
    seen.append(torch.cat([off.mean((2, 3)), off.std((2, 3)), off.amax((2, 3))], 1))
    return torch.cat([each.float().cpu() for each in seen], 1).double().numpy()


def _summary(channels: "torch.Tensor") -> "torch.Tensor":
    """Mean, deviation and the means of the quarters of (N, C, H, W), (N, 6 C)."""
    import torch
    from torch.nn.functional import adaptive_avg_pool2d

    quarters = adaptive_avg_pool2d(channels, 2).flatten(1)
    return torch.cat([channels.mean((2, 3)), channels.std((2, 3)), quarters], 1)


@dataclass(frozen=True, slots=True)
class Level:
    """Shares of picture and noise at ``NOISE_TIME``, and what the model was trained to predict."""

    signal: float
    spread: float
    predicts: str

    @classmethod
    def of(cls, scheduler: Any) -> "Level":
        if scheduler.config.get("use_flow_sigmas", False):
            spread = NOISE_TIME / scheduler.config.num_train_timesteps
            return cls(1 - spread, spread, "flow_prediction")
        level = float(scheduler.alphas_cumprod[NOISE_TIME])
        return cls(level**0.5, (1 - level) ** 0.5, scheduler.config.prediction_type)

    def truth(self, latents: "torch.Tensor", noise: "torch.Tensor") -> "torch.Tensor":
        """The right prediction for latents with this noise."""
        if self.predicts == "flow_prediction":
            return noise - latents
        return right_prediction(self.predicts, latents, noise, self.signal, self.spread)


def _latents(parts: Any, pictures: Sequence[Pixels]) -> "torch.Tensor":
    """Latents of pictures, resized to the model's own size."""
    import torch
    from torch.nn.functional import interpolate

    vae = parts.vae
    side = parts.unet.config.sample_size * parts.vae_scale_factor
    planes = []
    for picture in pictures:
        plane = torch.tensor(picture).permute(2, 0, 1)[None].float()
        if picture.shape[:2] != (side, side):
            plane = interpolate(plane, (side, side), mode="bilinear", antialias=True)
        planes.append(plane / 127.5 - 1)
    encoded = vae.encode(torch.cat(planes).to(vae.device)).latent_dist.mean
    latents: torch.Tensor = encoded * vae.config.scaling_factor
    return latents
