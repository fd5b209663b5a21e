"""An answer made once more, beside the one that was given.

Comes in: the id of an answer. Goes out: what differs, under the button. Nothing is stored.
"""

from nicegui import ui

from admin.components.moments import dollars, span
from admin.components.status import StatusLine
from admin.permissions import editing, may
from core.answering.replay import Replay
from core.bootstrap import Services
from core.domain.conversation import Answer
from core.domain.people import Role
from core.errors import AssistantError


class ReplayButton:
    """Call `show` under an answer."""

    def __init__(self, services: Services, message_id: str) -> None:
        self._services = services
        self._message_id = message_id

    def show(self) -> None:
        """The button, and room for what it brings."""
        self._button = ui.button("Replay", icon="replay", on_click=self._replay)
        self._button.props("flat no-caps title='Answer this question again, as it would be now'").classes("quiet")
        self._button.set_visibility(may(Role.EDITOR))

    def show_outcome(self) -> None:
        """Where the outcome stands."""
        self._status = StatusLine()
        self._outcome = ui.element("div").classes("replayed").props("aria-live=polite")

    @editing
    async def _replay(self) -> None:
        self._button.props("loading")
        self._status.say("Answering it again …")
        try:
            replay = await self._services.replayer.replay(self._message_id)
        except AssistantError as error:
            self._status.fail(error.said)
        else:
            same = not replay.differences and not replay.text
            self._status.succeed("It would be answered the same." if same else "It would be answered otherwise now.")
            self._show(replay)
        if not self._button.is_deleted:
            self._button.props(remove="loading")

    def _show(self, replay: Replay) -> None:
        if self._outcome.is_deleted:
            return
        self._outcome.clear()
        with self._outcome:
            for difference in replay.differences:
                with ui.element("div").classes("tool"):
                    ui.label(difference.what).classes("tool-name")
                    ui.label(f"then: {difference.then or '-'}").classes("verbatim")
                    ui.label(f"now: {difference.now or '-'}").classes("verbatim")
            if replay.text:
                ui.label("\n".join(replay.text)).classes("verbatim result")
            with ui.element("div").classes("facts"):
                ui.label(f"then {_took(replay.told.answer)}")
                ui.label(f"now {_took(replay.answer)}")


def _took(answer: Answer) -> str:
    took = span(answer.milliseconds or sum(answer.trace.timings.values()))
    return f"{took}, {answer.trace.tokens:,} tokens, {dollars(answer.trace.cost)}"
