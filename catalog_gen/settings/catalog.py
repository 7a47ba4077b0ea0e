"""``catalog.toml`` as a whole."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.settings.feed import CaptionSettings, CutoutSettings, FeedSettings
from catalog_gen.settings.judge import CriticSettings, ScorerSettings
from catalog_gen.settings.model import ModelSettings
from catalog_gen.settings.nights import (
    AuditSettings,
    ExperimentSettings,
    LimitSettings,
    ReportSettings,
    ScheduleSettings,
)
from catalog_gen.settings.publishing import CredentialSettings, PublishSettings, UpscaleSettings
from catalog_gen.settings.speech import SpeechSettings
from catalog_gen.settings.storage import HistorySettings, RetentionSettings, StoreSettings
from catalog_gen.settings.types import Asks, OwnPath, PartName
from catalog_gen.settings.views import ConceptSettings, ViewSettings
from catalog_gen.settings.workers import RaySettings
from catalog_gen.toml_file import load_toml


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
    rubric: OwnPath = Field(description="the rubric's thresholds, a TOML file")
    passports: OwnPath = Field(description="the sales channels' rules for pictures, a TOML file")
    lettering: OwnPath | None = Field(
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
            methods = concept.learner.methods
            if view.method.name not in methods:
                raise ValueError(
                    f"views.{name}: what '{concept.learner.name}' learns is drawn by method "
                    f"{' or '.join(map(repr, methods))}, not by '{view.method.name}'"
                )
        return self


def load_settings(path: Path) -> CatalogSettings:
    """Read and check ``catalog.toml``; its relative paths are relative to its own folder.

    Raises:
        ConfigError: the file is missing, not TOML, or breaks rules; all of them are listed.
    """
    return load_toml(path, CatalogSettings, "--config")
