"""One answer on its way, as the playground shows it: what is being done, then the text so far, then the whole answer.

Comes in: `AnswerEvent`s. Goes out: a card with steps, draft, answer, sources, times, tokens and cost, and a button that
stops it.
"""

import time
from collections.abc import Awaitable, Callable

from nicegui import ui

from admin.components.answer import answer_view
from admin.components.moments import count, span
from admin.components.prose import prose
from core.domain.conversation import Answer
from core.domain.events import Accepted, AnswerEvent, Completed, Passages, Queued, Searching, Step, TextDelta

DOLLAR = 1_000_000
"""In micro-dollars."""


class Turn:
    """The card. `name` is said above it, where two stand side by side."""

    def __init__(self, origin: str, name: str = "") -> None:
        self._origin = origin
        self._text = ""
        self._draft: ui.html | None = None
        self._started = time.monotonic()
        self._first_text = 0
        self._card = ui.element("article").classes("turn").props("data-role=assistant")
        with self._card:
            if name:
                ui.label(name).classes("overline").props("role=heading aria-level=2")
            self._steps = ui.element("div").classes("steps")
            with ui.element("div").classes("working") as self._working:
                ui.spinner("dots", size="1.4rem")
                self._doing = ui.label("Thinking")
                self._stop = ui.button("Stop").props("flat no-caps").classes("stop")
                if name:
                    self._stop.props["aria-label"] = f"Stop the {name.lower()}"
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
                    _measures(answer, self._first_text)

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
            self._first_text = round((time.monotonic() - self._started) * 1000)
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


def _measures(answer: Answer, first_text: int) -> None:
    """Where time and money went; nothing for an answer that was not followed from its beginning."""
    trace = answer.trace
    with ui.element("div").classes("facts").mark("measures"):
        for stage, milliseconds in trace.timings.items():
            ui.label(f"{stage} {span(milliseconds)}")
        if first_text:
            ui.label(f"first text {span(first_text)}")
        if trace.calls:
            ui.label(count(len(trace.calls), "model call"))
            ui.label(count(trace.tokens, "token"))
            ui.label(f"${trace.cost / DOLLAR:.4f}")
