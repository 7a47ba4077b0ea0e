"""Find the lines of keys in a TOML file; the standard library's parser keeps no positions."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

#: A key as tables and arrays lead to it: ``("views", "packshot", "steps")``, ``("rules", 0)``.
KeyPath = tuple[str | int, ...]

_TOKEN: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{1,2}(?!"))?'
    r"|'''.*?'''(?:'{1,2}(?!'))?"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[ \t\r]+"
    r"|[\[\]{}=,.\n]"
    r"|[^\s\[\]{}=,.#\"']+",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    line: int


def key_lines(text: str) -> Mapping[KeyPath, int]:
    """The line, from 1, of every key and table header in a valid TOML text.

    A table that is only implied by headers of subtables has the line of the first of these.
    """
    scanner = _Scanner(list(_tokens(text)))
    scanner.scan()
    return scanner.lines


def line_of(lines: Mapping[KeyPath, int], path: Sequence[str | int]) -> int | None:
    """The line of a key, or of the nearest table around it; None: the file has neither."""
    kept = tuple(path)
    while kept and kept not in lines:
        kept = kept[:-1]
    return lines.get(kept)


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for found in _TOKEN.finditer(text):
        token = found.group()
        if not token.isspace() or token == "\n":
            yield _Token(token, line)
        line += token.count("\n")


@dataclass
class _Scanner:
    """Walks the tokens once; ``place`` is the next one's."""

    tokens: Sequence[_Token]
    place: int = 0
    lines: dict[KeyPath, int] = field(default_factory=dict)
    arrays: dict[KeyPath, int] = field(default_factory=dict)
    """How many tables an array of tables has so far."""

    def scan(self) -> None:
        table: KeyPath = ()
        while (token := self._peek()) is not None:
            if token.text == "[":
                table = self._header()
            elif token.text == "\n" or token.text.startswith("#"):
                self.place += 1
            else:
                self._pair(table)

    def _peek(self) -> _Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def _header(self) -> KeyPath:
        line = self.tokens[self.place].line
        self.place += 1
        of_array = self._skip("[")
        parts = self._key("]")
        self._skip("]")
        path: KeyPath = ()
        for part in parts:
            path = (*path, part)
            if path in self.arrays and path != tuple(parts):
                path = (*path, self.arrays[path] - 1)
            elif not of_array or len(path) < len(parts):
                self.lines.setdefault(path, line)
        if of_array:
            count = self.arrays.get(path, 0)
            self.arrays[path] = count + 1
            self.lines.setdefault(path, line)
            path = (*path, count)
            self.lines[path] = line
        return path

    def _pair(self, table: KeyPath) -> None:
        line = self.tokens[self.place].line
        path = table
        for part in self._key("="):
            path = (*path, part)
            self.lines.setdefault(path, line)
        self._value(path)

    def _key(self, end: str) -> list[str]:
        """The parts of a dotted key, up to the character that ends it."""
        parts: list[str] = []
        while (token := self._peek()) is not None:
            self.place += 1
            if token.text == end:
                break
            if token.text != ".":
                parts.append(_plain(token.text))
        return parts

    def _value(self, path: KeyPath) -> None:
        token = self._peek()
        if token is None:
            return
        self.lines.setdefault(path, token.line)
        if token.text == "[":
            self.place += 1
            self._array(path)
        elif token.text == "{":
            self.place += 1
            self._inline_table(path)
        else:
            # A bare number such as 0.35 is several tokens.
            while (token := self._peek()) is not None and token.text not in (",", "]", "}", "\n"):
                self.place += 1

    def _array(self, path: KeyPath) -> None:
        count = 0
        while (token := self._peek()) is not None:
            if token.text == "]":
                self.place += 1
                return
            if token.text in (",", "\n") or token.text.startswith("#"):
                self.place += 1
            else:
                self._value((*path, count))
                count += 1

    def _inline_table(self, path: KeyPath) -> None:
        while (token := self._peek()) is not None:
            if token.text == "}":
                self.place += 1
                return
            if token.text in (",", "\n") or token.text.startswith("#"):
                self.place += 1
            else:
                self._pair(path)

    def _skip(self, text: str) -> bool:
        token = self._peek()
        if token is None or token.text != text:
            return False
        self.place += 1
        return True


def _plain(part: str) -> str:
    """A part of a key without its quotes and escapes."""
    if part[0] not in "\"'":
        return part
    return next(iter(tomllib.loads(f"{part} = 0")))
