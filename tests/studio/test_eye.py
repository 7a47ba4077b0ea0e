"""Sheets of drawn pictures for two judges, and what becomes of their verdicts."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from catalog_gen.errors import InputError
from catalog_gen.settings.catalog import load_settings
from studio.evaluation.eye import (
    ACROSS,
    CAPTION,
    SHOWN,
    main,
    read_opinions,
    report,
    unjudged,
    with_opinions,
    write_sheets,
)
from studio.evaluation.labels import Opinion, Seen, draw_again, read_table, write_table

DATA = Path(__file__).parents[2] / "data"
PROMPT = "product photo of one matte red mug, front view, white background"
MANY = [Seen(f"p{number:02d}", PROMPT, "packshot", number) for number in range(23)]


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    """A folder of sheets of MANY, each picture of a grey of its own."""
    pictures = [np.full((128, 128, 3), 10 * number, np.uint8) for number in range(23)]
    write_sheets(MANY, pictures, tmp_path / "sheets")
    return tmp_path / "sheets"


def judged(folder: Path, judge: str, words: dict[str, str]) -> None:
    """Write a judge's file: these words, and fine of all others."""
    pages = json.loads((folder / "pictures.json").read_text())[judge]
    lines = ["sheet,number,word,why"]
    for page, names in enumerate(pages, 1):
        for number, name in enumerate(names, 1):
            word = words.get(name, "fine")
            lines.append(f'{page},{number},{word},"{"" if word == "fine" else "torn, rim"}"')
    half = len(lines) // 2
    (folder / f"{judge}-1.csv").write_text("\n".join(lines[:half]) + "\n")
    (folder / f"{judge}-2.csv").write_text("\n".join([lines[0], *lines[half:]]) + "\n")


def test_both_judges_see_every_picture_in_opposite_orders(sheets: Path) -> None:
    pages = json.loads((sheets / "pictures.json").read_text())
    first, second = ([name for page in pages[judge] for name in page] for judge in ("a", "b"))
    assert second == first[::-1]
    assert sorted(first) == [row.picture for row in MANY]
    assert first != sorted(first)
    assert [len(page) for page in pages["a"]] == [20, 3]
    for judge in ("a", "b"):
        for page, names in enumerate(pages[judge], 1):
            with Image.open(sheets / f"{judge}-{page:02d}.png") as opened:
                shown = np.asarray(opened)
            for place, name in enumerate(names):
                y = place // ACROSS * (SHOWN + CAPTION) + SHOWN // 2
                grey = shown[y, place % ACROSS * SHOWN + SHOWN // 2]
                assert (grey == 10 * int(name[1:])).all()


def test_verdicts_come_back_to_their_pictures(sheets: Path, tmp_path: Path) -> None:
    judged(sheets, "a", {"p03": "wrong", "p04": "soft", "p05": "wrong"})
    judged(sheets, "b", {"p03": "soft", "p04": "soft"})
    rows = with_opinions(MANY, read_opinions(sheets))
    assert rows[3].opinions == (Opinion("wrong", "torn, rim"), Opinion("soft", "torn, rim"))
    assert {row.picture: row.verdict for row in rows if row.verdict != "fine"} == {
        "p03": "wrong",
        "p04": "soft",
        "p05": "soft",
    }
    assert report(rows) == (
        "23 pictures: 20 fine, 2 soft, 1 wrong; the judges agree on 21, "
        "and say fine against wrong of 1"
    )
    table = tmp_path / "table.csv"
    write_table(table, rows)
    assert read_table(table) == rows


def test_the_tables_of_the_repository_are_written_as_they_are_read(tmp_path: Path) -> None:
    for name in ("labels.csv", "held-out.csv"):
        table = DATA / "eye" / name
        write_table(tmp_path / name, read_table(table))
        assert (tmp_path / name).read_bytes() == table.read_bytes()


def test_sheets_never_mix_with_others(sheets: Path) -> None:
    with pytest.raises(InputError, match="is not empty"):
        write_sheets(MANY[:1], [np.zeros((128, 128, 3), np.uint8)], sheets)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("3,1,fine,", "is no picture"),
        ("2,4,fine,", "is no picture"),
        ("0,1,fine,", "is no picture"),
        ("1,1,fine,", "was judged before"),
        ("1,2,good,", "is no verdict"),
        ("one,2,fine,", "is no verdict"),
        ("1,2", "is no verdict"),
    ],
)
def test_a_line_that_judges_nothing_is_refused(sheets: Path, line: str, rule: str) -> None:
    (sheets / "a-1.csv").write_text(f"sheet,number,word,why\n1,1,fine,\n{line}\n")
    with pytest.raises(InputError, match=rule) as refused:
        read_opinions(sheets)
    assert "a-1.csv, line 3" in str(refused.value)


def test_no_verdict_is_taken_before_both_judges_saw_all(sheets: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"pictures\.json"):
        read_opinions(tmp_path)
    judged(sheets, "a", {})
    table = tmp_path / "table.csv"
    write_table(table, MANY)
    before = table.read_bytes()
    with pytest.raises(SystemExit):
        main(["verdicts", str(table), "--folder", str(sheets)])
    with pytest.raises(InputError, match="picture 1 on sheet 1: has no verdict, as 22 more"):
        read_opinions(sheets)
    judged(sheets, "b", {})
    write_table(tmp_path / "less.csv", MANY[1:])
    with pytest.raises(SystemExit):
        main(["verdicts", str(tmp_path / "less.csv"), "--folder", str(sheets)])
    assert table.read_bytes() == before


def test_wishes_are_drawn_judged_and_labelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labelled, *others = read_table(DATA / "eye" / "held-out.csv")[:3]
    wishes = [labelled, *(replace(row, opinions=()) for row in others)]
    table, folder = tmp_path / "table.csv", tmp_path / "sheets"
    write_table(table, wishes)
    with pytest.raises(InputError, match="has no verdict yet"):
        _ = wishes[1].verdict
    command = [str(table), "--folder", str(folder), "--config", str(DATA / "catalog.toml")]
    main(["sheets", *command])
    assert "2 pictures; sheets a judge: 1" in capsys.readouterr().out
    pages = json.loads((folder / "pictures.json").read_text())
    with Image.open(folder / "a-01.png") as opened:
        shown = np.asarray(opened)[:SHOWN, :SHOWN]
    (first,) = [row for row in others if row.picture == pages["a"][0][0]]
    model = load_settings(DATA / "catalog.toml").model
    (drawn,) = draw_again([first], model)
    large = Image.fromarray(drawn).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
    assert np.abs(shown.astype(int) - np.asarray(large)).max() <= 8
    judged(folder, "a", {others[0].picture: "wrong"})
    judged(folder, "b", {})
    main(["verdicts", *command])
    after = read_table(table)
    assert after[0] == labelled
    assert [row.verdict for row in after[1:]] == ["soft", "fine"]
    with pytest.raises(SystemExit):
        main(["sheets", *command])


def test_a_table_without_a_column_or_a_seed_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("picture,prompt,view\n")
    with pytest.raises(InputError, match=r"table\.csv: seed"):
        read_table(table)
    write_table(table, MANY[:1])
    table.write_text(table.read_text().replace("packshot,0", "packshot,1.5"))
    with pytest.raises(InputError, match=r"picture p00: '1\.5': is no seed"):
        read_table(table)


def test_two_pictures_of_one_name_are_not_drawn(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="picture p00: is there 2 times"):
        unjudged({tmp_path / "a": MANY, tmp_path / "b": MANY[:1]}, again=False)
