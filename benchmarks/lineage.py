"""Time the lineage queries over a large store of synthesised rows.

Rows as a refresh would have written them over 30 nights, without the pictures' bytes: every image
has its recipe, ledger row, prompt, score and verdict. The queries of docs/lineage.md run on a
snapshot, as in `catalog-gen sql`, each with a new connection; the figure is the median of the
repeats, without the first (cold) one. `catalog-gen lineage` reads the live file.

    python benchmarks/lineage.py [--images N] [--repeats N] [--keep FOLDER] [--json]
"""

import argparse
import json
import re
import resource
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final

import duckdb

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "lineage.md"
NIGHTS: Final = 30

#: Seconds that the project asks for at a million images on two cores.
ASKED_BY_ID: Final = 0.1
ASKED_AGGREGATE: Final = 1.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="keep the store here, and use it if it is there")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        figures = measure(arguments.keep, arguments.images, arguments.repeats)
    else:
        with tempfile.TemporaryDirectory() as folder:
            figures = measure(Path(folder), arguments.images, arguments.repeats)
    if arguments.json:
        print(json.dumps(figures, indent=2))
        return
    print(f"{figures['images']} images, {figures['file_mb']:.0f} MB without their bytes")
    for name, each in figures["questions"].items():
        mark = "" if each["seconds"] < each["asked"] else "   <- slower than asked"
        print(
            f"{each['seconds'] * 1000:8.0f} ms   cold {each['cold'] * 1000:6.0f}   asked "
            f"{each['asked'] * 1000:6.0f}   {name}{mark}"
        )
    live = figures["live"]
    print(f"{live['by_id']['seconds'] * 1000:8.0f} ms   one image by id, in the live file")
    print(f"{live['command'] * 1000:8.0f} ms   opening, finding by a prefix, telling: the command")
    snapshot = figures["snapshot"]
    print(f"the snapshot took {snapshot['seconds']:.1f} s and has {snapshot['mb']:.0f} MB")
    print(f"peak memory {figures['peak_mb']:.0f} MB")


