"""The settings of a catalog: ``catalog.toml``, read once, frozen, with every field described.

Relative paths in the file are relative to the file's own folder. Whether a model loads or a feed
parses is checked where they are used.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.concept import AnyLearner
from catalog_gen.errors import ConfigError
from catalog_gen.fingerprint import sha256_json
from catalog_gen.hosts import checked_host
from catalog_gen.method import AnyMethod, described
from catalog_gen.picture_place import IN_DATABASE, IN_HOME, checked_place, is_path
from catalog_gen.recipe import MAX_GUIDANCE
from catalog_gen.timetable import checked_cron, checked_timezone
from catalog_gen.toml_file import load_toml

EditPolicy = Literal["cosmetic", "variant", "unlimited"]
SigningAlgorithm = Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"]

#: The largest departure from the product's photo. Above 0.60 it would be another product.
MAX_DEPARTURE: Final[Mapping[EditPolicy, float]] = {
    "cosmetic": 0.40,
    "variant": 0.60,
    "unlimited": 1.0,
}

#: Maximum pictures per batch and pixels per side; no current GPU has memory for more.
MAX_BATCH: Final = 1024
MAX_SIDE: Final = 8192
#: Pictures or seconds of one refresh: a few decades.
MAX_BUDGET: Final = 1_000_000_000

Share = Annotated[float, Field(ge=0, le=1)]
Host = Annotated[str, AfterValidator(checked_host)]
Cron = Annotated[str, AfterValidator(checked_cron)]
TimeZone = Annotated[str, AfterValidator(checked_timezone)]
PicturePlace = Annotated[str, AfterValidator(checked_place)]
Asks = dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], str]


class FeedSettings(Chosen):
    """Where products come from, and which feeds and photos are accepted."""

    path: Path = Field(description="the product feed: CSV, TSV, JSONL, Parquet, XML, or .gz")
    shrink_limit: Share = Field(
        0.30, description="a feed that lost more than this share of products stops the refresh"
    )
    max_field_length: int = Field(
        20_000, ge=1, le=1_000_000, description="characters; longer values are refused"
    )
    reference_folders: tuple[Path, ...] = Field(
        (), description="the only folders that reference photos may be read from"
    )
    fetch_photos: tuple[Host, ...] = Field(
        (), description="the only hosts that photos may be fetched from; empty: none"
    )
    aliases: dict[str, str] = Field({}, description="additional column names and their fields")
    platform: str | None = Field(
        None, description="the platform that wrote the feed; unset: recognised by its columns"
    )
    encoding: str | None = Field(
        None, description="the feed's encoding (cp1251, ...); unset: detected, or refused if unsure"
    )


class LoraSettings(Chosen):
    """A LoRA that is applied to every picture."""

    path: Path = Field(description="its safetensors file")
    weight: float = Field(1.0, ge=-8, le=8, description="its strength")


class EmbeddingSettings(Chosen):
    """A word that was learned by textual inversion."""

    path: Path = Field(description="its safetensors file")
    token: str = Field(pattern=r"^\S+$", description="its spelling in prompts: <my-mug>")


PartName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")]


class ControlNetSettings(Chosen):
    """A ControlNet, which the method ``control`` draws with."""

    name: PartName = Field(description="how views and recipes say it")
    path: Path = Field(description="its diffusers folder")


class IpAdapterSettings(Chosen):
    """An IP-Adapter, which the method ``variation`` draws with."""

    name: PartName = Field(description="how views and recipes say it")
    path: Path = Field(description="its safetensors file")
    image_encoder: Path = Field(description="the folder of the CLIP image encoder that it needs")


class ModelSettings(Chosen):
    """The diffusion model and how it runs."""

    id: str = Field(description="a diffusers folder, a hub's model id, or one checkpoint file")
    revision: str | None = Field(None, description="the hub revision, to pin a hub id")
    config: str | None = Field(
        None,
        description="for a checkpoint file: a diffusers folder or hub id of the same kind, for its "
        "configuration and tokenizers",
    )
    denoiser: Path | None = Field(
        None,
        description="a file (.gguf or .safetensors) with the denoiser's weights, used instead of "
        "the folder's",
    )
    loras: tuple[LoraSettings, ...] = Field((), description="LoRAs, applied in this order")
    embeddings: tuple[EmbeddingSettings, ...] = Field((), description="learned words")
    controlnets: tuple[ControlNetSettings, ...] = Field((), description="for the method control")
    ip_adapters: tuple[IpAdapterSettings, ...] = Field((), description="for the method variation")
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="the model's hash, to pin its files: a model with another hash is refused",
    )
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto: fp32 on the CPU, bf16 on a GPU"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    devices: tuple[Annotated[str, Field(pattern=r"^(cpu|cuda(:\d{1,3})?)$")], ...] = Field(
        (), description="several at once, a process each: cuda:0, cuda:1; none: device alone"
    )
    batch_size: int = Field(8, ge=1, le=MAX_BATCH, description="every batch is padded to this size")
    compile: bool = Field(False, description="torch.compile the whole denoiser (GPU)")
    dialect: Path | None = Field(
        None, description="a file with the model's words, if its folder has none"
    )

    @model_validator(mode="after")
    def _draws_on_one_kind_of_device(self) -> Self:
        if len({device.partition(":")[0] for device in self.devices}) > 1:
            raise ValueError(
                f"devices {list(self.devices)} are of two kinds, which draw different pictures; "
                "name GPUs alone"
            )
        return self

    @model_validator(mode="after")
    def _names_its_parts_apart(self) -> Self:
        for key, parts in (("controlnets", self.controlnets), ("ip_adapters", self.ip_adapters)):
            names = [each.name for each in parts]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{key}: two are named '{twice[0]}'; give each its own name")
        return self


class ScorerSettings(Chosen):
    """The CLIP model that scores."""

    id: str = Field(description="an open_clip folder ('local-dir:PATH'), or an open_clip name")
    batch_size: int = Field(32, ge=1, le=MAX_BATCH)
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: a GPU if there is one, shared with the diffusion model"
    )


class CriticSettings(Chosen):
    """The network that looks at a product's form."""

    kind: str = Field(
        "denoiser", min_length=1, description="denoiser, preference, questions, or one of a plugin"
    )
    id: Path = Field(
        description="denoiser: the Stable Diffusion folder that draws; preference, questions: a "
        "transformers folder of a CLIP or of a vision-language model"
    )
    weights: Path | None = Field(
        None, description="denoiser: its probe's weights, a safetensors file"
    )
    questions: tuple[str, ...] = Field(
        (), description="questions: what is asked; {prompt} stands for the picture's prompt"
    )

    @model_validator(mode="after")
    def _sayable(self) -> Self:
        for question in self.questions:
            try:
                question.format(prompt="")
            except (KeyError, IndexError, ValueError) as error:
                raise ValueError(
                    f"{question!r} may hold {{prompt}} and no other brace ({error!r})"
                ) from error
        return self


