"""The figures of a period as tiles: each with its change against the period before and its chart.

Comes in: an `Overview`, again and again. Goes out: tiles whose words change in place, so that nothing jumps. Made by
the overview.
"""

from nicegui import ui

from admin.components.charts import Chart, Series
from admin.components.measures import DOLLAR, MEASURES, Measure, Number, when
from core.operations.tally import Overview

SECOND = 1000
TONES = {1: "good", -1: "bad", 0: ""}


class Tiles:
    """All figures."""

    def __init__(self) -> None:
        with ui.element("div").classes("tiles"):
            self._tiles = [Tile(measure) for measure in MEASURES]

    def show(self, overview: Overview) -> None:
        """Brings every tile up to date."""
        for tile in self._tiles:
            tile.show(overview)


class Tile:
    """One figure."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        mark = f"tile-{measure.title.lower().replace(' ', '-')}"
        with ui.element("div").classes("tile").props("role=group").mark(mark) as box:
            box.props["aria-label"] = measure.title
            title = ui.link(measure.title, measure.leads) if measure.leads else ui.label(measure.title)
            title.classes("overline")
            with ui.element("div").classes("tile-value"):
                self._value = ui.label().classes("figure-value").mark(f"{mark}-value")
                self._change = ui.label().classes("versus").mark(f"{mark}-change")
            self._beside = ui.label().classes("muted small tile-note")
            self._chart = Chart("line" if len(measure.series) > 1 and measure.good < 0 else "bar")

    def show(self, overview: Overview) -> None:
        """Brings the tile up to date."""
        change, tone = self._measure.change(overview.figures, overview.before)
        self._value.set_text(self._measure.value(overview.figures))
        self._change.set_text(change)
        self._change.classes(replace=f"versus {TONES[tone]}")
        self._beside.set_text(self._measure.beside(overview.figures))
        labels = [when(point.start, overview.period) for point in overview.points]
        series: Series = {
            name or self._measure.title: [_drawn(self._measure, value(point.figures)) for point in overview.points]
            for name, value in self._measure.series.items()
        }
        self._chart.draw(labels, series, self._said(overview, change))

    def _said(self, overview: Overview, change: str) -> str:
        name, value = next(iter(self._measure.series.items()))
        values = [(value(point.figures) or 0, point.start) for point in overview.points]
        most = max(values)[1]
        parts = [f"{self._measure.title}: {self._measure.value(overview.figures)}"]
        parts += [f"{change} against the period before"] if change else []
        parts += [f"most{f' ({name})' if name else ''}: {when(most, overview.period)}"] if max(values)[0] else []
        return ", ".join(parts)


def _drawn(measure: Measure, value: Number) -> Number:
    """A value in the unit in which a chart shows it: seconds and dollars instead of their thousandths."""
    if value is None:
        return None
    if measure.title.startswith("Time"):
        return round(value / SECOND, 2)
    return round(value / DOLLAR, 4) if measure.title == "Cost" else value
