"""Signed content credentials, with a certificate chain made for the test."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from catalog_gen.errors import ConfigError
from catalog_gen.imaging.credentials import Signer, sign, verify
from catalog_gen.imaging.encode import Rendition
from catalog_gen.imaging.metadata import read_provenance, render
from catalog_gen.settings.publishing import CredentialSettings
from tests.imaging.test_provenance import RENDITIONS, from_photo, pixels, provenance

pytest.importorskip("c2pa", reason="c2pa-python is not installed (extra: credentials)")
x509 = pytest.importorskip("cryptography.x509", reason="makes the test's certificates")


@dataclass(frozen=True)
class Shop:
    """A shop's signing certificate below its own root."""

    signer: Signer
    root: str


def certificate(name: str, key: Any, issuer: Any, issuer_key: Any, *, days: int = 30) -> Any:
    """A certificate as the C2PA specification requires (14.5.1): version 3 with key usages."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.now(UTC) - timedelta(days=60)
    is_root = issuer is None
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, name),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Shop"),
        ]
    )
    usage = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment"),
            *("key_agreement", "encipher_only", "decipher_only"),
        ),
        False,
    )
    issuing = (issuer_key or key).public_key()
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if is_root else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=60 + days))
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_root, key_cert_sign=is_root, crl_sign=is_root, **usage
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuing), critical=False)
    )
    if not is_root:
        built = built.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
        )
    return built.sign(issuer_key or key, hashes.SHA256())


def shop(days: int = 30) -> Shop:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    root = certificate("Example Root", root_key, None, None)
    leaf = certificate("Example Shop Pictures", key, root, root_key, days=days)
    pem = serialization.Encoding.PEM
    chain = [each.public_bytes(pem).decode() for each in (leaf, root)]
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    return Shop(Signer("".join(chain), private, "es256"), chain[1])


@pytest.fixture(scope="module")
def signing() -> Shop:
    return shop()


@pytest.mark.parametrize("rendition", RENDITIONS)
def test_signed_pictures_verify_and_contain_their_recipe(
    rendition: Rendition, signing: Shop
) -> None:
    for written in (provenance(), from_photo()):
        signed = sign(render(pixels(), rendition, written), rendition, written, signing.signer)
        found = verify(signed, rendition, signing.root)
        assert (found.state, found.problems) == ("Trusted", ())
        assert found.source_type == written.source_type
        assert found.provenance == written
        assert read_provenance(signed) == written  # unsigned metadata is still there


def test_without_the_root_the_signature_is_valid_and_not_trusted(signing: Shop) -> None:
    signed = sign(render(pixels(), "PNG", provenance()), "PNG", provenance(), signing.signer)
    found = verify(signed, "PNG", shop().root)
    assert found.state == "Valid"
    assert "signingCredential.untrusted" in found.problems


def test_a_changed_pixel_is_noticed(signing: Shop) -> None:
    written = provenance()
    signed = bytearray(sign(render(pixels(), "JPEG", written), "JPEG", written, signing.signer))
    signed[-100] ^= 1
    found = verify(bytes(signed), "JPEG", signing.root)
    assert found.state == "Invalid"
    assert "assertion.dataHash.mismatch" in found.problems


def test_a_certificate_that_cannot_sign_is_reported(signing: Shop) -> None:
    written = provenance()
    content = render(pixels(), "PNG", written)
    for broken in (
        Signer("no certificate", signing.signer.private_key, "es256"),
        Signer(signing.signer.certificates, "no key", "es256"),
        Signer(signing.signer.certificates, signing.signer.private_key, "ps256"),
        shop(days=-30).signer,
    ):
        with pytest.raises(ConfigError, match="can't sign"):
            sign(content, "PNG", written, broken)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.pem"):
        Signer.load(
            CredentialSettings(certificates=tmp_path / "nowhere.pem", private_key=tmp_path / "key")
        )


def test_a_picture_without_credentials_is_reported() -> None:
    with pytest.raises(ConfigError, match="no content credentials"):
        verify(render(pixels(), "PNG", provenance()), "PNG")
