"""The kinds of synthesizer: the section of params.yaml that chooses one, and the config of the chosen one."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, TypeAdapter

from peewee_model.audio.mel import MelConfig
from peewee_model.synthesizer.config import SharedSizes
from peewee_model.synthesizer.flat_form import of_one_network
from peewee_model.synthesizer.non_attentive.config import NonAttentiveConfig, NonAttentiveSizes
from peewee_model.synthesizer.tacotron2.config import Tacotron2Config, Tacotron2Sizes

AnyConfig = Annotated[
    Annotated[Tacotron2Config | NonAttentiveConfig, Field(discriminator="arch")], BeforeValidator(of_one_network)
]
"""The config of a synthesizer, whichever network it is."""
_ANY_CONFIG: TypeAdapter[Tacotron2Config | NonAttentiveConfig] = TypeAdapter(AnyConfig)


class SynthesizerArchitecture(SharedSizes):
    """`synthesizer.architecture` in params.yaml."""

    arch: Literal["tacotron2", "non_attentive"]
    """The network; the sections below hold the sizes of both. Tacotron 2 predicts frame after frame, and finds by
    attention which token it speaks. Non-Attentive Tacotron (arXiv:2010.04301) predicts a duration for each token and
    all frames at once."""
    tacotron2: Tacotron2Sizes
    non_attentive: NonAttentiveSizes

    def config(
        self, mel: MelConfig, text: dict[str, str], n_symbols: int, speaker_embedding_dim: int
    ) -> Tacotron2Config | NonAttentiveConfig:
        """Make the config of the chosen network.

        Args:
            mel: The mels that it predicts.
            text: How text becomes tokens, as plain data.
            n_symbols: Symbols in the table.
            speaker_embedding_dim: Dimensions of a speaker embedding; 0 for a model of one speaker.
        """
        facts = {"mel": mel, "text": text, "n_symbols": n_symbols, "speaker_embedding_dim": speaker_embedding_dim}
        return _ANY_CONFIG.validate_python(of_one_network(self.model_dump()) | facts)


def architecture_of(config: dict[str, Any]) -> dict[str, Any]:
    """Read `synthesizer.architecture` from a model's `config.json`, old or new, with the sizes of its network alone."""
    return {
        name: value for name, value in of_one_network(config).items() if name in SynthesizerArchitecture.model_fields
    }
