"""Figures as SVG inside a page, with the page's font and colour scheme; equal data gives equal bytes.

Each figure is drawn with stand-in colours, which are then replaced by CSS: `currentColor` for ink, `var(--...)` for
the rest.
"""

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from pipeline.evaluation.lengths import ReadSentence

Floats = NDArray[np.float64]

_INK, _RULE = "#0a0b0c", "#0a0b0d"
_SERIES = [f"#0a0c{index:02x}" for index in range(1, 9)]
_CSS = {_INK: "currentColor", _RULE: "var(--rule)"} | {
    colour: f"var(--series-{index})" for index, colour in enumerate(_SERIES, 1)
}
_MARKERS = "osD^vPX*"
_DET_TICKS = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8)
_RATE_FLOOR = 5e-4
"""Rates are drawn between this and its complement: the normal deviate of 0 is infinite."""


def _figure(
    width: float, height: float, rows: int = 1, columns: int = 1, **layout: Any
) -> tuple["Figure", list["Axes"]]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **layout).ravel().tolist()
    for axis in axes:
        axis.tick_params(colors=_INK, labelsize=8, length=3, width=0.6)
        axis.xaxis.label.set(color=_INK, size=9)
        axis.yaxis.label.set(color=_INK, size=9)
        axis.set_facecolor("none")
        axis.spines[["top", "right"]].set_visible(False)
        axis.spines[["left", "bottom"]].set(color=_INK, linewidth=0.6)
    return figure, axes


def _svg(figure: "Figure", label: str) -> str:
    """Render; `label` is the description for readers who can't see the figure."""
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "peewee", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)
    for colour, css in _CSS.items():
        svg = svg.replace(colour, css)
    used = set(re.findall(r"(?:url\(#|href=\"#)([\w-]+)", svg))
    svg = re.sub(r' id="([\w-]+)"', lambda found: found.group(0) if found.group(1) in used else "", svg)
    svg = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', f'role="img" aria-label="{label}"', svg, count=1)
    return re.sub(r"\n\s*", "\n", svg)


def det_figure(false_accepts: Floats, false_rejects: Floats, eer: float) -> str:
    """Detection error trade-off on normal-deviate axes (Martin et al. 1997), the equal error rate marked."""
    from scipy.special import ndtri

    def deviate(rates: Floats) -> Floats:
        return np.asarray(ndtri(np.clip(rates, _RATE_FLOOR, 1 - _RATE_FLOOR)))

    figure, (axis,) = _figure(4.6, 4.2)
    axis.plot(deviate(false_accepts), deviate(false_rejects), color=_SERIES[0], linewidth=1.8)
    ends = deviate(np.array([0.0, 0.9]))
    axis.plot(ends, ends, color=_RULE, linewidth=0.8, zorder=0)
    point = deviate(np.array([eer]))
    axis.plot(point, point, "o", color=_SERIES[1], markersize=6)
    axis.annotate(
        f"EER {eer:.2%}",
        (point[0], point[0]),
        (8, 8),
        textcoords="offset points",
        color=_INK,
        fontsize=9,
        weight="bold",
    )
    ticks = deviate(np.array(_DET_TICKS))
    for which in (axis.xaxis, axis.yaxis):
        which.set_ticks(ticks, [f"{tick * 100:g}" for tick in _DET_TICKS])
    axis.set(xlim=ends, ylim=ends, xlabel="false accepts, %", ylabel="false rejects, %", aspect="equal")
    axis.grid(color=_RULE, linewidth=0.4)
    return _svg(figure, f"Detection error trade-off curve, equal error rate {eer:.2%}")


