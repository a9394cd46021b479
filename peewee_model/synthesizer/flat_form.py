"""Converts the synthesizer settings of old releases, which had no section for each network, to today's form.

In the old form, `timing` named the network (the oldest releases have no `timing`, and only one network), and the sizes
of both networks were in one section. This module describes old releases: of a later size it says the value that does
what they did.
"""

from typing import Any

_ARCH_OF_TIMING = {"attention": "tacotron2", "durations": "non_attentive"}
_SIZES = {
    "tacotron2": {
        "prenet_dim": "prenet_dim",
        "prenet_dropout": "prenet_dropout",
        "attention_rnn_dim": "attention_rnn_dim",
        "attention_dim": "attention_dim",
        "attention_location_n_filters": "attention_location_n_filters",
        "attention_location_kernel_size": "attention_location_kernel_size",
        "attention_dropout": "attention_dropout",
        "decoder_rnn_dim": "decoder_rnn_dim",
        "decoder_dropout": "decoder_dropout",
    },
    "non_attentive": {
        "aligner_channels": "aligner_channels",
        "aligner_dim": "attention_dim",
        "duration_predictor_channels": "duration_predictor_channels",
        "duration_predictor_n_convolutions": "duration_predictor_n_convolutions",
        "duration_predictor_kernel_size": "duration_predictor_kernel_size",
        "duration_predictor_dropout": "duration_predictor_dropout",
        "frame_decoder_channels": "frame_decoder_channels",
        "frame_decoder_n_convolutions": "frame_decoder_n_convolutions",
        "frame_decoder_kernel_size": "frame_decoder_kernel_size",
        "frame_decoder_dropout": "frame_decoder_dropout",
    },
}
"""The sizes of each network, and the name of each in the flat form."""
_LATER = {"non_attentive": {"speaker_film_dim": 0}}
"""Sizes that came after there was a section for each network."""
_FLAT = {"timing", *(old for names in _SIZES.values() for old in names.values())}


def in_sections(settings: Any) -> Any:
    """Convert a synthesizer's settings to the form with a section for each network.

    Args:
        settings: A model's `config.json`, a manifest's copy of it, or `synthesizer.architecture` of a release's
            parameters, as plain data.

    Returns:
        The same settings with `arch` and a section for each network, complete; the settings themselves if they are.
    """
    if not isinstance(settings, dict):
        return settings
    found = _in_sections(settings)
    lacking = {
        arch: later | found[arch]
        for arch, later in _LATER.items()
        if isinstance(found.get(arch), dict) and later.keys() - found[arch].keys()
    }
    return found | lacking if lacking else found


def _in_sections(settings: dict[str, Any]) -> dict[str, Any]:
    if "arch" in settings or not {"timing", "prenet_dim"} & settings.keys():
        return settings
    timing = settings.get("timing", "attention")
    found = {name: value for name, value in settings.items() if name not in _FLAT}
    found["arch"] = _ARCH_OF_TIMING.get(timing, timing)
    for arch, names in _SIZES.items():
        if sizes := {name: settings[old] for name, old in names.items() if old in settings}:
            found[arch] = sizes
    return found


def of_one_network(settings: Any) -> Any:
    """As `in_sections`, with the section of the chosen network alone, as in a saved model's config."""
    found = in_sections(settings)
    if not isinstance(found, dict):
        return found
    return {name: value for name, value in found.items() if name not in _SIZES or name == found.get("arch")}
