"""Which synthesizers there are, and how one is loaded."""

from pathlib import Path

from peewee_model.networks.weights import load_config, load_weights
from peewee_model.synthesizer.config import SynthesizerConfig
from peewee_model.synthesizer.non_attentive.non_attentive import NonAttentiveTacotron
from peewee_model.synthesizer.tacotron2.tacotron2 import Tacotron2


def make_synthesizer(config: SynthesizerConfig) -> Tacotron2 | NonAttentiveTacotron:
    """Make the network that a config asks for, with weights of chance."""
    return NonAttentiveTacotron(config) if config.timing == "durations" else Tacotron2(config)


def load_synthesizer(folder: Path) -> Tacotron2 | NonAttentiveTacotron:
    """Read a synthesizer, in evaluation mode.

    Raises:
        ConfigError: If `config.json` or the weights can't be read.
        ShapeError: If the weights are not those of the config.
    """
    model = make_synthesizer(load_config(folder, SynthesizerConfig))
    load_weights(folder, model)
    return model.eval()