def measure(folder: Path, images: int, repeats: int) -> dict[str, Any]:
    """Synthesise the store if it is not there, then ask each question of the page."""
    from catalog_gen.home import Home
    from catalog_gen.store.connection import Store
    from catalog_gen.store.snapshot import publish_snapshot

    home = Home(folder)
    store = Store(home)
    if not home.database.exists():
        with store.writing(checkpoint=True) as connection:
            synthesise(connection, images)
    started = perf_counter()
    snapshot = publish_snapshot(store, home)
    snapshot_seconds = perf_counter() - started
    with store.reading() as connection:
        ((example, sha256, product),) = connection.execute(
            """
            SELECT image_id, sha256, product_id FROM images JOIN prompts USING (prompt_id)
            ORDER BY image_id LIMIT 1 OFFSET 4321 % (SELECT count(*) FROM images)
            """
        ).fetchall()
    questions = {
        "one image, by id": (f"SELECT * FROM lineage WHERE image_id = '{example}'", ASKED_BY_ID),
        "one image, by the start of its id": (
            f"SELECT * FROM lineage WHERE starts_with(image_id, '{example[:12]}')",
            ASKED_BY_ID,
        ),
        "one image, by the SHA-256 of its bytes": (
            f"SELECT * FROM lineage WHERE sha256 = '{sha256}'",
            ASKED_BY_ID,
        ),
    }
    for title, query in page_queries():
        asked = query.replace("mug-1", product).replace("'0'", f"'{example[:12]}'")
        questions[title] = (asked, ASKED_AGGREGATE)
    return {
        "images": images,
        "file_mb": home.database.stat().st_size / 1e6,
        "questions": {
            name: {**_timed(snapshot, query, repeats), "asked": asked}
            for name, (query, asked) in questions.items()
        },
        "live": {
            "by_id": _timed(home.database, questions["one image, by id"][0], repeats),
            "command": _command(home, example, repeats),
        },
        "snapshot": {"seconds": snapshot_seconds, "mb": snapshot.stat().st_size / 1e6},
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def page_queries() -> list[tuple[str, str]]:
    """The questions of docs/lineage.md with their SQL."""
    question = r"\*\*(.+?)\*\*(?:(?!```).)*?```sql\n(.*?)```"
    found = re.findall(question, PAGE.read_text("utf-8"), re.DOTALL)
    return [(" ".join(title.split()), query) for title, query in found]


def _timed(database: Path, query: str, repeats: int) -> dict[str, float]:
    with duckdb.connect(database, read_only=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET enable_progress_bar = false")
        seconds = []
        for _ in range(repeats + 1):
            started = perf_counter()
            rows = connection.execute(query).fetchall()
            seconds.append(perf_counter() - started)
    return {"seconds": median(seconds[1:]), "cold": seconds[0], "rows": len(rows)}


def _command(home: Any, image_id: str, repeats: int) -> float:
    """What `catalog-gen lineage` spends in the store: opening, finding, reading."""
    from catalog_gen.store.connection import Store
    from catalog_gen.store.images import find_image
    from catalog_gen.store.lineage import lineage_of

    seconds = []
    for _ in range(repeats + 1):
        started = perf_counter()
        with Store(home).peek() as connection:
            lineage_of(connection, find_image(connection, image_id[:12]))
        seconds.append(perf_counter() - started)
    return median(seconds[1:])


def synthesise(connection: duckdb.DuckDBPyConnection, images: int) -> None:
    """Rows of this many images: two views and two candidates per product, changed over nights."""
    products = max(1, images // 8)  # two views, two candidates, and each asked for twice
    parameters = {"products": products, "nights": NIGHTS}
    connection.execute(
        """
        INSERT INTO runs BY NAME
        SELECT 'run-' || night AS run_id,
            TIMESTAMPTZ '2026-10-01 02:00:00+00' + to_days(night::INTEGER) AS started_at,
            TIMESTAMPTZ '2026-10-01 05:00:00+00' + to_days(night::INTEGER) AS finished_at,
            'succeeded' AS status, '{}' AS summary
        FROM range($nights) AS each(night)
        """,
        {"nights": NIGHTS},
    )
    connection.execute(
        """
        INSERT INTO products
        SELECT 'sku-' || lpad(number::VARCHAR, 7, '0'), number % 16, 'Product No. ' || number,
            ['mug', 'bowl', 'chair', 'lamp', 'shoe', 'watch'][number % 6 + 1],
            'A product that is described in one sentence of usual length, for its shop.', '', '',
            MAP {'colour': ['red', 'blue', 'green', 'black'][number % 4 + 1], 'material': 'steel',
                'price': (number % 90)::VARCHAR || '.00 EUR'},
            sha256('row' || number), 'feed-1', TIMESTAMPTZ '2026-10-01 02:00:00+00',
            TIMESTAMPTZ '2026-10-01 02:00:00+00', NULL
        FROM range($products) AS each(number)
        """,
        {"products": products},
    )
    # Each product was new in the first nights, and changed its colour in a later one.
    connection.execute(
        """
        INSERT INTO prompts BY NAME
        SELECT sha256(concat(number, view, state)) AS prompt_id,
            'sku-' || lpad(number::VARCHAR, 7, '0') AS product_id, number % 16 AS shard, view,
            sha256(concat('f', number, view, state)) AS fingerprint,
            sha256(concat('l', number, view, state)) AS look_id,
            sha256(concat('m', number, view)) AS form,
            MAP {'category': ['mug', 'bowl', 'chair', 'lamp', 'shoe', 'watch'][number % 6 + 1],
                'colour': ['red', 'blue', 'green', 'black'][(number + state) % 4 + 1],
                'title': 'Product No. ' || number} AS inputs,
            MAP {'colour': ['red', 'blue', 'green', 'black'][(number + state) % 4 + 1]} AS asked,
            concat('{"model":"', sha256(concat('m', state)), '","settings":"', sha256('s'),
                '","template":"', sha256(concat('t', view, night // 10)), '"}') AS spec,
            concat('product photo of one steel thing No. ', number, ', ', view) AS prompt,
            '' AS negative_prompt, 12 AS tokens, [] AS dropped, '' AS unsupported,
            if(state = 0, 'new', 'changed: colour') AS reason, state = 1 AS current,
            TIMESTAMPTZ '2026-10-01 02:01:00+00' + to_days(night::INTEGER) AS created_at,
            'run-' || night AS run_id
        FROM (
            SELECT number, view, state,
                if(state = 0, number % 3, 3 + number % ($nights - 3)) AS night
            FROM range($products) AS each(number),
                (VALUES ('packshot'), ('lifestyle')) AS views(view), range(2) AS states(state)
        ) ORDER BY night
        """,
        parameters,
    )
    connection.execute(
        """
        CREATE TEMP TABLE drawn AS
        SELECT sha256(concat(prompt_id, candidate)) AS recipe_id, candidate, prompts.*
        FROM prompts, range(2) AS candidates(candidate) ORDER BY created_at
        """
    )
    connection.execute(
        """
        INSERT INTO recipes BY NAME
        SELECT recipe_id, concat('{"guidance":3.0,"height":128,"method":{"name":"text2img"},',
                '"model_hash":"', spec ->> 'model', '","negative_prompt":"","prompt":"', prompt,
                '","scheduler":"ddim","seed":', hash(recipe_id) >> 1,
                ',"steps":20,"version":1,"width":128}')
                AS recipe,
            'text2img' AS method, spec ->> 'model' AS model_hash, 'ddim' AS scheduler,
            (hash(recipe_id) >> 1)::BIGINT AS seed
        FROM drawn
        """
    )
    connection.execute(
        """
        INSERT INTO environments VALUES (sha256('e'), '{"batch_size":8,"compiled":false,'
            || '"device":"cpu","dtype":"fp32","libraries":{"torch":"2.15.0"},'
            || '"platform":"Linux x86_64","threads":2}', TIMESTAMPTZ '2026-10-01 02:00:00+00')
        """
    )
    connection.execute(
        """
        INSERT INTO ledger
        SELECT recipe_id, look_id, prompt_id, view, candidate, 0,
            if(hash(recipe_id) % 1000 = 0, 'given up', 'made'), reason, 1,
            if(hash(recipe_id) % 1000 = 0, 'the model drew a black picture', ''), 0.4, created_at,
            run_id
        FROM drawn
        """
    )
    connection.execute(
        """
        INSERT INTO images BY NAME
        SELECT recipe_id AS image_id, sha256('png' || recipe_id) AS sha256, prompt_id,
            sha256('e') AS environment_id, 128 AS width, 128 AS height, 20000 AS size,
            0.3 + (hash(recipe_id) % 100) / 500 AS seconds,
            'batch-' || (row_number() OVER () // 8) AS batch,
            created_at + INTERVAL 10 MINUTE AS created_at, run_id
        FROM drawn WHERE hash(recipe_id) % 1000 <> 0
        """
    )
    connection.execute(
        """
        INSERT INTO scores BY NAME
        SELECT image_id, 'scorer-1' AS scorer,
            0.2 + (hash(image_id) % 100) / 1000 AS similarity, 0.1 AS margin,
            [0.6, 0.8]::FLOAT[] AS embedding,
            concat('{"background":{"border":254.1},"colour":{"delta":', hash(image_id) % 40,
                '},"exposure":{"clipped":0.01,"mean":201.5},"sharpness":', hash(image_id) % 900,
                ',"subject":{"area":0.31,"box":[20,22,101,109],"margin":0.16,"parts":1}}')
                AS signals,
            'cpu' AS device, '{}' AS lookers,
            created_at + INTERVAL 20 MINUTE AS scored_at, run_id
        FROM images
        """
    )
    connection.execute(
        """
        INSERT INTO verdicts BY NAME
        SELECT image_id, 'rubric-1' AS rubric, decision, if(decision = 'accepted', 9, 5) AS total,
            concat('{"prompt_adherence":{"points":2,"why":"It shows what was asked for."},',
                '"visual_realism":{"points":', if(decision = 'accepted', 2, 1),
                ',"why":"Sharp enough (', hash(image_id) % 900, ')."},',
                '"artifacts":{"points":2,"why":"Nothing is cut off."},',
                '"ecommerce_usability":{"points":2,"why":"Clean white background."},',
                '"reproducibility":{"points":1,"why":"Recipe, weights and libraries are known."}}')
                AS criteria,
            [] AS hard_failures, judged_at, run_id
        FROM (
            SELECT image_id, run_id, created_at + INTERVAL 30 MINUTE AS judged_at,
                CASE WHEN hash(image_id) % 10 < 7 THEN 'accepted'
                    WHEN hash(image_id) % 10 < 9 THEN 'review' ELSE 'rejected' END AS decision
            FROM images
        )
        """
    )
    # A second rubric judged a tenth again, and people looked at some.
    connection.execute(
        """
        INSERT INTO verdicts BY NAME
        SELECT * EXCLUDE (seq) REPLACE ('rubric-2' AS rubric, 'accepted' AS decision, 8 AS total)
        FROM verdicts WHERE hash(image_id) % 10 = 3
        """
    )
    connection.execute(
        """
        INSERT INTO reviews BY NAME
        SELECT image_id, 'rejected' AS decision, 'Ana' AS reviewer,
            'The handle is missing.' AS note, created_at + INTERVAL 1 DAY AS reviewed_at
        FROM images WHERE hash(image_id) % 500 = 7
        """
    )
    connection.execute(
        """
        INSERT INTO publications
        SELECT night + 1, 0.9, $products, 2 * $products,
            TIMESTAMPTZ '2026-10-01 04:00:00+00' + to_days(night::INTEGER), 'run-' || night
        FROM range($nights) AS each(night)
        """,
        parameters,
    )
    connection.execute(
        """
        INSERT INTO publication_items
        WITH shown AS (
            SELECT product_id, view, drawn.prompt_id, min(image_id) AS image_id,
                any_value(right(drawn.run_id, -4)::BIGINT) + 1 AS since
            FROM drawn JOIN images ON image_id = recipe_id GROUP BY ALL
        )
        SELECT product_id, view, image_id, since,
            lead(since) OVER (PARTITION BY product_id, view ORDER BY since)
        FROM shown ORDER BY since
        """
    )


if __name__ == "__main__":
    main()
