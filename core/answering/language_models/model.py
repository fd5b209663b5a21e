"""What both engines ask: messages in, pieces of text out, the whole reply last.

Implemented by one endpoint (`endpoint.py`), by several in order (`chain.py`) and by the model that quotes
(`extractive.py`); asked by the graph and the crew.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from langchain_core.messages import AnyMessage
from pydantic import BaseModel

from core.answering.bill import Bill, unbilled
from core.domain.conversation import ModelCall


@dataclass(frozen=True)
class Delta:
    """The next piece of the text that people may see; never a model's thinking, never a tool call."""

    text: str


@dataclass(frozen=True)
class ToolRequest:
    """A tool that the model wants to use. `problem` says in words why its arguments could not be read, if so."""

    id: str
    name: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])
    problem: str = ""


@dataclass(frozen=True)
class Reply:
    """A whole reply: its text, the tools that it asks for, and what the call took. `note` is for people."""

    text: str
    tools: tuple[ToolRequest, ...]
    call: ModelCall
    note: str = ""


class LanguageModel(Protocol):
    """Something that replies to messages."""

    @property
    def name(self) -> str:
        """The name under which answers are stored."""
        ...

    def stream(
        self,
        messages: Sequence[AnyMessage],
        *,
        prompt: str,
        tools: Sequence[type[BaseModel]] = (),
        bill: Bill = unbilled,
    ) -> AsyncGenerator[Delta | Reply]:
        """The reply to messages: deltas as they come, then exactly one `Reply`, whose text is all of them.

        `prompt` names the prompt file that the messages were made from, such as `agent.v1`. Closing the generator
        closes the connection to the model; `bill` is told of it all the same. Raises ModelError when there is no reply.
        """
        ...
