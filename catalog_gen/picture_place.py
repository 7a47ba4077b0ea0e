"""The places that can keep pictures' bytes, as the settings and the store write them.

"duckdb" is the database itself, "folder" is ``pictures`` below the catalog's home; any other text
is a folder's path, or the address of a bucket: "s3://bucket/prefix".
"""

from typing import Final

IN_DATABASE: Final = "duckdb"
IN_HOME: Final = "folder"

#: Beginnings of addresses: Amazon S3 and what speaks its protocol, Google Cloud, Azure.
SCHEMES: Final = ("s3", "gs", "az")


def checked_place(text: str) -> str:
    """The place without a trailing slash.

    Raises:
        ValueError: it is empty, or an address of an unknown kind, or one without a bucket.
    """
    place = text.strip()
    if not place:
        raise ValueError(f"name '{IN_HOME}', '{IN_DATABASE}', a folder or a bucket")
    if "://" not in place:
        return place
    scheme, _, rest = place.partition("://")
    bucket, _, prefix = rest.strip("/").partition("/")
    if scheme not in SCHEMES:
        raise ValueError(f"'{scheme}' is none of {', '.join(SCHEMES)}")
    if not bucket or "@" in bucket or ".." in prefix.split("/"):
        raise ValueError(f"'{place}' names no bucket; write {scheme}://bucket/prefix")
    return f"{scheme}://{bucket}/{prefix}".rstrip("/")


def is_bucket(place: str) -> bool:
    """Whether a place is the address of a bucket."""
    return "://" in place


def is_path(place: str) -> bool:
    """Whether a place is a folder that the settings name."""
    return place not in (IN_DATABASE, IN_HOME) and not is_bucket(place)
