"""How the tests of this folder ask: an endpoint over the scripted model, and all that it said."""

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AnyMessage, HumanMessage
from pydantic import BaseModel

from core.answering.language_models.connections import Connections
from core.answering.language_models.endpoint import OpenAIEndpoint
from core.answering.language_models.model import Delta, LanguageModel, Reply
from core.settings import load_settings
from tests.emulators.language_model import ScriptedModel

HELLO = (HumanMessage("How do I store a model?"),)


@dataclass(frozen=True)
class Said:
    """The deltas of a reply, and the reply; which must come last and only once."""

    deltas: list[str]
    reply: Reply

    @property
    def shown(self) -> str:
        return "".join(self.deltas)


async def said(
    model: LanguageModel, messages: Sequence[AnyMessage] = HELLO, tools: Sequence[type[BaseModel]] = ()
) -> Said:
    async with aclosing(model.stream(messages, prompt="agent.v1", tools=tools)) as stream:
        *pieces, reply = [piece async for piece in stream]
    assert isinstance(reply, Reply)
    return Said([piece.text for piece in pieces if isinstance(piece, Delta)], reply)


def endpoint(double: ScriptedModel, **overrides: object) -> OpenAIEndpoint:
    """The double as an endpoint; failed calls are not repeated unless `llm_retries` says so."""
    ours: dict[str, Any] = {"llm_base_url": double.base_url, "llm_model": double.name, "llm_retries": 0}
    settings = load_settings(**ours | overrides)
    return OpenAIEndpoint(settings.model_endpoints[0], settings, connections())


_opened: list[Connections] = []


def connections() -> Connections:
    """Connections that are closed when the test ends."""
    _opened.append(Connections())
    return _opened[-1]


async def close_connections() -> None:
    while _opened:
        await _opened.pop().close()