class CutoutSettings(Chosen):
    """Who cuts products out of their photos, for methods that need a mask."""

    model: Path | None = Field(
        None,
        description="a segmentation model's folder; none: photos on white or grey, by measuring",
    )


class UpscaleSettings(Chosen):
    """Enlarging exported pictures that are smaller than a channel's passport requires."""

    model: Path | None = Field(
        None, description="a super-resolution model's folder; unset: by Lanczos"
    )
    at_most: float = Field(
        4.0, gt=1, description="times; a picture that would need more is refused, as without this"
    )


class CaptionSettings(Chosen):
    """Who says what products' photos show, as suggestions for the feed."""

    model: Path = Field(description="the folder of a model that captions pictures")
    at_least: float = Field(
        0.9, ge=0, le=1, description="confidence from which an attribute is suggested or disputed"
    )


class ConceptSettings(Chosen):
    """A way to learn products from their photos."""

    learner: AnyLearner = Field(
        description="a learner's name, or a table with its name and its settings"
    )
    caption: str = Field(
        min_length=1,
        description="what the photo shows, Jinja2; {{ concept }} is the word that is learned",
    )
    initial: str = Field(
        "{{ category }}", description="Jinja2: the words that a learned word starts from"
    )
    side: int = Field(
        128, ge=16, le=MAX_SIDE, multiple_of=8, description="pixels that photos are learned in"
    )
    seed: int = Field(0, ge=0, lt=2**31, description="another one is another lesson")


