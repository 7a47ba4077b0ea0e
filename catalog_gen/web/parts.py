"""What several pages show: pictures, verdicts with their sentences, recipes, errors."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import streamlit as st

from catalog_gen.errors import CatalogError
from catalog_gen.method import described
from catalog_gen.recipe import Recipe
from catalog_gen.web.form import title_of

_COLOURS: Final = {"accepted": "green", "review": "orange", "rejected": "red", "live": "blue"}
_ICONS: Final = {
    "accepted": ":material/check_circle:",
    "review": ":material/help:",
    "rejected": ":material/cancel:",
    "live": ":material/public:",
}
#: Points of a criterion that lost none.
FULL: Final = 2
_POINTS: Final = {0: ":red-badge[0]", 1: ":orange-badge[1]", 2: ":green-badge[2]"}
#: Signs that Markdown, or Streamlit's form of it, would take for its own.
_MARKS: Final = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]()<>#+-.!|$~:&"})


def plain(text: str) -> str:
    """Text from outside as Markdown that shows exactly this text."""
    return text.translate(_MARKS)


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error of the pipeline as it is said on the command line, and go on."""
    try:
        yield
    except CatalogError as error:
        st.error(plain(str(error)), icon=":material/error:")


def badge(decision: str, extra: str = "") -> None:
    """A decision as a coloured word; the word alone says it, too."""
    text = " ".join(filter(None, (decision, extra)))
    colour: Any = _COLOURS.get(decision, "gray")
    st.badge(text, color=colour, icon=_ICONS.get(decision))


def verdict(
    decision: str,
    total: int | None,
    criteria: Mapping[str, Mapping[str, Any]],
    hard_failures: Sequence[str] = (),
    soundness: float | None = None,
) -> None:
    """The rubric's answer: what lost most comes first."""
    badge(decision, "" if total is None else f"{total} of 10")
    for failure in hard_failures:
        st.markdown(f":red-badge[fails] {plain(failure)}")
    lost = {name: score for name, score in criteria.items() if score["points"] < FULL}
    for name, score in sorted(lost.items(), key=lambda each: each[1]["points"]):
        _criterion(name, score)
    kept = [name for name in criteria if name not in lost]
    if kept:
        with st.expander(f"Full points: {', '.join(title_of(name).lower() for name in kept)}"):
            for name in kept:
                _criterion(name, criteria[name])
    if soundness is not None:
        st.caption(f"Probability that its form is sound: {soundness:.0%}")


def _criterion(name: str, score: Mapping[str, Any]) -> None:
    st.markdown(
        f"{_POINTS[int(score['points'])]} **{title_of(name)}**  \n{plain(str(score['why']))}"
    )


def recipe(chosen: Recipe) -> None:
    """A recipe, whole."""
    rows = {
        "Image": chosen.recipe_id[:16],
        "Method": described(chosen.method.name, chosen.method.parameters),
        "Prompt": chosen.prompt,
        "Not": chosen.negative_prompt,
        "Seed": str(chosen.seed),
        "Scheduler": chosen.scheduler,
        "Steps": str(chosen.steps),
        "Guidance": f"{chosen.guidance:g}",
        "Size": f"{chosen.width} x {chosen.height}",
        "Model": chosen.model_hash[:16],
        "Photo": (chosen.reference_sha256 or "")[:16],
        "Mask": (chosen.mask_sha256 or "")[:16],
        "Concept": (chosen.concept_sha256 or "")[:16],
    }
    st.markdown("\n".join(f"- **{name}** {plain(text)}" for name, text in rows.items() if text))


def picture(content: Any, caption: str, width: Any = "stretch") -> None:
    """A picture with its caption, which is its alternative text as well."""
    st.image(content, caption=plain(caption), alt=caption, width=width)
