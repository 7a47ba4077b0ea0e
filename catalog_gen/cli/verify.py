"""`catalog-gen verify`: hash everything that is stored, and list what is damaged."""

from dataclasses import asdict

from catalog_gen.cli.output import answers, print_json
from catalog_gen.errors import CorruptionError
from catalog_gen.home import Home
from catalog_gen.reporting.site_checks import damaged_files
from catalog_gen.store.connection import Store
from catalog_gen.store.outbox import Outbox
from catalog_gen.store.verify import verify


def run(as_json: bool) -> int:
    """Print what was read and what is damaged; return 0, or 3 if anything is."""
    home = Home.from_environment()
    found = verify(Store(home), Outbox(home.outbox)).with_gallery(damaged_files(home.site))
    if as_json:
        print_json(asdict(found))
    else:
        for damage in found.damaged:
            answers.print(f"[red]damaged[/] {damage.kind}", end=" ")
            answers.print(f"{damage.name}: {damage.rule}. {damage.remedy}", markup=False)
        answers.print(
            f"{found.images} pictures ({found.bytes / 1e6:.1f} MB), {found.recipes} recipes, "
            f"{found.outbox_images} pictures in {found.outbox_files} outbox files: "
            f"{len(found.damaged) or 'nothing'} damaged"
        )
    return CorruptionError.exit_code if found.damaged else 0