def map_figure(layout: Floats, speaker_ids: Sequence[str]) -> str:
    """Utterances on a plane, a colour and a mark a speaker, the speaker's name at the middle if there are few."""
    figure, (axis,) = _figure(4.6, 4.2)
    speakers = sorted(set(speaker_ids))
    for index, speaker in enumerate(speakers):
        points = layout[[name == speaker for name in speaker_ids]]
        colour, marker = _SERIES[index % len(_SERIES)], _MARKERS[index // len(_SERIES) % len(_MARKERS)]
        axis.scatter(points[:, 0], points[:, 1], s=24, color=colour, marker=marker, alpha=0.75, linewidths=0)
        if len(speakers) <= 24:
            x, y = np.median(points[:, 0]), points[:, 1].max()
            axis.annotate(
                speaker, (x, y), (0, 7), textcoords="offset points", color=_INK, fontsize=8, ha="center", weight="bold"
            )
    axis.set(xticks=[], yticks=[])
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.margins(0.08)
    return _svg(figure, f"Map of {len(layout)} utterances of {len(speakers)} held-out speakers")


def curves_figure(title: str, curves: Mapping[str, Mapping[str, tuple[Floats, Floats]]]) -> str:
    """Small multiples of a training: a panel a metric, a line a split.

    Args:
        title: Of the model.
        curves: Metric -> split -> (steps, values).
    """
    columns = 3  # also for fewer, so that all models' panels are of one size
    rows = -(-len(curves) // columns)
    figure, axes = _figure(3.1 * columns, 2.1 * rows, rows, columns)
    for axis, (metric, lines) in zip(axes, curves.items(), strict=False):
        for split, (steps, values) in lines.items():
            is_train = split == "train"
            colour, marker = (_SERIES[0], None) if is_train else (_SERIES[1], "o" if len(steps) <= 40 else None)
            axis.plot(steps, values, color=colour, linewidth=1.4, marker=marker, markersize=3, label=split)
        axis.set_title("EER" if metric == "eer" else metric.replace("_", " "), loc="left", fontsize=9, color=_INK)
        axis.grid(axis="y", color=_RULE, linewidth=0.4)
        axis.locator_params(nbins=5)
    for axis in axes[len(curves) :]:
        axis.set_visible(False)
    return _svg(figure, f"Training curves of the {title}")


def mels_figure(mels: Mapping[str, NDArray[np.float32]], hop_s: float) -> str:
    """Log-mels below each other on one clock, colours alike.

    Args:
        mels: Title -> (M, T).
        hop_s: Seconds a frame.
    """
    figure, axes = _figure(6.4, 4.6, len(mels), 1, sharex=True)
    low = min(float(mel.min()) for mel in mels.values())
    high = max(float(mel.max()) for mel in mels.values())
    for axis, (title, mel) in zip(axes, mels.items(), strict=True):
        extent = (0, mel.shape[1] * hop_s, 0, mel.shape[0])
        axis.imshow(mel, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=high, interpolation="none")
        axis.set_title(title, loc="left", fontsize=9, color=_INK)
        axis.set_yticks([])
        axis.spines["left"].set_visible(False)
    axes[-1].set_xlim(0, max(mel.shape[1] for mel in mels.values()) * hop_s)
    axes[-1].set_xlabel("seconds")
    return _svg(figure, f"Log-mel spectrograms: {', '.join(mels)}")


def alignment_figure(alignment: NDArray[np.float32]) -> str:
    """Draw an alignment: decoder steps across, symbols upwards. `alignment` is (T', L)."""
    figure, (axis,) = _figure(4.2, 4.6)
    axis.imshow(alignment.T, origin="lower", aspect="auto", vmin=0, vmax=1, interpolation="none")
    axis.set(xlabel="decoder step", ylabel="symbol of the text")
    return _svg(figure, "Attention of the synthesizer: symbols of the text over decoder steps")


def lengths_figure(sentences: Sequence["ReadSentence"]) -> str:
    """Seconds over words of sentences of every length, with what was expected; failures to stop are marked."""
    figure, (axis,) = _figure(6.4, 3.4)
    words = np.array([item.n_words for item in sentences])
    spoken = np.array([item.duration_s for item in sentences])
    failed = np.array([item.stop_failure for item in sentences])
    axis.vlines(words, [item.expected_s for item in sentences], spoken, color=_RULE, linewidth=0.8, zorder=0)
    axis.plot(words, [item.expected_s for item in sentences], "_", color=_INK, markersize=7, label="expected")
    axis.plot(words[~failed], spoken[~failed], "o", color=_SERIES[0], markersize=4, label="spoken")
    axis.plot(words[failed], spoken[failed], "X", color=_SERIES[1], markersize=7, label="stop failure")
    axis.set(xlabel="words", ylabel="seconds", ylim=(0, None))
    axis.grid(axis="y", color=_RULE, linewidth=0.4)
    axis.legend(frameon=False, fontsize=8, labelcolor=_INK, loc="upper left")
    return _svg(figure, f"Length of {len(words)} sentences in seconds over words; {int(failed.sum())} stop failures")
