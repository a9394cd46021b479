"""Draw dvc.yaml: `docs/graph.svg`, the picture in the README. `make graph` runs it, a test compares."""

import html
from pathlib import Path
from typing import Any

import yaml

GRAPH = Path("dvc.yaml")
PICTURE = Path("docs/graph.svg")
COLUMN, ROW, WIDTH, HEIGHT = 196, 92, 164, 56


def load_stages(path: Path = GRAPH) -> dict[str, dict[str, Any]]:
    """Read the stages as they stand in dvc.yaml."""
    stages: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
    return stages


def outputs(stage: dict[str, Any]) -> list[str]:
    """Name the paths that a stage writes: outs, metrics and plots."""
    items = [*stage.get("outs", []), *stage.get("metrics", []), *stage.get("plots", [])]
    return [item if isinstance(item, str) else next(iter(item)) for item in items]


def edges(stages: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Name each stage's upstream stages, in the order of dvc.yaml: those that write a path it depends on."""
    maker = {path: name for name, stage in stages.items() for path in outputs(stage)}
    return {
        name: [other for other in stages if other in {maker[dep] for dep in stage.get("deps", []) if dep in maker}]
        for name, stage in stages.items()
    }


def _places(upstream: dict[str, list[str]]) -> dict[str, tuple[int, int]]:
    column: dict[str, int] = {}
    for name, before in upstream.items():
        column[name] = max((column[other] + 1 for other in before), default=0)
    rows: dict[int, int] = {}
    places = {}
    for name, x in column.items():
        places[name] = (x, rows.get(x, 0))
        rows[x] = rows.get(x, 0) + 1
    return places


def draw(stages: dict[str, dict[str, Any]]) -> str:
    """Draw the graph as SVG: left to right, GPU stages in another colour, readable on light and dark pages."""
    upstream = edges(stages)
    places = _places(upstream)
    width = max(x for x, _ in places.values()) * COLUMN + WIDTH + 24
    height = max(y for _, y in places.values()) * ROW + HEIGHT + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="system-ui,sans-serif">',
        f'<rect width="{width}" height="{height}" rx="10" fill="#fbfaf7"/>',
    ]
    for name, before in upstream.items():
        x, y = (places[name][0] * COLUMN + 12, places[name][1] * ROW + 12 + HEIGHT / 2)
        for other in before:
            x0, y0 = (places[other][0] * COLUMN + 12 + WIDTH, places[other][1] * ROW + 12 + HEIGHT / 2)
            bend = max(24, (x - x0) / 2)
            path = f"M{x0} {y0:g} C{x0 + bend:g} {y0:g} {x - bend:g} {y:g} {x} {y:g}"
            parts.append(f'<path d="{path}" fill="none" stroke="#9aa5a0" stroke-width="1.6"/>')
    for name, (x, y) in places.items():
        left, top = x * COLUMN + 12, y * ROW + 12
        fill, edge = ("#e3efe6", "#3b7a57") if stages[name]["meta"]["gpu"] else ("#eceaf4", "#5b5690")
        written = ", ".join(Path(path).name for path in outputs(stages[name])[:2])
        parts += [
            f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" rx="8" fill="{fill}" stroke="{edge}"/>',
            f'<text x="{left + WIDTH / 2:g}" y="{top + 24}" font-size="14" font-weight="600" text-anchor="middle" '
            f'fill="#1d2421">{html.escape(name)}</text>',
            f'<text x="{left + WIDTH / 2:g}" y="{top + 42}" font-size="11" text-anchor="middle" '
            f'fill="#56605b">{html.escape(written)}</text>',
        ]
    return "\n".join([*parts, "</svg>"]) + "\n"


if __name__ == "__main__":
    PICTURE.write_text(draw(load_stages()))
