"""What is reported of a night, when it counts as late, and that it arrives."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catalog_gen.errors import ConfigError
from catalog_gen.imaging.encode import encode
from catalog_gen.reporting.nights.delivery import Delivery, Messenger
from catalog_gen.reporting.nights.lateness import Launched, Patience, late_nights
from catalog_gen.reporting.nights.message import Album, Message, Picture, Section, as_text
from catalog_gen.reporting.nights.senders import Files, Mail, SendingError, Webhook, senders_of
from catalog_gen.reporting.nights.summary import Drift, NightSummary, Trouble, night_message
from catalog_gen.settings.nights import MailSettings, ReportSettings
from tests.reporting.servers import Inbox, knows_password, smtp_server, webhook

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
DUE = datetime(2026, 11, 26, 2, 0, tzinfo=UTC)
PATIENCE = Patience(timedelta(minutes=15), timedelta(hours=6))
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def picture(name: str = "abc@catalog-gen") -> Picture:
    return Picture(name, "Red Mug, packshot", encode(np.full((8, 8, 3), 200, np.uint8), "JPEG", 85))


def message(key: str = "night 1", **changes: Any) -> Message:
    values: dict[str, Any] = {
        "subject": "Night of 2026-11-26: 3 drawn",
        "sections": (Section("Changed", ("Products: 3 active", "A <b>title</b> & more")),),
        "albums": (Album("New in the shop", (picture(),)),),
    }
    return Message(key, **{**values, **changes})


def night(**changes: Any) -> NightSummary:
    values: dict[str, Any] = {
        "run_id": "a" * 36,
        "status": "succeeded",
        "launched_by": "schedule",
        "started_at": DUE,
        "finished_at": DUE + timedelta(minutes=12),
        "error": "",
        "figures": {
            "products": {"active": 52, "added": 2, "rejected": 5},
            "images": {"generated": 41, "deferred": 7},
            "verdicts": {"accepted": 20},
            "seconds": {"generate": 300.0},
        },
        "reasons": {"new": 30, "changed: colour": 11},
        "troubles": (),
        "waiting": 0,
        "usual_seconds": 100.0,
        "drift": Drift({"identical": 49, "close": 1}, {"library": 1}),
        "live": 50,
        "active": 52,
        "added": 20,
        "removed": 3,
    }
    return NightSummary(**{**values, **changes})


def test_a_summary_lists_changes_failures_reviews_cost_and_drift() -> None:
    text = as_text(
        night_message(night(waiting=4, troubles=(Trouble(3, "no photo", "Add it."),)), "")
    )
    assert text == (
        "Night of 2026-11-26: 41 drawn, 3 failed, 4 wait for you; 50 of 52 products live\n\n"
        "Changed\n"
        "  Products: 52 active, 2 added\n"
        "  Drawn: 30 new, 11 changed: colour\n"
        "  Live: 20 product views show a new picture, 3 lost theirs\n\n"
        "Failed\n"
        "  3 x no photo. Add it.\n"
        "  5 rows of the feed were rejected: catalog-gen plan says why\n\n"
        "Waits\n"
        "  4 pictures for a person: catalog-gen review\n"
        "  7 pictures beyond the budget, for the next night\n\n"
        "Cost\n"
        "  12 min 00 s in all, 5 min 00 s of them drawing\n"
        "  15.0 s of drawing for each accepted picture\n"
        "  Usual are 1 min 40 s of drawing: this was 3.0 times that\n\n"
        "Drifted\n"
        "  Of 50 old pictures that were drawn again: 49 identical, 1 close\n"
        "  Causes: 1 library\n"
    )


@pytest.mark.parametrize(
    ("changes", "needed", "subject"),
    [
        ({}, False, "Night of 2026-11-26: 41 drawn; 50 of 52 products live"),
        (
            {"status": "failed", "error": "disk\nfull"},
            True,
            "Night of 2026-11-26 failed: disk full",
        ),
        ({"drift": Drift({"different": 1}, {"unexplained": 1})}, True, "Night of"),
        ({"figures": {"held_back": {"why": "too few"}}}, True, "not published"),
    ],
)
def test_whether_a_night_needs_someone(changes: dict[str, Any], needed: bool, subject: str) -> None:
    sent = night_message(night(**changes), "")
    assert sent.needs_someone is needed
    assert subject in sent.subject


def launched(began: float | None, ended: float | None = None, **changes: Any) -> Launched:
    """A run by hours after the time that was due."""

    def at(hours: float | None) -> datetime | None:
        return None if hours is None else DUE + timedelta(hours=hours)

    values: dict[str, Any] = {"created": at(began or 0.0), "began": at(began), "ended": at(ended)}
    return Launched("run", **{**values, **changes})


@pytest.mark.parametrize(
    ("minutes", "runs", "keys"),
    [
        (14, [], []),
        (15, [], [f"silent {DUE.isoformat()}"]),
        (15, [launched(-24, -23, succeeded=True)], [f"silent {DUE.isoformat()}"]),
        (15, [launched(None)], [f"silent {DUE.isoformat()}"]),  # queued, and nothing takes it
        (15, [launched(0.01)], []),
        (15, [launched(-0.01, 0.1)], []),
        (15, [launched(-2)], []),  # the night before, or a refresh by hand, is still at work
        (24 * 60 - 1, [launched(0.1, 0.2)], []),
        (6 * 60 + 6, [launched(0.1)], ["long run"]),
    ],
)
def test_late_nights(minutes: float, runs: list[Launched], keys: list[str]) -> None:
    now = DUE + timedelta(minutes=minutes)
    assert [each.key for each in late_nights(now, DUE, LONG_AGO, runs, PATIENCE)] == keys


def test_a_night_before_reports_were_set_up_is_not_late() -> None:
    assert not list(late_nights(NOW, DUE, DUE + timedelta(seconds=1), [], PATIENCE))


def mail_settings(port: int, security: Any = "none") -> MailSettings:
    return MailSettings(
        host="127.0.0.1",
        port=port,
        security=security,
        sender="Catalog <night@shop.example>",
        to=("a@shop.example", "b@shop.example"),
    )


def test_a_mail_has_text_html_and_its_pictures() -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port:
        Mail(mail_settings(port)).send(message(needs_someone=True))
    (mail,) = inbox.mails
    assert mail["Subject"] == "Night of 2026-11-26: 3 drawn"
    assert mail["To"] == "a@shop.example, b@shop.example"
    assert mail["Importance"] == "high"
    html = mail.get_body(("html",)).get_content()
    assert 'src="cid:abc@catalog-gen"' in html
    assert "A &lt;b&gt;title&lt;/b&gt; &amp; more" in html
    assert "Products: 3 active" in mail.get_body(("plain",)).get_content()
    (image,) = [part for part in mail.walk() if part.get_content_type() == "image/jpeg"]
    assert image["Content-ID"] == "<abc@catalog-gen>"
    assert image.get_content() == picture().jpeg


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key, in one file."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file.write_bytes(built.public_bytes(serialization.Encoding.PEM) + private)
    return file


def test_mail_goes_encrypted_to_a_trusted_server_that_knows_the_password(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    inbox = Inbox()
    options = {"tls_context": context, "require_starttls": True, "authenticator": knows_password}
    with smtp_server(inbox, **options, auth_required=True) as port:
        settings = mail_settings(port, "starttls")
        with pytest.raises(SendingError, match="certificate verify failed"):
            Mail(settings, "me", "pass").send(message())
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(SendingError, match="535"):
            Mail(settings, "me", "wrong").send(message())
        Mail(settings, "me", "pass").send(message())
    assert len(inbox.mails) == 1


def test_a_webhook_gets_slacks_form_and_its_address_stays_secret() -> None:
    with webhook(200, 404) as server:
        hook = Webhook(f"http://127.0.0.1:{server.server_port}/services/SECRET")
        hook.send(message(link="https://shop.example/g?a=1&b=2"))
        with pytest.raises(SendingError, match="answered 404") as refused:
            hook.send(message())
    assert "SECRET" not in str(refused.value)
    path, body = server.posts[0]
    assert path == "/services/SECRET"
    assert body["text"] == "Night of 2026-11-26: 3 drawn"
    assert [each["type"] for each in body["blocks"]] == ["header", "section", "section"]
    assert body["blocks"][1]["text"]["text"] == (
        "*Changed*\n• Products: 3 active\n• A &lt;b&gt;title&lt;/b&gt; &amp; more"
    )
    assert body["blocks"][2]["text"]["text"].startswith("<https://shop.example/g?a=1&amp;b=2|")
    with pytest.raises(SendingError, match="ConnectError") as gone:  # nobody listens any more
        hook.send(message())
    assert "SECRET" not in str(gone.value)


def test_files_are_whole_pages(tmp_path: Path) -> None:
    Files(tmp_path / "reports").send(message("night 1/../x"))
    assert {each.name for each in (tmp_path / "reports").iterdir()} == {
        *("night-1-..-x.html", "night-1-..-x.txt", "latest.html", "latest.txt")
    }
    html = (tmp_path / "reports" / "latest.html").read_text("utf-8")
    assert 'src="data:image/jpeg;base64,' in html
    assert "<script" not in html


@pytest.mark.parametrize(
    ("reports", "environment", "said"),
    [
        ({"webhook": True}, {}, "CATALOG_WEBHOOK_URL"),
        ({"webhook": True}, {"CATALOG_WEBHOOK_URL": "http://hooks.example/x"}, "https://"),
        ({"mail": True}, {"CATALOG_SMTP_USER": "me"}, "CATALOG_SMTP_PASSWORD: it is not set"),
        (
            {"mail": True},
            {"CATALOG_SMTP_USER": "me", "CATALOG_SMTP_PASSWORD": "hunter2"},
            "in the clear",
        ),
    ],
)
def test_secrets_come_from_the_environment(
    reports: dict[str, Any], environment: dict[str, str], said: str, tmp_path: Path
) -> None:
    mail = mail_settings(25) if reports.pop("mail", False) else None
    settings = ReportSettings(mail=mail, **reports)
    with pytest.raises(ConfigError, match=said) as refused:
        senders_of(settings, tmp_path, environment)
    assert "hunter2" not in str(refused.value)


def test_a_message_is_sent_once_per_channel_and_retried_until_it_arrives(tmp_path: Path) -> None:
    made: list[str] = []

    def make() -> Message:
        made.append("made")
        return message()

    def send(minutes: float, *senders: Any) -> Delivery:
        delivery, now = Delivery(), NOW + timedelta(minutes=minutes)
        with Messenger.at_work(tmp_path, senders, now) as messenger:
            assert messenger is not None
            messenger.send("night 1", NOW, make, delivery)
        return delivery

    inbox = Inbox()
    inbox.refuses = True
    with smtp_server(inbox) as port:
        ways = Files(tmp_path), Mail(mail_settings(port))
        first = send(0, *ways)
        assert first.sent == ["files: Night of 2026-11-26: 3 drawn"]
        assert "452 too many mails" in str(first.errors[0])
        assert (send(0.5, *ways).errors, len(made)) == ([], 1)  # too early to try again
        inbox.refuses = False
        assert send(1, *ways).sent == ["mail: Night of 2026-11-26: 3 drawn"]
        assert (send(2, *ways).sent, len(made)) == ([], 2)
    assert len(inbox.mails) == 1


def test_a_new_channel_gets_no_old_reports(tmp_path: Path) -> None:
    def send(at: datetime, *senders: Any) -> list[str]:
        delivery = Delivery()
        with Messenger.at_work(tmp_path, senders, NOW) as messenger:
            assert messenger is not None
            messenger.send(f"night {at}", at, message, delivery)
        return [sent.partition(":")[0] for sent in delivery.sent]

    files, inbox = Files(tmp_path), Inbox()
    assert send(NOW - timedelta(days=1), files) == []
    assert send(NOW, files) == ["files"]
    with smtp_server(inbox) as port:
        mail = Mail(mail_settings(port))
        assert send(NOW - timedelta(seconds=1), files, mail) == []
        assert send(NOW + timedelta(hours=1), files, mail) == ["files", "mail"]


def test_two_processes_send_nothing_twice(tmp_path: Path) -> None:
    with (
        Messenger.at_work(tmp_path, [], NOW) as first,
        Messenger.at_work(tmp_path, [], NOW) as second,
    ):
        assert first is not None
        assert second is None


def test_quiet_messages_are_only_written(tmp_path: Path) -> None:
    inbox, delivery = Inbox(), Delivery()
    with smtp_server(inbox) as port:
        ways = [Files(tmp_path), Mail(mail_settings(port))]
        with Messenger.at_work(tmp_path, ways, NOW, quiet=True) as messenger:
            assert messenger is not None
            messenger.send("night 1", NOW, message, delivery)
            messenger.send("night 2", NOW, lambda: message(needs_someone=True), delivery)
    assert len(inbox.mails) == 1
    assert (tmp_path / "night-1.txt").exists()
