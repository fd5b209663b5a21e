"""A turn on its way: what has happened so far, for whoever follows it, and whether it was told to stop.

Comes in: events of an engine. Goes out: the same events to any number of followers, each from the first one on. Made
by the service; it lives in the process that answers.
"""

import asyncio
import time
from collections.abc import AsyncGenerator

from core.domain.conversation import Asked, ModelCall, Status
from core.domain.events import AnswerEvent, Completed, Queued, TextDelta
from core.errors import AssistantError, QuestionGone, TurnStopped

STOPPED = "Stopped, as you wished."
GONE = "The question was deleted, and with it what was being answered."


class Turn:
    """The events of one answer, kept while it is being made; `asked` is there once the question was looked up.

    `bill` holds the calls of language models that have ended, `first_text` after how many seconds the first words came.
    """

    def __init__(self, event_id: str, asked: Asked | None = None) -> None:
        self.event_id = event_id
        self.asked = asked
        self.followers = 0
        self.followed = False
        self.ended = False
        self.stopped = False
        self.work: asyncio.Task[None] | None = None
        self.bill: list[ModelCall] = []
        self.first_text: float | None = None
        self._began = time.monotonic()
        self._failure: AssistantError | None = None
        self._events: list[AnswerEvent] = []
        self._news = asyncio.Event()

    @property
    def seconds(self) -> float:
        """Since it was made."""
        return time.monotonic() - self._began

    @property
    def outcome(self) -> str:
        """`answered`, `uncovered`, `stopped` or `failed`; empty while it runs, or when another process ended it."""
        if self._failure:
            return "stopped" if isinstance(self._failure, TurnStopped) else "failed"
        last = self._events[-1] if self._events else None
        if self.ended and isinstance(last, Completed):
            return "answered" if last.answer.covered else "uncovered"
        return ""

    def tell(self, event: AnswerEvent) -> None:
        """Notes an event; of several places in line in a row only the last one is kept."""
        if isinstance(event, Queued) and self._events and isinstance(self._events[-1], Queued):
            self._events[-1] = event
        if isinstance(event, TextDelta) and self.first_text is None:
            self.first_text = self.seconds
        self._events.append(event)
        self._announce()

    def end(self, failure: AssistantError | None = None) -> None:
        """Ends the stream, for every follower with the same failure if there was one."""
        self._failure, self.ended = failure, True
        self._announce()

    def stop(self) -> None:
        """Stops the work, as the asker wished; the one who runs it writes that down."""
        self.stopped = True
        if self.work:
            self.work.cancel()

    async def follow(self) -> AsyncGenerator[AnswerEvent]:
        """All events, those of the past at once. Raises the failure with which the turn ended."""
        self.followed = True
        self.followers += 1
        seen = 0
        try:
            while True:
                while seen < len(self._events):
                    seen += 1
                    yield self._events[seen - 1]
                if self.ended:
                    break
                await self._news.wait()
        finally:
            self.followers -= 1
        if self._failure:
            raise self._failure

    def _announce(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def ended(asked: Asked | None) -> AssistantError:
    """What followers are told of a question that ended without an answer; None is one that was deleted."""
    if asked is None:
        return QuestionGone(GONE)
    return stopped() if asked.status is Status.STOPPED else AssistantError(asked.note)


def stopped() -> TurnStopped:
    """What followers of a turn are told that its asker stopped."""
    return TurnStopped(STOPPED)
