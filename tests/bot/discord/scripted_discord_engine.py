"""An engine that says what a test wrote down, so that the Discord tests need neither model nor index."""

from collections.abc import AsyncGenerator, Awaitable, Callable

from core.answering.engine import Brief
from core.domain.conversation import Answer, Mode
from core.domain.events import AnswerEvent, Completed, Searching, TextDelta
from core.errors import AssistantError


class ScriptedEngine:
    """Answers with `answer`, fails with `error`, or waits for ever in `hold`; remembers what it was asked."""

    def __init__(self, name: str = "agent") -> None:
        self.answer: Answer | None = None
        self.error: Exception | None = None
        self.hold: Callable[[], Awaitable[object]] | None = None
        self.asked: list[str] = []
        self.transcripts: list[list[str]] = []
        self._name = name

    async def run(self, brief: Brief) -> AsyncGenerator[AnswerEvent]:
        question = brief.question
        self.asked.append(question)
        self.transcripts.append([message.text for message in brief.memory.recent])
        yield Searching(question)
        if self.hold:
            await self.hold()
        if self.error:
            raise self.error
        yield TextDelta("The ")
        yield Completed(self.answer or Answer(f"The {self._name} on {question}", mode=Mode(self._name)))


def out_of_order() -> AssistantError:
    return AssistantError("The language model is out of order; tell @everyone.")
