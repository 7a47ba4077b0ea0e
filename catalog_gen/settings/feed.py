"""Settings of what comes from the shop: the feed, and what is made of its photos."""

from pydantic import Field

from catalog_gen.chosen import Chosen
from catalog_gen.settings.types import Host, OwnPath, Share


class FeedSettings(Chosen):
    """Where products come from, and which feeds and photos are accepted."""

    path: OwnPath = Field(description="the product feed: CSV, TSV, JSONL, Parquet, XML, or .gz")
    shrink_limit: Share = Field(
        0.30, description="a feed that lost more than this share of products stops the refresh"
    )
    max_field_length: int = Field(
        20_000, ge=1, le=1_000_000, description="characters; longer values are refused"
    )
    reference_folders: tuple[OwnPath, ...] = Field(
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


class CutoutSettings(Chosen):
    """Who cuts products out of their photos, for methods that need a mask."""

    model: OwnPath | None = Field(
        None,
        description="a segmentation model's folder; none: photos on white or grey, by measuring",
    )


class CaptionSettings(Chosen):
    """Who says what products' photos show, as suggestions for the feed."""

    model: OwnPath = Field(description="the folder of a model that captions pictures")
    at_least: float = Field(
        0.9, ge=0, le=1, description="confidence from which an attribute is suggested or disputed"
    )
