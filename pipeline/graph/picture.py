"""Draw dvc.yaml: `docs/graph.svg`, the picture in the README. `make graph` runs it, a test compares.

Links (`links/<stage>.json`) are left out of the picture: there is one from every stage to `bundle`.
"""

import html
from pathlib import Path
from typing import Any

from pipeline.graph.stages import edges, load_stages, outputs

PICTURE = Path("docs/graph.svg")
LINKS = "links/"
COLUMN, WIDTH, HEIGHT, ARC = 168, 150, 58, 20  # pixels


def draw(stages: dict[str, dict[str, Any]]) -> str:
    """Draw the graph as SVG: stages in the order in which they run, an arc where one reads what an earlier one wrote.

    GPU stages have another colour. Readable on light and dark pages.
    """
    upstream = edges({name: _without_links(stage) for name, stage in stages.items()})
    place = {name: index for index, name in enumerate(stages)}
    longest = max(place[name] - place[other] for name, before in upstream.items() for other in before)
    top = 16 + ARC * longest
    width, height = (len(stages) - 1) * COLUMN + WIDTH + 24, top + HEIGHT + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui,sans-serif">',
        f'<rect width="{width}" height="{height}" rx="10" fill="#fbfaf7"/>',
    ]
    for name, before in upstream.items():
        parts += [_edge(place[other], place[name], top) for other in before]
    for name, stage in stages.items():
        left = place[name] * COLUMN + 12
        fill, line = ("#e3efe6", "#3b7a57") if stage["meta"]["gpu"] else ("#eceaf4", "#5b5690")
        written = ", ".join(Path(path).name for path in outputs(_without_links(stage))[:2])
        middle = f"{left + WIDTH / 2:g}"
        parts += [
            f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{fill}" stroke="{line}"/>',
            f'<text x="{middle}" y="{top + 24}" font-size="14" font-weight="600" text-anchor="middle" fill="#1d2421">'
            f"{html.escape(name)}</text>",
            f'<text x="{middle}" y="{top + 43}" font-size="11" text-anchor="middle" fill="#56605b">'
            f"{html.escape(written)}</text>",
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _without_links(stage: dict[str, Any]) -> dict[str, Any]:
    deps = [dep for dep in stage.get("deps", []) if not dep.startswith(LINKS)]
    outs = [out for out in stage.get("outs", []) if not str(out).startswith(LINKS)]
    return {**stage, "deps": deps, "outs": outs}


def _edge(start: int, end: int, top: int) -> str:
    """A line to the neighbour, or an arc over the stages between."""
    if end == start + 1:
        y = top + HEIGHT / 2
        path = f"M{start * COLUMN + 12 + WIDTH} {y:g} H{end * COLUMN + 12}"
    else:
        left, right = start * COLUMN + 12 + WIDTH * 0.7, end * COLUMN + 12 + WIDTH * 0.3
        peak = top - ARC * (end - start) * 1.25
        path = f"M{left:g} {top} C{left + 30:g} {peak:g} {right - 30:g} {peak:g} {right:g} {top}"
    return f'<path d="{path}" fill="none" stroke="#9aa5a0" stroke-width="1.6"/>'


if __name__ == "__main__":
    PICTURE.write_text(draw(load_stages()))
