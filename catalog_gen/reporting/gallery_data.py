"""What the gallery shows, as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from catalog_gen.decision import ShownDecision
from catalog_gen.store.shown import ShownCounts


@dataclass(frozen=True, slots=True)
class GalleryPassport:
    """One sales channel's passport for a picture."""

    title: str
    passed: bool
    checks: tuple[tuple[str, str], ...]
    """Outcome (passed, failed, coming, not measured) and a description with the measured number."""


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """One candidate of a product and view."""

    image_id: str
    sha256: str
    """SHA-256 of the PNG's bytes; names the file beside the page."""
    number: int
    """The candidate's number within its product and view."""
    decision: ShownDecision
    live: bool
    total: int | None
    """0..10; None: not judged yet."""
    criteria: Mapping[str, tuple[int, str]]
    """Points, 0..2, and their explanation, by criterion."""
    hard_failures: tuple[str, ...]
    reason: str
    """Why it was drawn: "new", "changed: colour", ..."""
    prompt: str
    negative_prompt: str
    seed: int
    model_hash: str
    settings: str
    """Method, scheduler, steps and guidance, as one line."""
    similarity: float | None = None
    margin: float | None = None
    reviewer: str = ""
    """Who decided; empty: the rubric."""
    products: int = 1
    """How many products share it."""
    photo_sha256: str = ""
    """SHA-256 of the reference photo that it was edited from; empty: drawn from text alone."""
    mask_sha256: str = ""
    """SHA-256 of the product's mask in that photo; empty: its method needs none."""
    passports: tuple[GalleryPassport, ...] = ()
    """One per sales channel, for live pictures only."""


@dataclass(frozen=True, slots=True)
class GalleryView:
    """One view of a product: its candidates, or the reasons why it has none."""

    name: str
    images: tuple[GalleryImage, ...]
    failures: tuple[str, ...] = ()
    """Errors of pictures that could not be drawn."""
    unsupported: str = ""
    """Why the model can't draw it; empty if it can."""


@dataclass(frozen=True, slots=True)
class GalleryProduct:
    """One active product."""

    product_id: str
    title: str
    category: str
    views: tuple[GalleryView, ...]
    attributes: Mapping[str, str] = field(default_factory=dict)
    reference: str = ""
    """The reference photo as the feed names it."""


@dataclass(frozen=True, slots=True)
class GalleryRejection:
    """A rejected row of the feed."""

    line: int
    product_id: str
    field: str
    value: str
    rule: str


@dataclass(frozen=True, slots=True)
class GalleryPart:
    """Some neighbouring products, which share a data file.

    ``made_of`` is the hash of everything that determines what the page shows of them.
    """

    number: int
    """0, 1, ...: in the order of ids."""
    made_of: str


@dataclass(frozen=True, slots=True)
class GalleryTrouble:
    """Why a picture that a product wants does not exist."""

    product_id: str
    title: str
    view: str
    kind: str
    words: str


@dataclass(frozen=True, slots=True)
class GalleryData:
    """The whole gallery; what it shows of the products comes from a ``GallerySource``."""

    title: str
    written_at: datetime
    run_id: str
    publication_id: int | None
    """The live publication; None: nothing was published yet."""
    coverage: float
    """Share of active products with a live picture, 0..1."""
    views: tuple[str, ...]
    """The views' names in the settings' order."""
    counts: ShownCounts
    parts: Sequence[GalleryPart]
    troubles: Sequence[GalleryTrouble] = ()
    """The first of ``counts.troubles``."""
    rejections: Sequence[GalleryRejection] = ()
