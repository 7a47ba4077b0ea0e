"""`catalog-gen export`: write the live pictures and a sales channel's feed."""

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import typer

from catalog_gen.cli.output import answers, counted, messages, print_json, progress_bars
from catalog_gen.home import Home
from catalog_gen.reporting.channels.channel import CHANNELS
from catalog_gen.stages.catalog import Catalog
from catalog_gen.stages.export import Exported, export

#: Maximum number of refusals that are printed; JSON has all of them.
SHOWN = 20


def run(config: Path, channel: str, out: Path, base_url: str | None, as_json: bool) -> int:
    """Export, print what was written and what was refused, and return the exit code.

    1: nothing was written, because no product is ready for this channel.
    """
    if channel not in CHANNELS.names():
        raise typer.BadParameter(f"--channel is one of {', '.join(CHANNELS.names())}")
    catalog = Catalog.open(config, Home.from_environment())
    with progress_bars():
        exported = export(catalog, channel, out, base_url=base_url)
    if as_json:
        print_json(
            {
                "channel": channel,
                "feed": str(exported.feed),
                "products": exported.products,
                "images": exported.images,
                "signed": exported.signed,
                "enlarged": [asdict(each) for each in exported.enlarged],
                "refused": [asdict(each) for each in exported.refused],
            }
        )
    else:
        _print(exported)
    return 0 if exported.products else 1


def _print(exported: Exported) -> None:
    signed = ", signed" if exported.signed else ""
    if not exported.products:
        messages.print("No product is ready for this channel: nothing was written.")
    answers.print(
        f"[bold]{exported.products}[/] products with {exported.images} pictures{signed}: "
        f"{exported.feed}",
        soft_wrap=True,
    )
    for by, count in sorted(Counter(each.by for each in exported.enlarged).items()):
        line = f"{counted(count, 'picture')} enlarged to the channel's size by {by}."
        answers.print(line, markup=False, soft_wrap=True)
    for each in exported.refused[:SHOWN]:
        name = f"{each.product_id} {each.view}".strip()
        messages.print("[yellow]refused[/]", end=" ")
        messages.print(f"{name}: {each.why}", markup=False)
    if len(exported.refused) > SHOWN:
        reasons = Counter(each.why for each in exported.refused)
        messages.print(f"... {len(exported.refused)} refused in total; --json lists them:")
        for why, count in reasons.most_common(5):
            messages.print(f"  {count}: {why}", markup=False)
