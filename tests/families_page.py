"""Writes the table of ``docs/families.md``: ``python -m tests.families_page``."""

from pathlib import Path

from catalog_gen.diffusion.families.family import FAMILIES, Family

PAGE = Path(__file__).parent.parent / "docs" / "families.md"
BEGIN = "<!-- table: python -m tests.families_page -->\n"
END = "<!-- end -->\n"

#: Where a family's pictures are compared with those of the plain pipeline, and with themselves.
DRAWN_BY = {
    "stable-diffusion": "test_engine.py, test_guides.py",
    "sdxl": "test_engine.py, test_guides.py",
    "stable-diffusion-inpaint": "test_masked_families.py",
    "sdxl-inpaint": "test_masked_families.py",
    "flux-fill": "test_masked_families.py",
}


def table() -> str:
    """One row per family, from the code."""
    rows = [
        "| family | pipeline classes | tasks | drawn alone | sizes | schedulers | tests |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, family in FAMILIES.items():
        cells = [name, *_cells(family), DRAWN_BY.get(name, "test_golden.py")]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows) + "\n"


def _cells(family: type[Family]) -> list[str]:
    alone = [task for task, rules in family.tasks.items() if not rules.batchable]
    least = {f", {rules.least} at least" for rules in family.tasks.values() if rules.least > 1}
    return [
        ", ".join(f"`{each}`" for each in family.pipelines),
        ", ".join(family.tasks),
        ", ".join(alone) or "none",
        f"multiples of {family.multiple}{''.join(least)}",
        ", ".join(family.schedulers),
    ]


def page(text: str) -> str:
    """A page with its table updated from the code."""
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
