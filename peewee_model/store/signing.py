"""Signs releases, and checks signatures: OpenSSF Model Signing with a pair of elliptic-curve keys.

A signature is one file, a Sigstore bundle around an in-toto statement that lists every file of the folder with its
SHA-256. The project's own tool checks it as well: `model_signing verify key FOLDER --signature S --public_key K`.
No network is used. This needs the extra `signing`, whose packages are imported only when they are used.
"""

import base64
import contextlib
import hashlib
import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

from peewee_model import environment
from peewee_model.errors import ReleaseError
from peewee_model.release.manifest import MANIFEST, VERSION_LENGTH, Manifest, hash_file

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from model_signing.hashing import Config

KEY_ID_LENGTH = 16
CURVES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}
"""The curves that model-signing accepts, with their common names."""

_MAX_KEY_SIZE = 64 * 2**10
_MAKE_KEY = "make one with `openssl ecparam -name prime256v1 -genkey -noout -out release.key`"
_MAKE_PUBLIC = "write the public key with `openssl pkey -in release.key -pubout -out release.pub`"


class SignatureError(ReleaseError):
    """A release can't be signed, or is not signed as it must be."""


def key_id(public_key: Path) -> str:
    """Name a public key: the beginning of the SHA-256 of its DER form.

    Raises:
        SignatureError: If the file is no such key.
    """
    return _id(_load_public_key(public_key))


def release_digests(data: bytes) -> dict[str, str]:
    """List the SHA-256 of every file of a release whose files were already compared with its manifest.

    Args:
        data: The bytes of the manifest.
    """
    manifest = Manifest.model_validate_json(data)
    digests = {name: entry.sha256 for name, entry in manifest.files.items()}
    return digests | {MANIFEST: hashlib.sha256(data).hexdigest()}


def sign_folder(folder: Path, private_key: Path, digests: Mapping[str, str] | None = None) -> tuple[str, bytes]:
    """Sign every file of a folder.

    Args:
        folder: With regular files only.
        private_key: A PEM file; if it is encrypted, PEEWEE_SIGNING_PASSWORD holds its password.
        digests: SHA-256 of every file by name, if they are known to be so; else the folder is read.

    Returns:
        The key's id, and the signature.

    Raises:
        SignatureError: If the key can't be used, or the folder contains something that can't be signed.
    """
    _require_packages()
    from model_signing import signing

    signer, password = _load_private_key(private_key)
    config = signing.Config()  # type: ignore[no-untyped-call]  # of the library
    # Its hint says `str`, but what it calls takes bytes only.
    config.use_elliptic_key_signer(private_key=private_key, password=cast("str | None", password))
    config.set_hashing_config(_known(hash_files(folder) if digests is None else digests))
    with _temporary_folder() as temporary:
        path = temporary / "signature.json"
        config.sign(folder, path)
        return _id(signer), path.read_bytes()


def verify_folder(folder: Path, bundle: bytes, public_key: Path, digests: Mapping[str, str] | None = None) -> None:
    """Require that a signature was made by a key, over exactly the files of a folder.

    Args:
        folder: With regular files only.
        bundle: The signature.
        public_key: A PEM file.
        digests: SHA-256 of every file by name, if they are known to be so; else the folder is read.

    Raises:
        SignatureError: If another key made it, it is damaged, or a file differs; the first such file is named.
    """
    key = _load_public_key(public_key)
    from cryptography.exceptions import InvalidSignature
    from model_signing import verifying

    signer = _signer(bundle)
    if signer != _hint(key):
        _refuse(folder, f"it is signed by another key than {public_key} (key {_id(key)}); use the publisher's key")
    found = dict(hash_files(folder) if digests is None else digests)
    config = verifying.Config()  # type: ignore[no-untyped-call]  # of the library
    config.use_elliptic_key_verifier(public_key=public_key)
    config.set_hashing_config(_known(found))
    with _temporary_folder() as temporary:
        path = temporary / "signature.json"
        path.write_bytes(bundle)
        try:
            config.verify(folder, path)
        except InvalidSignature:
            _refuse(folder, f"its signature was not made by {public_key} (key {_id(key)}), or was altered; restore it")
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError) as error:
            difference = _difference(bundle, found) or f"its signature can't be read: {_one_line(error)}; restore it"
            _refuse(folder, difference)


def hash_files(folder: Path) -> dict[str, str]:
    """Compute the SHA-256 of every file under a folder, by name; links and devices are refused."""
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        name = path.relative_to(folder).as_posix()
        if stat.S_ISREG(mode):
            files[name] = path
        elif not stat.S_ISDIR(mode):
            _refuse(folder, f"{name} is a link or a device; a release holds regular files only; get it again")
    if not files:
        _refuse(folder, "there is no file in it; name the folder of a release")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(files, pool.map(lambda path: hash_file(path).sha256, files.values()), strict=True))


