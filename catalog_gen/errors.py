"""Every error that catalog_gen raises on purpose.

    CatalogError                    exit code
    ├── InputError                      2      what the user gave is wrong
    │   ├── ConfigError                        catalog.toml, rubric.toml, a template
    │   ├── FeedError                          a feed that can't be read, or that shrank too far
    │   ├── ModelError                         a model folder that is missing, unsafe or no pipeline
    │   ├── ReferencePhotoError                a path that leads outside, or nowhere
    │   ├── PictureError                       a file that is no picture, or one too large to trust
    │   ├── ProvenanceError                    a file that says nothing credible of its origin
    │   ├── RecipeError                        a recipe that the loaded model can't draw
    │   └── LessonError                        a product that can't be learned
    └── InfrastructureError             3      the machine is at fault; trying again later may help
        ├── StoreError                         the database, the outbox or a snapshot
        │   ├── StoreBusyError                 another process holds the database
        │   └── CorruptionError                stored bytes are not what was stored
        ├── DrawingError                       the engine as a whole; one bad picture is a row
        └── SendingError                       a message about a night that no server took

A failed *product* is data (a ledger row, a rejection), never an exception: the errors
of photos, pictures, recipes and lessons are caught where one picture is drawn or one product
learned. They, ProvenanceError and SendingError live with the rooms that raise them.
"""

from catalog_gen.redaction import without_credentials


class CatalogError(Exception):
    """An error with three parts: the value, the rule that it breaks, and the next step.

    Messages end in logs and rows, so the credentials of URLs are masked in all three.
    """

    exit_code = 3

    def __init__(self, value: str, rule: str, next_step: str) -> None:
        self.value = without_credentials(value)
        self.rule = without_credentials(rule)
        self.next_step = without_credentials(next_step)
        end = "\n" if "\n" in self.rule else ". "  # a rule of several lines shows a place
        super().__init__(f"{self.value}: {self.rule}{end}{self.next_step}")


class InputError(CatalogError):
    """The user's input is wrong; running again without a change fails again."""

    exit_code = 2


class ConfigError(InputError):
    """A setting, a rubric threshold or a template that can't be used."""


class FeedError(InputError):
    """A feed that can't be read at all, or one that shrank more than the guard allows."""


class ModelError(InputError):
    """A model that is missing, is not a diffusers or open_clip folder, or has unsafe weights."""


class InfrastructureError(CatalogError):
    """The machine is at fault: disk, database, GPU. Trying again later may help."""


class StoreError(InfrastructureError):
    """The database, the outbox or a snapshot can't do what was asked."""


class StoreBusyError(StoreError):
    """Another process holds the database file; the message names it if known."""


class CorruptionError(StoreError):
    """Stored bytes whose hash no longer matches their address."""


class DrawingError(InfrastructureError):
    """The engine as a whole can't continue; the pictures drawn before are kept."""
