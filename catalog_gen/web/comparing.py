"""Two cells of a grid beside each other: one through the other's window, or where they differ."""

from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray
from PIL import Image

from catalog_gen.experiments.definition import level_text
from catalog_gen.experiments.results import Result
from catalog_gen.experiments.sheet import outcome
from catalog_gen.imaging.compared import UNSEEN, difference, through
from catalog_gen.imaging.decode import read_image
from catalog_gen.store.images import stored_pngs
from catalog_gen.web import parts
from catalog_gen.web.desk import Desk

_WAYS: Final = ("Slider", "Difference", "Side by side")
_WIDTH: Final = 512
#: The number above a slider has the colour of buttons, which is too dark for text on dark.
_READABLE: Final = """<style>@media (prefers-color-scheme: dark) {
    [data-testid="stSlider"] [data-testid="stSliderThumbValue"],
    [data-testid="stSlider"] [data-testid="stSliderThumbValue"] p { color: #eceff2 }
}</style>"""


def chosen(own: Sequence[Result], kept: Collection[str]) -> tuple[int, ...]:
    """The numbers of the two cells that the address names; by default, the first two pictures."""
    there = [number for number, each in enumerate(own, start=1) if each.recipe_id in kept]
    if not there:
        return ()
    named = [_number(st.query_params.get(name, "")) for name in ("a", "b")]
    usual = (there[0], there[min(1, len(there) - 1)])
    return tuple(
        number if number in there else other for number, other in zip(named, usual, strict=True)
    )


def compare(here: Desk, own: Sequence[Result], kept: Collection[str]) -> None:
    """Choose two cells and compare their pictures."""
    first, second = chosen(own, kept)
    there = [number for number, each in enumerate(own, start=1) if each.recipe_id in kept]

    def pick(name: str) -> None:
        st.query_params[name] = str(st.session_state[f"pick:{name}"])

    for name, label, number, where in zip(
        ("a", "b"), ("First", "Second"), (first, second), st.columns(2), strict=True
    ):
        where.selectbox(
            label,
            there,
            index=there.index(number),
            format_func=lambda each: f"{each}: {_label(own[each - 1])}",
            key=f"pick:{name}",
            on_change=pick,
            args=(name,),
        )
    st.fragment(_shown)(here, own[first - 1], own[second - 1])


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _label(result: Result) -> str:
    said = [result.subject, *(f"{name} {level_text(each)}" for name, each in result.levels.items())]
    return ", ".join([*said, "catalog.toml's own"] if result.is_control else said)


def _shown(here: Desk, one: Result, other: Result) -> None:
    way = st.radio("Shown as", _WAYS, horizontal=True, key="as", bind="query-params")
    ids = [one.recipe_id, other.recipe_id]
    with here.catalog.store.reading() as connection:
        pngs = stored_pngs(connection, here.catalog.store.pictures(connection), ids)
    left, right = (read_image(pngs[each]) for each in ids)
    same_size = left.shape == right.shape
    fitted = right if same_size else _fitted(right, left.shape[1], left.shape[0])
    labels = [f"{_label(each)} ({outcome(each)})" for each in (one, other)]
    if way == "Slider":
        share = st.slider(
            "How much of the first", 0, 100, 50, format="%d %%", key="at", bind="query-params"
        )
        st.html(_READABLE)
        with st.container(width=_WIDTH):
            parts.picture(
                through(left, fitted, share / 100), f"Left: {labels[0]}; right: {labels[1]}"
            )
    elif way == "Difference":
        found = difference(left, fitted)
        with st.container(width=_WIDTH):
            parts.picture(
                found.pixels,
                f"{found.share:.1%} of the pixels differ by more than {UNSEEN} of 255 levels, at "
                f"most by {found.largest}",
            )
    else:
        with st.container(horizontal=True):
            for pixels, label in zip((left, right), labels, strict=True):
                parts.picture(pixels, label, _WIDTH // 2)
    if not same_size and way != "Side by side":
        st.caption("The second picture has another size, and was fitted to the first.")
    _settings(one, other)


def _fitted(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    image = Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(image)


def _settings(one: Result, other: Result) -> None:
    """What differs in the recipes, beside their points."""
    said, others = one.recipe.chosen(), other.recipe.chosen()
    lines = [
        f"- **{name.replace('_', ' ')}** {parts.plain(f'{said.get(name)} / {others.get(name)}')}"
        for name in {**said, **others}
        if said.get(name) != others.get(name)
    ]
    st.markdown("\n".join(lines) or "The recipes are the same.")
