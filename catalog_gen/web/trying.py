"""Try: one picture by any method, of any product or in free words, judged as the night would."""

import json
from hashlib import sha256
from typing import Any, Final

import streamlit as st

from catalog_gen.imaging.decoder import decode_picture
from catalog_gen.imaging.formats import FORMATS
from catalog_gen.method import METHODS, Method
from catalog_gen.recipe import Recipe
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.settings.views import ViewSettings
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.drawer import Drawer
from catalog_gen.stages.products import REFERENCE_HASH
from catalog_gen.stages.trial_experiment import keep_as_experiment
from catalog_gen.stages.trials import (
    Tried,
    Wish,
    add_photo,
    as_command,
    as_view,
    free_wish,
    keep,
    trial_of,
    wish_of,
    with_settings,
)
from catalog_gen.store.search import product_photos, products_named
from catalog_gen.web import form, parts
from catalog_gen.web.desk import Desk, desk
from catalog_gen.web.speaking import speak

#: Fields of a view that the page asks in a place of their own, or that a single picture lacks.
_ELSEWHERE: Final = (
    *("template", "negative_prompt", "asks", "method", "candidates", "retry_negative_prompt"),
    *("concept", "only"),
)
_FREE: Final = "free words"
#: Seconds between two looks at a picture that is being drawn.
_GLANCE: Final = 0.4
_SHOWN: Final = 50
_PHOTOS: Final = 1000


def page() -> None:
    """Settings on the left, the picture with everything about it on the right."""
    here = desk()
    here.trials.prepare()
    st.title("Try")
    left, right = st.columns([2, 3], gap="large")
    with left, parts.errors_shown():
        _choose(here)
    with right:
        number: int | None = st.session_state.get("trial")
        if number is None:
            st.info("Nothing was drawn yet. What is tried here is stored nowhere.")
        elif here.trials.state(number).ended:
            _ended(here, number)
        else:
            _running(here, number)


def _choose(here: Desk) -> None:
    settings = here.catalog.settings
    wish, view = _wish(here.catalog, settings)
    base = settings.views.get(view) or next(iter(settings.views.values()))
    key = f"try:{wish.product.product_id}:{view}"

    def say(words: str) -> None:
        st.session_state[f"{key}:prompt"] = words

    speak(here, "Say a prompt", "Use as the prompt", key, say)
    prompt = st.text_area("Prompt", wish.prompt, key=f"{key}:prompt", help="What it shows")
    negative = st.text_area(
        "Negative prompt", wish.negative_prompt, key=f"{key}:not", height=68, help="What it avoids"
    )
    fitted = here.drawer.budget.fit(prompt)
    st.caption(f"{fitted.tokens} of {here.drawer.budget.limit} tokens")
    if fitted.dropped:
        st.warning(f"Too long for the model; left out: {parts.plain(', '.join(fitted.dropped))}")
    above = st.container()  # for the button, which needs all that follows
    method = _method(here.drawer, base.method, key)
    wish = wish.saying(prompt, negative)
    if "photo" in METHODS.get(str(method["name"])).needs:
        wish = _photo(here.catalog, wish, key)
    entered = form.ask(
        ViewSettings,
        base.model_dump(mode="json"),
        key=key,
        without=_ELSEWHERE,
        choices={"scheduler": here.drawer.model.family.schedulers},
    )
    seed = form.ask_one(Recipe, "seed", wish.first_seed, key=key)
    chosen = with_settings(base, {**entered, "method": method})
    trial = trial_of(here.drawer, wish, chosen, seed)
    if above.button("Draw", type="primary", icon=":material/brush:", shortcut="Ctrl+Enter"):
        previous = st.session_state.get("trial")
        if previous is not None:
            here.trials.stop(previous)
            here.trials.forget(previous)
        st.session_state["trial"] = here.trials.begin(trial)
        st.session_state["of view"] = view
        st.session_state["template"] = base.template if wish.prompt == _said(here, wish) else None


def _said(here: Desk, wish: Wish) -> str | None:
    """What the view's template says of the product; None for free words."""
    if not wish.view:
        return None
    with here.catalog.store.reading() as connection:
        return wish_of(connection, wish.product.product_id, wish.view).prompt


def _wish(catalog: Catalog, settings: CatalogSettings) -> tuple[Wish, str]:
    """What is asked for: a product in a view, or free words in a view's settings."""
    words = st.text_input(
        "Find a product", key="find", bind="query-params", help="Words of its title or id"
    )
    asked = st.query_params.get("product", "")
    with catalog.store.reading() as connection:
        named = products_named(connection, words, _SHOWN)
        if asked not in (_FREE, *(each.product_id for each in named)):
            named = [*products_named(connection, asked, 1), *named] if asked else named
    titles = {each.product_id: f"{each.title} ({each.product_id})" for each in named}
    offered = [*titles, _FREE]
    product_id = st.selectbox(
        "Product",
        offered,
        index=offered.index(asked) if asked in offered else 0,
        format_func=lambda name: titles.get(name, name),
        key="picked",
        on_change=lambda: st.query_params.update(product=st.session_state["picked"]),
    )
    view = st.selectbox("View", list(settings.views), key="view", bind="query-params")
    if product_id == _FREE:
        return free_wish("", settings.views[view].negative_prompt), view
    with catalog.store.reading() as connection:
        return wish_of(connection, product_id, view), view


