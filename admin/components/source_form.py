"""The form that adds a source or changes one.

Comes in: services, and the source as it is. Goes out: the source as it was saved, or nothing. What was typed stays
when it is refused; "Check" tells what the source holds before anything is saved.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from nicegui import ui

from admin.components.dialog import titled_dialog
from admin.components.schedule import times_in_words
from admin.components.status import StatusLine
from admin.permissions import editing
from core.bootstrap import Services
from core.domain.knowledge import Source, SourceKind
from core.errors import AssistantError, InputError
from core.knowledge.curate import amend, propose

KINDS = {
    SourceKind.PAGE: "Single pages",
    SourceKind.SITEMAP: "Sitemap of a site",
    SourceKind.LLMS_TXT: "llms.txt of a site",
    SourceKind.GIT: "Git repository",
    SourceKind.FOLDER: "Folder on this machine",
    SourceKind.UPLOAD: "Uploaded files",
}


@dataclass(frozen=True)
class Wording:
    """What a kind asks for as its location."""

    label: str
    example: str


LOCATIONS = {
    SourceKind.PAGE: Wording("Addresses, one a line", "https://example.org/docs/start"),
    SourceKind.SITEMAP: Wording("Address of the sitemap", "https://example.org/sitemap.xml"),
    SourceKind.LLMS_TXT: Wording("Address of llms.txt", "https://example.org/llms.txt"),
    SourceKind.GIT: Wording("Address of the repository", "https://github.com/example/project"),
    SourceKind.FOLDER: Wording("Path of the folder", "/srv/docs"),
}

LISTED = {SourceKind.SITEMAP, SourceKind.LLMS_TXT, SourceKind.GIT, SourceKind.FOLDER}
"""Kinds that find their pages by themselves, of which some may be wanted."""

INTERNAL = (
    "Lets it lead to machines of a private network, this one included. Leave it off for public sites: "
    "otherwise their pages could make this service read what only your network may."
)


class SourceForm:
    """A dialog. `source` is None for a new one."""

    def __init__(self, services: Services, source: Source | None = None) -> None:
        self._services = services
        self._source = source
        start = source or Source("", SourceKind.PAGE)
        title = f"Change “{source.name}”" if source else "Add a source"
        with titled_dialog(title, form=True) as self._dialog:
            self._fields(start)
            self._status = StatusLine()
            self._foot()
        self._fit()

    async def open(self) -> Source | None:
        """Shows the form until it is saved or left; gives what was saved."""
        saved: Source | None = await self._dialog
        if not self._dialog.is_deleted:
            self._dialog.delete()
        return saved

    def _fields(self, start: Source) -> None:
        with ui.element("div").classes("pair"):
            self._name = _text("Name", start.name, "small letters, digits and hyphens")
            self._name.set_enabled(self._source is None)
            kinds: dict[Any, str] = dict(KINDS)
            self._kind = ui.select(kinds, label="Kind", value=start.kind, on_change=self._fit)
            self._kind.props("outlined stack-label options-dense").classes("field")
            self._kind.set_enabled(self._source is None)
        self._location = ui.textarea("Location", value="\n".join(_lines(start))).classes("field")
        self._location.props("outlined stack-label autogrow")
        with ui.element("div").classes("pair") as self._git:
            self._ref = _text("Branch or tag", start.ref, "the default branch")
            self._folder = _text("Folder of the documentation", start.folder, "docs")
        self._include = ui.textarea("Only pages that match, one pattern a line", value="\n".join(start.include))
        self._include.props('outlined stack-label autogrow placeholder="*/docs/*"').classes("field")
        with ui.element("div").classes("pair"):
            self._product = _text("Product", start.product, "its name, for filters")
            self._most = ui.number("Pages at most", value=start.max_pages, min=1, precision=0).classes("field")
            self._most.props("outlined stack-label")
        with ui.element("div").classes("explained") as self._timed:
            self._cron = _text("Schedule of its own", start.schedule, "minute hour day month weekday: 0 6 * * 1-5")
            self._cron.on_value_change(self._tell_times).props("debounce=200").mark("schedule")
            self._times = ui.label().classes("muted small").props("role=status")
            self._tell_times()
        with ui.element("div").classes("explained") as self._private:
            self._internal = ui.switch("Internal source", value=start.internal).props("dense")
            ui.label(INTERNAL).classes("muted small")

    def _foot(self) -> None:
        with ui.element("div").classes("dialog-foot"):
            self._check = ui.button("Check", icon="travel_explore", on_click=self.check)
            self._check.props("outline no-caps").classes("quiet first")
            ui.button("Cancel", on_click=self._dialog.close).props("flat no-caps")
            self._save = ui.button("Save" if self._source else "Add", on_click=self.save).props("unelevated no-caps")

    def _fit(self) -> None:
        """Shows the fields that the kind has."""
        kind = SourceKind(self._kind.value)
        wording = LOCATIONS.get(kind)
        self._location.set_visibility(wording is not None)
        self._check.set_visibility(wording is not None)
        if wording:
            self._location.props(f'label="{wording.label}" placeholder="{wording.example}"')
        self._git.set_visibility(kind is SourceKind.GIT)
        self._include.set_visibility(kind in LISTED)
        self._most.set_visibility(kind in LISTED)
        self._private.set_visibility(kind.remote)
        self._timed.set_visibility(kind is not SourceKind.UPLOAD)

    def _tell_times(self) -> None:
        """Says when the schedule that is typed fires next, or why it is none."""
        try:
            self._times.set_text(times_in_words((self._cron.value or "").strip(), datetime.now(UTC)))
        except InputError as error:
            self._times.set_text(error.said)

    def _typed(self) -> dict[str, Any]:
        """The settings of the source as they are typed."""
        kind = SourceKind(self._kind.value)
        fields: dict[str, Any] = {
            "kind": kind,
            "product": (self._product.value or "").strip(),
            "enabled": self._source.enabled if self._source else True,
        }
        if kind is not SourceKind.UPLOAD:
            fields["location"] = (self._location.value or "").strip()
            fields["schedule"] = (self._cron.value or "").strip()
        if kind is SourceKind.GIT:
            fields |= {"ref": (self._ref.value or "").strip(), "folder": (self._folder.value or "").strip()}
        if kind in LISTED:
            patterns = [line.strip() for line in (self._include.value or "").splitlines()]
            fields |= {"include": [pattern for pattern in patterns if pattern], "max_pages": self._most.value}
        if kind.remote:
            fields["internal"] = bool(self._internal.value)
        return fields

    def _proposed(self) -> Source:
        """The source as it would be saved. Raises InputError naming the mistake."""
        return amend(self._source, self._typed()) if self._source else propose(self._named(), self._typed())

    def _named(self) -> str:
        return (self._name.value or "").strip()

    @editing
    async def check(self) -> None:
        """Says what the source holds, or why it cannot be read. Nothing is saved."""
        self._check.props("loading")
        self._status.say("Looking …")
        try:
            found = await self._services.curator.check(self._proposed())
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._status.succeed(f"It can be read: {found}")
        finally:
            self._check.props(remove="loading")

    @editing
    async def save(self) -> None:
        """Stores the source and closes the form, or says what is wrong with it."""
        try:
            if self._source:
                source = await self._services.curator.change(self._source.name, self._typed())
            else:
                source = await self._services.curator.add(self._named(), self._typed())
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._dialog.submit(source)


def _text(label: str, value: str, example: str) -> ui.input:
    field = ui.input(label, value=value, placeholder=example).classes("field")
    return field.props("outlined stack-label")


def _lines(source: Source) -> list[str]:
    """Each address on its own line; a path may contain spaces."""
    return source.location.split() if source.kind is SourceKind.PAGE else [source.location]
