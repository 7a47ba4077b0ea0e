"""Catalog: find pictures, see where one came from and what became of it, restore an earlier one."""

import getpass
from typing import Any, Final, get_args

import streamlit as st

from catalog_gen.recipe import Recipe
from catalog_gen.reporting.thumbnail import small_file
from catalog_gen.stages.review import restore
from catalog_gen.store.history import Event, history_of
from catalog_gen.store.images import stored_png, stored_pngs
from catalog_gen.store.lineage import lineage_of
from catalog_gen.store.search import (
    Found,
    FoundPicture,
    Meaning,
    Sought,
    Standing,
    find_pictures,
)
from catalog_gen.web import parts
from catalog_gen.web.desk import Desk, desk
from catalog_gen.web.speaking import speak

#: Pictures of a page, and the longest side of a small one, in pixels.
SHOWN: Final = 24
_SIDE: Final = 220
_WIDTH: Final = 150
_ANY: Final = "any"
_ICONS: Final = {
    "feed": ":material/inventory_2:",
    "asked": ":material/edit_note:",
    "drawn": ":material/brush:",
    "decided": ":material/how_to_reg:",
    "live": ":material/public:",
    "replaced": ":material/public_off:",
}


def page() -> None:
    """One picture, where the address names one; else the search."""
    here = desk()
    st.title("Catalog")
    image_id = st.query_params.get("image")
    if image_id:
        _one(here, image_id)
    else:
        _search(here)


def _search(here: Desk) -> None:
    speak(here, "Say what to look for", "Search these words", "catalog", _say_words)
    shown = _shown(here)
    sought = _sought(list(here.catalog.settings.views), shown)
    first = int(st.query_params.get("from", "0")) if sought else 0
    with here.catalog.store.reading() as connection:
        found = find_pictures(connection, sought, limit=SHOWN, offset=first)
        kept = [each.image_id for each in found.pictures if not each.dropped]
        pngs = stored_pngs(connection, here.catalog.store.pictures(connection), kept)
    last = first + len(found.pictures)
    order = ", the most similar first" if sought.shows or sought.like else ""
    st.caption(
        f"{found.count} pictures" + (f", {first + 1} to {last} shown{order}" if last else "")
    )
    with st.container(horizontal=True, gap="medium"):
        for each in found.pictures:
            _tile(each, pngs.get(each.image_id))
    _pages(found, first)


def _shown(here: Desk) -> Meaning | None:
    """What the pictures are to show; None: nothing was typed, or it can't be compared."""
    text = st.text_input(
        "Shows",
        key="shows",
        placeholder="a red glass vase on wood",
        help="What a picture shows, in any words, as the scorer sees it: the most similar first",
        bind="query-params",
        on_change=_by_meaning,
    )
    if not text.strip():
        return None
    with parts.errors_shown(), st.spinner("Comparing"):
        return here.meaning(text)
    return None


def _sought(views: list[str], shown: Meaning | None) -> Sought:
    """What is looked for; every input is in the address."""
    words, prompt, seed = st.columns([3, 3, 2])
    view, standing, since, until = st.columns(4)
    bound: dict[str, Any] = {"bind": "query-params", "on_change": _from_the_start}
    chosen = view.selectbox("View", [_ANY, *views], key="in", **bound)
    stands = standing.selectbox("Decision", [_ANY, *get_args(Standing)], key="decision", **bound)
    typed = seed.text_input("Seed", key="seed", help="All of its digits", **bound).strip()
    return Sought(
        words=words.text_input(
            "Words", key="words", help="Of title, id, category or prompt; all must occur", **bound
        ),
        prompt=prompt.text_input("Prompt", key="prompt", help="A part of the prompt", **bound),
        seed=int(typed) if typed.isdecimal() else None,
        view="" if chosen == _ANY else chosen,
        standing=None if stands == _ANY else stands,
        since=since.date_input("Since", value=None, key="since", **bound),
        until=until.date_input("Until", value=None, key="until", **bound),
        like=st.query_params.get("like", ""),
        shows=shown,
    )


def _say_words(words: str) -> None:
    st.session_state["words"] = words
    _from_the_start()


def _by_meaning() -> None:
    """Words take the place of the picture that others were to be like."""
    st.query_params.pop("like", None)
    _from_the_start()


def _from_the_start() -> None:
    st.query_params.pop("from", None)


@st.cache_data(max_entries=4096, show_spinner=False)
def _small(image_id: str, _png: bytes) -> bytes:
    return small_file(_png, _SIDE)