def _method(drawer: Drawer, base: Method, key: str) -> dict[str, Any]:
    """The methods that this model can draw by, and the parameters of the chosen one."""
    parts_of, tasks = drawer.model.part_names, drawer.model.family.tasks
    able = {
        name: method
        for name, method in METHODS.items()
        if (rules := tasks.get(method.task)) and (rules.part is None or parts_of[rules.part])
    }
    names = list(able)
    name = st.selectbox(
        "Method", names, index=names.index(base.name) if base.name in names else 0, key=f"{key}:by"
    )
    method = able[name]
    st.caption(parts.plain((method.__doc__ or "").strip().splitlines()[0]))
    kind = tasks[method.task].part
    # The free text among a method's parameters is the name of the part that it draws with.
    choices = {each: tuple(parts_of[kind]) for each in form.free_texts(method)} if kind else {}
    values = base.parameters if base.name == name else {}
    return {"name": name, **form.ask(method, values, key=f"{key}:{name}", choices=choices)}


def _photo(catalog: Catalog, wish: Wish, key: str) -> Wish:
    """The product's photo, another product's, or one that is uploaded."""
    given = st.file_uploader(
        "Another photo",
        type=sorted({each.suffix for each in FORMATS} | {"jpeg"}),
        key=f"{key}:photo",
        help="Instead of the product's own; kept in the catalog's folder of photos",
    )
    if given is not None:
        content = given.getvalue()
        parts.picture(decode_picture(content, name=given.name), "Starts from this", 160)
        return wish.from_photo(add_photo(catalog, content), sha256(content).hexdigest())
    with catalog.store.reading() as connection:
        photos = {
            each.product_id: each for each in product_photos(connection, REFERENCE_HASH, _PHOTOS)
        }
    chosen = st.selectbox(
        "Photo of",
        list(photos),
        index=None,
        format_func=lambda name: f"{photos[name].title} ({name})",
        placeholder="the product itself",
        key=f"{key}:of",
        help="The photo that it starts from",
    )
    if chosen is not None and chosen != wish.product.product_id:
        wish = wish.from_photo(photos[chosen].reference, photos[chosen].sha256)
    photo = wish.photo(catalog)
    if photo is not None:
        parts.picture(photo, "Starts from this", 160)
    return wish


@st.fragment(run_every=_GLANCE)
def _running(here: Desk, number: int) -> None:
    state = here.trials.state(number)
    texts = {
        "waiting": "Waiting for the model or for its turn",
        "judging": "Scoring and judging",
    }
    st.progress(state.share, texts.get(state.step, f"Drawing: {state.share:.0%} of its steps"))
    if st.button("Stop", icon=":material/stop:", shortcut="Escape"):
        here.trials.stop(number)
    if state.ended:
        st.rerun()


def _ended(here: Desk, number: int) -> None:
    state = here.trials.state(number)
    if state.tried is None:
        st.warning("Stopped." if state.step == "stopped" else parts.plain(state.error))
        return
    tried = state.tried
    image, said = st.columns([3, 2])
    with image:
        parts.picture(tried.png, f"{tried.trial.wish.prompt} ({tried.seconds:.1f} s)")
    with said:
        _judged(tried)
    with st.expander("Recipe", expanded=True, icon=":material/receipt_long:"):
        parts.recipe(tried.trial.recipe)
    _copies(tried)
    _keep(here, tried)


def _judged(tried: Tried) -> None:
    if tried.verdict is None or tried.score is None:
        st.warning(f"Not judged: {parts.plain(tried.problem)}")
        return
    verdict = tried.verdict
    parts.verdict(
        verdict.decision,
        verdict.total,
        json.loads(verdict.criteria),
        verdict.hard_failures,
        verdict.soundness,
    )
    st.caption(
        f"Similarity {tried.score.similarity:.3f}, margin {tried.score.margin:+.3f}; judged on "
        "today's prompts and pictures."
    )
    with st.expander("Everything that was measured"):
        st.json(json.loads(tried.score.signals))


def _copies(tried: Tried) -> None:
    view, command, recipe = st.tabs(["As a view", "As a command", "As JSON"])
    with view:
        st.code(
            as_view(tried.trial, st.session_state.get("template")), language="toml", wrap_lines=True
        )
    with command:
        st.code(as_command(tried.trial), language="shell", wrap_lines=True)
    with recipe:
        st.code(json.dumps(tried.trial.recipe.chosen(), indent=2), language="json", wrap_lines=True)


def _keep(here: Desk, tried: Tried) -> None:
    """As a picture, or as an experiment; neither is ever published."""
    chosen = tried.trial.recipe.recipe_id
    picture, experiment = st.columns(2)
    with picture:
        note = st.text_input("Note", key=f"note:{chosen}", help="What it shows")
        if st.button("Keep", icon=":material/bookmark:", help="As a file that is never published"):
            path = keep(here.catalog, tried, note)
            st.success(f"Kept as {parts.plain(str(path.relative_to(here.catalog.home.root)))}")
    with experiment, parts.errors_shown():
        name = st.text_input(
            "Experiment", key=f"name:{chosen}", help="A name: small letters, digits, - and _"
        ).strip()
        if st.button(
            "Keep as an experiment",
            icon=":material/science:",
            disabled=not name,
            help="As an experiment file that draws it beside the view's own settings",
        ):
            keep_as_experiment(
                here.catalog,
                here.drawer,
                tried.trial,
                st.session_state["of view"],
                here.experiment_files,
                name,
            )
            st.success(f"Kept. [Estimate and draw it](experiments?file={name})")