class ViewSettings(Chosen):
    """One kind of picture, drawn for every product."""

    template: str = Field(min_length=1, description="the prompt, Jinja2 with the product's fields")
    negative_prompt: str = Field("", description="Jinja2, like the template")
    asks: Asks = Field({}, description="what it asks for: attributes, with Jinja2 for their values")
    method: AnyMethod = Field(
        default="text2img",
        validate_default=True,
        description="how pictures are drawn: a name, or a table with a name and its parameters",
    )
    candidates: int = Field(
        1, ge=1, le=64, description="pictures of a look, of which the best is published"
    )
    scheduler: str = Field("own", min_length=1, description="a name; own: the model's scheduler")
    steps: int = Field(20, ge=1, le=1000, description="denoising steps; more take longer")
    guidance: float = Field(
        3.0, ge=0, le=MAX_GUIDANCE, description="how strictly the prompt is followed"
    )
    width: int = Field(
        128, ge=16, le=MAX_SIDE, multiple_of=8, description="pixels; the judge needs at least 16"
    )
    height: int = Field(128, ge=16, le=MAX_SIDE, multiple_of=8, description="pixels")
    eta: float | None = Field(
        None, ge=0, le=1, description="noise that ddim adds in each step; none: it adds none"
    )
    edit_policy: EditPolicy = Field(
        "cosmetic", description="how far a picture may depart from the product's photo"
    )
    retry_negative_prompt: str = Field(
        "blurry, deformed, cropped, out of focus, text, watermark",
        description="added to the negative prompt if other seeds did not help; see stages.retries",
    )
    background: Literal["white", "any"] = Field(
        "any", description="'white': the rubric requires a pure white border"
    )
    concept: str | None = Field(
        None, description="how products are learned, as [concepts] names it; for learned, imagic"
    )
    only: str | None = Field(
        None,
        min_length=1,
        description="Jinja2: only products for which it says something (but False, None and 0)",
    )

    @model_validator(mode="after")
    def _names_a_concept(self) -> Self:
        if ("concept" in self.method.needs) != (self.concept is not None):
            raise ValueError(
                f"method '{self.method.name}' draws with a concept; set concept to a section of "
                "[concepts]"
                if self.concept is None
                else f"concept = '{self.concept}' is not used by method '{self.method.name}'; "
                "remove it, or choose the method learned"
            )
        return self

    @model_validator(mode="after")
    def _stays_near_the_photo(self) -> Self:
        departure, limit = self.method.departure, MAX_DEPARTURE[self.edit_policy]
        if departure > limit:
            wider = [f"'{name}'" for name, most in MAX_DEPARTURE.items() if departure <= most]
            raise ValueError(
                f"{described(self.method.name, self.method.parameters)} departs from the photo by "
                f"{departure:g}, and edit_policy '{self.edit_policy}' allows {limit:g}; lower it, "
                f"or choose {' or '.join(wider)}"
            )
        return self

    @property
    def settings_hash(self) -> str:
        """SHA-256 over the settings that affect pictures, except templates and model."""
        judged = ("edit_policy", "background")
        worded = ("template", "negative_prompt", "asks", "retry_negative_prompt")
        selected = ("concept", "only")
        return sha256_json(self.chosen(without=(*worded, *judged, *selected)))


