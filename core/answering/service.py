"""What channels ask: a question in, a stream of events out, everything kept on the way.

Comes in: `Question`s from any channel. Goes out: `AnswerEvent`s, ending with `Completed`; or an AssistantError whose
`said` is the sentence for the asker. Questions of one session are answered in order, one at a time.
"""

import asyncio
import logging
import time
import unicodedata
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from weakref import WeakValueDictionary

from core.domain.conversation import (
    MAX_QUESTION,
    Answer,
    Message,
    Mode,
    Question,
    SessionKey,
    Unfinished,
)
from core.domain.events import AnswerEvent, Completed
from core.errors import AssistantError, InputError
from core.storage.ids import now
from core.storage.sessions import Sessions

REMEMBERED_MESSAGES = 6
"""Earlier messages of a session that an engine is shown."""

REMEMBERED_REFUSALS = 1_000
"""Events whose text was refused, so that a redelivery is not refused aloud again."""

STILL_WANTED = timedelta(hours=24)
"""Questions left behind by a stopped process are answered if they are younger than this."""

_log = logging.getLogger(__name__)


class Engine(Protocol):
    """The graph or the crew."""

    def run(self, question: str, transcript: Sequence[Message]) -> AsyncGenerator[AnswerEvent]:
        """Answers one question; the last event is `Completed`."""
        ...


class AnsweringService:
    """The one door to the answering room."""

    def __init__(self, sessions: Sessions, load_engines: Callable[[], dict[Mode, Engine]]) -> None:
        self._sessions = sessions
        self._load_engines = load_engines
        self._engines: dict[Mode, Engine] | None = None
        self._loading = asyncio.Lock()
        self._turns: WeakValueDictionary[SessionKey, asyncio.Lock] = WeakValueDictionary()
        self._refused: OrderedDict[str, None] = OrderedDict()

    async def warm_up(self) -> dict[Mode, Engine]:
        """Loads the engines on a thread, once; the first question waits for it."""
        async with self._loading:
            if self._engines is None:
                self._engines = await asyncio.to_thread(self._load_engines)
            return self._engines

    async def accept(self, question: Question) -> bool:
        """Stores a question before anything is promised. False: it was delivered before, so do nothing.

        Raises InputError, once, for text that cannot be answered; nothing is stored then.
        """
        if question.event_id in self._refused:
            return False
        try:
            check_text(question.text)
        except InputError:
            self._refused[question.event_id] = None
            if len(self._refused) > REMEMBERED_REFUSALS:
                self._refused.popitem(last=False)
            raise
        return await self._sessions.claim(question)

    async def answer(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """Answers an accepted question. Raises AssistantError; the question is then kept as failed."""
        lock = self._turns.setdefault(question.session, asyncio.Lock())
        async with lock:
            try:
                async with aclosing(self._turn(question)) as events:
                    async for event in events:
                        yield event
            except AssistantError as error:
                _log.warning("question %s failed: %s", question.event_id, error)
                await self._sessions.fail(question.event_id, error.said)
                raise
            except Exception as error:  # the boundary: whatever broke inside, the asker gets a sentence
                _log.exception("question %s failed", question.event_id)
                said = "Something broke while answering; your question was kept. Ask again, or tell the owner."
                await self._sessions.fail(question.event_id, said)
                raise AssistantError(said, detail=repr(error)) from error

    async def ask(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        """Accepts and answers a question of someone who waits for it: HTTP, console, command."""
        if not await self.accept(question):
            raise InputError("This question was asked before; its answer is in the history of the session.")
        try:
            async with aclosing(self.answer(question)) as events:
                async for event in events:
                    if isinstance(event, Completed):
                        await self.delivered(question)
                    yield event
        except (GeneratorExit, asyncio.CancelledError):
            await asyncio.shield(self._sessions.abandon(question.event_id, "The asker left before the answer."))
            raise

    async def placed(self, question: Question, placement: str) -> None:
        """Remembers where on its platform a question is being answered."""
        await self._sessions.place(question.event_id, placement)

    async def delivered(self, question: Question) -> None:
        """Notes that the answer stands where it was asked."""
        await self._sessions.delivered(question.event_id)

    async def give_up(self, question: Question, reason: str) -> None:
        """Marks a question as failed that cannot be answered where it was asked."""
        await self._sessions.fail(question.event_id, reason)

    async def unfinished(self, platform: str) -> list[Unfinished]:
        """Questions that a stopped process left behind on a platform, oldest first."""
        return await self._sessions.unfinished(platform, now() - STILL_WANTED)

    async def knows(self, session: SessionKey) -> bool:
        """Whether we take part in this conversation."""
        return await self._sessions.exists(session)

    async def forget(self, session: SessionKey) -> int:
        """Deletes a conversation; gives the number of messages that went."""
        return await self._sessions.delete(session)

    async def _turn(self, question: Question) -> AsyncGenerator[AnswerEvent]:
        started = time.monotonic()
        transcript = await self._sessions.transcript(question.session, last=REMEMBERED_MESSAGES, settled=True)
        engine = (await self.warm_up())[question.mode]
        async with aclosing(engine.run(question.text, transcript)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    spent = int((time.monotonic() - started) * 1000)
                    answer: Answer = replace(event.answer, milliseconds=spent)
                    await self._sessions.complete(question.event_id, answer)
                    yield Completed(answer)
                else:
                    yield event


def check_text(text: str) -> None:
    """Raises InputError unless the text is a question of bearable length without control characters."""
    if not text.strip():
        raise InputError("The message is empty. Ask a question about MLOps.")
    if len(text) > MAX_QUESTION:
        raise InputError(
            f"The message has {len(text):,} characters; up to {MAX_QUESTION:,} can be read. Shorten it and ask again."
        )
    strange = next((c for c in text if unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\r\t"), None)
    if strange is not None:
        raise InputError(f"The message contains a control character (U+{ord(strange):04X}). Remove it and ask again.")
