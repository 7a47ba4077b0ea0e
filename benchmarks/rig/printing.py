"""Print a benchmark's figures."""

import json
from collections.abc import Mapping
from typing import Any


def print_figures(figures: Mapping[str, Any], *, as_json: bool) -> None:
    """Print the figures as JSON, or as lines of a name and a value."""
    if as_json:
        print(json.dumps(figures, indent=2))
        return
    width = max(map(len, figures)) + 2
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):<{width}}{value}")
