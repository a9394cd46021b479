"""The one table of metrics: what each is called, its unit, decimals and direction, and where it is shown.

To add a metric, measure it (a field of `measures.Measurement`, or a figure of a section) and add a line here. The
page, the model card, `peewee-tts adapt`, `peewee-tts release list`, `make repro` and the runners' notes read the table,
or the file that `evaluate` makes of it.
"""

from pydantic import ConfigDict

from peewee_model.metric_labels import Labels, MetricLabel, PartLabel


class Metric(MetricLabel):
    """A line of the table."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    mean_of: str | None = None
    """The field of `Measurement` whose mean over a row's sentences is this metric; None if it is computed otherwise.
    Not in the side file."""
    has_interval: bool = False
    """Whether that mean has a 95 % interval. Not in the side file."""


METRICS = (
    Metric(
        key="eer", name="equal error rate", short="EER", unit="%", decimals=1, better="lower",
        places=("speaker", "card", "list"), headlines=("speaker",),
    ),
    Metric(key="threshold", name="threshold at the EER", places=("speaker",)),
    Metric(key="min_dcf", name="minimum detection cost", better="lower", places=("speaker",)),
    Metric(
        key="cer", name="character error rate", short="CER", unit="%", decimals=1, better="lower",
        places=("page", "sentence", "card", "comparison", "list"),
        headlines=("speech.synthesized", "speech.ground_truth"),
    ),
    Metric(
        key="wer", name="word error rate", short="WER", unit="%", decimals=1, better="lower",
        places=("page", "card", "comparison"),
    ),
    Metric(
        key="cer_ratio", name="character error rate by that of copy-synthesis", short="CER by copy-synthesis's",
        better="lower", places=("tile",),
    ),
    Metric(
        key="dnsmos", name="DNSMOS, overall", short="DNSMOS", decimals=2, better="higher",
        places=("page", "sentence", "card", "comparison"), mean_of="dnsmos", has_interval=True,
    ),
    Metric(
        key="distill_mos", name="Distill-MOS", decimals=2, better="higher",
        places=("page", "sentence", "card", "comparison", "list"), headlines=("speech.synthesized",),
        mean_of="distill_mos", has_interval=True,
    ),
    Metric(
        key="f0_deviation", name="deviation of F0, semitones", short="F0 deviation, st", decimals=2,
        places=("voice", "sentence", "card"), mean_of="f0_deviation", has_interval=True,
    ),
    Metric(
        key="voiced", name="voiced share", unit="%", decimals=1, places=("voice", "sentence"), mean_of="voiced",
        has_interval=True,
    ),
    Metric(
        key="harmonic_ripple", name="harmonic ripple", unit="dB", decimals=2, places=("voice", "sentence", "card"),
        mean_of="harmonic_ripple", has_interval=True,
    ),
    Metric(
        key="pace", name="pace, characters a second", short="pace, characters/s", decimals=1,
        places=("voice", "sentence", "card"), mean_of="pace", has_interval=True,
    ),
    Metric(
        key="mcd_db", name="mel cepstral distortion", short="MCD", unit="dB", decimals=2, better="lower",
        places=("page", "sentence", "card", "comparison"), mean_of="mcd_db",
    ),
    Metric(
        key="similarity", name="similarity to the speaker", short="similarity", better="higher",
        places=("voice", "sentence", "card", "comparison"), headlines=("speech.synthesized",), mean_of="similarity",
    ),
    Metric(
        key="similarity_others", name="similarity to other speakers", short="to other speakers", better="lower",
        places=("voice", "card"), mean_of="similarity_others",
    ),
    Metric(
        key="similarity_reference", name="similarity to the reference", better="higher",
        places=("cloning",), mean_of="similarity_reference",
    ),
    Metric(
        key="likeness", name="likeness", decimals=2, better="higher", places=("cloning", "comparison"),
        headlines=("cloning.synthesized",),
    ),
    Metric(
        key="identified", name="identified among all test speakers", short="identified", unit="%", decimals=1,
        better="higher", places=("voice", "card", "comparison"), mean_of="identified",
    ),
    Metric(
        key="verification_eer", name="verification EER", unit="%", decimals=1, better="lower",
        places=("voice", "card"),
    ),
    Metric(
        key="aligned", name="diagonal attention", unit="%", decimals=1, better="higher",
        places=("page", "lengths", "by_length"), mean_of="aligned",
    ),
    Metric(
        key="diagonality", name="attention diagonality", short="diagonality", better="higher",
        places=("tile", "sentence"), mean_of="diagonality",
    ),
    Metric(
        key="coverage", name="text read by the attention", short="coverage", unit="%", decimals=1, better="higher",
        places=("tile", "lengths", "by_length", "card"), headlines=("speech.synthesized",), mean_of="coverage",
    ),
    Metric(key="focus_rate", name="attention focus rate", short="focus rate", better="higher", mean_of="focus_rate"),
    Metric(
        key="stop_failures", name="stop failures", unit="%", decimals=1, better="lower",
        places=("page", "lengths", "card"), mean_of="stop_failure",
    ),
    Metric(
        key="truncated", name="cut off", unit="%", decimals=1, better="lower",
        places=("tile", "lengths", "by_length"), mean_of="truncated",
    ),
    Metric(key="too_short", name="too short", unit="%", decimals=1, better="lower", places=("by_length",)),
    Metric(key="too_long", name="too long", unit="%", decimals=1, better="lower", places=("by_length",)),
    Metric(key="length_ratio", name="length against the recording", places=("page",), mean_of="length_ratio"),
)  # fmt: skip
"""In the order in which they are shown."""

PARTS = (
    PartLabel(key="ground_truth", name="recording"),
    PartLabel(key="copy_synthesis_griffin_lim", name="copy-synthesis, Griffin-Lim"),
    PartLabel(key="copy_synthesis", name="copy-synthesis"),
    PartLabel(key="parent", name="synthesized before"),
    PartLabel(key="synthesized", name="synthesized"),
    PartLabel(key="same_speaker", name="the speaker's own recordings"),
    PartLabel(key="same_sex", name="recordings of others of the same sex"),
    PartLabel(key="other_speakers", name="other speakers' recordings"),
    PartLabel(key="cloning", name="unseen speakers"),
    PartLabel(key="lengths", name="sentences of all lengths"),
    PartLabel(key="seen", name="seen speakers"),
    PartLabel(key="unseen", name="unseen speakers"),
)
"""The parts of metrics.json that say what a figure was measured on; the ways to speak in the order of the page."""


def labels() -> Labels:
    """The table as the side file has it."""
    return Labels(metrics=METRICS, parts=PARTS)
