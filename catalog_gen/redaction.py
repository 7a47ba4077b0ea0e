"""Take credentials out of text before it is stored, logged or shown.

It masks credentials in URLs: a user with a password before the host, and query parameters that are
named like secrets (``token``, ``signature``, ...).
"""

import re
from typing import Final

MASK: Final = "***"

#: The user part of a URL (RFC 3986, section 3.2.1); one slash, too, since paths lose the second.
_USER: Final = re.compile(r"\b([a-z][a-z0-9+.\-]{1,20}:/{1,2})[^\s/?#]{1,1000}@", re.IGNORECASE)
_PARAMETER: Final = re.compile(
    r"([?&;#](?:[\w.\-]{0,40}(?:token|secret|passw(?:or)?d|signature|credential|api[_\-]?key"
    r"|access[_\-]?key)[\w.\-]{0,40}|sig|auth|pwd)=)[^&;#\s\"'<>)]+",
    re.IGNORECASE,
)


def without_credentials(text: str) -> str:
    """The text with every URL's credentials masked; text without a URL is returned as it is.

    >>> without_credentials("https://me:pass@shop.example/a.jpg?token=1a2b&size=2")
    'https://***@shop.example/a.jpg?token=***&size=2'
    """
    if ":/" not in text:
        return text
    return _PARAMETER.sub(rf"\g<1>{MASK}", _USER.sub(rf"\g<1>{MASK}@", text))
