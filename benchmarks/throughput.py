"""Pictures a second: a first script's way, the plain pipeline in batches, and our engine.

    python benchmarks/throughput.py [--size miniature|full] [--json]

SD 1.5- and SDXL-shaped pipelines are built from configuration with seeded random weights: speed
does not depend on what the weights are, and nothing is downloaded. All variants run side by side
in one run. On a GPU the engine is measured eager and compiled, at several batch sizes, and its
arithmetic is compared with that of a large bf16 matrix product on the same GPU.

    first script   fp16 on a GPU, attention slicing, one picture at a time, PNG by Pillow
    plain          the pipeline in batches, drawn to PIL pictures and not encoded
    engine         padded batches, prompts encoded once, PNG; scored by CLIP and kept in an outbox
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, Final, Literal

# Before torch is loaded: on a busy machine its threads would spin while they wait for each other,
# and one variant would be measured against the scheduler's luck.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

import diffusers as _diffusers
import torch

from catalog_gen.diffusion.engine import Engine
from catalog_gen.diffusion.jobs import DrawJob, Drawn
from catalog_gen.diffusion.loading import wrap_pipeline
from catalog_gen.judging.scorer import ClipScorer
from catalog_gen.recipe import Recipe
from catalog_gen.settings import ScorerSettings
from catalog_gen.store.outbox import DrawnImage, Outbox

Size = Literal["miniature", "full"]
Consume = Callable[[Drawn], None]

TOKENS: Final = 77
CLIP: Final = Path(__file__).parent.parent / "data" / "models" / "studio" / "clip"
KEPT_TOGETHER: Final = 4

#: diffusers has no types; this keeps its calls from being reported one by one.
diffusers: Any = _diffusers


@dataclass(frozen=True)
class Shape:
    """A family at one size: its configuration and the recipe that it is measured with."""

    unet: dict[str, Any]
    vae: dict[str, Any]
    text_widths: tuple[int, ...]
    text_layers: tuple[int, ...]
    side: int
    steps: int
    guidance: float

    @property
    def is_xl(self) -> bool:
        """SDXL has two text encoders."""
        return len(self.text_widths) == 2


_VAE: Final[dict[str, Any]] = {
    "block_out_channels": (128, 256, 512, 512),
    "layers_per_block": 2,
    "latent_channels": 4,
    "down_block_types": ("DownEncoderBlock2D",) * 4,
    "up_block_types": ("UpDecoderBlock2D",) * 4,
}
_SD15: Final = Shape(
    # UNet2DConditionModel's defaults are those of Stable Diffusion 1.x, but for the text's width.
    unet={"sample_size": 64, "cross_attention_dim": 768},
    vae=_VAE | {"sample_size": 512},
    text_widths=(768,),
    text_layers=(12,),
    side=512,
    steps=30,
    guidance=7.5,
)
_SDXL: Final = Shape(
    unet={
        "sample_size": 128,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        "block_out_channels": (320, 640, 1280),
        "transformer_layers_per_block": (1, 2, 10),
        "attention_head_dim": (5, 10, 20),
        "cross_attention_dim": 2048,
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 256,
        "projection_class_embeddings_input_dim": 6 * 256 + 1280,
    },
    vae=_VAE | {"sample_size": 1024, "scaling_factor": 0.13025},
    text_widths=(768, 1280),
    text_layers=(12, 32),
    side=1024,
    steps=20,
    guidance=7.5,
)
_SMALL: Final[dict[str, Any]] = {
    "block_out_channels": (32, 64, 64),
    "layers_per_block": 1,
    "norm_num_groups": 8,
}
_SMALL_VAE: Final[dict[str, Any]] = {
    "block_out_channels": (8, 16, 16, 16),
    "layers_per_block": 1,
    "norm_num_groups": 8,
}
_SD_BLOCKS: Final[dict[str, Any]] = {
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
}

SHAPES: Final[Mapping[Size, Mapping[str, Shape]]] = {
    "full": {"sd15": _SD15, "sdxl": _SDXL},
    "miniature": {
        "sd15": replace(
            _SD15,
            unet=_SD15.unet | _SMALL | _SD_BLOCKS | {"cross_attention_dim": 32},
            vae=_SD15.vae | _SMALL_VAE,
            text_widths=(32,),
            text_layers=(2,),
            side=128,
            steps=3,
        ),
        "sdxl": replace(
            _SDXL,
            unet=_SDXL.unet
            | _SMALL
            | {
                "transformer_layers_per_block": (1, 1, 2),
                "attention_head_dim": (2, 4, 4),
                "cross_attention_dim": 64,
                "addition_time_embed_dim": 8,
                "projection_class_embeddings_input_dim": 6 * 8 + 32,
            },
            vae=_SDXL.vae | _SMALL_VAE,
            text_widths=(32, 32),
            text_layers=(2, 2),
            side=128,
            steps=3,
        ),
    },
}


def main(consume: Consume | None = None) -> None:
    """Measure and print. ``consume`` gets every picture of the engine: to score and store it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=["miniature", "full"], default="miniature")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.size, consume)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{figures['size']} pipelines on {figures['device']}, {figures['threads']} threads")
    for family, result in figures["families"].items():
        print(f"\n{family}: {result['side']}x{result['side']}, {result['steps']} steps, ", end="")
        print(f"{result['tflop_per_image']:.4g} TFLOP a picture")
        for row in result["variants"]:
            print(
                f"  {row['name']:16} batch {row['batch_size']:3}  "
                f"{row['images_per_second']:8.3f} pictures/s  "
                f"{row['over_first_script']:6.2f} x first script"
                + _part(row["over_plain"], "  {:5.2f} x plain")
                + _part(row["cpu_over_plain"], " ({:.2f} of its CPU time)")
                + _part(row["share_of_bf16_peak"], "  {:5.1%} of bf16 peak")
            )


