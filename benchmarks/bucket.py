"""A bucket that misbehaves: what is lost of the pictures that it should keep.

Keeps and reads pictures through moto's S3 server on loopback while a share of its answers is
spoiled: 500, slow-downs, torn and flipped bodies, wrong ETags, refused credentials, and uploads of
which half is kept. What can't be kept has to be an error; what was kept has to come back whole.

    python benchmarks/bucket.py [--requests N] [--faulty SHARE] [--seed N] [--json]
"""

import argparse
import logging
import os
import random
import sys
from collections import Counter
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from rig.printing import print_figures  # noqa: E402

FAULTS: Final = ("500", "slow down", "truncated", "flipped", "wrong etag", "denied", "swallowed")
#: Pictures that are kept at a time, as of a batch.
_BATCH: Final = 8


def main() -> None:
    """Measure and print; exit code 1 if anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000)
    parser.add_argument("--faulty", type=float, default=0.15, help="share of spoiled answers")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = measure(arguments.requests, arguments.faulty, arguments.seed)
    print_figures(figures, as_json=arguments.json)
    sys.exit(bool(figures["lost"]))


def measure(requests: int, faulty: float, seed: int) -> dict[str, Any]:
    """Send requests until so many were answered, and look at what the bucket then has."""
    import pytest

    from catalog_gen.errors import StoreError
    from catalog_gen.store import bucket
    from catalog_gen.store.pictures.in_bucket import InBucket
    from tests.store.bucket import s3_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    chance = random.Random(seed)
    answered = 0

    def fault(request: dict[str, Any]) -> str:
        nonlocal answered
        answered += 1
        chosen = chance.choice(FAULTS) if chance.random() < faulty else ""
        return "" if chosen == "swallowed" and request["REQUEST_METHOD"] != "PUT" else chosen

    kept: dict[str, bytes] = {}
    counted: Counter[str] = Counter()
    with pytest.MonkeyPatch.context() as patched, s3_server(patched) as server:
        patched.setattr(bucket, "_PATIENCE", timedelta(seconds=5))
        pictures = InBucket("s3://shop/pictures")
        server.fault = fault
        while answered < requests:
            contents = [os.urandom(5_000) for _ in range(_BATCH)]
            batch = {sha256(content).hexdigest(): content for content in contents}
            try:
                pictures.put(batch)
            except StoreError as error:
                counted[error.rule.partition(" (")[0]] += 1
            else:
                kept |= batch
        server.fault = lambda _: ""
        lost = pictures.broken(kept)
        injected = Counter(server.injected)
    return {
        "requests": answered,
        "faults": injected.total(),
        "by_kind": dict(injected),
        "batches_kept": len(kept) // _BATCH,
        "batches_told": dict(counted),
        "lost": len(lost),
    }


if __name__ == "__main__":
    main()
