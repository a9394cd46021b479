"""Content Credentials (C2PA 2): a signed statement in a file that its sound was made by a machine.

c2pa-python signs and reads; nothing is asked of a network. Who signs is a chain of certificates that this process makes
for itself, unless the operator gives one: whoever reads the file sees that it was not changed since, and that the
signer is not known to them.
"""

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from peewee_model import environment
from peewee_model.errors import ConfigError

KINDS = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".m4a": "audio/mp4"}
"""The endings of files that can hold the statement. Ogg, ADTS and raw samples can't."""

TRAINED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
"""IPTC's word for what a trained model made."""
_NAME = "Pee Wee TTS"


@dataclass(frozen=True)
class Credentials:
    """The statement of a file, as a reader finds it."""

    synthetic: bool
    """Whether it says that a trained model made the file."""
    intact: bool
    """Whether the file is as it was signed."""
    generator: str
    """The program that made it, as it says."""
    signer: str
    """Who signed, as the certificate says; whether that is true, the reader decides."""


def sign(content: bytes, ending: str) -> bytes:
    """Add the statement to a file.

    Args:
        content: The file.
        ending: Of `KINDS`.

    Raises:
        ConfigError: If the operator's certificates can't be used.
    """
    import c2pa

    made = {"action": "c2pa.created", "digitalSourceType": TRAINED, "softwareAgent": _generator()}
    manifest = {
        "claim_generator_info": [_generator()],
        "title": "Synthetic speech",
        "format": KINDS[ending],
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": [made]}}],
    }
    chain, key = _identity()
    signed = io.BytesIO()
    try:
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, key, None))
        c2pa.Builder.from_json(manifest).sign(signer, KINDS[ending], io.BytesIO(content), signed)
    except (c2pa.C2paError, ValueError) as error:
        raise ConfigError(
            f"{environment.CREDENTIALS.name}: the certificates can't sign Content Credentials: {error}; they need an "
            "ES256 key, a purpose such as emailProtection, and the chain without its root"
        ) from None
    return signed.getvalue()


def read(content: bytes) -> Credentials | None:
    """Read the statement of a file; None if it has none, or its kind can't hold one."""
    import c2pa

    ending = _kind_of(content)
    if ending is None:
        return None
    try:
        report: dict[str, Any] = json.loads(c2pa.Reader(KINDS[ending], io.BytesIO(content)).json())
    except c2pa.C2paError:
        return None
    manifest = report["manifests"][report["active_manifest"]]
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    generators = manifest.get("claim_generator_info") or [{}]
    signature = manifest.get("signature_info", {})
    return Credentials(
        synthetic=any(action.get("digitalSourceType") == TRAINED for action in actions),
        intact=report.get("validation_state") in ("Valid", "Trusted"),
        generator=" ".join(str(generators[0][field]) for field in ("name", "version") if field in generators[0]),
        signer=str(signature.get("issuer", "")),
    )


def _kind_of(content: bytes) -> str | None:
    """The key of `KINDS` that a file's first bytes name."""
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return ".wav"
    if content[:4] == b"fLaC":
        return ".flac"
    if content[4:8] == b"ftyp":
        return ".m4a"
    is_mp3 = content[:3] == b"ID3" or (content[:1] == b"\xff" and content[1:2] > b"\xdf")
    return ".mp3" if is_mp3 else None


def _generator() -> dict[str, str]:
    return {"name": _NAME, "version": version("peewee-tts")}


def _identity() -> tuple[bytes, bytes]:
    """The chain of certificates and the key that sign, as PEM."""
    folder = environment.CREDENTIALS.path()
    if folder is None:
        return _own_identity()
    return _content_of(folder / "chain.pem"), _content_of(folder / "key.pem")


def _content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{environment.CREDENTIALS.name}: {path} can't be read: {error}; it needs chain.pem and key.pem"
        ) from None


@cache
def _own_identity() -> tuple[bytes, bytes]:
    """Make a key and its certificate, and an authority that vouches for it, for this process alone.

    C2PA takes no certificate that vouches for itself.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    authority, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    chain = _certificate("one process", own, authority) + _certificate("authority of one process", authority, authority)
    return chain, own.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _certificate(name: str, key: Any, authority: Any) -> bytes:
    """Certify a key by the authority's, as PEM; the authority's own, if they are the same."""
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import ExtendedKeyUsageOID

    today, signs = datetime.now(UTC) - timedelta(days=1), key is authority
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage |= {"digital_signature": not signs, "key_cert_sign": signs, "crl_sign": signs}
    builder = (
        x509.CertificateBuilder(_named("authority of one process"), _named(name), key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today)
        .not_valid_after(today + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=signs, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key()), critical=False)
    )
    if not signs:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(authority, SHA256()).public_bytes(Encoding.PEM)


def _named(name: str) -> Any:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{_NAME}, not verified")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, name)])
