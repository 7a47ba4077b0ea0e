"""Settings of nights: when they run, what they may cost, and who hears of them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from catalog_gen.chosen import Chosen
from catalog_gen.settings.types import MAX_BUDGET, Cron, OwnPath, Share, TimeZone


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


class ScheduleSettings(Chosen):
    """When the nightly refresh starts."""

    cron: Cron = "0 2 * * *"
    timezone: TimeZone = "UTC"


class ExperimentSettings(Chosen):
    """An experiment that Dagster knows by name, to be run by hand or on a schedule."""

    file: OwnPath = Field(description="the experiment file; see docs/experiments.md")
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

    folder: OwnPath | None = Field(
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
