"""The `catalog-gen` command line: its commands, arguments and options.

Every command is implemented in a separate module, imported only when it runs, so that `--help`
stays fast.
"""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from catalog_gen.cli.ending import end, open_streams


class _WholeLines(TyperGroup):
    """Lists commands with their whole first sentence, which typer would truncate to one line."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(
                [
                    (name, (command.help or "").splitlines()[0])
                    for name in self.list_commands(ctx)
                    if (command := self.get_command(ctx, name)) is not None and not command.hidden
                ]
            )


app = typer.Typer(
    name="catalog-gen",
    cls=_WholeLines,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing Rich's help takes a fifth of a second, more than the rest
)

ConfigOption = Annotated[
    Path, typer.Option("--config", "-c", envvar="CATALOG_CONFIG", help="The settings file.")
]
FeedOption = Annotated[
    Path | None, typer.Option("--feed", "-f", help="A feed to use instead of feed.path.")
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        help="Maximum pictures (200) or drawing time (90s, 30m, 2h); the most valuable come first."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]

DEFAULT_CONFIG = Path("data/catalog.toml")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"catalog-gen {version('catalog-gen')}")
        raise typer.Exit


@app.callback()
def every_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Keep a product catalog's pictures up to date."""


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
def retry(
    products: Annotated[
        list[str] | None, typer.Argument(help="Product ids; by default, all that failed.")
    ] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only failures that the next night would try again.")
    ] = False,
    given_up: Annotated[
        bool, typer.Option("--given-up", help="Only failures without attempts left.")
    ] = False,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Draw new candidates where all were rejected.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Draw and learn again what failed, after fixing the cause; attempts count from zero."""
    from catalog_gen.cli.refresh import run_retry

    chosen = {"failed": failed, "given up": given_up, "rejected": rejected}
    kinds: list[Any] = [kind for kind, wanted in chosen.items() if wanted] or ["failed", "given up"]
    raise typer.Exit(run_retry(config, kinds, products or [], json))


@app.command()
def runs(
    run_id: Annotated[str | None, typer.Argument(help="The start of a run's id.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 20,
    json: JsonOption = False,
) -> None:
    """List the runs, or print the log of one."""
    from catalog_gen.cli.runs import run, run_log

    if run_id is None:
        run(limit, json)
    else:
        run_log(run_id, json)


@app.command()
def experiment(
    file: Annotated[Path, typer.Argument(help="The experiment file (docs/experiments.md).")],
    config: ConfigOption = DEFAULT_CONFIG,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Draw without asking first.")] = False,
    json: JsonOption = False,
) -> None:
    """Draw a grid of settings, compare the pictures, and recommend a change of the settings."""
    from catalog_gen.cli.experiment import run

    raise typer.Exit(run(config, file, yes, json))


@app.command()
def report(
    run_id: Annotated[
        str | None, typer.Argument(help="The start of a run's id; by default, the last night's.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send the reports that are due, also of late nights.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Print a night's summary: what changed, failed, waits, cost and drifted."""
    from catalog_gen.cli.report import run
    from catalog_gen.cli.report import send as send_reports

    raise typer.Exit(send_reports(config, json) if send else run(config, run_id, json))


@app.command()
def plan(
    config: ConfigOption = DEFAULT_CONFIG,
    feed: FeedOption = None,
    budget: BudgetOption = None,
    json: JsonOption = False,
) -> None:
    """Show what a refresh would draw, why, and at what cost, without changing anything."""
    from catalog_gen.cli.plan import run

    raise typer.Exit(run(config, feed, budget, json))


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
    """Show everything about one image: product, prompt, recipe, scores, verdict, channels."""
    from catalog_gen.cli.lineage import run

    run(image, config, json)


@app.command()
def reproduce(
    images: Annotated[
        list[str] | None, typer.Argument(help="The starts of images' ids or SHA-256.")
    ] = None,
    sample: Annotated[int, typer.Option(min=0, help="How many other stored images.")] = 0,
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
    timeout: Annotated[
        float, typer.Option(min=0.1, help="Time limit of the query in seconds.")
    ] = 120.0,
    json: JsonOption = False,
) -> None:
    """Query the newest snapshot in SQL, read-only."""
    from catalog_gen.cli.sql import run

    run(query, timeout, json)


