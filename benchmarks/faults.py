"""Inject faults: kill refreshes at random moments and count what survives.

python benchmarks/faults.py [--kills N] [--pairs N] [--seed N] [--json]
"""

import argparse
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from rig.kills import FAULTS, Killer, prepare  # noqa: E402
from rig.printing import print_figures  # noqa: E402


def main() -> None:
    """Kill, count and print; exit code 1 if anything that must be 0 is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=10, help="two refreshes at once, so often")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    prepare()
    # A killed process loses nothing that it gave to the kernel: memory is as true as a disk here.
    shared = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared if shared.is_dir() else None) as folder:
        figures = measure(Path(folder), arguments.kills, arguments.pairs, arguments.seed)
    print_figures(figures, as_json=arguments.json)
    sys.exit(any(figures[name] for name in FAULTS))


def measure(folder: Path, kills: int, pairs: int, seed: int) -> dict[str, Any]:
    """The figures of ``kills`` kills and ``pairs`` of refreshes of a shop in an empty folder."""
    killer = Killer(folder, seed)
    killer.run(kills)
    return asdict(killer.run_pairs(pairs))


if __name__ == "__main__":
    main()
