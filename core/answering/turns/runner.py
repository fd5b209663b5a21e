"""Runs turns: in the order of their session, in a fair line, with what is remembered, within budgets, to a stored end.

Comes in: ids of events whose questions are stored. Goes out: a `Turn` that can be followed, and rows that say how it
ended. Called by the durability, which sees to it that `run` ends once for each turn.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TypeVar

from opentelemetry import trace

from core.answering.engine import Brief, Engine
from core.answering.meters import count_turn
from core.answering.outages import patiently
from core.answering.turns.budgets import Allowance, Budgets
from core.answering.turns.durability import Durability
from core.answering.turns.line import Line
from core.answering.turns.live import LiveTurns
from core.answering.turns.memories import Memories
from core.answering.turns.remarks import remarks
from core.answering.turns.turn import Turn, ended, stopped
from core.domain.channels import ChannelSettings
from core.domain.conversation import Answer, Asked, Memory, Mode, ModelCall, Question, SessionKey, Status
from core.domain.events import Completed, Queued, TextDelta
from core.domain.turn_context import working_on
from core.errors import AssistantError, StorageError
from core.storage.turns import Begun, Turns

WAIT_SECONDS = 0.5
"""How often a turn looks whether the one before it, which another process runs, has ended."""

SETTLE_SECONDS = 2.0
"""How often that is tried which patience did not help to store."""

STOP_WATCH_SECONDS = 1.0
"""How often running turns are looked up that may have been stopped through another process."""

BROKEN = "Something broke while answering; your question was kept. Ask again, or tell the owner."

T = TypeVar("T")

_log = logging.getLogger(__name__)
_tracer = trace.get_tracer(__name__)


@dataclass(frozen=True)
class Limits:
    """How much is done at once: turns in all, those of the crew among them, and how many may wait."""

    turns: int = 64
    crews: int = 4
    waiting: int = 1_000


async def unruled(_: SessionKey) -> ChannelSettings:
    """What holds where nobody has set anything."""
    return ChannelSettings()


class TurnRunner:
    """Runs the turns of this process; those that are `live` can be followed."""

    def __init__(
        self,
        turns: Turns,
        load_engines: Callable[[], dict[Mode, Engine]],
        memories: Memories,
        budgets: Budgets,
        limits: Limits | None = None,
        *,
        rules: Callable[[SessionKey], Awaitable[ChannelSettings]] = unruled,
    ) -> None:
        limits = limits or Limits()
        self.live = LiveTurns()
        self._turns = turns
        self._load_engines = load_engines
        self._memories = memories
        self._budgets = budgets
        self._rules = rules
        self._lines = {Mode.AGENT: Line(limits.turns, limits.waiting), Mode.CREW: Line(limits.crews, limits.waiting)}
        self._engines: dict[Mode, Engine] | None = None
        self._loading = asyncio.Lock()
        self._background: set[asyncio.Task[None]] = set()
        self._shared = False

    def opened(self, durability: Durability) -> None:
        """Learns whether there are other processes to reckon with."""
        self._shared = durability.shared
        if self._shared:
            self._later(self._watch_stops())

    async def close(self) -> None:
        """Ends what runs in the background."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def warm_up(self) -> dict[Mode, Engine]:
        """Loads the engines on a thread, once."""
        async with self._loading:
            if self._engines is None:
                self._engines = await asyncio.to_thread(self._load_engines)
            return self._engines

    def queue(self) -> dict[Mode, tuple[int, int]]:
        """How many questions are being answered and how many wait, by mode, in this process."""
        return {mode: (line.busy, len(line)) for mode, line in self._lines.items()}

    def check(self, mode: Mode) -> None:
        """Raises Overloaded when no more questions can be taken."""
        self._lines[mode].check()

    async def run(self, event_id: str) -> None:
        """Runs a turn to its end. Raises CancelledError alone, when the process ends before the turn."""
        turn = self.live.begin(event_id)
        with (
            working_on(turn.asked.question if turn.asked else event_id),
            _tracer.start_as_current_span("turn", attributes={"turn.id": event_id}) as span,
        ):
            await self._run(turn)
            span.set_attribute("turn.outcome", turn.outcome)

    async def _run(self, turn: Turn) -> None:
        turn.work = asyncio.ensure_future(self._work(turn))
        if turn.stopped:  # before it ran
            turn.work.cancel()
        try:
            await asyncio.wait([turn.work])
            if turn.work.cancelled() and not turn.stopped:
                raise asyncio.CancelledError  # noqa: TRY301 - not the asker's wish: the turn is begun again
            await self._conclude(turn)
            count_turn(turn)
            if turn.asked:  # its followers know the outcome; the next question of the session waits for the bill
                await self._charge(turn.asked.question, turn.bill)
        except asyncio.CancelledError:
            turn.work.cancel()
            await asyncio.gather(turn.work, return_exceptions=True)
            raise
        finally:
            self.live.leave(turn)

    async def _work(self, turn: Turn) -> None:
        begun = await self._in_order(turn)
        if begun is None:
            return
        with working_on(begun.asked.question):
            await self._answer(turn, begun)

    async def _answer(self, turn: Turn, begun: Begun) -> None:
        question = begun.asked.question
        async with self._lines[question.mode].place(*_fair(question), lambda n: turn.tell(Queued(n))):
            allowance = await self._budgets.allowance(question)
            memory = self._memories.recall(begun.memory)
            answer = await self._answered(turn, begun.asked, memory, allowance)
        stored = await self._store(turn, answer)
        turn.tell(Completed(stored))
        self._later(self._condense(begun))

    async def _in_order(self, turn: Turn) -> Begun | None:
        """The turn once no earlier question of its session is open; None when there is nothing left to do."""
        if turn.asked and turn.asked.turn == 1:  # new, with nothing before it to look up
            return Begun(turn.asked, Memory())
        while True:
            begun = await patiently(lambda: self._turns.begin(turn.event_id, after_all=self._shared))
            if begun is None or begun.asked.status is Status.STOPPED:
                raise ended(begun.asked if begun else None)
            if begun.asked.status is not Status.PENDING:
                return None
            turn.asked = turn.asked or begun.asked
            if self.live.is_behind(begun.asked):
                await self.live.news()
            elif begun.waits:
                await self.live.news(WAIT_SECONDS)
            else:
                return begun

    async def _answered(self, turn: Turn, asked: Asked, memory: Memory, allowance: Allowance) -> Answer:
        """The answer of the engine; everything before it is told on the way."""
        started = time.monotonic()
        engine = (await self.warm_up())[asked.question.mode]
        question = asked.question
        brief = Brief(
            question.text,
            memory,
            quoting=allowance.spent,
            bill=turn.bill.append,
            attachments=question.attachments,
            rules=await self._rules(question.session),
        )
        answer: Answer | None = None
        first_text = 0
        async with aclosing(engine.run(brief)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    answer = event.answer
                else:
                    turn.tell(event)
                    if isinstance(event, TextDelta):
                        first_text = first_text or _milliseconds_since(started)
        assert answer is not None  # noqa: S101 - every engine ends with it
        trace = replace(answer.trace, remembered=len(memory.recent), summary=memory.summary)
        note = " ".join(filter(None, [answer.note, allowance.warning, *remarks(question)]))
        spent = _milliseconds_since(started)
        return replace(answer, milliseconds=spent, first_text=first_text or spent, note=note, trace=trace)

    async def _store(self, turn: Turn, answer: Answer) -> Answer:
        """The answer as it is stored. Raises how the turn ended when that was written down elsewhere meanwhile."""
        status = Status.ANSWERED if turn.asked and turn.asked.kept else Status.DELIVERED
        if message := await patiently(lambda: self._turns.complete(turn.event_id, answer, status)):
            return replace(answer, message_id=message)
        asked = await patiently(lambda: self._turns.get(turn.event_id))
        if asked is None or asked.answer is None:  # otherwise it was stored, and the connection broke on the way back
            raise ended(asked)
        return asked.answer

    async def _conclude(self, turn: Turn) -> None:
        """Writes down how a turn ended without an answer, and tells its followers."""
        assert turn.work is not None  # noqa: S101 - set by `run`
        error = None if turn.work.cancelled() else turn.work.exception()
        if turn.stopped and (turn.work.cancelled() or error):
            await self._settle(turn, stopped(), self._turns.stop)
        elif isinstance(error, AssistantError):
            _log.warning("question %s failed: %s", turn.event_id, error)
            await self._settle(turn, error, self._turns.fail)
        elif error:  # the boundary: whatever broke inside, the asker gets a sentence
            _log.error("question %s failed", turn.event_id, exc_info=error)
            await self._settle(turn, AssistantError(BROKEN, detail=repr(error)), self._turns.fail)
        else:
            turn.end()

    async def _settle(self, turn: Turn, error: AssistantError, write: Callable[[str, str], Awaitable[bool]]) -> None:
        """Writes a failure down, however long that takes: a question left open would hold up its session for ever.

        The asker is not kept waiting for it; of a question that was deleted meanwhile nobody is told any more.
        """
        while True:
            try:
                written = await patiently(lambda: write(turn.event_id, error.said))
                gone = not written and await self._is_gone(turn)
            except StorageError as away:
                _log.error("how question %s ended cannot be stored yet: %s", turn.event_id, away)
                turn.end(error)
                await asyncio.sleep(SETTLE_SECONDS)
            else:
                turn.end(ended(None) if gone else error)
                return

    async def _is_gone(self, turn: Turn) -> bool:
        return await patiently(lambda: self._turns.keeper(turn.event_id)) is None

    async def _condense(self, begun: Begun) -> None:
        """Shortens what was said before, if need be; no asker waits for it."""
        question, bill = begun.asked.question, list[ModelCall]()
        try:
            await self._memories.condense(begun.asked, begun.memory, bill.append)
        except AssistantError as error:
            _log.warning("what was said before question %s was not condensed: %s", question.event_id, error)
        await self._charge(question, bill)

    async def _charge(self, question: Question, bill: Sequence[ModelCall]) -> None:
        try:
            await patiently(lambda: self._budgets.charge(question, bill))
        except StorageError as error:
            _log.warning("what question %s cost was not counted: %s", question.event_id, error)

    async def _watch_stops(self) -> None:
        while True:
            await asyncio.sleep(STOP_WATCH_SECONDS)
            running = self.live.running()
            try:
                gone = await self._turns.stopped_among([turn.event_id for turn in running]) if running else []
                for turn in running:
                    if turn.event_id in gone:
                        turn.stop()
            except StorageError as error:
                _log.warning("it cannot be seen which turns were stopped: %s", error)

    def _later(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _milliseconds_since(started: float) -> int:
    return int((time.monotonic() - started) * 1000)


def _fair(question: Question) -> tuple[str, str]:
    """Among whom the line is fair: workspaces, and in each of them people, or sessions of callers without a name."""
    session = question.session
    return f"{session.platform}:{session.workspace}", question.author or session.thread
