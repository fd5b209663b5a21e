"""The fields above the list of sessions: a search, and filters that fold away.

Comes in: a filter, and whom to tell of another one. Goes out: the filter as somebody sets it.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from nicegui import events, ui

from admin.components.places import PLATFORMS
from admin.session_filters import NO, YES, read_filter, written
from core.domain.conversation import Mode
from core.domain.history import Opinion, SessionFilter

CHOICES: dict[str, tuple[str, Mapping[str, str]]] = {
    "platform": ("Platform", PLATFORMS),
    "mode": ("Answered by", {Mode.AGENT: "Agent", Mode.CREW: "Crew"}),
    "feedback": (
        "Feedback",
        {Opinion.HELPFUL: "Helpful", Opinion.NOT_HELPFUL: "Not helpful", Opinion.NONE: "None"},
    ),
    "covered": ("Covered", {YES: "All answers", NO: "Some are not"}),
}
TEXTS = {"channel": "Channel, by id", "person": "Person, by id", "cost": "Cost over, in $"}
DAYS = {"since": "From", "until": "To"}
SWITCHES = {"escalated": "Asked for a human", "failed": "Something failed"}

Changed = Callable[[SessionFilter], Awaitable[None]]


class FilterBar:
    """Call `show` once in the page."""

    def __init__(self, wanted: SessionFilter, changed: Changed) -> None:
        self._values: dict[str, str] = written(wanted)
        self._changed = changed
        self._fields: list[Any] = []
        self._clearing = False

    def show(self) -> None:
        """Builds all fields; the filters are open when one of them is set."""
        search = ui.input(placeholder="Search whole words that were said", value=self._values.get("q", ""))
        search.classes("search").props('debounce=300 clearable outlined dense aria-label="Search sessions"').mark("q")
        search.on_value_change(partial(self._set, "q"))
        with search.add_slot("prepend"):
            ui.icon("search")
        self._panel = ui.expansion(self._title(), value=self._number() > 0).classes("session-filters").props("dense")
        with self._panel, ui.element("div").classes("session-fields"):
            self._choices()
            for name, label in TEXTS.items():
                self._text(name, label, "debounce=400")
            for name, label in DAYS.items():
                self._text(name, label, "type=date")
            for name, label in SWITCHES.items():
                box = ui.checkbox(label, value=self._values.get(name) == YES).mark(name)
                self._keep(name, box)
            ui.button("Clear filters", icon="close", on_click=self._clear).props("flat no-caps").classes("quiet")

    def _choices(self) -> None:
        for name, (label, options) in CHOICES.items():
            given = self._values.get(name, "")
            value = given if given in options else ""
            field = ui.select(
                {"": "Any", **{str(key): word for key, word in options.items()}}, label=label, value=value
            )
            self._keep(name, field.classes("field").props("outlined dense stack-label options-dense").mark(name))

    def _text(self, name: str, label: str, props: str) -> None:
        field = ui.input(label, value=self._values.get(name, ""))
        self._keep(name, field.classes("field").props(f"outlined dense stack-label {props}").mark(name))

    def _keep(self, name: str, field: Any) -> None:
        field.on_value_change(partial(self._set, name))
        self._fields.append(field)

    async def _set(self, name: str, event: events.ValueChangeEventArguments[Any]) -> None:
        if self._clearing:
            return
        value = YES if event.value is True else str(event.value or "")
        self._values = {**self._values, name: value}
        await self._tell()

    async def _clear(self) -> None:
        self._clearing = True
        for field in self._fields:
            field.set_value(False if isinstance(field, ui.checkbox) else "")
        self._clearing = False
        self._values = {"q": self._values.get("q", "")}
        await self._tell()

    async def _tell(self) -> None:
        self._panel.set_text(self._title())
        await self._changed(read_filter(self._values))

    def _number(self) -> int:
        return len(written(read_filter({**self._values, "q": ""})))

    def _title(self) -> str:
        return f"Filters ({self._number()})" if self._number() else "Filters"
