"""A store of releases: in a folder, or in an S3 bucket.

    STORE/releases/<version>/...                 written once, manifest last, never changed
    STORE/channels/<name>/00000042.json          an append-only log of the releases it pointed to (see `channels`)
    STORE/signatures/<version>/<key id>.json     of the release folder, outside it (see `signatures`)
    STORE/features/<features version>/...        the tables that releases were trained on (see `feature_tables`)
    STORE/probes/...                             objects that a race of writers left (see `s3`)

`Backend` is the interface of a storage, and `backends` lists the kinds of storage. `Store` implements the rules of
releases, which are the same for every kind. Nothing is ever overwritten or deleted. The manifest is written last, so a
reader sees a release completely or not at all.
"""

import hashlib
import logging
from pathlib import Path

from peewee_model.errors import ReleaseError, ReleaseNotFoundError, TamperedReleaseError
from peewee_model.release.manifest import MANIFEST, VERSION_PATTERN, Manifest, parse_manifest, read_manifest
from peewee_model.release.verification import check_models, verify_release
from peewee_model.store.backend import Backend, Progress, Source
from peewee_model.store.backends import open_backend
from peewee_model.store.catalogue import Catalogue
from peewee_model.store.channels import Action, Channels, Numbered, check_entry
from peewee_model.store.feature_tables import FeatureTables
from peewee_model.store.reference import is_channel
from peewee_model.store.rollback import version_after_rollback
from peewee_model.store.signatures import Signatures

logger = logging.getLogger(__name__)

_NAMED = 10
"""Greatest number of releases that a message lists."""


