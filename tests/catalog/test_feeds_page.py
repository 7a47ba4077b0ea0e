"""The table of platforms in docs/feeds.md matches the readers and channels."""

from pathlib import Path

from benchmarks.feeds import platform_table

PAGE = Path(__file__).parents[2] / "docs" / "feeds.md"


def test_the_table_is_the_code() -> None:
    """Update it with: python benchmarks/feeds.py --table"""
    assert platform_table() in PAGE.read_text("utf-8")