def _part(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def measure(size: Size, consume: Consume | None = None) -> dict[str, Any]:
    """All figures of one run."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_gpu = device.type == "cuda"
    peak = _bf16_peak(device) if on_gpu else None
    return {
        "size": size,
        "device": torch.cuda.get_device_name(device) if on_gpu else "cpu",
        "threads": torch.get_num_threads(),
        "bf16_peak_tflops": peak,
        "families": {
            name: _family(shape, size, device, peak, consume)
            for name, shape in SHAPES[size].items()
        },
    }


@dataclass(frozen=True)
class Variant:
    """A way to draw: ``make`` builds it and returns a function that draws some pictures."""

    name: str
    batch_size: int
    pictures: int
    make: Callable[[], Callable[[], None]]


def _family(
    shape: Shape,
    size: Size,
    device: torch.device,
    peak: float | None,
    consume: Consume | None,
) -> dict[str, Any]:
    variants = list(_variants(shape, device, consume))
    if size == "miniature":  # small enough to keep all, so that noise hits all alike
        taken = _interleaved(variants)
    else:
        taken = [_alone(variant) for variant in variants]
    rows = list(zip(variants, taken, strict=True))
    flop = _flop_per_picture(shape)
    first, first_taken = rows[0]
    plain = {each.batch_size: taken for each, taken in rows if each.name == "plain"}
    results = []
    for each, each_taken in rows:
        speed = each.pictures / each_taken.wall
        beside = plain.get(each.batch_size)
        results.append(
            {
                "name": each.name,
                "batch_size": each.batch_size,
                "images_per_second": speed,
                "cpu_seconds_per_image": each_taken.cpu / each.pictures,
                "over_first_script": speed / (first.pictures / first_taken.wall),
                # All variants at one batch size draw equally many pictures.
                "over_plain": beside and beside.wall / each_taken.wall,
                "cpu_over_plain": beside and each_taken.cpu / beside.cpu,
                "share_of_bf16_peak": peak and speed * flop / 1e12 / peak,
            }
        )
    return {
        "side": shape.side,
        "steps": shape.steps,
        "tflop_per_image": flop / 1e12,
        "variants": results,
    }


def _variants(shape: Shape, device: torch.device, consume: Consume | None) -> Iterator[Variant]:
    """The first script's way first: all others are compared with it."""
    on_gpu = device.type == "cuda"
    sizes = (4, 8, 16, 32) if on_gpu else (8,)
    low, best = (torch.float16, torch.bfloat16) if on_gpu else (torch.float32, torch.float32)
    yield Variant("first script", 1, 4, partial(_first_script, shape, device, low))
    for size in sizes:
        yield Variant("plain", size, 2 * size, partial(_plain, shape, device, best, size))
    for compiled in (False, True) if on_gpu else (False,):
        for size in sizes:
            yield Variant(
                "engine compiled" if compiled else "engine",
                size,
                2 * size,
                partial(_engine, shape, device, best, size, compiled, consume),
            )


@dataclass(frozen=True)
class Taken:
    """Seconds on the clock, and seconds of processor time over all threads."""

    wall: float
    cpu: float

    @classmethod
    def by(cls, draw: Callable[[], None]) -> "Taken":
        """What one call takes."""
        wall, cpu = perf_counter(), process_time()
        draw()
        return cls(perf_counter() - wall, process_time() - cpu)


def _alone(variant: Variant) -> Taken:
    draw = variant.make()
    draw()  # compile, and fill the allocator's and the prompts' caches
    taken = Taken.by(draw)
    del draw
    torch.cuda.empty_cache()
    return taken


def _interleaved(variants: Sequence[Variant], rounds: int = 3) -> list[Taken]:
    """The best of some rounds; a busy machine slows single runs, never speeds one up."""
    draws = [variant.make() for variant in variants]
    for draw in draws:
        draw()
    taken = [[Taken.by(draw) for draw in draws] for _ in range(rounds)]
    return [
        Taken(min(each.wall for each in column), min(each.cpu for each in column))
        for column in zip(*taken, strict=True)
    ]


def _prompts(count: int) -> list[str]:
    return [f"a photo of product {number}, plain white background" for number in range(count)]


def _first_script(shape: Shape, device: torch.device, dtype: torch.dtype) -> Callable[[], None]:
    pipeline = build_pipeline(shape, device, dtype)
    pipeline.enable_attention_slicing()

    def draw() -> None:
        for number, prompt in enumerate(_prompts(4)):
            image = pipeline(prompt, **_arguments(shape, [number])).images[0]
            image.save(BytesIO(), "PNG")

    return draw


def _plain(shape: Shape, device: torch.device, dtype: torch.dtype, size: int) -> Callable[[], None]:
    pipeline = build_pipeline(shape, device, dtype)
    prompts = _prompts(2 * size)

    def draw() -> None:
        for start in (0, size):
            numbers = list(range(start, start + size))
            pipeline(prompts[start : start + size], **_arguments(shape, numbers))

    return draw


def _arguments(shape: Shape, numbers: Sequence[int]) -> dict[str, Any]:
    return {
        "width": shape.side,
        "height": shape.side,
        "num_inference_steps": shape.steps,
        "guidance_scale": shape.guidance,
        "generator": [torch.Generator("cpu").manual_seed(number) for number in numbers],
    }


def _engine(
    shape: Shape,
    device: torch.device,
    dtype: torch.dtype,
    size: int,
    compiled: bool,
    consume: Consume | None,
) -> Callable[[], None]:
    identity = "seeded random weights"
    loaded = wrap_pipeline(build_pipeline(shape, device, dtype), identity, compiled=compiled)
    engine = Engine(loaded, size)
    recipes = [
        Recipe(
            method="text2img",
            model_hash=identity,
            prompt=prompt,
            negative_prompt="",
            seed=number,
            scheduler="ddim",
            steps=shape.steps,
            guidance=shape.guidance,
            width=shape.side,
            height=shape.side,
        )
        for number, prompt in enumerate(_prompts(2 * size))
    ]
    jobs = [DrawJob(recipe.recipe_id, recipe) for recipe in recipes]

    def draw() -> None:
        for outcome in engine.draw(jobs):
            if not isinstance(outcome, Drawn):
                raise SystemExit(f"a picture failed: {outcome.error}")
            if consume is not None:
                consume(outcome)

    return draw


def build_pipeline(shape: Shape, device: torch.device, dtype: torch.dtype) -> Any:
    """A pipeline of this shape with seeded random weights, on its device."""
    torch.manual_seed(7)
    tokenizer = _tokenizer()
    with torch.device(device):
        encoders = [
            _text_encoder(width, layers, len(tokenizer), projected=shape.is_xl and number == 1)
            for number, (width, layers) in enumerate(
                zip(shape.text_widths, shape.text_layers, strict=True)
            )
        ]
        parts: dict[str, Any] = {
            "unet": diffusers.UNet2DConditionModel(**shape.unet),
            "vae": diffusers.AutoencoderKL(**shape.vae),
            "text_encoder": encoders[0],
            "tokenizer": tokenizer,
            "scheduler": diffusers.DDIMScheduler(
                beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
                clip_sample=False, set_alpha_to_one=False, steps_offset=1,
            ),
        }  # fmt: skip
    pipeline: Any
    if shape.is_xl:
        pipeline = diffusers.StableDiffusionXLPipeline(
            **parts, text_encoder_2=encoders[1], tokenizer_2=tokenizer, add_watermarker=False
        )
    else:
        pipeline = diffusers.StableDiffusionPipeline(
            **parts, safety_checker=None, feature_extractor=None, requires_safety_checker=False
        )
    pipeline.set_progress_bar_config(disable=True)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            torch.nn.Module.to(part, dtype=dtype)
    return pipeline


def _text_encoder(width: int, layers: int, tokens: int, *, projected: bool) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=tokens,
        hidden_size=width,
        intermediate_size=4 * width,
        projection_dim=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 64),
        max_position_embeddings=TOKENS,
        bos_token_id=tokens - 2,
        eos_token_id=tokens - 1,
        pad_token_id=tokens - 1,
    )
    encoder: Any = (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)
    return encoder.eval()


