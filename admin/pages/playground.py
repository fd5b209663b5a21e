"""Ask the assistant from the browser and watch the answer come, from the agent, the crew, or both side by side."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

from nicegui import events, ui

from admin.addresses import show_address
from admin.components.answer import question_view
from admin.components.turn import Turn
from admin.permissions import asking
from admin.theme import frame, heading
from core.bootstrap import Services
from core.domain.conversation import Mode, Question, SessionKey
from core.domain.events import AnswerEvent
from core.errors import AssistantError, TurnStopped
from core.storage.ids import new_id

BOTH = "both"

NAMES = {Mode.AGENT: "Agent", Mode.CREW: "Crew"}
CHOICES = {**NAMES, BOTH: "Both"}

EXAMPLES = (
    "How do I set up DVC with S3 remote storage?",
    "How do I register a model in MLflow?",
    "When should I use a canary roll-out?",
)

ENTER = "(e) => { if (!e.shiftKey && !e.isComposing) { e.preventDefault(); emit(); } }"


def add_pages(services: Services) -> None:
    """Adds `/playground`; `?q=` puts a question into the box, `?mode=` says who is to answer."""

    @ui.page("/playground")
    def playground_page(q: str = "", mode: str = "") -> None:
        with frame("Playground", "Playground"):
            Playground(services, q, mode if mode in CHOICES else Mode.AGENT)


class Playground:
    """The conversation of one browser tab. Every visit starts sessions of its own: one for all, one beside it.

    What the agent and the crew are asked side by side is two conversations, so that neither knows the other's answers;
    the agent's is the one that is gone on with when either is asked alone.
    """

    def __init__(self, services: Services, typed: str = "", mode: str = Mode.AGENT) -> None:
        self._services = services
        self._session = SessionKey("console", "", "", new_id())
        self._beside = SessionKey("console", "", "", new_id())
        with ui.element("div").classes("playground"):
            heading("Playground", "The same assistant that answers in Slack and Discord.")
            self._turns = ui.element("div").classes("transcript").props("aria-live=polite")
            self._examples = ui.element("div").classes("examples")
            self._composer(typed, mode)
        with self._examples:
            for example in EXAMPLES:
                ui.button(example, on_click=partial(self.ask, example)).classes("chip").props("flat no-caps")

    @asking
    async def ask(self, text: str) -> None:
        """Asks and shows each answer while it is being made."""
        if not text.strip() or not self._send.enabled:
            return
        self._box.value = ""
        self._examples.set_visibility(False)
        self._send.disable()
        with self._turns, ui.element("article").classes("turn").props("data-role=user") as asked:
            question_view(text)
        _bring_up(asked)
        try:
            answer = self._services.answering.ask
            await asyncio.gather(
                *(self._follow(question.event_id, answer(question), turn) for question, turn in self._begun(text))
            )
            if not asked.is_deleted:
                _bring_up(asked)
        finally:
            self._send.enable()

    def _begun(self, text: str) -> list[tuple[Question, Turn]]:
        """What is to be asked, each with the card for its answer."""
        origin = self._services.settings.address
        if self._mode.value != BOTH:
            with self._turns:
                return [(self._question(text, Mode(self._mode.value), self._session), Turn(origin))]
        with self._turns, ui.element("div").classes("sides"):
            return [
                (self._question(text, mode, session), Turn(origin, NAMES[mode]))
                for mode, session in ((Mode.AGENT, self._session), (Mode.CREW, self._beside))
            ]

    def _question(self, text: str, mode: Mode, session: SessionKey) -> Question:
        return Question(session, text, event_id=f"console-{new_id()}", mode=mode)

    async def _follow(self, event_id: str, news: AsyncGenerator[AnswerEvent], turn: Turn) -> None:
        turn.on_stop(partial(self.stop, event_id))
        try:
            async with aclosing(news):
                async for event in news:
                    if turn.gone:
                        return
                    turn.show(event)
        except TurnStopped:
            turn.stopped()
        except AssistantError as error:
            turn.fail(error.said)

    @asking
    async def stop(self, event_id: str) -> None:
        """Stops an answer."""
        await self._services.answering.stop(event_id)

    def _composer(self, typed: str, mode: str) -> None:
        with ui.element("div").classes("composer"):
            self._box = ui.textarea(placeholder="Ask about MLOps", value=typed).classes("ask")
            self._box.props('autogrow borderless dense input-class="ask-input" aria-label="Your question"')
            self._box.on("keydown.enter", self._ask_typed, js_handler=ENTER)
            with ui.element("div").classes("composer-foot"):
                self._mode = ui.toggle(cast("dict[Any, str]", CHOICES), value=mode, on_change=self._remember)
                self._mode.props("no-caps unelevated dense").classes("mode")
                self._send = ui.button("Ask", on_click=self._ask_typed).props("unelevated no-caps")

    async def _ask_typed(self) -> None:
        await self.ask(self._box.value or "")

    def _remember(self, event: events.ValueChangeEventArguments[str]) -> None:
        """Keeps who is to answer in the address, so that reloading asks the same."""
        show_address(f"/playground?{urlencode({'mode': event.value})}")


def _bring_up(element: ui.element) -> None:
    """Scrolls, so that a question stands at the top and its answer below it."""
    element.client.run_javascript(
        f"document.getElementById('{element.html_id}').scrollIntoView({{behavior: 'smooth'}})"
    )
