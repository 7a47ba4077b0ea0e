"""What is sent, whichever way: a subject, sections of lines, and pictures."""

from collections.abc import Callable
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


@dataclass(frozen=True, slots=True)
class Section:
    """Lines under a title."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with its caption: a small JPEG, and a name that is unique in its message."""

    name: str
    caption: str
    jpeg: bytes


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures under a title."""

    title: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing to tell.

    Attributes:
        key: what it is about; a message of a key is sent once each way.
        needs_someone: something failed, is late, or waits for a person.
        link: an address with more, or ''.
    """

    key: str
    subject: str
    sections: tuple[Section, ...]
    albums: tuple[Album, ...] = ()
    needs_someone: bool = False
    link: str = ""

    @property
    def pictures(self) -> list[Picture]:
        """All pictures, in order."""
        return [picture for album in self.albums for picture in album.pictures]


def as_text(message: Message) -> str:
    """The message as plain text."""
    blocks = [message.subject]
    for section in message.sections:
        blocks.append("\n  ".join([section.title, *section.lines]))
    if message.link:
        blocks.append(message.link)
    return "\n\n".join(blocks) + "\n"


def as_html(message: Message, source: Callable[[Picture], str]) -> str:
    """The message as HTML without scripts, for browsers and for mail programs.

    Args:
        source: a picture's address: of a file, in the mail (``cid:``), or its bytes (``data:``).
    """
    environment = Environment(
        loader=PackageLoader("catalog_gen.reporting"),
        undefined=StrictUndefined,
        autoescape=select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("message.html.j2").render(message=message, source=source)
