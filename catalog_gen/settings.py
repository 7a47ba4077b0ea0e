"""The settings of a catalog: ``catalog.toml``, read once, frozen, with every field described.

Relative paths in the file are relative to the file's own folder. Nothing here checks that a model
loads or a feed parses; the rooms that use them do.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.errors import ConfigError
from catalog_gen.fingerprint import sha256_json
from catalog_gen.hosts import checked_host
from catalog_gen.method import AnyMethod, described
from catalog_gen.recipe import MAX_GUIDANCE
from catalog_gen.timetable import checked_cron, checked_timezone
from catalog_gen.toml_file import load_toml

EditPolicy = Literal["cosmetic", "variant", "unlimited"]
SigningAlgorithm = Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"]

#: How far a method may lead from the product's photo. Above 0.60 the product is another product.
MAX_DEPARTURE: Final[Mapping[EditPolicy, float]] = {
    "cosmetic": 0.40,
    "variant": 0.60,
    "unlimited": 1.0,
}

#: Pictures of a batch, and pixels of a side: above these no GPU of today has the memory.
MAX_BATCH: Final = 1024
MAX_SIDE: Final = 8192

Share = Annotated[float, Field(ge=0, le=1)]
Host = Annotated[str, AfterValidator(checked_host)]
Cron = Annotated[str, AfterValidator(checked_cron)]
TimeZone = Annotated[str, AfterValidator(checked_timezone)]
Asks = dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], str]


class FeedSettings(Chosen):
    """Where products come from, and how much of a feed is believed."""

    path: Path = Field(description="the product feed: CSV, TSV, JSONL, Parquet, XML, or .gz")
    shrink_limit: Share = Field(
        0.30, description="a feed that lost more than this share of products stops the refresh"
    )
    max_field_length: int = Field(20_000, ge=1, description="characters; longer values are bad")
    reference_folders: tuple[Path, ...] = Field(
        (), description="the only folders that reference photos may be read from"
    )
    fetch_photos: tuple[Host, ...] = Field(
        (), description="the only hosts that photos may be fetched from; none: nothing is fetched"
    )
    aliases: dict[str, str] = Field({}, description="further column names, to canonical fields")
    platform: str | None = Field(
        None, description="the platform whose export it is; none: recognised by its columns"
    )
    encoding: str | None = Field(
        None, description="the text's encoding (cp1251, ...); none: found out, or refused if unsure"
    )


class LoraSettings(Chosen):
    """A LoRA that the model wears in every picture."""

    path: Path = Field(description="its safetensors file")
    weight: float = Field(1.0, ge=-8, le=8, description="how strongly it is worn")


class EmbeddingSettings(Chosen):
    """A word that was learned by textual inversion."""

    path: Path = Field(description="its safetensors file")
    token: str = Field(pattern=r"^\S+$", description="how prompts say it: <my-mug>")


class ModelSettings(Chosen):
    """The diffusion model, and how it is run."""

    id: str = Field(
        description="a diffusers folder, the id of one on a hub, or one checkpoint file"
    )
    revision: str | None = Field(None, description="the hub revision, to pin a hub id")
    config: str | None = Field(
        None,
        description="for a checkpoint file: a diffusers folder or hub id of the same kind, for its "
        "configuration and tokenizers",
    )
    denoiser: Path | None = Field(
        None,
        description="the denoiser's weights in one file (.gguf or .safetensors), in place of the "
        "folder's",
    )
    loras: tuple[LoraSettings, ...] = Field((), description="LoRAs, worn in this order")
    embeddings: tuple[EmbeddingSettings, ...] = Field((), description="learned words")
    sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="the model's hash, to pin its weights: others are refused before any work",
    )
    dtype: Literal["auto", "fp32", "fp16", "bf16"] = Field(
        "auto", description="auto: fp32 on the CPU, bf16 on a GPU"
    )
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_size: int = Field(8, ge=1, le=MAX_BATCH, description="every batch is padded to this size")
    compile: bool = Field(False, description="torch.compile the whole UNet (GPU)")
    dialect: Path | None = Field(
        None, description="the words that it understands, where its folder has no such file"
    )


class ScorerSettings(Chosen):
    """The CLIP model that scores."""

    id: str = Field(description="an open_clip folder ('local-dir:PATH'), or an open_clip name")
    batch_size: int = Field(32, ge=1, le=MAX_BATCH)
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="auto: a GPU if there is one, beside the drawing model"
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


class ViewSettings(Chosen):
    """One kind of picture that every product gets."""

    template: str = Field(min_length=1, description="Jinja2, over the product's fields")
    negative_prompt: str = Field("", description="Jinja2, too")
    asks: Asks = Field({}, description="what it asks for: attribute, and Jinja2 for its value")
    method: AnyMethod = Field(
        default="text2img",
        validate_default=True,
        description="how pictures are drawn: a name, or a table with a name and its parameters",
    )
    candidates: int = Field(1, ge=1, le=64)
    scheduler: str = Field("own", min_length=1, description="a name; own: as the model came with")
    steps: int = Field(20, ge=1, le=1000)
    guidance: float = Field(3.0, ge=0, le=MAX_GUIDANCE)
    width: int = Field(
        128, ge=16, le=MAX_SIDE, multiple_of=8, description="pixels; the judge needs 16"
    )
    height: int = Field(128, ge=16, le=MAX_SIDE, multiple_of=8, description="pixels")
    edit_policy: EditPolicy = Field(
        "cosmetic", description="how far a picture may depart from the product's photo"
    )
    retry_negative_prompt: str = Field(
        "blurry, deformed, cropped, out of focus, text, watermark",
        description="what to avoid, too, once other seeds did not help; see stages.retries",
    )
    background: Literal["white", "any"] = Field(
        "any", description="'white': the rubric holds the picture's border to pure white"
    )

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
        """SHA-256 over what decides which pictures are drawn, apart from templates and model."""
        judged = ("edit_policy", "background")
        worded = ("template", "negative_prompt", "asks", "retry_negative_prompt")
        return sha256_json(self.chosen(without=(*worded, *judged)))


class LimitSettings(Chosen):
    """How much a refresh may try and spend."""

    tries: int = Field(3, ge=1, description="how often drawing is tried before giving up")
    retries: int = Field(
        2, ge=0, description="how often new candidates follow when all were rejected"
    )
    doubt: tuple[Share, Share] = Field(
        (0.4, 0.7),
        description="soundness of a look's best picture, from and below, that asks for new "
        "candidates; [0, 0]: none does",
    )
    budget: int | None = Field(None, ge=0, description="pictures a refresh may draw; none: all")
    budget_seconds: float | None = Field(
        None, ge=0, description="estimated seconds of drawing a refresh may plan; none: no limit"
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
        0.5, description="least share of products with a picture that a new set must have"
    )
    min_pass_rate: Share = Field(
        0.2, description="least share of the judged pictures that must have been accepted"
    )
    base_url: str = Field("https://shop.example/images", description="for exported feeds")
    shop_url: str = Field("", description="the shop's address, for links that a feed lacks")
    availability: str = Field("", description="of products whose feed says nothing of it")
    currency: str = Field(
        "", pattern="^([A-Z]{3})?$", description="ISO 4217, of prices whose feed names none"
    )


class CredentialSettings(Chosen):
    """The certificate that signs exported pictures (C2PA); without the section none is signed."""

    certificates: Path = Field(description="PEM: the signing certificate, then those above it")
    private_key: Path = Field(description="PEM: its private key; keep it out of the repository")
    algorithm: SigningAlgorithm = "es256"


class ScheduleSettings(Chosen):
    """When the nightly refresh starts."""

    cron: Cron = "0 2 * * *"
    timezone: TimeZone = "UTC"


class AuditSettings(Chosen):
    """When old pictures are drawn again, and how many of them."""

    sample: int = Field(50, ge=1, description="pictures that one audit draws again")
    cron: Cron = "0 5 * * *"


class HistorySettings(Chosen):
    """How long Dagster's own records of runs are kept."""

    days: int = Field(
        30, ge=1, description="older runs are forgotten, but for the last of every asset"
    )