def _tile(each: FoundPicture, png: bytes | None) -> None:
    with st.container(width=_WIDTH, gap="small"):
        if png is None:
            st.caption("Its bytes were deleted")
        else:
            name = f"{each.title or each.product_id}, {each.view}"
            parts.picture(_small(each.image_id, png), name, _WIDTH)
        points = "" if each.total is None else f"{each.total} of 10"
        parts.badge("live" if each.live else each.decision, points)
        if st.button(
            "Details",
            key=f"open:{each.image_id}",
            help=f"{each.title} {each.view} {each.image_id[:8]}",
        ):
            _go(image=each.image_id)


def _go(**address: str) -> None:
    """Change what no input is bound to; the search stays, to come back to."""
    for name in ("image", "like", "from"):
        st.query_params.pop(name, None)
    st.query_params.update(address)
    st.rerun()


def _pages(found: Found, first: int) -> None:
    def turn(to: int) -> None:
        st.query_params["from"] = str(to)

    with st.container(horizontal=True):
        st.button(
            "Previous",
            icon=":material/chevron_left:",
            shortcut="Left",
            disabled=first == 0,
            on_click=turn,
            args=(max(0, first - SHOWN),),
        )
        st.button(
            "Next",
            icon=":material/chevron_right:",
            shortcut="Right",
            disabled=first + SHOWN >= found.count,
            on_click=turn,
            args=(first + SHOWN,),
        )


def _one(here: Desk, image_id: str) -> None:
    with here.catalog.store.reading() as connection:
        facts = lineage_of(connection, image_id)
        kept = facts["dropped_at"] is None
        pictures = here.catalog.store.pictures(connection)
        png = stored_png(connection, pictures, image_id) if kept else None
        events = history_of(connection, facts["product_id"])
        shown = [each.image_id for each in events if each.kind == "drawn"]
        there = connection.execute(
            "SELECT image_id FROM images WHERE dropped_at IS NULL "
            "AND image_id IN (SELECT unnest($ids::VARCHAR[]))",
            {"ids": shown},
        ).fetchall()
        pngs = stored_pngs(connection, pictures, [name for (name,) in there])
    if st.button("All pictures", icon=":material/arrow_back:"):
        _go()
    st.subheader(parts.plain(f"{facts['title_now'] or facts['product_id']}, {facts['view']}"))
    left, right = st.columns([3, 2], gap="large")
    with left:
        if png is None:
            st.info("Its bytes were deleted; its recipe is kept.")
        else:
            parts.picture(png, facts["prompt"])
    with right:
        _verdict(facts)
        _actions(here, facts)
        with st.expander("Recipe", icon=":material/receipt_long:"):
            parts.recipe(Recipe.model_validate(facts["recipe"]))
    st.subheader("History of the product", anchor=False)
    for event in events:
        _event(event, pngs.get(event.image_id) if event.kind == "drawn" else None)


def _verdict(facts: dict[str, Any]) -> None:
    if facts["live"]:
        parts.badge("live")
    if facts["rubric_decision"]:
        parts.verdict(
            facts["rubric_decision"],
            facts["total"],
            facts["criteria"] or {},
            facts["hard_failures"] or (),
            facts["soundness"],
        )
    if facts["reviewer"]:
        note = f": {facts['review_note']}" if facts["review_note"] else ""
        st.write(parts.plain(f"{facts['decision']} by {facts['reviewer']}{note}"))


def _actions(here: Desk, facts: dict[str, Any]) -> None:
    with st.container(horizontal=True):
        if st.button("More like this", icon=":material/image_search:"):
            st.session_state["shows"] = ""
            st.query_params.pop("shows", None)
            _go(like=facts["image_id"])
        if not facts["live"] and st.button(
            "Restore",
            icon=":material/history:",
            help="Accepts it in your name: the next refresh makes it live again",
        ):
            with parts.errors_shown():
                who = str(st.session_state.get("who", getpass.getuser()))
                restore(here.catalog.store, facts["image_id"], reviewer=who)
                st.success("It goes live with the next refresh.")


def _event(event: Event, png: bytes | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        if png is not None:
            parts.picture(_small(event.image_id, png), f"{event.view} {event.image_id[:8]}", 72)
        st.markdown(
            f"{_ICONS[event.kind]} **{event.at:%Y-%m-%d %H:%M}** {event.view}  \n"
            + parts.plain(event.words)
        )
