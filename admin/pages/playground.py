"""Ask the assistant from the browser and watch the answer come: search, steps, text, sources."""

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, cast

from nicegui import ui

from admin.components.answer import answer_view, question_view
from admin.components.prose import prose
from admin.permissions import asking
from admin.theme import frame, heading
from core.bootstrap import Services
from core.domain.conversation import Mode, Question, SessionKey
from core.domain.events import Accepted, AnswerEvent, Completed, Passages, Queued, Searching, Step, TextDelta
from core.errors import AssistantError, TurnStopped
from core.storage.ids import new_id

MODES = {Mode.AGENT: "Agent", Mode.CREW: "Crew"}

EXAMPLES = (
    "How do I set up DVC with S3 remote storage?",
    "How do I register a model in MLflow?",
    "When should I use a canary roll-out?",
)

ENTER = "(e) => { if (!e.shiftKey && !e.isComposing) { e.preventDefault(); emit(); } }"


def add_pages(services: Services) -> None:
    """Adds `/playground`."""

    @ui.page("/playground")
    def playground_page() -> None:
        with frame("Playground", "Playground"):
            Playground(services)


class Playground:
    """The conversation of one browser tab; every visit starts a session of its own."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._session = SessionKey("console", "", "", new_id())
        with ui.element("div").classes("playground"):
            heading("Playground", "The same assistant that answers in Slack and Discord.")
            self._turns = ui.element("div").classes("transcript").props("aria-live=polite")
            self._examples = ui.element("div").classes("examples")
            self._composer()
        with self._examples:
            for example in EXAMPLES:
                ui.button(example, on_click=partial(self.ask, example)).classes("chip").props("flat no-caps")

    @asking
    async def ask(self, text: str) -> None:
        """Asks and shows the answer while it is being made."""
        if not text.strip() or not self._send.enabled:
            return
        self._box.value = ""
        self._examples.set_visibility(False)
        self._send.disable()
        with self._turns, ui.element("article").classes("turn").props("data-role=user") as asked:
            question_view(text)
        with self._turns:
            turn = Turn(self._services.settings.address)
        _bring_up(asked)
        question = Question(self._session, text, event_id=f"console-{new_id()}", mode=Mode(self._mode.value))
        turn.on_stop(partial(self.stop, question.event_id))
        try:
            async with aclosing(self._services.answering.ask(question)) as events:
                async for event in events:
                    if turn.gone:
                        return
                    turn.show(event)
            _bring_up(asked)
        except TurnStopped:
            turn.stopped()
        except AssistantError as error:
            turn.fail(error.said)
        finally:
            self._send.enable()

    @asking
    async def stop(self, event_id: str) -> None:
        """Stops an answer."""
        await self._services.answering.stop(event_id)

    def _composer(self) -> None:
        with ui.element("div").classes("composer"):
            self._box = ui.textarea(placeholder="Ask about MLOps").classes("ask")
            self._box.props('autogrow borderless dense input-class="ask-input" aria-label="Your question"')
            self._box.on("keydown.enter", self._ask_typed, js_handler=ENTER)
            with ui.element("div").classes("composer-foot"):
                self._mode = ui.toggle(cast("dict[Any, str]", MODES), value=Mode.AGENT)
                self._mode.props("no-caps unelevated dense").classes("mode")
                self._send = ui.button("Ask", on_click=self._ask_typed).props("unelevated no-caps")

    async def _ask_typed(self) -> None:
        await self.ask(self._box.value or "")


def _bring_up(element: ui.element) -> None:
    """Scrolls, so that a question stands at the top and its answer below it."""
    element.client.run_javascript(
        f"document.getElementById('{element.html_id}').scrollIntoView({{behavior: 'smooth'}})"
    )


class Turn:
    """One answer on its way: what is being done, then the text so far, then the whole answer."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._text = ""
        self._draft: ui.html | None = None
        self._card = ui.element("article").classes("turn").props("data-role=assistant")
        with self._card:
            self._steps = ui.element("div").classes("steps")
            with ui.element("div").classes("working") as self._working:
                ui.spinner("dots", size="1.4rem")
                self._doing = ui.label("Thinking")
                self._stop = ui.button("Stop").props("flat no-caps").classes("stop")
            self._stop.set_visibility(False)

    @property
    def gone(self) -> bool:
        """Whether nobody looks any more."""
        return self._card.is_deleted

    def on_stop(self, stop: Callable[[], Awaitable[object]]) -> None:
        """Sets what the button does that ends the answer."""
        self._stop.on_click(stop)

    def show(self, event: AnswerEvent) -> None:
        """Takes one event into the view."""
        match event:
            case Accepted():
                self._stop.set_visibility(True)
            case Queued(position):
                self._doing.set_text(f"Number {position} in line")
            case Searching(query):
                self._doing.set_text("Thinking")
                self._step("search", f"Searching for “{query}”")
            case Passages(passages):
                self._step("article", f"Found {len(passages)} passages")
            case Step(who, what):
                self._step("chevron_right", f"{who}: {what}")
            case TextDelta(text):
                self._grow(text)
            case Completed(answer):
                self._end()
                with self._card:
                    answer_view(answer, self._origin)

    def fail(self, said: str) -> None:
        """Ends with the sentence that says what went wrong."""
        if self.gone:
            return
        self._end()
        with self._card, ui.element("div").classes("failed").props("role=alert"):
            ui.label("No answer").classes("badge bad")
            ui.label(said)

    def stopped(self) -> None:
        """Ends as the asker wished; what was written by then stays."""
        if self.gone:
            return
        self._draft = None
        self._end()
        with self._card:
            ui.label("Stopped").classes("badge")

    def _step(self, icon: str, text: str) -> None:
        with self._steps, ui.element("div").classes("step"):
            ui.icon(icon)
            ui.label(text)

    def _grow(self, text: str) -> None:
        self._text += text
        self._doing.set_text("Writing")
        if self._draft is None:
            with self._card:
                self._draft = prose(self._text)
            self._working.move(self._card)
        else:
            self._draft.set_content(self._text)

    def _end(self) -> None:
        self._working.delete()
        if self._draft is not None:
            self._draft.delete()
            self._draft = None
