"""Takes files into a source of uploads, and tells of each whether it could be read.

Comes in: files from the browser. Goes out: pages in the library; they are indexed by the next refresh.
"""

from collections.abc import Awaitable, Callable

from nicegui import events, ui

from admin.components.file_field import file_field
from admin.permissions import editing
from core.bootstrap import Services
from core.domain.knowledge import Source
from core.errors import AssistantError
from core.knowledge.curate import UPLOAD_BYTES


class Uploads:
    """The field for files, and what became of each."""

    def __init__(self, services: Services, source: Source, stored: Callable[[], Awaitable[None]]) -> None:
        self._services = services
        self._source = source
        self._stored = stored
        file_field(
            "Drop files here",
            "Choose files",
            multiple=True,
            largest=UPLOAD_BYTES,
            on_upload=self._take,
            on_rejected=lambda: self._result("A file", f"It is larger than {UPLOAD_BYTES // 2**20} MB.", well=False),
        )
        kinds = "Markdown, text, HTML, reST, PDF and notebooks; a file of the same name takes the place of the old one."
        ui.label(kinds).classes("muted")
        self._results = ui.element("div").classes("results").props("aria-live=polite")

    @editing
    async def _take(self, event: events.UploadEventArguments) -> None:
        name = event.file.name
        raw = await event.file.read()
        try:
            document = await self._services.curator.upload(self._source.name, name, raw)
        except AssistantError as error:
            self._result(name, error.said, well=False)
            return
        self._result(name, f"Read as “{document.title}”.", well=True)
        await self._stored()

    def _result(self, name: str, said: str, *, well: bool) -> None:
        if self._results.is_deleted:
            return
        with self._results, ui.element("div").classes("result"):
            ui.icon("check_circle" if well else "error").classes("well" if well else "problem")
            ui.label(name).classes("row-title")
            ui.label(said).classes("muted" if well else "problem")
