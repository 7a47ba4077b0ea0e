"""Cron expressions and time zones: whatever passes here, Dagster takes, too."""

import pytest
from dagster import ScheduleDefinition
from dagster._core.errors import DagsterInvalidDefinitionError
from hypothesis import given
from hypothesis import strategies as st

from catalog_gen.timetable import checked_cron, checked_timezone

PARTS = st.sampled_from(
    [
        "*",
        "0",
        "2",
        "7",
        "12",
        "23",
        "31",
        "59",
        "60",
        "mon",
        "JAN",
        "1-5",
        "5-1",
        "*/15",
        "*/0",
        "1,2",
        "1-9/2",
        "3/4",
        "L",
        "?",
        "mon-fri",
        "",
        "-1",
        "x",
        "08",
    ]
)


def taken_by_dagster(cron: str, timezone: str = "UTC") -> bool:
    try:
        ScheduleDefinition(
            name="s", cron_schedule=cron, execution_timezone=timezone, job_name="nightly"
        )
    except DagsterInvalidDefinitionError:
        return False
    return True


def passes(cron: str) -> bool:
    try:
        checked_cron(cron)
    except ValueError:
        return False
    return True


@given(st.lists(PARTS, min_size=4, max_size=6).map(" ".join))
def test_valid_times_are_accepted_by_dagster(cron: str) -> None:
    assert not passes(cron) or taken_by_dagster(cron)


@pytest.mark.parametrize(
    "cron",
    [
        "0 2 * * *",
        "*/15 * * * *",
        "0 2 * * mon-fri",
        "5,35 0-6/2 1 JAN,jul *",
        "0 0 31 1,2 *",
        "0 0 29 2 *",
        "0 0 31 2 mon",
        "0 9 * * 7",
    ],
)
def test_correct_settings_pass(cron: str) -> None:
    assert checked_cron(cron) == cron
    assert taken_by_dagster(cron) or cron == "0 0 31 2 mon"


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia"])
def test_zones_of_the_database_pass(name: str) -> None:
    assert checked_timezone(name) == name
    assert taken_by_dagster("0 2 * * *", name)


@pytest.mark.parametrize(
    ("name", "near"),
    [("Europe/Berln", "Europe/Berlin"), ("new york", "America/New_York"), ("utc ", "UTC")],
)
def test_a_typo_is_refused_with_the_nearest_zone(name: str, near: str) -> None:
    with pytest.raises(ValueError, match=near):
        checked_timezone(name)
