"""A language model that replies as a test tells it, without a socket; for what engines make of replies."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from langchain_core.messages import AnyMessage
from pydantic import BaseModel

from core.answering.bill import Bill, unbilled
from core.answering.language_models.model import Delta, Reply
from core.domain.conversation import ModelCall
from core.errors import ModelError

PIECE = 7

Said = str | Exception | Callable[[], Awaitable[str]] | None
"""A text, a failure, a text that something happens before, or None: nothing is said until the asker goes."""


@dataclass(frozen=True)
class Asked:
    """One request: under which prompt, with which messages."""

    prompt: str
    messages: list[AnyMessage]

    @property
    def writes(self) -> bool:
        return self.prompt.startswith("writer.")

    @property
    def text(self) -> str:
        return "\n".join(str(message.content) for message in self.messages)


@dataclass
class ToldModel:
    """Replies with `replies` in turn, then as `otherwise` chooses; a call takes `tokens` in and one out a piece."""

    replies: deque[Said] = field(default_factory=deque[Said])
    otherwise: Callable[[Asked], Said] = lambda _: ModelError("nothing scripted")
    tokens: int = 100
    name: str = "told"
    note: str = ""
    requests: list[Asked] = field(default_factory=list[Asked])
    abandoned: int = 0
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def script(self, *replies: Said) -> None:
        self.replies.extend(replies)

    async def was_asked(self, times: int) -> None:
        """Waits until there were so many requests."""
        while len(self.requests) < times:
            self._more.clear()
            await self._more.wait()

    async def stream(
        self,
        messages: Sequence[AnyMessage],
        *,
        prompt: str,
        tools: Sequence[type[BaseModel]] = (),
        bill: Bill = unbilled,
    ) -> AsyncGenerator[Delta | Reply]:
        assert not tools
        self.requests.append(Asked(prompt, list(messages)))
        self._more.set()
        said = self.replies.popleft() if self.replies else self.otherwise(self.requests[-1])
        try:
            if said is None:
                await asyncio.Event().wait()
            if isinstance(said, Exception):
                raise said
            if not isinstance(said, str):
                said = await said()
            pieces = [said[start : start + PIECE] for start in range(0, len(said), PIECE)]
            for piece in pieces:
                await asyncio.sleep(0)
                yield Delta(piece)
            call = ModelCall(prompt, "endpoint", self.name, tokens_in=self.tokens, tokens_out=len(pieces))
            bill(call)
            yield Reply(said, (), call, self.note)
        except (asyncio.CancelledError, GeneratorExit):
            self.abandoned += 1
            raise
