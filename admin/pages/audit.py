"""The record of changes: who changed what, how it was before and is since. For owners alone."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlencode

from nicegui import events, ui

from admin.addresses import show_address
from admin.components.loading import load
from admin.components.moments import moment
from admin.pages.people import refused
from admin.theme import empty, frame, heading
from core.bootstrap import Services
from core.domain.people import Change
from core.storage.audit import Audit

ADDRESS = "/people/changes"

PAGE = 50
"""Changes shown at once."""

EVERY = 5.0
"""Seconds between two looks for new changes."""

KINDS = {
    "": "All changes",
    "source": "Sources",
    "index": "Index",
    "golden": "Golden questions",
    "gap": "Gaps",
    "card": "Cards",
    "channel": "Channels",
    "draft": "Drafts",
    "session": "Sessions",
    "person": "What people said",
    "user": "People",
    "key": "Keys",
    "demo": "Demo",
}


LONG = 600
"""Characters of a value that are shown at once."""


@dataclass(frozen=True)
class View:
    """Which changes one browser looks at: filters, and the id that its page begins after."""

    who: str = ""
    kind: str = ""
    subject: str = ""
    before: str = ""

    @property
    def address(self) -> str:
        """The page's address, so that it can be shared."""
        query = {name: value for name, value in vars(self).items() if value}
        return f"{ADDRESS}?{urlencode(query)}" if query else ADDRESS


def add_pages(services: Services) -> None:
    """Adds `/people/changes`."""

    @ui.page(ADDRESS)
    async def changes_page(who: str = "", kind: str = "", subject: str = "", before: str = "") -> None:
        with frame("Changes", "People"):
            ui.link("← People and keys", "/people").classes("back")
            heading("Changes", "Everything that somebody changed, the latest first.")
            if not refused():
                view = View(who, kind if kind in KINDS else "", subject, before)
                await load(ChangeList(services.audit, view).show())


class ChangeList:
    """Filters and list."""

    def __init__(self, audit: Audit, view: View) -> None:
        self._audit = audit
        self._view = view
        self._shown: list[Change] = []

    async def show(self) -> None:
        """Builds all of it."""
        with ui.element("div").classes("filters"):
            self._text("By whom", "who")
            kind = ui.select(KINDS, value=self._view.kind, on_change=lambda event: self._look("kind", event))
            kind.classes("search filter").props('outlined dense options-dense aria-label="Kind of change"').mark("kind")
            self._text("What, by name", "subject")
        await self._listing()
        if not self._view.before:
            ui.timer(EVERY, self._news, immediate=False)

    def _text(self, label: str, name: str) -> None:
        box = ui.input(
            placeholder=label, value=getattr(self._view, name), on_change=lambda event: self._look(name, event)
        )
        box.classes("search").mark(name).props(f'debounce=250 clearable outlined dense aria-label="{label}"')

    async def _look(self, name: str, event: events.ValueChangeEventArguments[Any]) -> None:
        self._view = replace(self._view, **{name: (event.value or "").strip(), "before": ""})
        show_address(self._view.address)
        await self._listing.refresh()

    async def _news(self) -> None:
        if (await self._found())[:PAGE] != self._shown:
            await self._listing.refresh()

    async def _found(self) -> list[Change]:
        view = self._view
        kind = f"{view.kind}." if view.kind else ""
        return await self._audit.latest(PAGE + 1, before=view.before, who=view.who, action=kind, subject=view.subject)

    @ui.refreshable_method
    async def _listing(self) -> None:
        found = await self._found()
        self._shown = found[:PAGE]
        if not found:
            _nothing(self._view)
            return
        with ui.element("div").classes("rows"):
            for change in self._shown:
                _change(change)
        with ui.element("div").classes("pager"):
            ui.link("Latest", replace(self._view, before="").address).set_visibility(bool(self._view.before))
            if len(found) > PAGE:
                ui.link("Older", replace(self._view, before=self._shown[-1].id).address)


def _nothing(view: View) -> None:
    if view == View():
        empty("Nothing was changed yet", "Add a source, set something for a channel: it is written down here.")
    else:
        empty("No such change", "Empty the fields above to see all of them.")


def _change(change: Change) -> None:
    with ui.element("div").classes("entry"):
        with ui.element("div").classes("row-head"):
            ui.label(change.subject).classes("row-title")
            ui.label(change.action).classes("badge")
        with ui.element("div").classes("facts"):
            ui.label(moment(change.at))
            ui.label(f"by {change.who}")
        for name in {**change.before, **change.after}:
            with ui.element("div").classes("change"):
                ui.label(name).classes("muted small")
                _value(change.before, name, "was")
                _value(change.after, name, "is")


def _value(values: Mapping[str, Any], name: str, word: str) -> None:
    if name in values:
        value = values[name]
        listed = cast("list[object]", value) if isinstance(value, list) else [value]
        said = ", ".join(_word(each) for each in listed) or "empty"
        if len(said) <= LONG:
            ui.label(f"{word} {said}").classes("verbatim")
        else:
            ui.label(f"{word} {said[:LONG].rstrip()} …").classes("verbatim")
            with ui.expansion(f"All {len(said):,} characters").classes("tools"):
                ui.label(said).classes("verbatim")


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