class CatalogSettings(Chosen):
    """The whole of ``catalog.toml``."""

    feed: FeedSettings
    model: ModelSettings
    scorer: ScorerSettings
    asks: Asks = Field({}, description="of every view whose template reads the attribute")
    views: dict[str, ViewSettings] = Field(min_length=1)
    look: tuple[str, ...] = Field(
        (), description="fields that keep products apart which ask for the same pictures"
    )
    rubric: Path = Field(description="the rubric's thresholds, a TOML file")
    passports: Path = Field(description="what sales channels ask of pictures, a TOML file")
    lettering: Path | None = Field(
        None, description="weights that find words and watermarks; without them nobody looks"
    )
    critic: CriticSettings | None = Field(None, description="without one nobody looks at form")
    limits: LimitSettings = LimitSettings()
    publish: PublishSettings = PublishSettings()
    credentials: CredentialSettings | None = None
    schedule: ScheduleSettings = ScheduleSettings()
    audit: AuditSettings = AuditSettings()
    history: HistorySettings = HistorySettings()


#: SQLAlchemy takes them for escapes, queries and fragments of a database's address.
_NOT_IN_A_HOME: Final = frozenset("%?#")


@dataclass(frozen=True, slots=True)
class Home:
    """``$CATALOG_HOME``: everything that a catalog writes lies below this folder."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "catalog.duckdb"

    @property
    def outbox(self) -> Path:
        return self.root / "outbox"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def site(self) -> Path:
        return self.root / "site"

    @property
    def photos(self) -> Path:
        return self.root / "photos"

    @property
    def hashes(self) -> Path:
        return self.root / "hashes.json"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @classmethod
    def from_environment(cls) -> "Home":
        """``$CATALOG_HOME``, or ``.catalog`` in the working directory; always absolute.

        Raises:
            ConfigError: it is set and empty, or holds what the databases' own addresses can't.
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
        ConfigError: the file is missing, is no TOML, or breaks a rule; every broken rule is named.
    """
    settings = load_toml(path, CatalogSettings, "--config")
    return _with_absolute_paths(settings, path.absolute().parent)


def _with_absolute_paths(settings: CatalogSettings, folder: Path) -> CatalogSettings:
    """Paths against the file's folder; a model id that is no existing folder stays a hub id."""
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
    critic = settings.critic
    if critic is not None:
        critic = critic.model_copy(
            update={"id": folder / critic.id}
            | ({} if critic.weights is None else {"weights": folder / critic.weights})
        )
    return settings.model_copy(
        update={
            "critic": critic,
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
    """The same for all that makes up the model."""
    changes: dict[str, object] = {
        "loras": tuple(
            each.model_copy(update={"path": folder / each.path}) for each in model.loras
        ),
        "embeddings": tuple(
            each.model_copy(update={"path": folder / each.path}) for each in model.embeddings
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
