"""A small chart of one figure over time, drawn as SVG in the colours of the page, so that it turns dark with it.

Comes in: labels and series of numbers. Goes out: a chart that is drawn anew only when they change, with a sentence for
those who do not see it. Used by the overview.
"""

from typing import Any

from nicegui import ui

COLOURS = ("var(--accent)", "var(--warn)")

Series = dict[str, list[float | None]]


class Chart:
    """Bars for what is counted, lines for what is measured."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._drawn: tuple[list[str], Series] | None = None
        self._chart = ui.echart(_options(), renderer="svg").classes("chart").props("role=img")

    def draw(self, labels: list[str], series: Series, said: str) -> None:
        """Shows these numbers; `said` is what they come to, in words."""
        if self._drawn == (labels, series):
            return
        self._drawn = (labels, series)
        self._chart.options["xAxis"]["data"] = labels
        self._chart.options["series"] = [
            _series(self._kind, name, numbers, colour)
            for (name, numbers), colour in zip(series.items(), COLOURS, strict=False)
        ]
        self._chart.props["aria-label"] = said
        self._chart.update()


def _series(kind: str, name: str, numbers: list[float | None], colour: str) -> dict[str, Any]:
    return {
        "type": kind,
        "name": name,
        "data": numbers,
        "stack": "all" if kind == "bar" else None,
        "barCategoryGap": "25%",
        "showSymbol": False,
        "connectNulls": True,
        "itemStyle": {"color": colour},
        "lineStyle": {"color": colour, "width": 2},
        "emphasis": {"disabled": True},
    }


def _options() -> dict[str, Any]:
    return {
        "animation": False,
        "grid": {"left": 0, "right": 0, "top": 4, "bottom": 1},
        "xAxis": {
            "type": "category",
            "data": [],
            "axisLabel": {"show": False},
            "axisTick": {"show": False},
            "axisLine": {"lineStyle": {"color": "var(--line)"}},
        },
        "yAxis": {"type": "value", "show": False, "minInterval": 0},
        "tooltip": {
            "trigger": "axis",
            "confine": True,
            "padding": [4, 10],
            "backgroundColor": "var(--surface)",
            "borderColor": "var(--line)",
            "textStyle": {"color": "var(--ink)", "fontSize": 12},
            "axisPointer": {"type": "line", "lineStyle": {"color": "var(--muted)"}},
        },
        "series": [],
    }
