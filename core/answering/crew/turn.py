"""One question in the hands of the crew: what it has collected, and the way from CrewAI's threads to the event loop.

Comes in: work that CrewAI's threads want done. Goes out: `AnswerEvent`s, passages under their numbers, calls and notes.
Everything but `wait` runs on the event loop. Opened by the agent, filled by the members of the crew.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from langchain_core.messages import AnyMessage

from core.answering.bill import Bill
from core.answering.language_models.model import LanguageModel, Reply
from core.answering.tools import Toolbox
from core.domain.conversation import ModelCall, ToolCall
from core.domain.events import AnswerEvent, Passages, Searching
from core.domain.knowledge import Passage

Done = TypeVar("Done")


class CrewStopped(BaseException):  # CrewAI retries an Exception, words it for the model, or both
    """Takes a thread out of CrewAI: the asker has left, or the turn's `failure` says why."""


class CrewTurn:
    """What one run of the crew collects."""

    def __init__(self, model: LanguageModel, toolbox: Toolbox, bill: Bill) -> None:
        self.events: asyncio.Queue[AnswerEvent | None] = asyncio.Queue()
        self.passages: list[Passage] = []
        self.tool_calls: list[ToolCall] = []
        self.replies: list[Reply] = []
        self.failure: Exception | None = None
        self._model = model
        self._bill = bill
        self._toolbox = toolbox
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        self._work: asyncio.Task[Any] | None = None

    @property
    def calls(self) -> tuple[ModelCall, ...]:
        """All calls of the model so far."""
        return tuple(reply.call for reply in self.replies)

    @property
    def tokens(self) -> int:
        """Used by all calls so far, in and out."""
        return sum(call.tokens_in + call.tokens_out for call in self.calls)

    def tell(self, event: AnswerEvent) -> None:
        """Passes an event on to the asker."""
        self.events.put_nowait(event)

    def found(self, passages: Sequence[Passage]) -> None:
        """Notes passages that may now be cited."""
        self.tell(Passages(tuple(passages), len(self.passages) + 1))
        self.passages += passages

    async def search(self, query: str) -> str:
        """Uses the search tool; gives what the researcher is told. Raises KnowledgeError as the retriever does."""
        self.tell(Searching(query))
        use = await self._toolbox.use("search_mlops_docs", {"query": query}, len(self.passages) + 1)
        self.tool_calls.append(use.call)
        if use.passages:
            self.found(use.passages)
        return use.call.result

    async def reply(self, messages: Sequence[AnyMessage], prompt: str, heard: Callable[[str], None]) -> Reply:
        """The model's reply; `heard` is called with the text so far, as it grows. Raises ModelError."""
        text, reply = "", None
        async with aclosing(self._model.stream(messages, prompt=prompt, bill=self._bill)) as stream:
            async for piece in stream:  # to its end: a stream that is closed before counts as broken off
                if isinstance(piece, Reply):
                    reply = piece
                else:
                    text += piece.text
                    heard(text)
        if reply is None:
            raise AssertionError("a language model's stream ends with its reply")
        self.replies.append(reply)
        return reply

    def wait(self, work: Coroutine[Any, Any, Done]) -> Done:
        """Does `work` on the event loop; called from CrewAI's threads. Raises CrewStopped unless it succeeds."""
        try:
            return asyncio.run_coroutine_threadsafe(self._do(work), self._loop).result()
        except Exception as error:  # the boundary: a failure or a cancellation, CrewAI must not see it
            raise CrewStopped from error

    async def stop(self) -> None:
        """Stops the work under way, and all that CrewAI may still want to begin."""
        self._stopped = True
        if self._work and not self._work.done():
            self._work.cancel()
            await asyncio.wait({self._work})

    async def _do(self, work: Coroutine[Any, Any, Done]) -> Done:
        if self._stopped or self.failure:
            work.close()
            raise asyncio.CancelledError
        self._work = asyncio.current_task()
        try:
            return await work
        except Exception as error:  # whatever it is, the agent tells the asker; it is raised on
            self.failure = error
            raise
