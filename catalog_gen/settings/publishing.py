"""Settings of what goes out: sets of pictures, exports, signatures."""

from typing import Literal

from pydantic import Field

from catalog_gen.chosen import Chosen
from catalog_gen.settings.types import OwnPath, Share

SigningAlgorithm = Literal["es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519"]


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


class UpscaleSettings(Chosen):
    """Enlarging exported pictures that are smaller than a channel's passport requires."""

    model: OwnPath | None = Field(
        None, description="a super-resolution model's folder; unset: by Lanczos"
    )
    at_most: float = Field(
        4.0, gt=1, description="times; a picture that would need more is refused, as without this"
    )


class CredentialSettings(Chosen):
    """The certificate that signs exported pictures (C2PA). Without it, they are not signed."""

    certificates: OwnPath = Field(description="PEM: the signing certificate, then its chain")
    private_key: OwnPath = Field(description="PEM: its private key; keep it out of the repository")
    algorithm: SigningAlgorithm = "es256"
