"""A real night tells how it went; a failed, silent or unreadable one, too."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from assets_defs.launch import dagster_instance
from assets_defs.night_reports import late, night_reports, tell
from catalog_gen.cli import report
from catalog_gen.reporting.nights.delivery import SentMessages
from catalog_gen.stages.catalog import Catalog
from catalog_gen.store.files import write_whole
from resources.internals import last_scheduled
from tests.pipeline.shop import ROWS, Shop, open_shop
from tests.reporting.servers import Inbox, smtp_server, webhook

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop after a good night, and one whose feed was empty."""
    shop = open_shop(tmp_path_factory.mktemp("reports"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in shop.environment.items():
            patch.setenv(name, value)
        with dagster_instance(shop.home) as instance:
            assert shop.refresh(instance).is_success
            shop.write_feed({})
            assert not shop.refresh(instance).is_success
        shop.write_feed(ROWS)
        yield shop


@pytest.fixture
def instance(shop: Shop) -> Iterator[dg.DagsterInstance]:
    shutil.rmtree(shop.home.reports, ignore_errors=True)
    with dagster_instance(shop.home) as opened:
        yield opened


def texts(shop: Shop) -> list[str]:
    """The reports that were written, the newest last."""
    files = [each for each in shop.home.reports.glob("*.txt") if each.stem != "latest"]
    return [each.read_text("utf-8") for each in sorted(files, key=lambda x: x.stat().st_mtime_ns)]


def test_every_night_is_reported_once_with_its_pictures(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    now = datetime.now(UTC)
    delivery = tell(instance, shop.catalog, now, since=BEGAN)
    good, bad = texts(shop)
    assert "6 drawn" in good
    assert "Products: 3 active, 3 added" in good
    assert "Drawn: 6 new" in good
    assert "failed" in bad.splitlines()[0]
    assert "none of its 0 rows" in bad
    assert len(delivery.sent) == 2
    pages = [each.read_text("utf-8") for each in shop.home.reports.glob("night-*.html")]
    assert sorted(page.count('src="data:image/jpeg') for page in pages) == [0, 3]
    assert tell(instance, shop.catalog, now, since=BEGAN).sent == []


def test_it_is_sent_as_the_settings_say(
    shop: Shop, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = Inbox()
    with smtp_server(inbox) as port, webhook() as hook:
        monkeypatch.setenv("CATALOG_WEBHOOK_URL", f"http://127.0.0.1:{hook.server_port}/secret")
        text = (
            "[reports]\nwebhook = true\n[reports.mail]\nhost = '127.0.0.1'\nsecurity = 'none'\n"
            f"port = {port}\nsender = 'night@shop.example'\nto = ['me@shop.example']\n"
        )
        config = shop.folder / "report.toml"
        config.write_text(shop.config.read_text("utf-8") + text, "utf-8")
        catalog = Catalog.open(config, shop.home)
        delivery = tell(instance, catalog, datetime.now(UTC), since=BEGAN)
    assert [sent.partition(":")[0] for sent in delivery.sent] == ["files", "mail", "webhook"] * 2
    assert [str(mail["Subject"]) for mail in inbox.mails] == [
        body["text"] for _, body in hook.posts
    ]
    pictures = [part for part in inbox.mails[0].walk() if part.get_content_type() == "image/jpeg"]
    assert len(pictures) == 3


def test_nights_before_reports_were_set_up_are_not_reported(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    assert tell(instance, shop.catalog, datetime.now(UTC)).sent == []


def test_a_night_is_reported_even_if_the_store_cannot_be_read(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    database = shop.home.database
    kept = database.rename(database.with_suffix(".kept"))
    try:
        database.write_bytes(b"no database" * 1000)
        tell(instance, shop.catalog, datetime.now(UTC), since=BEGAN)
    finally:
        kept.replace(database)
    good, bad = texts(shop)
    assert "nightly_refresh of" in good
    assert "The store has no summary of it" in good
    assert "none of its 0 rows" in bad


def test_the_sensor_reports_a_silent_night_within_minutes(
    shop: Shop, instance: dg.DagsterInstance
) -> None:
    catalog = shop.catalog
    schedule, minutes = catalog.settings.schedule, catalog.settings.reports.begin_minutes
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    due = last_scheduled(schedule.cron, schedule.timezone, tomorrow)
    tell(instance, catalog, datetime.now(UTC))  # from now on it is watched
    assert tell(instance, catalog, due + timedelta(minutes=minutes - 1)).sent == []
    silent = due + timedelta(minutes=minutes)
    assert tell(instance, catalog, silent).sent == [
        f"files: No night has begun: {due:%Y-%m-%d %H:%M} UTC was its time"
    ]
    assert tell(instance, catalog, silent + timedelta(hours=1)).sent == []
    assert len(late(instance, catalog, silent + timedelta(hours=1))) == 1
    assert "The last night that succeeded ended" in texts(shop)[-1]


def test_dagsters_sensor_runs_it(shop: Shop, instance: dg.DagsterInstance) -> None:
    shop.home.reports.mkdir()
    sent = SentMessages(since=BEGAN, ways={"files": BEGAN})
    write_whole(shop.home.reports / "sent.json", sent.model_dump_json().encode())
    with dg.build_sensor_context(instance=instance) as context:
        found = night_reports(context)
    assert isinstance(found, dg.SkipReason)
    assert len(texts(shop)) >= 2
    assert night_reports.minimum_interval_seconds == 60
    assert night_reports.default_status is dg.DefaultSensorStatus.RUNNING


def test_the_command_prints_a_night_and_sends_what_is_due(
    shop: Shop, instance: dg.DagsterInstance, capfd: pytest.CaptureFixture[str]
) -> None:
    ((first,),) = shop.query("SELECT arg_min(run_id, seq) FROM runs")
    assert report.run(shop.config, str(first)[:8], as_json=False) == 0
    assert "Drawn: 6 new" in capfd.readouterr().out
    assert report.run(shop.config, None, as_json=True) == 1
    assert '"status": "failed"' in capfd.readouterr().out
    assert report.send(shop.config, as_json=True) == 0
    assert '"sent": []' in capfd.readouterr().out
