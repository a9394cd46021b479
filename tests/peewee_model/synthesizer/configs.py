"""Configs of small synthesizers."""

from pydantic import TypeAdapter

from peewee_model.audio.mel import MelConfig
from peewee_model.synthesizer.architecture import AnyConfig

MEL = MelConfig(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160, n_mels=8, f_min=0.0, f_max=8000.0, log_floor=1e-3
)
SIZES = {
    "tacotron2": {
        "prenet_dim": 10, "prenet_dropout": 0.5, "attention_rnn_dim": 20, "attention_dim": 9,
        "attention_location_n_filters": 4, "attention_location_kernel_size": 7, "attention_dropout": 0.1,
        "decoder_rnn_dim": 18, "decoder_dropout": 0.1,
    },
    "non_attentive": {
        "speaker_film_dim": 5, "aligner_channels": 11, "aligner_dim": 9, "duration_predictor_channels": 13,
        "duration_predictor_n_convolutions": 2, "duration_predictor_kernel_size": 3, "duration_predictor_dropout": 0.2,
        "frame_decoder_channels": 14, "frame_decoder_n_convolutions": 2, "frame_decoder_kernel_size": 5,
        "frame_decoder_dropout": 0.1,
    },
}  # fmt: skip
SHARED = {
    "mel": MEL, "text": {"units": "graphemes", "language": "en-us"}, "n_symbols": 12, "speaker_embedding_dim": 6,
    "symbol_embedding_dim": 16, "encoder_n_convolutions": 2, "encoder_kernel_size": 5, "encoder_dropout": 0.5,
    "postnet_n_convolutions": 3, "postnet_channels": 12, "postnet_kernel_size": 5, "postnet_dropout": 0.5,
    "reduction_factor": 1,
}  # fmt: skip


def with_sizes(architecture, changes):
    """An architecture as plain data with other sizes; each goes where its name is known."""
    found = dict(architecture)
    for name, value in changes.items():
        for arch, sizes in SIZES.items():
            if name in sizes and arch in found:
                found[arch] = found[arch] | {name: value}
        if not any(name in sizes for sizes in SIZES.values()):
            found[name] = value
    return found


def small_config(arch="tacotron2", **changes):
    """A network's config; sizes of the other network may be among the changes."""
    return TypeAdapter(AnyConfig).validate_python(with_sizes(SHARED | {"arch": arch, arch: SIZES[arch]}, changes))
