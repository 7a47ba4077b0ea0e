"""The `catalog-gen` command: what there is to say to it, and how errors leave it.

Each command's work is in a module of its own that is imported when the command runs, so that
`--help` costs nothing but this file.
"""

import os
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from catalog_gen.errors import CatalogError, InfrastructureError
from catalog_gen.redaction import without_credentials

app = typer.Typer(
    name="catalog-gen",
    help="Keep a product catalog's pictures up to date.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich's help costs a fifth of a second, more than all the rest
)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="CATALOG_CONFIG", help="The settings file.")
]
FeedOption = Annotated[
    Path | None, typer.Option("--feed", "-f", help="A feed, instead of the settings' one.")
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        help="Draw at most so many pictures (200) or so long (90s, 30m, 2h), most valuable first."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object, nothing else.")]

DEFAULT_CONFIG = Path("data/catalog.toml")


@app.command()
def refresh(
    config: ConfigOption = DEFAULT_CONFIG,
    feed: FeedOption = None,
    budget: BudgetOption = None,
    json: JsonOption = False,
) -> None:
    """Run the nightly job now, in this process: draw what changed, publish what passed."""
    from catalog_gen.cli.refresh import run

    raise typer.Exit(run(config, feed, budget, json))


@app.command()
def plan(
    config: ConfigOption = DEFAULT_CONFIG,
    feed: FeedOption = None,
    budget: BudgetOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a refresh would draw, why, and at what cost. Touches nothing."""
    from catalog_gen.cli.plan import run

    run(config, feed, budget, json)


@app.command()
def status(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Show products, coverage, open failures and the last runs."""
    from catalog_gen.cli.status import run

    run(config, json)


@app.command()
def lineage(
    image: Annotated[str, typer.Argument(help="The start of an image's id or SHA-256, or a file.")],
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Tell everything about one image: product, prompt, recipe, scores, verdict, channels."""
    from catalog_gen.cli.lineage import run

    run(image, config, json)


@app.command()
def reproduce(
    images: Annotated[
        list[str] | None, typer.Argument(help="The starts of images' ids or SHA-256.")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="So many stored images besides.")] = 0,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Draw stored images again from their rows alone, and compare byte for byte."""
    if not images and not sample:
        raise typer.BadParameter("name images, or give --sample N")
    from catalog_gen.cli.reproduce import run

    raise typer.Exit(run(config, images or [], sample, json))


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT over the newest snapshot.")],
    json: JsonOption = False,
) -> None:
    """Query the newest snapshot in SQL, read-only."""
    from catalog_gen.cli.sql import run

    run(query, json)


@app.command()
def gallery(
    config: ConfigOption = DEFAULT_CONFIG,
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write the gallery page from the store and say where it is."""
    from catalog_gen.cli.gallery import run

    run(config, open_page)


@app.command()
def publications(
    at: Annotated[
        str | None, typer.Option(help="List the pictures that were live at this time instead.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the sets of pictures that went live, and why the last night's did or did not."""
    from catalog_gen.cli.publications import run

    run(at, json)


@app.command()
def rollback(
    publication: Annotated[
        int | None, typer.Argument(help="Its number; default: the one before the live one.")
    ] = None,
    release: Annotated[
        bool, typer.Option("--release", help="Let nights publish again instead.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Make an earlier set of pictures live again, until it is released."""
    from catalog_gen.cli.publications import run_rollback

    run_rollback(config, publication, release, json)


@app.command()
def export(
    channel: Annotated[str, typer.Option(help="google, shopify, meta or files.")],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    base_url: Annotated[
        str | None, typer.Option(help="Where that folder is served from; default: the settings'.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Write the live pictures and the feed in a sales channel's form."""
    from catalog_gen.cli.export import run

    run(config, channel, out, base_url, json)


@app.command()
def review(
    image: Annotated[
        str | None, typer.Argument(help="The start of an image's id or SHA-256; none: list.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="It may be published.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="It may not.")] = False,
    note: Annotated[str, typer.Option(help="Why, in your words.")] = "",
    json: JsonOption = False,
) -> None:
    """List what waits for a person, or decide about one picture."""
    if (image is None) != (not accept and not reject) or (accept and reject):
        raise typer.BadParameter("name an image with --accept or --reject, or neither")
    from catalog_gen.cli.review import run_decide, run_list

    if image is None:
        run_list(json)
    else:
        run_decide(image, "accepted" if accept else "rejected", note, json)


@app.command()
def calibrate(
    most_bad: Annotated[
        float, typer.Option(min=0.001, max=0.999, help="Bound on bad among accepted pictures.")
    ] = 0.05,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="With which the bound holds.")
    ] = 0.95,
    critic: Annotated[
        bool, typer.Option("--critic", help="Learn from reviews which pictures people reject.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print, change nothing.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Set the rubric's accept cut from reviews: few bad pictures pass, with stated confidence.

    With --critic it learns a critic from them instead, which gives the fact "soundness".
    """
    if critic:
        from catalog_gen.cli.learn import run_learn

        run_learn(config, dry_run, json)
        return
    from catalog_gen.cli.calibrate import Bound, run

    run(config, Bound(most_bad, confidence), dry_run, json)


@app.command()
def verify(json: JsonOption = False) -> None:
    """Hash everything that is stored and name what is damaged; exit code 3 if anything is."""
    from catalog_gen.cli.verify import run

    raise typer.Exit(run(json))


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder.")], json: JsonOption = False
) -> None:
    """Write the whole database and the outbox into a new folder, checked."""
    from catalog_gen.cli.backup import run

    run(folder, json)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A backup's folder.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the store that is there; it is kept beside.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Make a backup the store, all of it or nothing."""
    from catalog_gen.cli.backup import run_restore

    run_restore(folder, force, json)


@app.command()
def doctor(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Look at disk, store, model, scorer, GPU and leftovers; name the remedy for each fault."""
    from catalog_gen.cli.doctor import run

    raise typer.Exit(run(config, json))


@app.command()
def dev(
    config: ConfigOption = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On the loopback interface.")] = 3000,
) -> None:
    """Start Dagster's web UI with the nightly schedule on."""
    from catalog_gen.cli.dev import run

    raise typer.Exit(run(config, port))


def main() -> None:
    """The entry point: errors become one message and an exit code, never a bare traceback.

    The process ends without Python's teardown: by now everything is closed and on disk, teardown
    takes half a second with torch loaded, and DuckDB's binding would list on the terminal what
    other libraries still hold of it.
    """
    code = _run()
    with suppress(BrokenPipeError):  # `catalog-gen sql ... | head` has what it wanted
        sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run() -> int:
    try:
        return app(standalone_mode=False) or 0
    except Exception as error:
        return _told(error)


def _told(error: Exception) -> int:
    """Say what went wrong on standard error; the exit code for it."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False)
    if isinstance(error, CatalogError):
        console.print(f"[bold red]{type(error).__name__}[/]: ", end="")
        console.print(str(error), markup=False)
        return error.exit_code
    if isinstance(error, typer.Abort):
        console.print("Stopped.")
        return 130
    if _is_usage_error(error):
        error.show()  # type: ignore[attr-defined]
        return 2
    details = _crash_details()
    console.print(f"[bold red]Unexpected {type(error).__name__}[/]: ", end="")
    console.print(without_credentials(str(error)), markup=False)
    console.print(f"This is a fault of catalog_gen. {details}", markup=False)
    return InfrastructureError.exit_code


def _is_usage_error(error: Exception) -> bool:
    """Typer carries its own copy of click; its usage errors know how to show themselves."""
    return hasattr(error, "show") and hasattr(error, "exit_code")


def _crash_details() -> str:
    """Keep the traceback in a file and say where; a full or read-only disk is said, too."""
    from catalog_gen.settings import Home

    folder = Home.from_environment().root
    path = folder / "crash.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(without_credentials(traceback.format_exc()), "utf-8")
    except OSError as error:
        return f"Its details could not be kept in {path} ({error.strerror}): look at that first."
    return f"The details are in {path}; please report them."
