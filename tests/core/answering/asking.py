"""How the tests of this room ask: a question is made, its events are gathered, and what the model was sent is read."""

import uuid
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from core.answering.engine import Engine
from core.answering.service import AnsweringService
from core.answering.turns.budgets import Budgets
from core.answering.turns.condenser import QuestionList
from core.answering.turns.memories import Memories
from core.answering.turns.runner import TurnRunner
from core.bootstrap import Services
from core.domain.conversation import Answer, Message, Mode, Question, SessionKey
from core.domain.events import AnswerEvent, Completed, Passages, Searching, Step, TextDelta
from core.domain.knowledge import Passage
from core.storage.spending import Spending
from tests.emulators.language_model import Json

COVERED = "How do I store a model in Quillstore?"
"""Answered by the small pages; the first passage found is the one that says how."""

UNCOVERED = "Which wine goes with grilled octopus?"
"""Nothing in the small pages is about this."""

Kind = TypeVar("Kind", bound=AnswerEvent)


@dataclass(frozen=True)
class Turn:
    """All events of one answer."""

    events: list[AnswerEvent]

    @property
    def answer(self) -> Answer:
        """The answer; it must be the last event and the only one of its kind."""
        assert [type(event) for event in self.events].count(Completed) == 1
        last = self.events[-1]
        assert isinstance(last, Completed)
        return last.answer

    @property
    def deltas(self) -> list[str]:
        return [event.text for event in self.of(TextDelta)]

    @property
    def streamed(self) -> str:
        return "".join(self.deltas)

    @property
    def searches(self) -> list[str]:
        return [event.query for event in self.of(Searching)]

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [(event.who, event.what) for event in self.of(Step)]

    @property
    def passages(self) -> list[Passage]:
        """What was found, by its number less one; numbers must go on without a gap."""
        found: list[Passage] = []
        for event in self.of(Passages):
            assert event.first == len(found) + 1
            found += event.passages
        return found

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def answering_with(services: Services, load: Callable[[], dict[Mode, Engine]]) -> AsyncIterator[AnsweringService]:
    """A service of its own over the same database, with engines of the test."""
    memories = Memories(services.turns, QuestionList, services.settings.memory_tokens)
    budgets = Budgets(Spending(services.turns._database), {})
    answering = AnsweringService(services.sessions, services.turns, TurnRunner(services.turns, load, memories, budgets))
    await answering.open()
    try:
        yield answering
    finally:
        await answering.close()


def question(text: str = COVERED, session: str = "thread", mode: Mode = Mode.AGENT) -> Question:
    return Question(SessionKey("test", "", "", session), text, uuid.uuid4().hex, "ada", mode)


async def gather(stream: AsyncIterable[AnswerEvent]) -> Turn:
    return Turn([event async for event in stream])


async def ask(services: Services, text: str = COVERED, session: str = "thread", mode: Mode = Mode.AGENT) -> Turn:
    return await gather(services.answering.ask(question(text, session, mode)))


async def history(services: Services, session: str = "thread") -> list[Message]:
    return await services.sessions.transcript(SessionKey("test", "", "", session))


def roles(request: Json) -> list[str]:
    return [message["role"] for message in request["messages"]]


def last_text(request: Json) -> str:
    """The message that a request ends with."""
    return request["messages"][-1]["content"]


def said(request: Json) -> str:
    """All text of a request."""
    return "\n".join(str(message["content"]) for message in request["messages"])