class Store:
    """A store of releases and channels."""

    def __init__(self, backend: Backend) -> None:
        self.address = backend.address
        self._backend = backend
        self._channels = Channels(self.address, backend)
        self._signatures = Signatures(self.address, backend)
        self.feature_tables = FeatureTables(self.address, backend)
        """The tables that releases were trained on."""
        self.catalogue = Catalogue(backend, self._channels, self._signatures)
        """The list of its releases."""

    def versions(self, start: str = "") -> list[str]:
        """List the complete releases; with `start`, only versions that begin with it."""
        if start:
            names = [name for name in self._backend.names("releases", start) if VERSION_PATTERN.fullmatch(name)]
            return [name for name in names if self.has_release(name)]
        parts = (key.split("/") for key in self._backend.keys("releases"))
        found = {name for _, name, *rest in parts if rest == [MANIFEST] and VERSION_PATTERN.fullmatch(name)}
        return sorted(found)

    def channels(self) -> list[str]:
        """List the channels."""
        return self._channels.names()

    def has_release(self, version: str) -> bool:
        """Return whether a release is in the store, completely."""
        # A server's listing may be outdated, but reading a key never is.
        return self._backend.read(f"releases/{version}/{MANIFEST}") is not None

    def resolve(self, selector: str) -> str:
        """Find the version that a channel or a version names.

        Raises:
            ReleaseNotFoundError: If there is none; the message lists what exists.
        """
        if VERSION_PATTERN.fullmatch(selector):
            self._check_whole(selector)
            return selector
        last = self.latest(selector)
        if last is None:
            found = ", ".join(self.channels()) or "none; publish a release with `dvc repro`"
            raise ReleaseNotFoundError(f"{self.address} has no channel {selector!r}; it has: {found}")
        return last.entry.version

    def fetch(self, selector: str, public_key: Path | None = None) -> tuple[Path, str]:
        """Return a local folder with a release, verified, and its version.

        A version that is in the local cache is read from there, without a request; a channel always needs a request.

        Args:
            selector: A channel or a version.
            public_key: Require a signature by this key over the whole release.

        Raises:
            ReleaseNotFoundError: If there is no such channel or version.
            TamperedReleaseError: If a file differs from the manifest, or the manifest from the version.
            SignatureError: If it is not signed by the key.
        """
        version = selector if VERSION_PATTERN.fullmatch(selector) else self.resolve(selector)
        try:
            folder = self._backend.release(version)
        except ReleaseNotFoundError:
            self._check_whole(version)  # which says what there is
            raise
        if public_key is not None:
            self._signatures.check(folder, version, public_key)
        return folder, version

    def verify(self, version: str, public_key: Path | None = None, progress: Progress | None = None) -> Manifest:
        """Compare every byte of a release in the store with its version; copies in a cache are not used.

        Args:
            version: The release.
            public_key: Require a signature by this key as well.
            progress: Receives the number of bytes that were compared since its last call.

        Raises:
            ReleaseNotFoundError: If there is no such release.
            TamperedReleaseError: Names the first file that differs, is missing or does not belong to the release.
            SignatureError: If it is not signed by the key.
        """
        self.resolve(version)
        with self._backend.at_rest(version, progress) as (folder, hashed):
            try:
                manifest = verify_release(folder, version, hashed, None if hashed else progress)
            except ReleaseError as error:
                raise type(error)(str(error).replace(str(folder), f"{self.address}/releases/{version}")) from None
            if public_key is not None:
                self._signatures.check(folder, version, public_key)
        return manifest

    def read_manifest(self, version: str) -> Manifest:
        """Read a release's manifest, compared with its version.

        Raises:
            ReleaseNotFoundError: If there is none.
            TamperedReleaseError: If it is the manifest of another release.
        """
        data = self._backend.read(f"releases/{version}/{MANIFEST}") if VERSION_PATTERN.fullmatch(version) else None
        if data is None:
            self._check_whole(version)
        return parse_manifest(data or b"", version, f"{self.address}/releases/{version}")

    def read_file(self, version: str, name: str) -> bytes:
        """Read one small file of a release, compared with its manifest.

        Raises:
            ReleaseNotFoundError: If there is no such release, or its manifest lists no such file.
            TamperedReleaseError: If the file differs from the manifest.
        """
        entry = self.read_manifest(version).files.get(name)
        if entry is None:
            raise ReleaseNotFoundError(f"{self.address}: release {version} holds no {name}; an older pipeline made it")
        key = f"releases/{version}/{name}"
        data = self._backend.read(key)
        found = "no file" if data is None else f"sha256 {hashlib.sha256(data).hexdigest()}"
        if data is None or found != f"sha256 {entry.sha256}":
            raise TamperedReleaseError(
                f"{self.address}/{key}: expected sha256 {entry.sha256}, found {found}; do not use it, and restore it"
            )
        return data

    def latest(self, channel: str) -> Numbered | None:
        """Read a channel's newest entry; None if there is no such channel."""
        return self._channels.latest(channel) if is_channel(channel) else None

    def history(self, channel: str) -> list[Numbered]:
        """Read a channel's entries, oldest first; empty if there is no such channel."""
        return self._channels.history(channel) if is_channel(channel) else []

    def publish(self, folder: Path, channel: str, reason: str, signing_key: Path | None = None) -> tuple[str, Numbered]:
        """Put a release into the store and make a channel point to it. A second call changes nothing.

        If a person has rolled back or promoted the channel since then, that change stays.

        Args:
            folder: The release.
            channel: Its name; created by its first entry.
            reason: Why, for whoever reads the history.
            signing_key: A private key; the signature is in the store before the channel points to the release.

        Returns:
            The release's version, and the channel's entry that published it.

        Raises:
            PlainLineError: If the reason, or the publisher's name, is not for everybody to read.
            TamperedReleaseError: If a file differs from the manifest.
            ReleaseError: If the store can't be written, or can't be trusted with racing publishers.
        """
        check_entry(channel, reason)  # before anything is sent
        manifest, version = read_manifest(folder)
        signature = self._signatures.make(folder, signing_key) if signing_key else None
        if self.has_release(version):
            logger.info("release=%s already_in=%s", version, self.address)
        else:
            self._backend.require_atomic()
            self._add_release(folder, version)
            logger.info("release=%s added_to=%s files=%d", version, self.address, len(manifest.files))
        if signature:
            self._signatures.add(version, *signature)
        numbered = self.append(channel, version, "publish", reason)
        current = self.resolve(channel)
        if current != version:
            logger.warning(
                "release=%s channel=%s points_to=%s; somebody set it since, so it stays", version, channel, current
            )
        return version, numbered

    def is_published(self, version: str, channel: str) -> bool:
        """Return whether a release is the last one published to a channel: to publish it again adds nothing."""
        found = self._channels.published(channel) if is_channel(channel) and self.has_release(version) else None
        return found is not None and found.entry.version == version

    def append(self, channel: str, version: str, action: Action, reason: str) -> Numbered:
        """Make a channel point to a release, by a new entry.

        Args:
            channel: Its name; created by its first entry.
            version: A release of this store.
            action: What kind of change this is. To `publish` again what was published last adds no entry.
            reason: Why, for whoever reads the history.

        Raises:
            ReleaseError: If the name can't be a channel's, or the store can't be trusted with racing publishers.
            ReleaseNotFoundError: If the release is not in this store.
        """
        self._check_whole(version)
        return self._channels.append(channel, version, action, reason)

    def roll_back(self, channel: str, reason: str, version: str | None = None) -> Numbered:
        """Make a channel point to an earlier release again.

        Args:
            channel: Its name.
            reason: Why, for whoever reads the history.
            version: A release that the channel pointed to; None for the one before the current one.

        Returns:
            The new entry. If its `previous` is not what the caller saw, somebody else set the channel in between.

        Raises:
            ReleaseNotFoundError: If there is no such channel, or the release is no longer in the store.
            ReleaseError: If there is nothing to go back to.
        """
        self.resolve(channel)  # which says what channels there are
        version = version_after_rollback(self.history(channel), version, channel, self.address)
        return self.append(channel, version, "rollback", reason)

    def signatures(self, version: str) -> dict[str, bytes]:
        """Read every signature of a release, by the id of its key. They are not checked."""
        return self._signatures.read(version)

    def sign(self, version: str, key: Path) -> str:
        """Verify a release in the store and sign it. A second call changes nothing.

        Args:
            version: The release.
            key: A private key.

        Returns:
            The id of the key.
        """
        folder, _ = self.fetch(version)
        signature = self._signatures.make(folder, key)
        self._signatures.add(version, *signature)
        return signature[0]

    def _check_whole(self, version: str) -> None:
        if VERSION_PATTERN.fullmatch(version) and self.has_release(version):
            return
        if VERSION_PATTERN.fullmatch(version) and self._backend.names(f"releases/{version}"):
            raise ReleaseNotFoundError(
                f"{self.address}: release {version} is only half there, files but no {MANIFEST}; publish it again"
            )
        raise ReleaseNotFoundError(f"{self.address} has no release {version}; it has: {self.some_versions()}")

    def some_versions(self) -> str:
        """List releases for a message, at most `_NAMED` of them."""
        names = [name for name in self._backend.names("releases") if VERSION_PATTERN.fullmatch(name)]
        shown = ", ".join(names[:_NAMED]) or "none; publish one with `dvc repro`"
        return shown + (f" and {len(names) - _NAMED} more; `peewee-tts release list`" if names[_NAMED:] else "")

    def _add_release(self, folder: Path, version: str) -> None:
        data = (folder / MANIFEST).read_bytes()
        manifest = parse_manifest(data, version, folder)
        check_models(folder, version, manifest)
        files = {name: Source(folder / name, entry) for name, entry in manifest.files.items()}
        self._backend.add(f"releases/{version}", files, MANIFEST, data)


def open_store(address: str, cache: Path | None = None) -> Store:
    """Open the store at an address: a folder, made when the first release is published, or `s3://bucket/prefix`.

    No request is sent yet, and nothing heavy is imported.

    Args:
        address: Its address.
        cache: The folder that keeps what is read from a server; without it, the user's cache.

    Raises:
        ReleaseNotFoundError: If the address is empty, malformed, or of a kind that we can't open.
    """
    return Store(open_backend(address, cache))
