"""Detect the encoding of a text feed; an uncertain one is refused, not guessed.

UTF-8 and UTF-16 can be recognised reliably. Older encodings are recognised by words. If words with
high bytes consist mostly of ASCII letters, as "Größe" and "głęboka" do, the encoding is a Latin
one. These differ in a few letters, so the one is chosen in which a single language's alphabet
explains the most words. Otherwise it is another script, and charset-normalizer, which distinguishes
scripts well but Latin encodings poorly, must find one with a clear lead.
"""

import codecs
import re
from collections.abc import Iterator, Mapping
from typing import Final

from catalog_gen.catalog.readers.source import FeedSource
from catalog_gen.errors import FeedError

_BLOCK: Final = 1024 * 1024
#: How many bytes of lines with non-ASCII letters are examined.
_SAMPLE: Final = 64 * 1024
_SEQUENCE: Final = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_HIGH: Final = re.compile(rb"[\x80-\xff]")
_HIGH_WORD: Final = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")

#: The non-ASCII letters of languages, by the encodings that contain them. English stands for a
#: shop that spells foreign names as in their own language.
_LATIN: Final[Mapping[str, Mapping[str, str]]] = {
    "cp1252": {
        "German": "äöüßéèàê",
        "French": "àâæçéèêëîïôœùûüÿ",
        "Spanish": "áéíñóúüª\u00ba",
        "Portuguese": "áâãàçéêíóôõúª\u00ba",
        "Italian": "àèéìîòóùú",
        "Dutch": "éëïèêöüáóíçàä",
        "Danish and Norwegian": "æøåéèêóòôäöü",
        "Swedish and Finnish": "åäöéüàšž",
        "Icelandic": "áéíóúýþæöð",
        "Catalan": "àçèéíïòóúü",
        "Estonian": "äõöüšž",
        "English": "éèêëïîôöüàâäçñáíóúåæø",
    },
    "cp1250": {
        "Polish": "ąćęłńóśźż",
        "Czech": "áčďéěíňóřšťúůýž",
        "Slovak": "áäčďéíĺľňóôŕšťúýž",
        "Hungarian": "áéíóöőúüű",
        "Romanian": "ăâîşţ",
        "Croatian and Slovene": "čćđšž",
        "German": "äöüßé",
    },
    "iso8859_2": {
        "Polish": "ąćęłńóśźż",
        "Czech": "áčďéěíňóřšťúůýž",
        "Slovak": "áäčďéíĺľňóôŕšťúýž",
        "Croatian and Slovene": "čćđšž",
    },
    "cp1254": {"Turkish": "çğ\u0131iöşüâîû\u0307"},
    "cp1257": {"Lithuanian": "ąčęėįšųūž", "Latvian": "āčēģīķļņšūž", "Estonian": "äõöüšž"},
    "mac_roman": {"German": "äöüßéèà", "French": "àâæçéèêëîïôœùûüÿ", "Spanish": "áéíñóúü"},
    "cp850": {"German": "äöüßéèà", "French": "àâæçéèêëîïôùûüÿ", "Spanish": "áéíñóúü"},
}
#: How many more words another Latin encoding must explain than Windows-1252, the usual one.
_LATIN_LEAD: Final = 0.1
#: The least share of words that a Latin encoding has to explain.
_LATIN_LEAST: Final = 0.6

#: Encodings of other scripts. Of near twins only the larger one: euc_jis_2004 for EUC-JP.
_OTHER_SCRIPTS: Final = (
    *("cp1251", "koi8_r", "cp866", "mac_cyrillic", "cp1253", "cp1255", "cp1256", "cp874"),
    *("cp932", "euc_jis_2004", "gb18030", "big5hkscs", "cp949"),
)
_MULTI_BYTE: Final = frozenset({"cp932", "euc_jis_2004", "gb18030", "big5hkscs", "cp949"})
#: charset-normalizer's measures: disorder of the best guess, its lead over the second, and how
#: well letters' frequencies fit a language.
_MOST_CHAOS: Final = 0.1
_CHAOS_LEAD: Final = 0.03
_LEAST_COHERENCE: Final = 0.2


