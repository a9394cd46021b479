"""A store's channels as aliases of MLflow's registered model `peewee`: `models:/peewee@stable`.

The channels' logs are the truth, because MLflow keeps no history of aliases. `sync` makes the registry agree with them;
a second call changes nothing. A model version is a copy of a release, verified, with its version as a tag.
"""

import importlib.metadata
import logging
import os
from pathlib import Path
from typing import Any

import peewee_model
from peewee_model import environment
from peewee_model.errors import PeeweeError, TryAgainError
from peewee_model.public_text import masked
from peewee_model.release.manifest import MANIFEST, hash_file
from peewee_model.store.store import Store, open_store
from pipeline.tracking.settings import DEFAULTS, TRACKING_URI

logger = logging.getLogger(__name__)

MODEL = "peewee"
RELEASE = "release"
"""The tag of a model version with the release's version."""
VOICE = Path(__file__).with_name("voice_model.py")
_DISTRIBUTION = "peewee-tts"


class RegistryError(TryAgainError):
    """The registry could not be made to agree with the store; a later `sync` does that."""


def sync(address: str) -> dict[str, str]:
    """Make the registry agree with a store's channels.

    Args:
        address: Of the store.

    Returns:
        Each channel, and the model version that its alias points to now.

    Raises:
        RegistryError: If MLflow can't be reached, or is not installed.
        ReleaseError: If the store can't be read, or a release differs from its version.
    """
    store = open_store(address)
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)  # before MLflow is loaded
    try:
        import mlflow
    except ModuleNotFoundError:
        raise RegistryError("mlflow is not installed; pip install 'peewee-tts[mlflow]'") from None
    mlflow.set_tracking_uri(TRACKING_URI.read() or "")
    agreed: dict[str, str] = {}
    try:
        client = mlflow.MlflowClient()
        for channel in store.channels():
            release = store.resolve(channel)
            number = _registered(client, release) or _register(client, store, release)
            aliases = client.get_registered_model(MODEL).aliases
            if aliases.get(channel) != number:
                client.set_registered_model_alias(MODEL, channel, number)
                logger.info("alias %s of %s: version %s, release %s", channel, MODEL, number, release)
            agreed[channel] = number
    except PeeweeError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        where = masked(TRACKING_URI.read() or "")
        raise RegistryError(f"MLflow at {where}: {type(error).__name__}: {text}; `peewee-tts mlflow sync`") from error
    return agreed


def sync_if_tracked(address: str) -> None:
    """Sync, if MLFLOW_TRACKING_URI is set. A failure is a line in the log, because the channel has moved already."""
    if TRACKING_URI.is_set():
        try:
            sync(address)
        except PeeweeError as error:
            logger.warning("the registry does not agree with the channels yet: %s", error)


def _registered(client: Any, release: str) -> str | None:
    """Find the model version of a release; None if it has none that is whole."""
    found = client.search_model_versions(f"name = '{MODEL}' and tags.{RELEASE} = '{release}'")
    return max((str(one.version) for one in found), key=int, default=None)


def _register(client: Any, store: Store, release: str) -> str:
    import mlflow

    folder, _ = store.fetch(release, environment.PUBLIC_KEY.path())
    logged = mlflow.pyfunc.log_model(
        name=MODEL,
        python_model=str(VOICE),
        artifacts={RELEASE: str(folder)},
        model_config={RELEASE: release},
        code_paths=[str(Path(peewee_model.__file__).parent)],
        pip_requirements=requirements(),
    )
    tags = {RELEASE: release, "manifest_sha256": hash_file(folder / MANIFEST).sha256, "store": masked(store.address)}
    made = mlflow.register_model(logged.model_uri, MODEL, tags=tags)
    client.update_model_version(MODEL, made.version, f"Release {release}; its card is in the artifact.")
    return str(made.version)


def requirements() -> list[str]:
    """Pin what a release needs to speak, as it is installed here. The code itself is in the model."""
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in importlib.metadata.requires(_DISTRIBUTION) or ()]
    names = [one.name for one in wanted if one.marker is None or one.marker.evaluate({"extra": "mlflow"})]
    return sorted(f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in names)
