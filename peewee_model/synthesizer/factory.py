"""Makes a synthesizer from its config, and loads one."""

from pathlib import Path

from pydantic import RootModel

from peewee_model.networks.weights import load_config, load_weights
from peewee_model.synthesizer.architecture import AnyConfig
from peewee_model.synthesizer.non_attentive.config import NonAttentiveConfig
from peewee_model.synthesizer.non_attentive.non_attentive import NonAttentiveTacotron
from peewee_model.synthesizer.tacotron2.config import Tacotron2Config
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2


class _Document(RootModel[AnyConfig]):
    """`config.json` of any synthesizer."""


def make_synthesizer(config: Tacotron2Config | NonAttentiveConfig) -> Tacotron2 | NonAttentiveTacotron:
    """Make the network that a config describes; its weights are drawn at random."""
    return NonAttentiveTacotron(config) if isinstance(config, NonAttentiveConfig) else Tacotron2(config)


def load_synthesizer(folder: Path) -> Tacotron2 | NonAttentiveTacotron:
    """Read a synthesizer, in evaluation mode.

    Raises:
        ConfigError: If `config.json` or the weights can't be read.
        ShapeError: If the weights are not those of the config.
    """
    model = make_synthesizer(load_config(folder, _Document).root)
    load_weights(folder, model)
    return model.eval()