def find_encoding(source: FeedSource, chosen: str | None = None) -> str:
    """The feed's encoding, as Python names it; "utf-8-sig" or "utf-16" if there is a BOM.

    Args:
        chosen: the setting ``feed.encoding``, which takes precedence.

    Raises:
        FeedError: the setting is not an encoding, or two encodings are about equally likely.
    """
    if chosen:
        return _known(chosen)
    head = source.head
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[0::2], head[1::2]
    if odd and odd.count(0) > 0.4 * len(odd) and even.count(0) < 0.1 * len(even):
        return "utf-16-le"
    if even.count(0) > 0.4 * len(even) and odd.count(0) < 0.1 * len(odd):
        return "utf-16-be"
    sample = _unless_utf8(source)
    if sample is None:
        return "utf-8"
    encoding = _older_encoding(sample)
    if encoding is None:
        raise FeedError(
            str(source.path),
            "is written in an encoding that can't be detected for sure",
            'Export it as UTF-8, or set the encoding, for example feed.encoding = "cp1250".',
        )
    return encoding


def _known(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError as error:
        raise FeedError(
            f"feed.encoding = {name!r}",
            "is not a text encoding that Python knows",
            'Write "utf-8", "cp1252", "cp1251", "cp932", "gb18030", or another.',
        ) from error


def _unless_utf8(source: FeedSource) -> bytes | None:
    """Lines with high bytes; None if the file is UTF-8, even with some broken lines.

    An invalid file counts as broken UTF-8 if it has more valid sequences than stray bytes.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid = True
    sequences = stray = 0
    sample = bytearray()
    with source.open() as stream:
        while block := stream.read(_BLOCK):
            if valid:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    valid = False
            if not block.isascii():
                found = _SEQUENCE.findall(block)
                sequences += len(found)
                stray += len(_HIGH.findall(block)) - sum(map(len, found))
                for line in _high_lines(block):
                    if len(sample) > _SAMPLE:
                        break
                    sample += line + b"\n"
    return None if valid or sequences > stray else bytes(sample)


def _high_lines(block: bytes) -> Iterator[bytes]:
    return (line[:4096] for line in block.splitlines() if not line.isascii())


def _older_encoding(sample: bytes) -> str | None:
    words = _HIGH_WORD.findall(sample)
    letters = sum(len(word) for word in words if len(word) > 1)
    high = sum(len(_HIGH.findall(word)) for word in words if len(word) > 1)
    if high <= 0.5 * letters:
        return _latin_encoding([word for word in words if len(word) > 1])
    # Brands and sizes in ASCII blur the letters' frequencies, so try again without them.
    return _other_script(sample) or _other_script(b" ".join(words))


def _latin_encoding(words: list[bytes]) -> str | None:
    """The encoding in which one language explains most words; Windows-1252 if only signs occur."""
    if not words:
        return "cp1252"
    shares = {name: _explained(words, name, alphabets) for name, alphabets in _LATIN.items()}
    best = max(shares, key=shares.__getitem__)
    if shares["cp1252"] >= shares[best] - _LATIN_LEAD:
        best = "cp1252"
    return best if shares[best] >= _LATIN_LEAST else None


def _explained(words: list[bytes], encoding: str, alphabets: Mapping[str, str]) -> float:
    """The largest share of words, 0..1, that use only letters of a single language."""
    counts = dict.fromkeys(alphabets, 0)
    for word in words:
        try:
            text = word.decode(encoding)
        except UnicodeDecodeError:
            continue
        if text[1:] != text[1:].lower() and text != text.upper():
            continue  # a capital within a word is another encoding's small letter
        foreign = {letter for letter in text.lower() if letter > "\x7f"}
        for language, alphabet in alphabets.items():
            counts[language] += foreign <= set(alphabet)
    return max(counts.values()) / len(words)


def _other_script(sample: bytes) -> str | None:
    """The encoding that charset-normalizer finds with a clear lead; None if there is none."""
    from charset_normalizer import from_bytes

    guesses = [
        guess
        for guess in from_bytes(sample, cp_isolation=list(_OTHER_SCRIPTS), enable_fallback=False)
        if guess.encoding in _OTHER_SCRIPTS
    ]
    guesses.sort(key=lambda guess: (guess.chaos, -guess.coherence))
    if not guesses or guesses[0].chaos > _MOST_CHAOS:
        return None
    best, text = guesses[0], str(guesses[0])
    rivals = [
        guess
        for guess in guesses[1:]
        if guess.chaos < best.chaos + _CHAOS_LEAD
        and guess.coherence > best.coherence - _LEAST_COHERENCE
        and str(guess) != text
    ]
    if rivals or (best.encoding not in _MULTI_BYTE and best.coherence < _LEAST_COHERENCE):
        return None
    return best.encoding
