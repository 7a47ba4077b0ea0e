"""Tiny, seeded transformers folders that a critic looks with, built from configuration."""

import json
from pathlib import Path
from typing import Any

from tests.tiny.parts import clip_tokenizer

_SIDE = 32
_WIDTH = 16
#: A model's chat template: the picture's mark, then the question.
_TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %} {{ part['text'] }}{% endif %}"
    "{% endfor %}{% endfor %}{% if add_generation_prompt %} answer{% endif %}"
)


def tiny_preference(folder: Path, seed: int = 0) -> Path:
    """Write a ``CLIPModel`` with its processor and return the folder."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor

    tokenizer = clip_tokenizer()
    text = {
        "vocab_size": len(tokenizer),
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=_vision(), projection_dim=8))
    model.save_pretrained(folder)
    CLIPProcessor(_images(CLIPImageProcessor), tokenizer).save_pretrained(folder)
    return folder


def tiny_questioned(folder: Path, words: tuple[str, ...] = ("yes", "no")) -> Path:
    """Write a LLaVA with its processor and chat template and return the folder.

    Args:
        words: the answers that its tokenizer knows.
    """
    import torch
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import (
        CLIPImageProcessor,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
        PreTrainedTokenizerFast,
    )

    known = ["<unk>", "<pad>", "<image>", *words, "is", "it", "whole", "red", "blue", "answer"]
    inner = Tokenizer(WordLevel({word: place for place, word in enumerate(known)}, "<unk>"))
    inner.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", pad_token="<pad>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image>"]})
    text: dict[str, Any] = {
        "model_type": "llama",
        "vocab_size": len(tokenizer),
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": None,
        "eos_token_id": None,
    }
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **_vision()},
        text_config=text,
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
        vision_feature_select_strategy="default",
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = LlavaForConditionalGeneration(config)
    model.save_pretrained(folder)
    LlavaProcessor(
        _images(CLIPImageProcessor),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=_TEMPLATE,
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    return folder


def ask_for_code(folder: Path) -> None:
    """Let a model's configuration name code that comes with it."""
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["auto_map"] = {"AutoModel": "modeling_own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")


def _vision() -> dict[str, Any]:
    return {
        "hidden_size": _WIDTH,
        "intermediate_size": 2 * _WIDTH,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": _SIDE,
        "patch_size": 8,
    }


def _images(kind: Any) -> Any:
    side = {"height": _SIDE, "width": _SIDE}
    return kind(size=side, crop_size=side)
