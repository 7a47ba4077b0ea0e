"""A vision-language model that is asked yes/no questions about a picture.

The answer to a question is the probability of "yes" against "no" as the first token that the model
would write, as in VQAScore (Z. Lin et al., "Evaluating text-to-visual generation with
image-to-text generation", 2024, arXiv:2404.01291); nothing is generated. A picture's preference is
its worst answer.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Final

from catalog_gen.errors import ModelError
from catalog_gen.fingerprint import sha256_json
from catalog_gen.imaging.pixels import Pixels
from catalog_gen.judging.critics.critic import Answer, Hashing
from catalog_gen.judging.critics.folder_critic import FolderCritic
from catalog_gen.settings.judge import CriticSettings

#: What is asked where the settings have no questions.
QUESTIONS: Final = (
    'The picture was asked for as "{prompt}". Is the product in it whole and well formed, with no '
    "part melted, missing or doubled? Answer yes or no.",
)
_YES: Final = ("yes", "Yes", "YES")
_NO: Final = ("no", "No", "NO")
_DIGITS: Final = 4


class QuestionsCritic(FolderCritic):
    """A transformers folder that ``AutoModelForImageTextToText`` loads, with a chat template."""

    fact: ClassVar[Answer] = "preference"
    takes: ClassVar[frozenset[str]] = frozenset({"questions"})

    def __init__(self, settings: CriticSettings) -> None:
        super().__init__(settings)
        self._questions = settings.questions or QUESTIONS

    def check(self) -> str:
        return f"{len(self._questions)} questions to {self.folder().path}"

    def identity(self, hashing: Hashing) -> str:
        folder = super().identity(hashing)
        return sha256_json({"folder": folder, "questions": self._questions})

    def classes(self) -> tuple[Any, Any]:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        return AutoModelForImageTextToText, AutoProcessor

    def look(self, pictures: Sequence[Pixels], prompts: Sequence[str]) -> list[float]:
        """The least probability of a yes among the questions, 0..1, for each picture."""
        model, processor = self.loaded()
        self._check_template(processor)
        yes, no = _ids(processor, _YES, self), _ids(processor, _NO, self)
        return [
            min(
                _yes(model, processor, picture, question.format(prompt=prompt), yes, no)
                for question in self._questions
            )
            for picture, prompt in zip(pictures, prompts, strict=True)
        ]

    def _check_template(self, processor: Any) -> None:
        if getattr(processor, "chat_template", None) is None:
            raise ModelError(
                str(self.settings.id),
                "has no chat template, without which a question can't be put",
                "Choose a model that was tuned to instructions.",
            )


def _ids(processor: Any, words: Sequence[str], critic: QuestionsCritic) -> list[int]:
    """The first tokens of these words, without the unknown one.

    Raises:
        ModelError: the tokenizer knows none of them.
    """
    tokenizer = processor.tokenizer
    firsts = {tokenizer(word, add_special_tokens=False).input_ids[0] for word in words}
    known = sorted(firsts - {tokenizer.unk_token_id})
    if not known:
        raise ModelError(
            str(critic.settings.id),
            f"has no token for '{words[0]}', so it can't answer yes or no",
            "Choose a model with an English vocabulary.",
        )
    return known


def _yes(
    model: Any,
    processor: Any,
    picture: Pixels,
    question: str,
    yes: Sequence[int],
    no: Sequence[int],
) -> float:
    """The probability of a yes, 0..1. One picture at a time: padding would move the logits."""
    import torch
    from PIL import Image

    content = [{"type": "image", "image": Image.fromarray(picture)}, _said(question)]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}],
        add_generation_prompt=True,
        tokenize=True,
        return_dict=True,
        return_tensors="pt",
    ).to(model.device, model.dtype)
    with torch.inference_mode():
        logits: torch.Tensor = model(**inputs).logits[0, -1].float()
    odds = logits[list(yes)].logsumexp(0) - logits[list(no)].logsumexp(0)
    return round(float(odds.sigmoid()), _DIGITS)


def _said(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}
