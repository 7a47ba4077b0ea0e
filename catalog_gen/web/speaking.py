"""Speak instead of typing: a recording becomes words, which are shown before they are used."""

from collections.abc import Callable
from typing import Final

import streamlit as st

from catalog_gen.web import parts
from catalog_gen.web.desk import Desk, Heard

#: Words that can't be heard are listed up to this number.
_LISTED: Final = 20


def speak(here: Desk, label: str, use: str, key: str, then: Callable[[str], None]) -> None:
    """Ask for a recording, show its words to be corrected, and hand them on when asked to.

    Args:
        label: what may be said; ``use`` is the button's.
        key: begins the inputs' keys.
    """
    with st.expander("Speak", icon=":material/mic:"):
        recording = st.audio_input(label, key=f"{key}:recording")
        if recording is None:
            st.caption("It is recognised on this machine, and kept nowhere.")
            return
        with parts.errors_shown():
            heard = _heard(here, recording.file_id, recording.getvalue())
            st.text_input(
                "Heard",
                heard.words,
                key=(said := f"{key}:{recording.file_id}"),
                help="Correct it before it is used",
            )
            if not heard.words:
                st.warning("No word was recognised. Say it again, or type it.")
            st.button(
                use,
                icon=":material/check:",
                on_click=lambda: then(str(st.session_state[said])),
            )
            if heard.unknown:
                listed = ", ".join(heard.unknown[:_LISTED])
                more = len(heard.unknown) - _LISTED
                rest = f" and {more} more" if more > 0 else ""
                st.caption(parts.plain(f"These words can't be heard; type them: {listed}{rest}."))


def _heard(here: Desk, file_id: str, recording: bytes) -> Heard:
    """What a recording says, recognised once."""
    kept: tuple[str, Heard] | None = st.session_state.get("heard")
    if kept is None or kept[0] != file_id:
        with st.spinner("Listening"):
            kept = st.session_state["heard"] = file_id, here.hear(recording)
    return kept[1]
