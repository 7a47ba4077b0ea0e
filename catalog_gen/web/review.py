"""Review: one picture after the other, decided by single keys; what decisions add up to."""

import getpass
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import streamlit as st

from catalog_gen.decision import PersonsDecision
from catalog_gen.errors import CatalogError
from catalog_gen.judging.rubric import CRITERIA
from catalog_gen.reporting.calibration_plot import calibration_plot
from catalog_gen.stages.calibration import Findings, find_cut, reviewed_labels, what_is_missing
from catalog_gen.stages.review import Beside, Case, case_of, decide, take_back, waiting_for_a_person
from catalog_gen.store.scores import newest_scorer
from catalog_gen.store.verdicts import ToReview
from catalog_gen.web import parts
from catalog_gen.web.desk import Desk, desk
from catalog_gen.web.form import title_of

#: What `catalog-gen calibrate` asks for by default.
MOST_BAD: Final = 0.05
CONFIDENCE: Final = 0.95


@dataclass
class Sitting:
    """What one person does in one session: the queue, and what was decided."""

    queue: list[ToReview]
    session: str = field(default_factory=lambda: uuid4().hex)
    done: list[tuple[ToReview, int, PersonsDecision, str]] = field(default_factory=list)
    notice: str = ""
    error: str = ""

    def drop(self, image_id: str) -> None:
        """Wait for a decision about this picture no longer. The thread of an earlier run of the
        page, which has not ended yet, may do so, too.
        """
        self.queue = [each for each in self.queue if each.image_id != image_id]


def page() -> None:
    """The picture that waits, what is beside it, and the keys."""
    here = desk()
    st.title("Review")
    sitting = _sitting(here)
    _messages(sitting)
    case = _next(here, sitting)
    if case is None:
        st.success("Nothing waits for a person.", icon=":material/done_all:")
        _undo(here, sitting)
        _look_again()
    else:
        _case(here, sitting, case)
    _what_it_adds_up_to(here, len(sitting.done))


def _sitting(here: Desk) -> Sitting:
    found: Sitting | None = st.session_state.get("sitting")
    if found is None:
        found = st.session_state["sitting"] = Sitting(_waiting(here))
    return found


def _waiting(here: Desk) -> list[ToReview]:
    with here.catalog.store.reading() as connection:
        return waiting_for_a_person(connection, here.catalog.settings)


def _messages(sitting: Sitting) -> None:
    if sitting.error:
        st.error(parts.plain(sitting.error), icon=":material/error:")
    elif sitting.notice:
        st.caption(parts.plain(sitting.notice))
    sitting.error = sitting.notice = ""


def _next(here: Desk, sitting: Sitting) -> Case | None:
    """The first picture of the queue that nobody has decided about or looks at meanwhile."""
    for item in list(sitting.queue):
        if not here.claims.take(item.image_id, sitting.session):
            continue
        case = case_of(here.catalog, item.image_id)
        if case.review is None:
            return case
        sitting.drop(item.image_id)
        sitting.notice = f"{item.product_id}: {case.review.decision} by {case.review.reviewer}."
    here.claims.drop(sitting.session)
    return None


def _case(here: Desk, sitting: Sitting, case: Case) -> None:
    facts = case.facts
    left, right = st.columns([3, 2], gap="large")
    with left:
        parts.picture(case.png, f"{facts['title_now'] or facts['product_id']}, {facts['view']}")
    with right:
        _keys(here, sitting, case)
        st.subheader(parts.plain(str(facts["title_now"] or facts["product_id"])), anchor=False)
        others = f", shown by {facts['products']} products" if facts["products"] > 1 else ""
        st.caption(parts.plain(f"{facts['product_id']}, {facts['view']}{others}"))
        st.markdown("**Why the judge hesitates**")
        parts.verdict(
            facts["rubric_decision"],
            facts["total"],
            facts["criteria"] or {},
            facts["hard_failures"] or (),
            facts["soundness"],
        )
        st.markdown(f"**Asked for**  \n{parts.plain(facts['prompt'])}")
    _beside(case)


def _beside(case: Case) -> None:
    shown: list[tuple[Any, str]] = []
    if case.photo is not None:
        shown.append((case.photo, "The photo"))
    if case.live is not None:
        shown.append((case.live.png, f"Live today, {_caption(case.live)}"))
    shown += [(each.png, f"Sibling, {_caption(each)}") for each in case.siblings]
    if shown:
        with st.container(horizontal=True):
            for content, caption in shown:
                parts.picture(content, caption, 180)


def _caption(other: Beside) -> str:
    return other.decision + ("" if other.total is None else f" {other.total} of 10")