def _tokenizer() -> Any:
    """A CLIP tokenizer that knows single signs: speed depends on the padded length alone."""
    from transformers import CLIPTokenizer

    signs = [chr(code) for code in range(33, 127)]
    words = [*signs, *(f"{sign}</w>" for sign in signs), "<|startoftext|>", "<|endoftext|>"]
    with tempfile.TemporaryDirectory() as folder:
        vocabulary = {word: number for number, word in enumerate(words)}
        (Path(folder) / "vocab.json").write_text(json.dumps(vocabulary))
        (Path(folder) / "merges.txt").write_text("#version: 0.2\n")
        return CLIPTokenizer.from_pretrained(folder, model_max_length=TOKENS)


def _flop_per_picture(shape: Shape) -> float:
    """Multiplications and additions of one picture, counted on shapes alone.

    Two UNet rows a step (classifier-free guidance) and one VAE decode; the text encoder's share
    is below 0.1 %.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        unet: Any = diffusers.UNet2DConditionModel(**shape.unet)
        vae: Any = diffusers.AutoencoderKL(**shape.vae)
        latents = torch.empty(2, 4, shape.side // 8, shape.side // 8)
        text = torch.empty(2, TOKENS, shape.unet["cross_attention_dim"])
        extra = {"text_embeds": torch.empty(2, shape.text_widths[-1]),
                 "time_ids": torch.empty(2, 6)}  # fmt: skip
        with torch.no_grad(), FlopCounterMode(display=False) as step:
            conditions = {"added_cond_kwargs": extra} if shape.is_xl else {}
            unet(latents, torch.empty(()), text, **conditions)
        with torch.no_grad(), FlopCounterMode(display=False) as decode:
            vae.decode(latents[:1])
    return float(step.get_total_flops() * shape.steps + decode.get_total_flops())


def _bf16_peak(device: torch.device) -> float:
    """TFLOP/s of a product of two 8192 x 8192 bf16 matrices, the best of some rounds."""
    side = 8192
    left, right = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = 0.0
    for _ in range(20):
        torch.cuda.synchronize()
        started = perf_counter()
        left @ right
        torch.cuda.synchronize()
        best = max(best, 2 * side**3 / (perf_counter() - started) / 1e12)
    return best


class Keeper:
    """Scores pictures with the studio's CLIP and keeps them in an outbox, as a refresh does."""

    def __init__(self, folder: Path) -> None:
        self._scorer = ClipScorer(ScorerSettings(id=f"local-dir:{CLIP}", batch_size=KEPT_TOGETHER))
        self._outbox = Outbox(folder)
        self._waiting: list[Drawn] = []

    def __call__(self, drawn: Drawn) -> None:
        self._waiting.append(drawn)
        if len(self._waiting) == KEPT_TOGETHER:
            pixels = [each.pixels for each in self._waiting]
            self._scorer.score(pixels, ["product photo of one matte red mug"] * len(pixels), ())
            images = [
                DrawnImage(
                    each.recipe_id,
                    each.png,
                    each.sha256,
                    each.pixels.shape[1],
                    each.pixels.shape[0],
                    each.seconds,
                )
                for each in self._waiting
            ]
            self._outbox.write(images, [], drawn.environment)
            self._waiting.clear()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as outbox:
        main(Keeper(Path(outbox)))
