"""Ways to send a message: as files, by mail, to a webhook in Slack's form.

Addresses are in the settings; passwords, and the webhook's address, which is one, come from the
environment.
"""

import base64
import re
import smtplib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any, Final, Protocol

from catalog_gen.errors import ConfigError, InfrastructureError
from catalog_gen.reporting.nights.message import Message, Picture, as_html, as_text
from catalog_gen.settings.nights import MailSettings, ReportSettings
from catalog_gen.store.files import served_folder, write_whole

WEBHOOK_URL: Final = "CATALOG_WEBHOOK_URL"
SMTP_USER: Final = "CATALOG_SMTP_USER"
SMTP_PASSWORD: Final = "CATALOG_SMTP_PASSWORD"

#: The name of the way that every message takes.
FILES: Final = "files"

#: Reports that are kept as files.
_KEPT: Final = 100
_OURS: Final = re.compile(r"(night|failed|silent|long)-[\w.-]+\.(txt|html)")

#: Seconds for a server to answer.
_PATIENCE: Final = 20.0
#: Slack's limits: characters of a header and of a section, and blocks of a message.
_HEADER: Final = 150
_SECTION: Final = 3000
_BLOCKS: Final = 50


class SendingError(InfrastructureError):
    """A message that could not be sent now."""


class Sender(Protocol):
    """One way to send messages; ``name`` tells it from the others for good."""

    @property
    def name(self) -> str: ...

    def send(self, message: Message) -> None:
        """Send it.

        Raises:
            SendingError: it did not arrive; it may be sent again.
        """


def senders_of(
    reports: ReportSettings, folder: Path, environment: Mapping[str, str]
) -> list[Sender]:
    """The ways that the settings choose; files are always written.

    Args:
        folder: for files, unless the settings name another.

    Raises:
        ConfigError: the environment lacks a secret.
    """
    found: list[Sender] = [Files(reports.folder or folder)]
    if reports.mail is not None:
        user, password = environment.get(SMTP_USER, ""), environment.get(SMTP_PASSWORD, "")
        if bool(user) != bool(password):
            lacking = SMTP_PASSWORD if user else SMTP_USER
            raise ConfigError(lacking, "it is not set, and the other is", "Set both, or neither.")
        if user and reports.mail.security == "none":
            raise ConfigError(
                "reports.mail.security = 'none'",
                f"the password in {SMTP_PASSWORD} would be sent in the clear",
                "Set it to 'starttls' or 'tls', or log in nowhere.",
            )
        found.append(Mail(reports.mail, user, password))
    if reports.webhook:
        url = environment.get(WEBHOOK_URL, "")
        if re.match(r"https://|http://(127\.0\.0\.1|localhost|\[::1\])[:/]", url) is None:
            raise ConfigError(
                WEBHOOK_URL,
                "reports.webhook needs an https:// address there",
                "Set it to the address of an incoming webhook, or set reports.webhook = false.",
            )
        found.append(Webhook(url))
    return found


@dataclass(frozen=True, slots=True)
class Files:
    """``KEY.html`` and ``KEY.txt`` in a folder, and the newest as ``latest``."""

    folder: Path

    @property
    def name(self) -> str:
        return FILES

    def send(self, message: Message) -> None:
        html = as_html(message, _data_url).encode("utf-8", "replace")
        text = as_text(message).encode("utf-8", "replace")
        key = re.sub(r"[^\w.-]+", "-", message.key)
        try:
            served_folder(self.folder)
            for stem in (key, "latest"):
                write_whole(self.folder / f"{stem}.txt", text)
                write_whole(self.folder / f"{stem}.html", html)
            self._forget_old()
        except OSError as error:
            raise SendingError(
                str(self.folder),
                f"the report can't be written ({error.strerror})",
                "Free space or repair the folder; it is written when the next one is due.",
            ) from error

    def _forget_old(self) -> None:
        ours = [each for each in self.folder.iterdir() if _OURS.fullmatch(each.name)]
        for old in sorted(ours, key=lambda each: each.stat().st_mtime)[: -2 * _KEPT]:
            old.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail of text and HTML, its pictures inside."""

    settings: MailSettings
    user: str = ""
    password: str = ""

    @property
    def name(self) -> str:
        return "mail"

    def send(self, message: Message) -> None:
        settings = self.settings
        try:
            with self._connected() as server:
                if settings.security == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(mail_of(message, settings))
        except (OSError, smtplib.SMTPException) as error:
            raise SendingError(
                f"{settings.host}:{settings.port}",
                f"the mail was not taken ({_reason(error)})",
                "It is tried again; check [reports.mail] and the environment.",
            ) from error

    def _connected(self) -> smtplib.SMTP:
        settings = self.settings
        if settings.security == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=_PATIENCE, context=context
            )
        return smtplib.SMTP(settings.host, settings.port, timeout=_PATIENCE)


@dataclass(frozen=True, slots=True)
class Webhook:
    """A POST of JSON that Slack, and what speaks like it, shows as a message."""

    url: str

    @property
    def name(self) -> str:
        return "webhook"

    def send(self, message: Message) -> None:
        import httpx2

        try:
            answer = httpx2.post(self.url, json=slack_form(message), timeout=_PATIENCE)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._refused(type(error).__name__) from None  # its text has the address
        if not answer.is_success:
            raise self._refused(f"it answered {answer.status_code}")

    def _refused(self, why: str) -> SendingError:
        return SendingError(
            f"the webhook of {WEBHOOK_URL}",
            f"the message was not taken ({why})",
            "It is tried again; check the address.",
        )


def mail_of(message: Message, settings: MailSettings) -> EmailMessage:
    """The mail: text, and HTML with its pictures inside (RFC 2387)."""
    mail = EmailMessage()
    mail["Subject"] = message.subject
    mail["From"] = settings.sender
    mail["To"] = ", ".join(settings.to)
    mail["Date"] = formatdate(localtime=False)
    mail["Message-ID"] = make_msgid(domain=settings.sender.rpartition("@")[2].rstrip(">"))
    if message.needs_someone:
        mail["Importance"] = "high"
    mail.set_content(as_text(message))
    mail.add_alternative(as_html(message, lambda picture: f"cid:{picture.name}"), subtype="html")
    html: Any = mail.get_payload()[1]  # type: ignore[index]
    for picture in message.pictures:
        html.add_related(picture.jpeg, "image", "jpeg", cid=f"<{picture.name}>")
    return mail


def slack_form(message: Message) -> dict[str, object]:
    """The message in Slack's form: its text for notifications, and blocks."""
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(message.subject, _HEADER)}}
    ]
    for each in message.sections:
        lines = "\n".join(f"• {_escaped(line)}" for line in each.lines)
        text = _cut(f"*{_escaped(each.title)}*\n{lines}", _SECTION)
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    if message.link:
        text = f"<{_escaped(message.link)}|Look at the pictures>"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": text}})
    return {"text": _escaped(message.subject), "blocks": blocks[:_BLOCKS]}


def _data_url(picture: Picture) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture.jpeg).decode('ascii')}"


def _escaped(text: str) -> str:
    """As Slack asks: a feed's text must make no link and mention no one."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return f"{error.smtp_code} {' '.join(words.split())}"
    return " ".join(str(error).split()) or type(error).__name__