def _known(digests: Mapping[str, str]) -> "Config":
    """Make a hashing config that returns known digests, so that no file is read twice and none is ignored."""
    from model_signing import hashing, manifest
    from model_signing._hashing.hashing import Digest

    class KnownDigests(hashing.Config):
        def hash(self, model_path: hashing.PathLike, *, files_to_hash: object = None) -> manifest.Manifest:
            items = [
                manifest.FileManifestItem(path=Path(name), digest=Digest("sha256", bytes.fromhex(digest)))
                for name, digest in sorted(digests.items())
            ]
            release = digests.get(MANIFEST, "")[:VERSION_LENGTH]
            how = {"method": "files", "hash_type": "sha256", "allow_symlinks": False}
            return manifest.Manifest(release or "folder", items, manifest.SerializationType.from_args(how))

    return KnownDigests()  # type: ignore[no-untyped-call]  # of the library


def _difference(bundle: bytes, found: Mapping[str, str]) -> str | None:
    """Find the first file that differs from the signed one; None if the signature does not show which."""
    try:
        payload = json.loads(base64.b64decode(json.loads(bundle)["dsseEnvelope"]["payload"]))
        signed = {entry["name"]: entry["digest"] for entry in payload["predicate"]["resources"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    for name in sorted(signed.keys() | found.keys()):
        if name not in found:
            return f"{name} was signed and is missing; get the release again from its store"
        if name not in signed:
            return f"{name} is not covered by the signature; do not use it, and get the release again from its store"
        if signed[name] != found[name]:
            return f"{name} was signed as sha256 {signed[name]}, found sha256 {found[name]}; do not use it"
    return None


def _signer(bundle: bytes) -> str | None:
    """Read from a signature the key that made it. model-signing names keys by the hash of their PEM form."""
    try:
        hint = json.loads(bundle)["verificationMaterial"]["publicKey"]["hint"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return hint if isinstance(hint, str) else None


def _load_private_key(path: Path) -> tuple["EllipticCurvePublicKey", bytes | None]:
    """Return the key's public half, and its password if it has one."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = _read_key(path)
    password = None
    try:
        try:
            key = load_pem_private_key(data, None)
        except TypeError:  # it is encrypted
            password = (environment.SIGNING_PASSWORD.read() or "").encode()
            if not password:
                name = environment.SIGNING_PASSWORD.name
                raise SignatureError(f"{path} is encrypted; set {name} to its password") from None
            key = load_pem_private_key(data, password)
    except (ValueError, UnsupportedAlgorithm):
        wrong_password = f"{environment.SIGNING_PASSWORD.name} is not its password"
        problem = wrong_password if password else "it is no private key in PEM form"
        raise SignatureError(f"{path} can't be used to sign: {problem}; {_MAKE_KEY}") from None
    if not isinstance(key, EllipticCurvePrivateKey):
        raise SignatureError(f"{path} is no elliptic-curve key; {_MAKE_KEY}")
    return _check_curve(path, key.public_key()), password


def _load_public_key(path: Path) -> "EllipticCurvePublicKey":
    _require_packages()
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    data = _read_key(path)
    if b"PRIVATE KEY" in data:
        raise SignatureError(f"{path} is a private key, which a consumer never needs; {_MAKE_PUBLIC}")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise SignatureError(f"{path} is no public key in PEM form; {_MAKE_PUBLIC}") from None
    if not isinstance(key, EllipticCurvePublicKey):
        raise SignatureError(f"{path} is no elliptic-curve key; {_MAKE_KEY}")
    return _check_curve(path, key)


def _check_curve(path: Path, key: "EllipticCurvePublicKey") -> "EllipticCurvePublicKey":
    if key.curve.name not in CURVES:
        raise SignatureError(f"{path} is a key on {key.curve.name}, not {', '.join(CURVES.values())}; {_MAKE_KEY}")
    return key


def _read_key(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_KEY_SIZE)
    except OSError as error:
        raise SignatureError(f"the key {path} can't be read: {error.strerror}; name a PEM file") from None


def _id(key: "EllipticCurvePublicKey") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()[:KEY_ID_LENGTH]


def _hint(key: "EllipticCurvePublicKey") -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


@contextlib.contextmanager
def _temporary_folder() -> Iterator[Path]:
    """Yield a temporary folder for a signature, because model_signing reads and writes only files."""
    try:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
    except OSError as error:
        raise ReleaseError(
            f"no temporary file can be written, and signatures need one: {error.strerror}; make room, or set TMPDIR to "
            "a folder that has some"
        ) from None


def _require_packages() -> None:
    try:
        import model_signing  # noqa: F401 - only to find out whether it is installed
    except ModuleNotFoundError as error:
        raise SignatureError(
            f"signatures need {error.name}; install it with `pip install 'peewee-tts[signing]'`"
        ) from None


def _refuse(folder: Path, problem: str) -> NoReturn:
    raise SignatureError(f"{folder}: {problem}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
