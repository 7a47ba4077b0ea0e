"""Critics for any model: what they answer, how they are identified, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest

from catalog_gen.errors import ConfigError, ModelError
from catalog_gen.fingerprint import sha256_file
from catalog_gen.judging.critics.critic import CRITICS, critic_of
from catalog_gen.judging.critics.preference import PreferenceCritic
from catalog_gen.judging.critics.questions import QuestionsCritic
from catalog_gen.settings.judge import CriticSettings
from tests.judging.drawn import BLUE, product
from tests.tiny_critics import ask_for_code, tiny_preference, tiny_questioned


@pytest.fixture(scope="module")
def preference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_preference(tmp_path_factory.mktemp("preference"))


@pytest.fixture(scope="module")
def questioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_questioned(tmp_path_factory.mktemp("questioned"))


def test_a_preference_is_the_models_own_logit(preference: Path) -> None:
    import torch
    from PIL import Image
    from transformers import CLIPModel, CLIPProcessor

    critic = critic_of(CriticSettings(kind="preference", id=preference))
    assert isinstance(critic, PreferenceCritic)
    pictures, prompts = [product(), product(BLUE, side=200)], ["a red mug", "a mug"]
    model = CLIPModel.from_pretrained(preference).eval()
    processor = CLIPProcessor.from_pretrained(preference)
    expected = []
    for picture, prompt in zip(pictures, prompts, strict=True):
        inputs = processor(
            images=Image.fromarray(picture),
            text=[prompt],
            return_tensors="pt",
            padding="max_length",
            max_length=77,
        )
        with torch.inference_mode():
            expected.append(model(**inputs).logits_per_image.item())
    found = critic.look(pictures, prompts)
    np.testing.assert_allclose(found, expected, atol=2e-3)
    assert found[0] != found[1]
    assert critic.look([], []) == []


def test_an_answer_is_the_probability_of_yes_and_the_worst_one_counts(questioned: Path) -> None:
    asked = [("is it whole",), ("is {prompt} whole",)]
    pictures, prompts = [product(), product(BLUE)], ["red", "blue"]

    def answers(*questions: str) -> list[float]:
        settings = CriticSettings(kind="questions", id=questioned, questions=questions)
        critic = critic_of(settings)
        assert isinstance(critic, QuestionsCritic)
        return critic.look(pictures, prompts)

    alone = [answers(*each) for each in asked]
    together = answers(*asked[0], *asked[1])
    assert together == [min(pair) for pair in zip(*alone, strict=True)]
    assert all(0 < each < 1 for each in together)
    assert alone[0] != alone[1]
    assert answers("is it whole")[::-1] == QuestionsCritic(
        CriticSettings(kind="questions", id=questioned, questions=asked[0])
    ).look(pictures[::-1], prompts[::-1])


def test_yes_and_no_are_tokens_or_the_model_is_refused(tmp_path: Path) -> None:
    settings = CriticSettings(kind="questions", id=tiny_questioned(tmp_path, ("yes", "oui")))
    with pytest.raises(ModelError, match="no token for 'no'"):
        QuestionsCritic(settings).look([product()], ["red"])


def test_a_model_without_a_chat_template_is_refused(tmp_path: Path) -> None:
    folder = tiny_questioned(tmp_path)
    for name in ("chat_template.jinja", "chat_template.json"):
        (folder / name).unlink(missing_ok=True)
    with pytest.raises(ModelError, match="chat template"):
        QuestionsCritic(CriticSettings(kind="questions", id=folder)).look([product()], ["red"])


def test_identity_covers_weights_and_questions(
    preference: Path, questioned: Path, tmp_path: Path
) -> None:
    def identity(**given: object) -> str:
        critic = critic_of(CriticSettings.model_validate(given))
        assert critic is not None
        return critic.identity(sha256_file)

    other = tiny_preference(tmp_path / "other", seed=1)
    first = identity(kind="preference", id=preference)
    assert first == identity(kind="preference", id=preference)
    assert first != identity(kind="preference", id=other)
    plain = identity(kind="questions", id=questioned)
    assert plain != identity(kind="questions", id=questioned, questions=["is it whole"])


@pytest.mark.parametrize("kind", ["preference", "questions"])
def test_folders_are_checked_before_anything_is_loaded(kind: str, tmp_path: Path) -> None:
    make = {"preference": tiny_preference, "questions": tiny_questioned}[kind]
    settings = CriticSettings(kind=kind, id=tmp_path / "model")
    critic = CRITICS.get(kind)(settings)
    with pytest.raises(ModelError, match=r"critic\.id"):
        critic.check()
    folder = make(settings.id)
    assert str(folder) in critic.check()

    ask_for_code(folder)
    with pytest.raises(ModelError, match="never run"):
        critic.identity(sha256_file)
    with pytest.raises(ModelError, match="never run"):
        critic.look([product()], ["a"])


def test_a_vision_language_model_is_no_preference_model(questioned: Path) -> None:
    with pytest.raises(ModelError, match=r"LlavaFor.*critic\.kind = 'questions'"):
        PreferenceCritic(CriticSettings(kind="preference", id=questioned)).check()


def test_settings_of_another_kind_are_refused(preference: Path) -> None:
    for given, value in (
        ({"kind": "preference", "weights": "w"}, "critic.weights"),
        ({"kind": "denoiser", "weights": "w", "questions": ["is it whole"]}, "critic.questions"),
        ({"kind": "prefer"}, "Did you mean 'preference'"),
        ({}, "critic.weights"),
    ):
        with pytest.raises(ConfigError, match=value):
            critic_of(CriticSettings.model_validate({"id": preference, **given}))
    with pytest.raises(ValueError, match="no other brace"):
        CriticSettings(kind="questions", id=preference, questions=("is {it} whole",))
