"""The button that refreshes the index, with a bar that shows how far the refresh is.

Comes in: the refresher, and what to do when a refresh ended. A refresh that runs already, whoever asked for
it, is shown when the page opens; leaving the page does not stop it.
"""

from collections.abc import Awaitable, Callable
from contextlib import aclosing

from nicegui import ui

from core.domain.knowledge import Progress, RefreshRun, RunStatus
from core.errors import AssistantError
from core.knowledge.refresh import Refresher

TRIGGER = "console"

ENDS = {
    RunStatus.PROMOTED: "A new version is live.",
    RunStatus.UNCHANGED: "Nothing has changed since the last build; the live index was kept.",
}


class Reindex:
    """Button, choice and progress."""

    def __init__(self, refresher: Refresher, ended: Callable[[], Awaitable[None]]) -> None:
        self._refresher = refresher
        self._ended = ended
        with ui.element("section").classes("reindex"):
            with ui.element("div").classes("reindex-head"):
                self._button = ui.button("Re-index now", icon="refresh", on_click=self.run)
                self._button.props("unelevated no-caps")
                self._rebuild = ui.checkbox("Rebuild even if nothing changed").props("dense")
            with ui.element("div").classes("progress") as self._progress:
                self._bar = ui.linear_progress(0, show_value=False, size="6px").props("rounded")
            self._said = ui.label().classes("muted").props("role=status")
        self._progress.set_visibility(False)
        if refresher.running:
            ui.timer(0, self.run, once=True)

    async def run(self) -> None:
        """Starts a refresh, or joins the one that runs, and follows it to its end."""
        self._button.disable()
        self._bar.set_value(0)
        self._progress.set_visibility(True)
        try:
            self._say(await self._follow())
        except AssistantError as error:
            self._say(error.said, failed=True)
        finally:
            self._button.enable()
            self._progress.set_visibility(False)
        if not self._button.is_deleted:
            await self._ended()

    async def _follow(self) -> str:
        async with aclosing(self._refresher.refresh(TRIGGER, rebuild=bool(self._rebuild.value))) as news:
            async for item in news:
                if isinstance(item, RefreshRun):
                    return ENDS.get(item.status, item.reason)
                self._show(item)
        return ""

    def _show(self, progress: Progress) -> None:
        self._bar.set_value(progress.done / progress.total if progress.total else 0)
        self._bar.props(add="" if progress.total else "indeterminate")
        if progress.total:
            self._bar.props(remove="indeterminate")
        how_far = f": {progress.done:,} of {progress.total:,}" if progress.total else ""
        self._say(f"{progress.stage.capitalize()}{how_far}")

    def _say(self, text: str, *, failed: bool = False) -> None:
        self._said.set_text(text)
        self._said.classes(replace="problem" if failed else "muted")