def _keys(here: Desk, sitting: Sitting, case: Case) -> None:
    """The decisions, each by a key; a number rejects for one of the rubric's criteria."""

    def button(label: str, key: str, icon: str, act: Callable[[], None], kind: Any) -> None:
        st.button(label, shortcut=key, icon=icon, on_click=_guarded, args=(sitting, act), type=kind)

    def deciding(decision: PersonsDecision, reason: str = "") -> Callable[[], None]:
        return lambda: _decide(here, sitting, case.image_id, decision, reason)

    with st.container(horizontal=True):
        button("Accept", "a", ":material/check:", deciding("accepted"), "primary")
        button("Reject", "x", ":material/close:", deciding("rejected"), "secondary")
        button(
            "Skip", "s", ":material/skip_next:", lambda: _skip(sitting, case.image_id), "secondary"
        )
        _undo(here, sitting)
    with st.container(horizontal=True):
        for number, criterion in enumerate(CRITERIA, start=1):
            name = title_of(criterion)
            button(name, str(number), ":material/close:", deciding("rejected", name), "tertiary")
    who, note = st.columns([1, 2])
    who.text_input(
        "Your name",
        value=st.session_state.get("who", getpass.getuser()),
        key="who",
        help="Stored with each decision",
    )
    note.text_input("Note", key=_note_key(sitting), help="Stored with the next decision")
    st.caption(
        f"{len(sitting.queue)} wait, {len(sitting.done)} decided. "
        "A number rejects for that criterion."
    )


def _undo(here: Desk, sitting: Sitting) -> None:
    st.button(
        "Undo",
        shortcut="u",
        icon=":material/undo:",
        disabled=not sitting.done,
        on_click=_guarded,
        args=(sitting, lambda: _take_back(here, sitting)),
    )


def _look_again() -> None:
    if st.button("Look again", icon=":material/refresh:"):
        st.session_state.pop("sitting", None)
        st.rerun()


def _guarded(sitting: Sitting, act: Callable[[], None]) -> None:
    """Do something; what can't be stored is reported, and the picture stays."""
    try:
        act()
    except CatalogError as error:
        sitting.error = str(error)


def _note_key(sitting: Sitting) -> str:
    """Another one after each decision, so that the note starts empty."""
    return f"note:{sitting.session}:{len(sitting.done)}"


def _decide(
    here: Desk, sitting: Sitting, image_id: str, decision: PersonsDecision, reason: str
) -> None:
    item = next((each for each in sitting.queue if each.image_id == image_id), None)
    if item is None:  # a key that was pressed twice, before the next picture was there
        return
    written = str(st.session_state.get(_note_key(sitting), "")).strip()
    note = ": ".join(filter(None, (reason, written)))
    who = str(st.session_state.get("who", "")).strip()
    seq = decide(here.catalog.store, image_id, decision, reviewer=who, note=note)
    sitting.done.append((item, seq, decision, who))
    sitting.drop(image_id)
    sitting.notice = f"{item.product_id}, {item.view}: {decision}."


def _skip(sitting: Sitting, image_id: str) -> None:
    skipped = [each for each in sitting.queue if each.image_id == image_id]
    sitting.drop(image_id)
    sitting.queue += skipped


def _take_back(here: Desk, sitting: Sitting) -> None:
    item, seq, decision, who = sitting.done[-1]
    gone = not take_back(here.catalog.store, seq, reviewer=who)
    sitting.done.pop()
    sitting.queue.insert(0, item)
    sitting.notice = f"{item.product_id}: {decision} was " + (
        "withdrawn elsewhere." if gone else "taken back."
    )


def _what_it_adds_up_to(here: Desk, decided: int) -> None:
    if not st.toggle("What the decisions add up to", key="curve", bind="query-params"):
        return
    found = _findings(here)
    if found is None or not found.labels:
        st.write("No reviewed picture was judged by today's rubric yet.")
        return
    chosen = found.calibration.chosen
    st.write(
        f"{found.labels} labels, {found.bad} of them bad; {decided} are of this session. "
        + parts.plain(what_is_missing(found))
        if chosen is None
        else f"The cut can be set to {chosen.cut} (now {found.accept_now}): of accepted "
        f"pictures at most {chosen.bound:.1%} are bad, and {chosen.manual_share:.0%} of all "
        "go to a person. `catalog-gen calibrate` sets it."
    )
    notice = f"{found.labels} labels, {found.bad} of them bad: pictures that people reviewed"
    plot = calibration_plot(found.calibration, MOST_BAD, notice)
    st.image(plot, alt="Bad pictures among accepted ones, by cut; the table has it", width=720)
    st.dataframe(
        [
            {
                "Cut": point.cut,
                "Accepted": point.accepted,
                "Bad": point.bad,
                "At most bad": f"{point.bound:.1%}" if point.accepted else "",
                "Manual work": f"{point.manual_share:.1%}",
                "Seconds a good picture": _cost(found, point.good_share),
            }
            for point in found.calibration.curve
        ],
        hide_index=True,
    )


def _cost(found: Findings, good: float) -> str:
    seconds = found.seconds_a_picture
    return f"{seconds / good:.1f}" if seconds and good else ""


def _findings(here: Desk) -> Findings | None:
    with here.catalog.store.reading() as connection:
        scorer = newest_scorer(connection)
    if scorer is None:
        return None
    labels = reviewed_labels(here.catalog, scorer)
    return find_cut(
        here.catalog,
        scorer,
        labels,
        most_bad=MOST_BAD,
        confidence=CONFIDENCE,
        prevalence=None,
    )
