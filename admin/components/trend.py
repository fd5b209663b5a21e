"""A line chart of figures over time, in the colours of the theme, with the same told in words.

Comes in: what each point is called, and a series of values by name. Goes out: a figure for the page.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from nicegui import ui

COLOURS = ("var(--accent)", "var(--warn)", "var(--bad)", "var(--muted)")
SYMBOLS = ("circle", "rect", "triangle", "diamond")

Series = Mapping[str, Sequence[float | None]]


def trend(title: str, points: Sequence[str], series: Series) -> None:
    """The chart; drawn as SVG, whose colours follow when light turns into dark."""
    with ui.element("figure").classes("trend") as figure:
        figure.props("role=img").props["aria-label"] = f"{title}. {in_words(points, series)}"
        ui.echart(_options(points, series), renderer="svg").classes("trend-chart").props("aria-hidden=true")


def in_words(points: Sequence[str], series: Series) -> str:
    """How each figure went from the first point to the last one that has it."""
    said: list[str] = []
    for name, values in series.items():
        known = [(point, value) for point, value in zip(points, values, strict=True) if value is not None]
        if known:
            (first, before), (last, after) = known[0], known[-1]
            said.append(f"{name}: {before:.2f} at {_flat(first)}, {after:.2f} at {_flat(last)}.")
    return " ".join(said)


def _options(points: Sequence[str], series: Series) -> dict[str, Any]:
    text = {"color": "var(--muted)", "fontFamily": "inherit"}
    line = {"lineStyle": {"color": "var(--line)"}}
    return {
        "animation": False,
        "grid": {"left": 8, "right": 16, "top": 40, "bottom": 8, "containLabel": True},
        "legend": {"top": 0, "left": 0, "textStyle": text, "inactiveColor": "var(--line)"},
        "tooltip": {
            "trigger": "axis",
            "backgroundColor": "var(--surface)",
            "borderColor": "var(--line)",
            "textStyle": {"color": "var(--ink)", "fontFamily": "inherit"},
        },
        "xAxis": {"type": "category", "data": list(points), "axisLabel": text, "axisLine": line, "axisTick": line},
        "yAxis": {"type": "value", "scale": True, "max": 1, "axisLabel": text, "splitLine": line},
        "series": [
            {
                "name": name,
                "type": "line",
                "data": list(values),
                "symbol": symbol,
                "symbolSize": 7,
                "emphasis": {"disabled": True},
                "lineStyle": {"color": colour, "width": 2},
                "itemStyle": {"color": colour},
            }
            for (name, values), colour, symbol in zip(series.items(), COLOURS, SYMBOLS, strict=False)
        ],
    }


def _flat(point: str) -> str:
    return " ".join(point.split())
