"""Columns of many records give the fields that the rules, applied cell by cell, give."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.catalog.aliases import Naming
from catalog_gen.catalog.feeds import BATCH_ROWS, BATCH_SIZE, batches
from catalog_gen.catalog.field_columns import FieldColumns, by_record, cleaned, decoded
from catalog_gen.catalog.product import CORE_FIELDS, Product
from catalog_gen.catalog.readers.record import Record
from catalog_gen.catalog.text import clean_text, html_to_text
from catalog_gen.catalog.validation import ID_MISSING, ID_TWICE, TITLE_MISSING, Validator
from catalog_gen.redaction import without_credentials
from catalog_gen.settings.feed import FeedSettings

LIMIT = 40
NAMES = (
    *("id", "sku", "name", "title", "product_type", "category", "google_product_category"),
    *("colour", "color", "Farbe", "description", "reference", "item_group_id", "size", "finish"),
    *("x", "X", "", "  ", "catégorie"),
)
CELLS = st.sampled_from(
    (
        *("", " ", "red", " red", "red  mug", "a | b", "|", "Home > Mugs", "2169", "Simple"),
        *("&amp; more", "&copy=1", "<p>Mug</p>", "a < b", "https://me:pass@shop.example/a.jpg"),
        *("Größe", "e\u0301", "zero\u200bwidth", "two\nlines", "x" * 41, "variable", "\u00a0"),
    )
)
ALIASES: Mapping[str, str] = {"finish": "size", "x": "sku", "Farbe": "title"}


def fields_by_cell(record: Record, naming: Naming) -> tuple[dict[str, str], dict[str, str]]:
    """The definition: core fields as they are, and clean attributes, one cell after the other."""
    core: dict[str, str] = {}
    attributes: dict[str, str] = {}
    for column in naming.plan(record.names):
        value, field = record.values[column.index], column.field
        if not value.strip() or (field == "category" and value in {"Simple", "variable"}):
            continue
        if field in CORE_FIELDS and field not in core:
            core[field] = value
            continue
        if core.get(field) == value:
            continue
        name = column.own if field in CORE_FIELDS or field in attributes else field
        if name in attributes or name in CORE_FIELDS or len(value) > LIMIT:
            continue
        if clean := without_credentials(clean_text(decoded(value))):
            attributes[name] = clean
    return core, attributes


@given(st.data())
def test_columns_equal_cells(data: st.DataObject) -> None:
    names = tuple(data.draw(st.lists(st.sampled_from(NAMES), max_size=8)))
    rows = data.draw(
        st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), min_size=1)
    )
    naming = Naming(data.draw(st.sampled_from(({}, ALIASES))))
    records = [Record(line, names, row) for line, row in enumerate(rows, start=1)]
    columns = FieldColumns.of(list(zip(*rows, strict=True)), naming.plan(names), LIMIT)
    assert columns.longest == max((len(cell) for row in rows for cell in row), default=0)
    core = by_record(columns.core, len(records))
    attributes = by_record(columns.attributes, len(records))
    expected = [fields_by_cell(record, naming) for record in records]
    assert list(zip(core, attributes, strict=True)) == expected


@given(st.lists(CELLS | st.text(max_size=12)))
def test_only_what_needs_no_cleaning_is_left_alone(values: list[str]) -> None:
    assert list(cleaned(values, html_to_text)) == list(map(html_to_text, values))
    for value in values:
        assert list(cleaned([value], clean_text)) == [clean_text(value)]


def test_records_of_several_forms_keep_their_order() -> None:
    short, long = ("id", "title"), ("id", "title", "colour")
    records = [
        Record(1, short, ["1", "Mug"]),
        Record(2, long, ["1", "Bowl", "red"]),
        Record(3, long, ["2", "<b> </b>", "red"]),
        Record(4, short, ["2", "Vase"]),
        Record(5, (), []),
    ]
    validator = Validator(FeedSettings(path="feed.csv"), Naming({}))
    judged = validator.judge(records)
    # The rejected row's id is free.
    assert list(judged.products) == [Product("1", "Mug"), Product("2", "Vase")]
    rules = {place: each.rule for place, each in judged.refused.items()}
    assert rules == {1: ID_TWICE, 2: TITLE_MISSING, 4: ID_MISSING}
    assert judged.refused[2].value == "<b> </b>"
    assert [each.get("title") for each in validator.raw(records)] == [
        *("Mug", "Bowl", "<b> </b>", "Vase", None)
    ]
    again = validator.judge(records[3:4])
    assert [each.rule for each in again.refused.values()] == [ID_TWICE]


@pytest.mark.parametrize(
    ("cell", "rows"), [("x", BATCH_ROWS), ("x" * (BATCH_SIZE // 4), 5)], ids=("small", "large")
)
def test_batches_are_bounded_by_rows_and_by_size(cell: str, rows: int) -> None:
    records = [Record(line, ("id",), [cell]) for line in range(2 * rows + 1)]
    found = list(batches(records))
    assert [len(batch) for batch in found] == [rows, rows, 1]
    assert [row for batch in found for row in batch] == records
