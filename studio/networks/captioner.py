"""The captioner: a photo to its canonical caption, in transformers' ``VisionEncoderDecoderModel``.

The encoder is SegFormer's (Xie et al. 2021): overlapping convolutions and convolutions inside its
feed-forward layers make it learn shapes from few scenes. The decoder is a GPT-2 of two layers that
looks at the encoder's 4x4 places. Every word of a caption is one token, so a word's probability is
a confidence.

While it learns, classifiers of the attributes read the encoder, too: through the decoder's
attention alone, it had learned everything but the material after 1,100 steps. They are not kept.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from studio.attributes import ATTRIBUTES, CLASSES, labels_of
from studio.evaluation.sheets import spread, tile
from studio.photos.album import Album, scene_caption, to_signed, tokenize
from studio.training.augment import augment
from studio.training.hardware import mixed_precision, training_device

#: Side in pixels that photos are reduced to before it looks at them. It learns from four times as
#: many in the same time as with 128.
SIDE: Final[int] = 64
#: Tokens of a caption, with its start and end.
LENGTH: Final[int] = 24
#: Photos of the sheet and its figure.
SHOWN: Final[int] = 100
#: Products of other proportions: width over height and size are changed by up to these factors.
STRETCH: Final[float] = 1.15
ZOOM: Final[float] = 1.12


def build_captioner(words: int, start: int, end: int, width: float = 1.0) -> Any:
    """An untrained captioner for a vocabulary of so many tokens; ``width`` scales its channels."""
    from transformers import (
        GPT2Config,
        SegformerConfig,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
    )

    heads = (1, 2, 4, 6)
    channels = [max(1, round(32 * width)) * each for each in heads]
    encoder = SegformerConfig(
        depths=[1, 1, 2, 2],
        hidden_sizes=channels,
        num_attention_heads=list(heads),
        reshape_last_stage=False,
        hidden_dropout_prob=0.0,
        drop_path_rate=0.0,
    )
    encoder.hidden_size = channels[-1]  # what the decoder looks at
    decoder = GPT2Config(
        vocab_size=words,
        n_positions=2 * LENGTH,
        n_embd=channels[2],
        n_layer=2,
        n_head=4,
        add_cross_attention=True,
        bos_token_id=start,
        eos_token_id=end,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    network = VisionEncoderDecoderModel(config=config)
    for each in (network.config, network.generation_config):
        each.decoder_start_token_id = start
        each.pad_token_id = end
        each.eos_token_id = end
    network.generation_config.max_length = LENGTH
    return network


class CaptionerStage:
    """The captioner and its classifiers in training; see ``loop.Stage``."""

    name = "captioner"
    learning_rate = 2e-3
    weight_decay = 0.02
    batch = 48

    def __init__(self, album: Album, unseen: Album, tokenizer: Any, width: float = 1.0) -> None:
        torch.manual_seed(4)
        self._device = training_device()
        self._end = int(tokenizer.eos_token_id)
        self.captioner = build_captioner(
            len(tokenizer), int(tokenizer.bos_token_id), self._end, width
        ).to(self._device)
        width_out = self.captioner.config.encoder.hidden_size
        self._classifiers = nn.Linear(2 * width_out, sum(CLASSES)).to(self._device)
        self._parts = nn.ModuleDict(self.modules())
        self._album, self._unseen, self._tokenizer = album, unseen, tokenizer
        self._labels = labels_of(album.photos.scenes, album.photos.colours)
        self._tokens = canonical_tokens(album, tokenizer)

    def network(self) -> nn.Module:
        return self._parts

    def modules(self) -> Mapping[str, nn.Module]:
        return {"captioner": self.captioner, "classifiers": self._classifiers}

    def losses(self, size: int, generator: torch.Generator) -> dict[str, Tensor]:
        picks = torch.randint(len(self._tokens), (size,), generator=generator)
        pictures = to_signed(self._album.pictures(picks.tolist()), SIDE)
        pictures = augment(stretched(pictures, generator), generator).to(self._device)
        tokens = self._tokens[picks].to(self._device)
        with mixed_precision(self._device):
            seen = self.captioner.encoder(pixel_values=pictures)
            logits = self.captioner(encoder_outputs=seen, decoder_input_ids=tokens[:, :-1]).logits
            places = seen.last_hidden_state
            classes = self._classifiers(torch.cat([places.mean(1), places.amax(1)], 1))
        attributes = [
            F.cross_entropy(given, self._labels[picks, place].to(self._device))
            for place, given in enumerate(classes.float().split(CLASSES, 1))
        ]
        targets = tokens[:, 1:]
        loss = F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), reduction="none")
        # The end is said once: what follows it is padding.
        said = (targets != self._end).cumprod(1).roll(1, 1)
        said[:, 0] = 1
        caption = (loss * said.flatten()).sum() / size
        each = dict(zip(ATTRIBUTES, attributes, strict=True))
        return {"loss": caption + torch.stack(attributes).sum(), "caption": caption, **each}

    def stepped(self, step: int) -> None:
        pass

    def sheet(self) -> tuple[Image.Image, dict[str, float]]:
        """Unseen photos with a wrong caption, and the share of right ones."""
        picks = spread(len(self._unseen), SHOWN).tolist()
        photos = self._unseen.photos
        wanted = [scene_caption(photos.scenes[each], photos.colours[each]) for each in picks]
        pictures = self._unseen.pictures(picks)
        self.captioner.eval()
        with torch.inference_mode():
            said = self.captioner.generate(
                to_signed(pictures, SIDE).to(self._device), do_sample=False
            )
        self.captioner.train()
        captions = self._tokenizer.batch_decode(said, skip_special_tokens=True)
        right = [plain(a) == plain(b) for a, b in zip(captions, wanted, strict=True)]
        wrong = [place for place, each in enumerate(right) if not each]
        return tile(pictures[wrong[:48] or [0]], 8), {"right": sum(right) / len(right)}


def plain(caption: str) -> str:
    """A caption without its spaces, which a tokenizer writes where it likes."""
    return "".join(caption.split())


def canonical_tokens(album: Album, tokenizer: Any) -> Tensor:
    """Token ids (N, LENGTH) of the photos' canonical captions, from start to end."""
    photos = album.photos
    texts = [scene_caption(*each) for each in zip(photos.scenes, photos.colours, strict=True)]
    return tokenize(tokenizer, texts)[:, :LENGTH]


def stretched(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Pictures (N, 3, H, W), each wider or narrower and nearer or farther by a random draw."""
    draws = 2 * torch.rand((len(pictures), 2), generator=generator) - 1
    across, zoom = STRETCH ** (draws[:, 0] / 2), ZOOM ** draws[:, 1]
    turn = torch.zeros(len(pictures), 2, 3)
    turn[:, 0, 0], turn[:, 1, 1] = zoom * across, zoom / across
    grid = F.affine_grid(turn, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def export_captioner(captioner: Any, tokenizer: Any, folder: Path) -> None:
    """Write a folder for ``AutoModelForImageTextToText``: fp16 safetensors, words, preprocessor."""
    from transformers import ViTImageProcessor

    prepare = ViTImageProcessor(size={"height": SIDE, "width": SIDE}, resample=3)
    captioner.half().save_pretrained(folder, safe_serialization=True)
    captioner.float()
    tokenizer.save_pretrained(folder)
    prepare.save_pretrained(folder)
