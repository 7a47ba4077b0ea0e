"""What planning needs of the model, found and hashed without loading it."""

from dataclasses import dataclass, field
from functools import cached_property

from catalog_gen.dialects.dialect import Dialect
from catalog_gen.dialects.files import dialect_of
from catalog_gen.diffusion.families.family import PromptLimit
from catalog_gen.diffusion.model import ModelFiles
from catalog_gen.diffusion.model_hash import pinned_model
from catalog_gen.errors import ConfigError
from catalog_gen.prompting.budget import TokenBudget
from catalog_gen.settings.catalog import CatalogSettings
from catalog_gen.stages.catalog import Catalog


@dataclass(frozen=True)
class Drawer:
    """What planning needs of the model: its identity, token limit and dialect.

    ``taught`` are the words that it is taught about products, with the tokens that each takes.
    """

    model: ModelFiles
    hash: str
    dialect: Dialect
    limit: PromptLimit
    taught: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, catalog: Catalog) -> "Drawer":
        """Find and hash the configured model.

        Raises:
            ModelError: it is missing, unsafe, or no pipeline; or its dialect can't be used.
            ConfigError: a view or a concept asks for something that such a model can't do.
        """
        model = catalog.settings.model
        found, identity = pinned_model(model, catalog.home.hashes)
        family = found.family
        for name, view in catalog.settings.views.items():
            problem = found.problem(view)
            if problem is not None:
                value, rule, next_step = problem
                raise ConfigError(f"views.{name}: {value}", rule, next_step)
        limit = family.prompt_limit(found.components)
        dialect = dialect_of(found.path, model.dialect)
        return cls(found, identity, dialect, limit, _taught(catalog.settings, found))

    @cached_property
    def budget(self) -> TokenBudget:
        words = self.model.learned_words | self.taught
        return TokenBudget(self.model.path / self.limit.tokenizer, self.limit.tokens, words)


def _taught(settings: CatalogSettings, model: ModelFiles) -> dict[str, int]:
    """The words of all concepts; the longest one counts where two are spelled alike."""
    words: dict[str, int] = {}
    for name, concept in settings.concepts.items():
        where, multiple = f"concepts.{name}", model.family.multiple
        if concept.side % multiple:
            raise ConfigError(
                f"{where}.side = {concept.side}",
                f"this model needs multiples of {multiple} pixels",
                f"Set it to {concept.side // multiple * multiple + multiple}.",
            )
        learner = concept.learner
        if learner.spelling in model.learned_words:
            raise ConfigError(
                f"{where}.learner: word = '{learner.spelling}'",
                "model.embeddings has a word of this spelling",
                "Choose another word.",
            )
        if learner.vectors:
            words[learner.spelling] = max(words.get(learner.spelling, 0), learner.vectors)
    return words
