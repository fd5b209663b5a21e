"""The turns of this process: those that run, and those that ended before anybody followed them.

Comes in: turns as they begin and end. Goes out: the turn of a question for whoever follows it, and news that one ended.
Kept by the runner; asked by the service.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable

from core.answering.turns.turn import Turn
from core.domain.conversation import Asked, Question
from core.errors import HandedOver

ENDED_KEPT = 256
"""Turns that ended before anybody followed them; they are kept for who comes late."""

STOPPING = (
    "The service is being stopped before the answer is ready. Ask again in a moment; "
    "under the same Idempotency-Key it is the same question."
)

_log = logging.getLogger(__name__)


class LiveTurns:
    """Turns by the ids of their events."""

    def __init__(self) -> None:
        self._running: dict[str, Turn] = {}
        self._ended: OrderedDict[str, Turn] = OrderedDict()
        self._news = asyncio.Event()

    def expect(self, asked: Asked) -> None:
        """Makes a turn that can be followed before it runs."""
        self._running[asked.question.event_id] = Turn(asked.question.event_id, asked)

    def drop(self, event_id: str) -> None:
        """Ends a turn that was expected and will not run."""
        if turn := self._running.pop(event_id, None):
            turn.end()

    def begin(self, event_id: str) -> Turn:
        """The turn that was expected, or a new one."""
        return self._running.setdefault(event_id, Turn(event_id))

    def leave(self, turn: Turn) -> None:
        """A turn runs no more."""
        self._running.pop(turn.event_id, None)
        if turn.ended and not turn.followed:
            self._ended[turn.event_id] = turn
            while len(self._ended) > ENDED_KEPT:
                self._ended.popitem(last=False)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def get(self, event_id: str) -> Turn | None:
        """The turn of a question, if it runs here or ended here unfollowed."""
        return self._running.get(event_id) or self._ended.pop(event_id, None)

    def running(self) -> list[Turn]:
        """All that run."""
        return [*self._running.values()]

    def is_unheard(self, event_id: str) -> bool:
        """Whether a turn runs here that nobody follows any more."""
        turn = self._running.get(event_id)
        return turn is not None and not turn.followers

    def is_behind(self, asked: Asked) -> bool:
        """Whether an earlier question of the same session is being answered here."""
        mine, others = asked.question.session, (turn.asked for turn in self._running.values() if turn.asked)
        return any(other.question.session == mine and other.turn < asked.turn for other in others)

    def stop_those(self, unwanted: Callable[[Question], bool]) -> None:
        """Stops the turns of questions that nobody wants answered any more."""
        for turn in self.running():
            if turn.asked and unwanted(turn.asked.question):
                turn.stop()

    async def news(self, patience: float | None = None) -> None:
        """Waits until a turn ended, or for `patience` seconds."""
        await asyncio.wait([task := asyncio.ensure_future(self._news.wait())], timeout=patience)
        task.cancel()

    async def idle(self, patience: float) -> None:
        """Waits until nothing runs, for up to `patience` seconds; who waits for an answer then is told."""
        try:
            async with asyncio.timeout(patience):
                while self._running:
                    await self.news()
        except TimeoutError:
            _log.info("%d turns are handed over to the next process", len(self._running))
            for turn in self.running():
                if turn.asked and not turn.asked.kept:
                    turn.end(HandedOver(STOPPING))