@app.command()
def gallery(
    config: ConfigOption = DEFAULT_CONFIG,
    open_page: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write the gallery page from the store and print its path."""
    from catalog_gen.cli.gallery import run

    run(config, open_page)


@app.command()
def search(
    text: Annotated[str | None, typer.Option(help="What the pictures show, in words.")] = None,
    image: Annotated[Path | None, typer.Option(help="A picture file to compare with.")] = None,
    like: Annotated[str | None, typer.Option(help="A product to compare with, by its id.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Search all stored pictures, not only the live ones.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many of the most similar.")] = 10,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Find pictures by what they show: by words, by a picture, or by a product."""
    from catalog_gen.cli.search import run
    from catalog_gen.stages.search import LikePicture, LikeProduct, Words

    wanted = (
        Words(text) if text is not None else None,
        LikePicture(image) if image is not None else None,
        LikeProduct(like) if like is not None else None,
    )
    given = [each for each in wanted if each is not None]
    if len(given) != 1:
        raise typer.BadParameter("give one of --text, --image and --like")
    run(config, given[0], everything, limit, json)


@app.command()
def publications(
    at: Annotated[
        str | None, typer.Option(help="List the pictures that were live at this time instead.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List the sets of pictures that went live, and the results of the last night's gates."""
    from catalog_gen.cli.publications import run

    run(at, json)


@app.command()
def rollback(
    publication: Annotated[
        int | None, typer.Argument(help="Its number; by default, the one before the live one.")
    ] = None,
    release: Annotated[
        bool, typer.Option("--release", help="Allow nights to publish again instead.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Make an earlier set of pictures live again and keep it live until it is released."""
    from catalog_gen.cli.publications import run_rollback

    run_rollback(config, publication, release, json)


@app.command()
def export(
    channel: Annotated[str, typer.Option(help="google, meta, shopify, woocommerce, files, ...")],
    out: Annotated[Path, typer.Option(help="The folder to write to.")],
    base_url: Annotated[
        str | None, typer.Option(help="The folder's public address; by default publish.base_url.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Write the live pictures and a feed in a sales channel's format."""
    from catalog_gen.cli.export import run

    raise typer.Exit(run(config, channel, out, base_url, json))


@app.command()
def review(
    image: Annotated[
        str | None, typer.Argument(help="The start of an image's id or SHA-256; without it, list.")
    ] = None,
    accept: Annotated[bool, typer.Option("--accept", help="Allow its publication.")] = False,
    reject: Annotated[bool, typer.Option("--reject", help="Forbid its publication.")] = False,
    note: Annotated[str, typer.Option(help="The reason, in your own words.")] = "",
    sample: Annotated[
        int | None,
        typer.Option(min=1, help="List this many of all judged pictures instead, for labelling."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """List the pictures that wait for a decision, or decide about one."""
    if (image is None) != (not accept and not reject) or (accept and reject):
        raise typer.BadParameter("name an image with --accept or --reject, or neither")
    from catalog_gen.cli.review import run_decide, run_list

    if image is None:
        run_list(config, sample, json)
    else:
        run_decide(image, "accepted" if accept else "rejected", note, json)


@app.command()
def calibrate(
    most_bad: Annotated[
        float,
        typer.Option(min=0.001, max=0.999, help="Largest share of bad accepted pictures."),
    ] = 0.05,
    confidence: Annotated[
        float, typer.Option(min=0.5, max=0.999, help="Confidence with which that limit holds.")
    ] = 0.95,
    critic: Annotated[
        bool, typer.Option("--critic", help="Learn a critic from the reviews instead.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print, change nothing.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Set the rubric's accept cut from reviews, so that few bad pictures pass.

    With --critic, learn a critic from the reviews instead, which supplies the fact "soundness".
    """
    if critic:
        from catalog_gen.cli.learn import run_learn

        run_learn(config, dry_run, json)
        return
    from catalog_gen.cli.calibrate import Bound, run

    run(config, Bound(most_bad, confidence), dry_run, json)


@app.command()
def verify(json: JsonOption = False) -> None:
    """Check the hashes of everything stored and list what is damaged (exit code 3)."""
    from catalog_gen.cli.verify import run

    raise typer.Exit(run(json))


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder.")], json: JsonOption = False
) -> None:
    """Copy the whole database, the pictures and the outbox into a new folder, checked."""
    from catalog_gen.cli.backup import run

    run(folder, json)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="A backup's folder.")],
    force: Annotated[
        bool, typer.Option("--force", help="Replace the existing store, which is moved aside.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Replace the store with a backup, completely or not at all."""
    from catalog_gen.cli.backup import run_restore

    run_restore(folder, force, json)


@app.command()
def move(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Move the pictures' bytes to the place in [store] pictures, checking all of them."""
    from catalog_gen.cli.move import run

    run(config, json)


@app.command()
def concepts(
    products: Annotated[
        list[str] | None, typer.Argument(help="Product ids; by default, all that were learned.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="A folder for the files that other tools load.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """List what was learned about products, and write it for diffusers and PEFT."""
    from catalog_gen.cli.concepts import run

    run(products or [], out, json)


@app.command()
def doctor(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Check disk, store, model, scorer, GPU and leftovers, and print a remedy for every fault."""
    from catalog_gen.cli.doctor import run

    raise typer.Exit(run(config, json))


@app.command()
def draw(
    recipe: Annotated[str, typer.Argument(help="The recipe as JSON.")],
    out: Annotated[Path, typer.Option(help="The PNG file to write.")],
    photo: Annotated[
        str | None, typer.Option(help="The reference photo, in one of the feed's folders.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Draw one recipe into a file, without storing it."""
    from catalog_gen.cli.draw import run

    run(recipe, photo, out, config, json)


@app.command()
def studio(
    config: ConfigOption = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On the loopback interface.")] = 8501,
) -> None:
    """Open the application: review what waits, try pictures, search the catalog."""
    from catalog_gen.cli.studio import run

    raise typer.Exit(run(config, port))


@app.command()
def dev(
    config: ConfigOption = DEFAULT_CONFIG,
    port: Annotated[int, typer.Option(min=1, max=65535, help="On the loopback interface.")] = 3000,
) -> None:
    """Start Dagster's web UI with the nightly schedule enabled."""
    from catalog_gen.cli.dev import run

    raise typer.Exit(run(config, port))


def main() -> None:
    """The entry point. Errors become one message and an exit code, not a traceback."""
    open_streams()
    end(lambda: app(standalone_mode=False) or 0)
