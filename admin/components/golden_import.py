"""Takes golden questions from a file, and tells of each line that could not be taken.

Comes in: a file from the browser. Goes out: a sentence on what was taken, or nothing.
"""

from nicegui import events, ui

from admin.components.dialog import titled_dialog
from admin.components.file_field import file_field
from admin.components.moments import count
from admin.components.status import StatusLine
from admin.permissions import editing
from core.bootstrap import Services
from core.errors import AssistantError
from core.knowledge.evaluation.questionnaire import Imported

FILE_BYTES = 2 * 2**20

SHOWN = 50
"""Lines that are told of; the rest is counted."""

FORMAT = (
    "JSON Lines, as the export writes them: one object a line, with id, question and gold, a list of paths. A known id "
    "changes that question."
)


class GoldenImport:
    """A dialog with a field for a file. Good lines are kept whatever the others say."""

    def __init__(self, services: Services) -> None:
        self._services = services
        with titled_dialog("Import golden questions", form=True) as self._dialog:
            ui.label(FORMAT).classes("muted")
            file_field(
                "Drop a file here",
                "Choose a file",
                largest=FILE_BYTES,
                on_upload=self._take,
                on_rejected=lambda: self._status.fail(f"The file is larger than {FILE_BYTES // 2**20} MB. Split it."),
            )
            self._status = StatusLine()
            self._refused = ui.element("ul").classes("refused")
            self._refused.set_visibility(False)
            with ui.element("div").classes("dialog-foot"):
                ui.button("Close", on_click=self._dialog.close).props("unelevated no-caps")

    async def open(self) -> None:
        """Shows the dialog until it is closed."""
        await self._dialog
        if not self._dialog.is_deleted:
            self._dialog.delete()

    @editing
    async def _take(self, event: events.UploadEventArguments) -> None:
        raw = await event.file.read()
        self._refused.set_visibility(False)
        try:
            done = await self._services.questionnaire.take(event.file.name, raw.decode("utf-8-sig"))
        except UnicodeDecodeError:
            self._status.fail("The file is no UTF-8 text. Nothing was imported.")
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            self._show(done)

    def _show(self, done: Imported) -> None:
        said = f"{count(done.added, 'question')} added, {done.changed:,} changed, {done.unchanged:,} as before."
        if done.refused:
            self._status.fail(f"{said} {count(len(done.refused), 'line')} could not be taken:")
        else:
            self._status.succeed(said)
        self._refused.clear()
        self._refused.set_visibility(bool(done.refused))
        with self._refused:
            for refused in done.refused[:SHOWN]:
                with ui.element("li"):
                    ui.label(refused)
            if len(done.refused) > SHOWN:
                with ui.element("li"):
                    ui.label(f"and {len(done.refused) - SHOWN:,} more")
