"""A look: what a picture shows, independent of the products that ask for it.

Products that ask for the same picture, usually the sizes of one shirt, have the same look and share
its pictures. Looks that differ only in colour have the same form, and seeds are derived from the
form: a shirt in red and in blue then looks like one shirt, as far as the model allows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from catalog_gen.fingerprint import sha256_json

#: The attribute in which looks of one form differ.
COLOUR: Final = "colour"


@dataclass(frozen=True)
class Look:
    """Everything that determines a product's pictures of one view, except the product itself.

    Attributes:
        view: the view's name.
        spec: the hashes of the ``model`` and of the view's ``settings``.
        prompt: the prompt; ``negative_prompt``: what the model should avoid.
        colourless: the prompt without the colour.
        asked: what the picture has to show: attribute to value.
        photo: the hash of the photo that it is drawn from, or the name of an unreadable one; empty
            if it is drawn without a photo.
        mask: the hash of the product's mask in that photo; empty: the method needs none.
        concept: the hash of what was learned about the product; empty: the method needs nothing.
        apart: values that distinguish products which would otherwise have the same look.
    """

    view: str
    spec: Mapping[str, str]
    prompt: str
    negative_prompt: str
    colourless: str
    asked: Mapping[str, str]
    photo: str = ""
    mask: str = ""
    concept: str = ""
    apart: tuple[str, ...] = ()

    @cached_property
    def form(self) -> str:
        """SHA-256 over the look without its colour, its model and its settings.

        A requested colour that the prompt does not contain is included, so that two looks of one
        form always differ in their prompts, and therefore in their recipes.
        """
        spoken = self.prompt != self.colourless
        asked = {
            name: value for name, value in self.asked.items() if not (spoken and name == COLOUR)
        }
        return sha256_json([self.view, self.colourless, asked, self.photo, self.apart])

    @cached_property
    def look_id(self) -> str:
        """SHA-256 over all fields; products with the same pictures have the same id."""
        needed = [each for each in (self.mask, self.concept) if each]
        spec = [self.spec["model"], self.spec["settings"], *needed]
        return sha256_json([self.form, self.prompt, self.negative_prompt, *spec])
