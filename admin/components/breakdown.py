"""Figures as tables: by channel and by mode, each row leading to its sessions, and the charts of a period in numbers.

Comes in: an `Overview`. Goes out: tables. Made by the overview, again when figures have changed.
"""

from collections.abc import Iterable
from urllib.parse import urlencode

from nicegui import ui

from admin.components.measures import MEASURES, when
from admin.components.places import place_name
from core.domain.tally import Figures, Place
from core.operations.tally import Overview

SHOWN = ("Questions", "Answered", "Not covered", "Failed", "Found helpful", "People", "Time to first text", "Cost")


def by_channel(overview: Overview) -> None:
    """The busiest channels; the rest is said in a sentence."""
    _table(
        "Channel", [(place_name(place), sessions_of(place, overview), figures) for place, figures in overview.places]
    )
    if rest := overview.channels[len(overview.places) :]:
        asked = sum(questions for _, questions in rest)
        ui.label(f"{len(rest)} more channels with {asked:,} questions.").classes("muted small")


def by_mode(overview: Overview) -> None:
    """Agent and crew beside each other."""
    _table(
        "Who answers",
        [(str(place.mode).capitalize(), sessions_of(place, overview), figures) for place, figures in overview.modes],
    )


def in_numbers(overview: Overview) -> None:
    """What the charts show, as a table."""
    with _framed("Figures over time"):
        _head(["Hour (UTC)" if overview.period == "24h" else "Day (UTC)", *(measure.title for measure in MEASURES)])
        with ui.element("tbody"):
            for point in overview.points:
                _row(when(point.start, overview.period), None, (measure.value(point.figures) for measure in MEASURES))


def sessions_of(place: Place, overview: Overview) -> str:
    """The address of the sessions that were held there, since the day with which the period begins."""
    kept = {name: value for name, value in vars(place).items() if value}
    return f"/sessions?{urlencode({**kept, 'since': overview.points[0].start.date().isoformat()})}"


def _table(first: str, rows: Iterable[tuple[str, str, Figures]]) -> None:
    measures = [measure for measure in MEASURES if measure.title in SHOWN]
    with _framed(f"Figures by {first.lower()}"):
        _head([first, *(measure.title for measure in measures)])
        with ui.element("tbody"):
            for name, target, figures in rows:
                _row(name, target, (measure.value(figures) for measure in measures))


def _framed(label: str) -> ui.element:
    """A table that is scrolled sideways where there is no room, by keys too."""
    with ui.element("div").classes("rows numbers").props(f'tabindex=0 role=region aria-label="{label}"'):
        return ui.element("table")


def _head(titles: list[str]) -> None:
    with ui.element("thead"), ui.element("tr"):
        for title in titles:
            _cell("th", title).props("scope=col")


def _row(name: str, target: str | None, values: Iterable[str]) -> None:
    with ui.element("tr"):
        with ui.element("th").props("scope=row"):
            ui.link(name, target) if target else ui.label(name)
        for value in values:
            _cell("td", value)


def _cell(tag: str, text: str) -> ui.element:
    with ui.element(tag) as cell:
        ui.label(text)
    return cell
