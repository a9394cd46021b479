"""The signatures of releases in a store.

    STORE/signatures/<version>/<key id>.json

They are outside the release's folder, so that a signature does not change the version, and several keys can sign. This
module stores and reads signatures. The module `signing`, which needs the extra of that name, makes and checks them.
"""

import logging
from pathlib import Path

from peewee_model.release.manifest import MANIFEST
from peewee_model.store.backend import Backend

logger = logging.getLogger(__name__)

_SUFFIX = ".json"


class Signatures:
    """The signatures in a store.

    Args:
        address: Of the store, for messages.
        backend: Where it is.
    """

    def __init__(self, address: str, backend: Backend) -> None:
        self._address = address
        self._backend = backend

    def read(self, version: str) -> dict[str, bytes]:
        """Read every signature of a release, by the id of its key. They are not checked."""
        found = {key_id: self._backend.read(_key(version, key_id)) for key_id in self.key_ids(version)}
        return {key_id: data for key_id, data in found.items() if data is not None}

    def key_ids(self, version: str) -> list[str]:
        """List the keys that signed a release."""
        names = self._backend.names(f"signatures/{version}")
        return [name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)]

    def signers(self) -> dict[str, list[str]]:
        """List the keys that signed, for every release at once."""
        signers: dict[str, list[str]] = {}
        for key in self._backend.keys("signatures"):
            _, version, name = key.rsplit("/", 2)
            if name.endswith(_SUFFIX):
                signers.setdefault(version, []).append(name.removesuffix(_SUFFIX))
        return signers

    def make(self, folder: Path, key: Path) -> tuple[str, bytes]:
        """Sign the files that the manifest in a folder lists. The caller must have verified them.

        Returns:
            The id of the key, and the signature.
        """
        from peewee_model.store.signing import release_digests, sign_folder

        return sign_folder(folder, key, release_digests((folder / MANIFEST).read_bytes()))

    def add(self, version: str, key_id: str, signature: bytes) -> None:
        """Put a signature into the store. An existing signature by the same key stays."""
        if self._backend.put_if_absent(_key(version, key_id), signature):
            logger.info("release=%s signed_by=%s", version, key_id)

    def check(self, folder: Path, version: str, public_key: Path) -> None:
        """Require a signature by a key, for a release that was just verified.

        A signature in the cache is enough; if it fails, it is read again from the store.

        Raises:
            SignatureError: If there is none, or it does not match the files in the folder.
        """
        from peewee_model.store.signing import SignatureError, key_id, release_digests, verify_folder

        signer = key_id(public_key)
        key = _key(version, signer)
        signature = self._backend.read(key, keep=True)
        if signature is None:
            signers = ", ".join(self.read(version)) or "nobody"
            raise SignatureError(
                f"{self._address}: release {version} is not signed by {public_key} (key {signer}), but by {signers}; "
                "use the publisher's key, or have the release signed"
            )
        digests = release_digests((folder / MANIFEST).read_bytes())
        try:
            verify_folder(folder, signature, public_key, digests)
        except SignatureError:
            again = self._backend.read(key)
            if again is None or again == signature:
                raise
            verify_folder(folder, again, public_key, digests)


def _key(version: str, key_id: str) -> str:
    return f"signatures/{version}/{key_id}{_SUFFIX}"