class LimitSettings(Chosen):
    """Limits on a refresh's attempts and cost."""

    tries: int = Field(
        3, ge=1, le=1000, description="attempts to draw a picture before giving it up"
    )
    retries: int = Field(
        2, ge=0, le=1000, description="how often new candidates are drawn after all were rejected"
    )
    budget: int | None = Field(
        None, ge=0, le=MAX_BUDGET, description="pictures a refresh may draw; none: all"
    )
    doubt: tuple[Share, Share] = Field(
        (0.4, 0.7),
        description="soundness of a look's best picture, from and below, that asks for new "
        "candidates; [0, 0]: none does",
    )
    budget_seconds: float | None = Field(
        None,
        ge=0,
        le=MAX_BUDGET,
        description="estimated seconds of drawing per refresh; unset: no limit",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        least, enough = self.doubt
        if least > enough:
            raise ValueError(f"doubt starts at {least:g}, above its end {enough:g}; swap them")
        return self


class PublishSettings(Chosen):
    """When a new set of pictures goes live, and where they are served from."""

    min_coverage: Share = Field(
        0.5, description="minimum share of products that have a picture in a new set"
    )
    min_pass_rate: Share = Field(
        0.2, description="minimum share of judged pictures that were accepted"
    )
    base_url: str = Field("https://shop.example/images", description="address of exported pictures")
    shop_url: str = Field("", description="the shop's address, for links that a feed lacks")
    availability: str = Field("", description="of products for which the feed has none")
    currency: str = Field(
        "", pattern="^([A-Z]{3})?$", description="ISO 4217, for prices without a currency"
    )


class CredentialSettings(Chosen):
    """The certificate that signs exported pictures (C2PA). Without it, they are not signed."""

    certificates: Path = Field(description="PEM: the signing certificate, then its chain")
    private_key: Path = Field(description="PEM: its private key; keep it out of the repository")
    algorithm: SigningAlgorithm = "es256"


class ScheduleSettings(Chosen):
    """When the nightly refresh starts."""

    cron: Cron = "0 2 * * *"
    timezone: TimeZone = "UTC"


class ExperimentSettings(Chosen):
    """An experiment that Dagster knows by name, to be run by hand or on a schedule."""

    file: Path = Field(description="the experiment file; see docs/experiments.md")
    cron: Cron | None = Field(None, description="when it runs; none: when somebody runs it")


class AuditSettings(Chosen):
    """When stored pictures are drawn again for comparison, and how many."""

    sample: int = Field(50, ge=1, le=1_000_000, description="pictures per audit")
    cron: Cron = "0 5 * * *"


class MailSettings(Chosen):
    """A mail server, and who gets mail; the password comes from the environment."""

    host: str = Field(min_length=1, description="the SMTP server")
    port: int = Field(587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = Field(
        "starttls", description="tls: from the first byte on, usually port 465"
    )
    sender: str = Field(pattern=r"^[^@\r\n]+@[^@\r\n]+$", description="the address that it is from")
    to: tuple[Annotated[str, Field(pattern=r"^[^@\r\n]+@[^@\r\n]+$")], ...] = Field(min_length=1)


class ReportSettings(Chosen):
    """Who hears how a night went, and what counts as late."""

    folder: Path | None = Field(
        None, description="where reports are written; unset: reports/ below the catalog's home"
    )
    mail: MailSettings | None = Field(None, description="unset: no mail is sent")
    webhook: bool = Field(
        False, description="post them in Slack's form to the address in CATALOG_WEBHOOK_URL"
    )
    only_if_needed: bool = Field(
        False, description="send nothing but files for nights that need no one"
    )
    begin_minutes: int = Field(
        15, ge=1, le=1440, description="a night that has not begun by then is late"
    )
    end_minutes: int = Field(
        360, ge=1, le=10_080, description="a night that is at work for longer is late"
    )
    link: str = Field("", description="the gallery's address, for links")


class SpeechSettings(Chosen):
    """What recognises speech in the studio."""

    model: Path | None = Field(
        None,
        description="a transformers folder that recognises speech; unset: PocketSphinx with "
        "the catalog's words",
    )


class HistorySettings(Chosen):
    """How long Dagster's records of runs are kept."""

    days: int = Field(
        30, ge=1, le=36_500, description="older runs are deleted, except the last of every asset"
    )


class RetentionSettings(Chosen):
    """How long bytes are kept of pictures that nothing shows; rows and recipes stay for good."""

    nights: int | None = Field(
        None,
        ge=1,
        description="pictures that lost, were replaced or whose product has gone lose their bytes "
        "after so many nights; none: never",
    )
    publications: int = Field(
        14, ge=1, description="newest published sets whose pictures stay, to roll back to"
    )


class StoreSettings(Chosen):
    """Where pictures' bytes are kept; rows, recipes and lineage are in the database."""

    pictures: PicturePlace = Field(
        IN_HOME,
        description="'folder': pictures/ below the catalog's home; 'duckdb': the database itself; "
        "a folder's path; or a bucket: s3://bucket/prefix, gs://..., az://...",
    )
    check_nights: int = Field(
        14, ge=1, le=256, description="nights in which the bytes of every picture are checked once"
    )


class RaySettings(Chosen):
    """The pool of workers that draws and scores with ``CATALOG_DEPLOYMENT=ray``.

    The cluster is that of ``RAY_ADDRESS``; without it, Ray runs on this machine during the night.
    """

    min_workers: int = Field(1, ge=1, description="kept until nothing is left to draw")
    max_workers: int | None = Field(
        None, ge=1, description="started while there is work; unset: as many as the cluster holds"
    )
    cpus: float = Field(1, gt=0, description="processors of each worker, and threads of its torch")
    gpus: float | None = Field(
        None, ge=0, description="GPUs that each worker reserves; unset: 1 if the cluster has any"
    )
    patience: float = Field(
        900, gt=0, description="seconds to wait for the first worker, and so for a new machine"
    )
    outbox: PicturePlace = Field(
        IN_HOME,
        description="where workers leave pictures for the catalog's machine: 'folder' is its own "
        "outbox; a folder that all machines share; or a bucket: s3://bucket/outbox",
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.max_workers is not None and self.max_workers < self.min_workers:
            raise ValueError(
                f"max_workers {self.max_workers} is below min_workers {self.min_workers}; raise it"
            )
        if self.outbox == IN_DATABASE:
            raise ValueError("outbox 'duckdb': workers can't write to the database")
        return self


class CatalogSettings(Chosen):
    """The whole of ``catalog.toml``."""

    feed: FeedSettings
    model: ModelSettings
    scorer: ScorerSettings
    asks: Asks = Field({}, description="for every view whose template reads the attribute")
    views: dict[str, ViewSettings] = Field(min_length=1)
    concepts: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], ConceptSettings] = Field(
        {}, description="ways to learn products, which views name"
    )
    look: tuple[str, ...] = Field(
        (), description="products that differ in one of these fields never share pictures"
    )
    rubric: Path = Field(description="the rubric's thresholds, a TOML file")
    passports: Path = Field(description="the sales channels' rules for pictures, a TOML file")
    lettering: Path | None = Field(
        None, description="weights of the lettering detector; unset: lettering is not checked"
    )
    critic: CriticSettings | None = Field(None, description="unset: shapes are not judged")
    cutout: CutoutSettings = CutoutSettings()
    captions: CaptionSettings | None = Field(None, description="unset: no photo is captioned")
    upscale: UpscaleSettings | None = Field(None, description="unset: pictures are never enlarged")
    limits: LimitSettings = LimitSettings()
    publish: PublishSettings = PublishSettings()
    credentials: CredentialSettings | None = None
    schedule: ScheduleSettings = ScheduleSettings()
    audit: AuditSettings = AuditSettings()
    experiments: dict[PartName, ExperimentSettings] = Field(
        {}, description="experiments by the name that Dagster has for them"
    )
    reports: ReportSettings = ReportSettings()
    speech: SpeechSettings = SpeechSettings()
    history: HistorySettings = HistorySettings()
    store: StoreSettings = StoreSettings()
    retention: RetentionSettings = RetentionSettings()
    ray: RaySettings = RaySettings()

    @model_validator(mode="after")
    def _has_the_concepts(self) -> Self:
        for name, view in self.views.items():
            if view.concept is None:
                continue
            concept = self.concepts.get(view.concept)
            if concept is None:
                there = ", ".join(self.concepts) or "none"
                raise ValueError(
                    f"views.{name}: [concepts] has no '{view.concept}'; there are: {there}"
                )
            if concept.learner.method != view.method.name:
                raise ValueError(
                    f"views.{name}: what '{concept.learner.name}' learns is drawn by method "
                    f"'{concept.learner.method}', not by '{view.method.name}'"
                )
        return self


#: SQLAlchemy reads them as escapes, queries and fragments of a database's address.
_NOT_IN_A_HOME: Final = frozenset("%?#")


@dataclass(frozen=True, slots=True)
class Home:
    """``$CATALOG_HOME``: everything that a catalog writes lies below this folder."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "catalog.duckdb"

    @property
    def feeds(self) -> Path:
        return self.root / "feeds"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def pictures(self) -> Path:
        return self.root / "pictures"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def site(self) -> Path:
        return self.root / "site"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def experiments(self) -> Path:
        return self.root / "experiments"

    @property
    def photos(self) -> Path:
        return self.root / "photos"

    @property
    def enlarged(self) -> Path:
        return self.root / "enlarged"

    @property
    def trials(self) -> Path:
        return self.root / "trials"

    @property
    def hashes(self) -> Path:
        return self.root / "hashes.json"

    @property
    def lessons(self) -> Path:
        return self.root / "lessons"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @classmethod
    def from_environment(cls) -> "Home":
        """``$CATALOG_HOME``, or ``.catalog`` in the working directory; always absolute.

        Raises:
            ConfigError: it is set and empty, or has a character that database addresses can't hold.
        """
        named = os.environ.get("CATALOG_HOME", ".catalog")
        if not named.strip():
            raise ConfigError(
                "CATALOG_HOME=''",
                "it is set and empty, and would fill the working directory",
                "Name a folder, or unset it: then it is .catalog in the working directory.",
            )
        root = Path(named).absolute()
        bad = sorted(
            {sign for sign in str(root) if sign in _NOT_IN_A_HOME or not sign.isprintable()}
        )
        if bad:
            raise ConfigError(
                f"CATALOG_HOME={str(root)!r}",
                f"the path has {' and '.join(map(repr, bad))}, which Dagster's databases misread",
                "Name a folder without them.",
            )
        return cls(root)


def load_settings(path: Path) -> CatalogSettings:
    """Read and check ``catalog.toml``.

    Raises:
        ConfigError: the file is missing, not TOML, or breaks rules; all of them are listed.
    """
    settings = load_toml(path, CatalogSettings, "--config")
    return _with_absolute_paths(settings, path.absolute().parent)


def _with_absolute_paths(settings: CatalogSettings, folder: Path) -> CatalogSettings:
    """Resolve paths against the file's folder; a model id that is not a folder stays a hub id."""
    feed = settings.feed.model_copy(
        update={
            "path": folder / settings.feed.path,
            "reference_folders": tuple(folder / each for each in settings.feed.reference_folders),
        }
    )
    model = _with_absolute_parts(settings.model, folder)
    scorer = settings.scorer
    prefix = "local-dir:"
    if scorer.id.startswith(prefix):
        local = folder / scorer.id.removeprefix(prefix)
        scorer = scorer.model_copy(update={"id": f"{prefix}{local}"})
    credentials = settings.credentials
    if credentials is not None:
        credentials = credentials.model_copy(
            update={
                "certificates": folder / credentials.certificates,
                "private_key": folder / credentials.private_key,
            }
        )
    store = settings.store
    if is_path(store.pictures):
        store = store.model_copy(update={"pictures": str(folder / store.pictures)})
    ray = settings.ray
    if is_path(ray.outbox):
        ray = ray.model_copy(update={"outbox": str(folder / ray.outbox)})
    critic = settings.critic
    if critic is not None:
        critic = critic.model_copy(
            update={"id": folder / critic.id}
            | ({} if critic.weights is None else {"weights": folder / critic.weights})
        )
    cutout = settings.cutout
    if cutout.model is not None:
        cutout = cutout.model_copy(update={"model": folder / cutout.model})
    upscale = settings.upscale
    if upscale is not None and upscale.model is not None:
        upscale = upscale.model_copy(update={"model": folder / upscale.model})
    captions = settings.captions
    if captions is not None:
        captions = captions.model_copy(update={"model": folder / captions.model})
    experiments = {
        name: each.model_copy(update={"file": folder / each.file})
        for name, each in settings.experiments.items()
    }
    reports = settings.reports
    if reports.folder is not None:
        reports = reports.model_copy(update={"folder": folder / reports.folder})
    speech = settings.speech
    if speech.model is not None:
        speech = speech.model_copy(update={"model": folder / speech.model})
    return settings.model_copy(
        update={
            "critic": critic,
            "reports": reports,
            "speech": speech,
            "experiments": experiments,
            "store": store,
            "ray": ray,
            "cutout": cutout,
            "captions": captions,
            "upscale": upscale,
            "credentials": credentials,
            "feed": feed,
            "model": model,
            "scorer": scorer,
            "rubric": folder / settings.rubric,
            "passports": folder / settings.passports,
            "lettering": folder / settings.lettering if settings.lettering else None,
        }
    )


def _with_absolute_parts(model: ModelSettings, folder: Path) -> ModelSettings:
    """Do the same for the model's other files."""
    changes: dict[str, object] = {
        "loras": tuple(
            each.model_copy(update={"path": folder / each.path}) for each in model.loras
        ),
        "embeddings": tuple(
            each.model_copy(update={"path": folder / each.path}) for each in model.embeddings
        ),
        "controlnets": tuple(
            each.model_copy(update={"path": folder / each.path}) for each in model.controlnets
        ),
        "ip_adapters": tuple(
            each.model_copy(
                update={"path": folder / each.path, "image_encoder": folder / each.image_encoder}
            )
            for each in model.ip_adapters
        ),
    }
    if (folder / model.id).exists():
        changes["id"] = str(folder / model.id)
    if model.config is not None and (folder / model.config).is_dir():
        changes["config"] = str(folder / model.config)
    if model.denoiser is not None:
        changes["denoiser"] = folder / model.denoiser
    if model.dialect is not None:
        changes["dialect"] = folder / model.dialect
    return model.model_copy(update=changes)
