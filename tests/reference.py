"""The reference that our Tacotron 2 is compared with: torchaudio's, imported beside a CPU build of torch.

torchaudio's wheel loads a library that was compiled against a CUDA build of torch. Its models are plain Python and do
not use it, so an empty stand-in for the module that loads it lets them be imported anywhere.
"""

import sys
from contextlib import contextmanager
from types import ModuleType
from unittest import mock


def torchaudio_tacotron2():
    """Import torchaudio's `Tacotron2` class."""
    if "torchaudio" not in sys.modules:
        stub = ModuleType("torchaudio._extension")
        stub._IS_TORCHAUDIO_EXT_AVAILABLE = False
        stub.fail_if_no_align = lambda function: function
        sys.modules["torchaudio._extension"] = stub
    from torchaudio.models import Tacotron2

    return Tacotron2


@contextmanager
def without_dropout():
    """Make torchaudio's prenet deterministic: its dropout is on in evaluation mode too, and can't be configured."""
    torchaudio_tacotron2()
    from torchaudio.models import tacotron2

    def identity(values, *_, **__):
        return values

    with mock.patch.object(tacotron2.F, "dropout", identity):
        yield


# torchaudio's names -> ours, for everything whose layout is the same in both.
_RENAMED = {
    "embedding": "encoder.embedding",
    "decoder.prenet.layers": "decoder.prenet.layers",
    "decoder.linear_projection": "decoder.mel_projection",
    "decoder.gate_layer": "decoder.stop_projection",
    "decoder.attention_layer.query_layer": "decoder.attention.query",
    "decoder.attention_layer.memory_layer": "decoder.attention.memory",
    "decoder.attention_layer.v": "decoder.attention.score",
    "decoder.attention_layer.location_layer.location_conv": "decoder.attention.location_conv",
    "decoder.attention_layer.location_layer.location_dense": "decoder.attention.location_dense",
    "decoder.attention_rnn": "decoder.attention_rnn",
}


def our_name(name):
    """Translate the name of one of torchaudio's Tacotron 2 tensors into ours."""
    for theirs, ours in _RENAMED.items():
        if name.startswith(theirs + "."):
            return ours + name.removeprefix(theirs)
    if name.startswith("decoder.decoder_rnn."):
        return name + "_l0"
    if name.startswith("encoder.lstm.") and name.endswith("_reverse"):
        return name.replace("encoder.lstm.", "encoder.lstm_backward.").removesuffix("_reverse")
    if name.startswith("encoder.lstm."):
        return name.replace("encoder.lstm.", "encoder.lstm_forward.")
    for part in ("encoder", "postnet"):  # convolutions.N.0 is the convolution, .1 its batch norm
        if name.startswith(f"{part}.convolutions."):
            _, _, index, kind, tensor = name.split(".")
            return f"{part}.blocks.{index}.{'convolution' if kind == '0' else 'norm'}.{tensor}"
    raise KeyError(name)
