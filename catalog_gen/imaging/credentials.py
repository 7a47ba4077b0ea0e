"""Signed content credentials (C2PA) in exported pictures, with the user's own certificate.

Needs the package c2pa-python (``pip install 'catalog-gen[credentials]'``). Signing works offline,
without a time stamp authority. A verifier trusts the signature if it trusts the certificate's root;
a certificate from an authority on the C2PA trust list is trusted by every verifier.
https://spec.c2pa.org/specifications/specifications/2.2/specs/C2PA_Specification.html
"""

import json
import shlex
import stat
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from catalog_gen import __version__
from catalog_gen.errors import ConfigError
from catalog_gen.imaging.encode import Rendition
from catalog_gen.imaging.provenance import Provenance
from catalog_gen.settings.publishing import CredentialSettings, SigningAlgorithm

MIME_TYPES: Final[dict[Rendition, str]] = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "WEBP": "image/webp",
}

#: The label of our own assertion, which holds the recipe.
_RECIPE: Final = "org.catalog-gen.recipe"

#: Write by the group, and everything by everyone.
_NOT_PRIVATE: Final = 0o027

#: Nothing is fetched while signing or reading.
_OFFLINE: Final = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate chain, the leaf first, and its private key, both as PEM text."""

    certificates: str
    private_key: str
    algorithm: SigningAlgorithm

    @classmethod
    def load(cls, settings: CredentialSettings) -> "Signer":
        """Read the PEM files.

        Raises:
            ConfigError: c2pa-python is not installed, a file can't be read, or the key is not
                private.
        """
        require_library()
        certificates = _pem(settings.certificates)
        require_private(settings.private_key)
        return cls(certificates, _pem(settings.private_key), settings.algorithm)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The result of verifying a signed picture.

    Attributes:
        state: "Valid": unchanged since it was signed; "Trusted": also signed with a trusted
            certificate; "Invalid": the picture or its claim was changed.
        problems: C2PA status codes of the failed checks.
        source_type: the claim's IPTC digital source type (URI); empty if it has none.
        provenance: the signed recipe.
    """

    state: str
    problems: tuple[str, ...]
    source_type: str
    provenance: Provenance | None


def require_private(key: Path) -> None:
    """Check that only its owner, and a group that may read it, have the key.

    Raises:
        ConfigError: everyone can read it or its group can change it; or it is missing.
    """
    try:
        mode = stat.S_IMODE(key.stat().st_mode)
    except OSError as error:
        raise ConfigError(
            str(key), f"can't be read ({error.strerror})", "Correct [credentials]."
        ) from error
    if mode & _NOT_PRIVATE:
        raise ConfigError(
            str(key),
            f"its mode is {mode:03o}: others can read or change the key, and sign as the shop",
            f"Run `chmod 600 {shlex.quote(str(key))}`.",
        )


def require_library() -> None:
    """Check that c2pa-python is installed.

    Raises:
        ConfigError: c2pa-python is not installed.
    """
    if find_spec("c2pa") is None:
        raise ConfigError(
            "[credentials]",
            "signing needs the package c2pa-python, which is not installed",
            "pip install 'catalog-gen[credentials]', or delete the section.",
        )


def sign(content: bytes, rendition: Rendition, provenance: Provenance, signer: Signer) -> bytes:
    """Embed a signed manifest in a picture; its pixels and other metadata stay.

    Raises:
        ConfigError: the certificate can't sign: expired, without chain, or another algorithm.
    """
    import c2pa

    info = c2pa.C2paSignerInfo(
        signer.algorithm, signer.certificates.encode(), signer.private_key.encode(), None
    )
    signed = BytesIO()
    try:
        with (
            _context() as context,
            c2pa.Signer.from_info(info) as signing,
            c2pa.Builder(_manifest(provenance), context) as builder,
        ):
            builder.sign(signing, MIME_TYPES[rendition], BytesIO(content), signed)
    except c2pa.C2paError as error:
        raise ConfigError(
            "[credentials]",
            f"the certificate can't sign ({error})",
            "Check that the chain begins with the leaf, that the key and the algorithm belong to "
            "it, that it has not expired, and that it may sign documents or e-mail.",
        ) from error
    return signed.getvalue()


def verify(content: bytes, rendition: Rendition, roots: str = "") -> Credentials:
    """Check a signed picture.

    Args:
        roots: PEM certificates that are trusted; without any, the best state is "Valid".

    Raises:
        ConfigError: c2pa-python is not installed, or the picture carries no credentials.
    """
    require_library()
    import c2pa

    try:
        with (
            _context(roots) as context,
            c2pa.Reader(MIME_TYPES[rendition], BytesIO(content), context=context) as reader,
        ):
            report: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError as error:
        raise ConfigError(
            "the picture", f"carries no content credentials ({error})", "Export it again."
        ) from error
    manifest = report["manifests"][report["active_manifest"]]
    assertions = {each["label"]: each["data"] for each in manifest.get("assertions", ())}
    actions = [
        action
        for label, data in assertions.items()
        if label.startswith("c2pa.actions")
        for action in data["actions"]
    ]
    recipe = assertions.get(_RECIPE)
    return Credentials(
        state=report["validation_state"],
        problems=tuple(each["code"] for each in report.get("validation_status", ())),
        source_type=next((each.get("digitalSourceType", "") for each in actions), ""),
        provenance=Provenance.from_json(json.dumps(recipe)) if recipe else None,
    )


def _pem(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(path), f"is not a readable PEM file ({error})", "Correct [credentials]."
        ) from error


def _manifest(provenance: Provenance) -> str:
    generator = {"name": "catalog_gen", "version": __version__}
    created = {
        "action": "c2pa.created",
        "when": provenance.created_at.isoformat(timespec="seconds"),
        "softwareAgent": generator,
        "digitalSourceType": provenance.source_type,
    }
    return json.dumps(
        {
            "claim_generator_info": [generator],
            "title": provenance.image_id,
            "assertions": [
                {"label": "c2pa.actions.v2", "data": {"actions": [created]}},
                {"label": _RECIPE, "data": json.loads(provenance.as_json())},
            ],
        }
    )


def _context(roots: str = "") -> Any:
    import c2pa

    trust = {"trust": {"trust_anchors": roots}} if roots else {}
    return c2pa.Context(c2pa.Settings.from_dict({**_OFFLINE, **trust}))
