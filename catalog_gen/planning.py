"""What has to be drawn, why, and at what cost: pure functions from values to values.

The reasons are for people: from "changed: colour", a merchant knows which edit it was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Final

from catalog_gen.recipe import Recipe, candidate_seed
from catalog_gen.settings.views import ViewSettings

#: The parts of a view's spec in the order in which a change is reported.
SPEC_PARTS: Final = ("model", "template", "settings")

#: The order in which a budget takes plan items: those without a picture yet come first.
_VALUE: Final = {
    "new": 0,
    "changed": 1,
    "template": 2,
    "model": 2,
    "settings": 2,
    "rejected": 3,
    "doubtful": 4,
}

#: Assumed seconds per picture before any was drawn on this machine.
UNMEASURED_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs from when the picture was last asked for."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is to be drawn: a short name, and the fields behind it."""

    name: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanItem:
    """One picture to be drawn for ``products`` products, with the first of them and its reason."""

    product_id: str
    view: str
    reason: str
    changes: tuple[Change, ...]
    seconds: float
    products: int = 1


@dataclass(frozen=True, slots=True)
class Budget:
    """What a refresh may spend: pictures, seconds of drawing, both, or (None) without limit."""

    images: int | None = None
    seconds: float | None = None

    def after(self, seconds: float) -> "Budget":
        """What is left of it after so many seconds."""
        if self.seconds is None:
            return self
        return replace(self, seconds=max(0.0, self.seconds - seconds))


NO_LIMIT: Final = Budget()


@dataclass(frozen=True, slots=True)
class Costed:
    """The part of an item that a budget needs: the reason, and the estimated seconds."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Estimates of drawing times, from the pictures drawn so far.

    Attributes:
        measured: seconds by (view, settings hash, model hash).
        per_work: seconds for each pixel and step, over everything measured; None: nothing was.
    """

    measured: Mapping[tuple[str, str, str], float]
    per_work: float | None

    def seconds(self, name: str, view: ViewSettings, model_hash: str) -> float:
        """The estimate for one picture of a view with its current settings.

        If none was drawn with these settings, other measured times are scaled by pixels and steps.
        """
        exact = self.measured.get((name, view.settings_hash, model_hash))
        if exact is not None:
            return exact
        if self.per_work is None:
            return UNMEASURED_SECONDS
        work = view.width * view.height * view.steps * view.method.share
        return self.per_work * work


@dataclass(frozen=True, slots=True)
class Budgeted:
    """A plan cut to a budget: positions in the given order."""

    taken: tuple[int, ...]
    deferred: tuple[int, ...]


def reason_for(
    inputs: Mapping[str, str],
    spec: Mapping[str, str],
    previous_inputs: Mapping[str, str] | None,
    previous_spec: Mapping[str, str] | None,
) -> Reason:
    """Compare what is asked for now with what was last asked for.

    A changed template may read other fields than before, so the fields don't show the shop's edits,
    and the template is the reason.
    """
    if previous_inputs is None or previous_spec is None:
        return Reason("new")
    changed_parts = [part for part in SPEC_PARTS if spec.get(part) != previous_spec.get(part)]
    if changed_parts:
        return Reason(changed_parts[0])
    changes = tuple(
        Change(field, previous_inputs.get(field, ""), inputs.get(field, ""))
        for field in sorted(inputs.keys() | previous_inputs.keys())
        if inputs.get(field, "") != previous_inputs.get(field, "")
    )
    return Reason(f"changed: {', '.join(change.field for change in changes)}", changes)


def recipes_for(
    view: ViewSettings,
    *,
    form: str,
    prompt: str,
    negative_prompt: str,
    model_hash: str,
    reference_sha256: str | None,
    mask_sha256: str | None = None,
    concept_sha256: str | None = None,
    attempt: int = 0,
) -> list[Recipe]:
    """The recipes of all candidates of one look; ``form`` is the look's, for the seeds."""
    return [
        Recipe(
            method=method,
            model_hash=model_hash,
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=candidate_seed(form, candidate, attempt),
            scheduler=view.scheduler,
            steps=view.steps,
            guidance=view.guidance,
            width=view.width,
            height=view.height,
            reference_sha256=reference_sha256,
            mask_sha256=mask_sha256,
            concept_sha256=concept_sha256,
            eta=view.eta,
        )
        for candidate in range(view.candidates)
        for method in view.method.variants
    ]


def within_budget(items: Sequence[Costed], budget: Budget) -> Budgeted:
    """Take the most valuable items first: new products, then changed ones, then the rest.

    Equal items keep the given order, so that a plan is always cut in the same way. With a limit in
    seconds, the first item that does not fit ends the selection: a cheap retry never comes before
    an expensive new product.
    """
    order = sorted(range(len(items)), key=lambda index: (_value(items[index].reason), index))
    cut = len(order) if budget.images is None else min(budget.images, len(order))
    if budget.seconds is not None:
        spent = accumulate(items[index].seconds for index in order)
        # Decimal sums, so that a budget of 0.3 s has room for three pictures of 0.1 s.
        fitting = sum(1 for seconds in spent if seconds <= budget.seconds * (1 + 1e-9))
        cut = min(cut, fitting)
    return Budgeted(tuple(sorted(order[:cut])), tuple(sorted(order[cut:])))


def _value(reason: str) -> int:
    return _VALUE.get(reason.split(":")[0], len(_VALUE))
