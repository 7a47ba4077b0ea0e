"""A look: what a picture shows, whichever product asks for it.

Products that ask for the same picture have one look and share its pictures: the sizes of one shirt,
as a rule. Looks that differ in their colour alone have one form, and the seeds come from the form:
a shirt's red and blue then show one shirt, as far as the model allows.
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
    """Everything that decides a product's pictures of one view, but the product itself.

    Attributes:
        view: its name.
        spec: the hashes of the ``model`` and of the view's ``settings``.
        prompt: what the model is told; ``negative_prompt``: what it is told to avoid.
        colourless: what it would be told if no colour were asked for.
        asked: what the picture has to show: attribute to value.
        photo: the hash of the photo that it is drawn from, or the name of one that can't be read;
            empty: it is drawn from none.
        mask: the hash of the product's mask in that photo; empty: the method needs none.
        apart: values that tell products apart which would look alike otherwise.
    """

    view: str
    spec: Mapping[str, str]
    prompt: str
    negative_prompt: str
    colourless: str
    asked: Mapping[str, str]
    photo: str = ""
    mask: str = ""
    apart: tuple[str, ...] = ()

    @cached_property
    def form(self) -> str:
        """SHA-256 over the look without its colour, its model and its settings.

        A colour that is asked for and can't be read in the prompt counts, so that two looks of one
        form always differ in their prompts, and therefore in their recipes.
        """
        spoken = self.prompt != self.colourless
        asked = {
            name: value for name, value in self.asked.items() if not (spoken and name == COLOUR)
        }
        return sha256_json([self.view, self.colourless, asked, self.photo, self.apart])

    @cached_property
    def look_id(self) -> str:
        """SHA-256 over all of it: what products with the same pictures have in common."""
        spec = [self.spec["model"], self.spec["settings"], *([self.mask] if self.mask else [])]
        return sha256_json([self.form, self.prompt, self.negative_prompt, *spec])
