"""Speaks to a service that already runs, so that commands work while `serve` owns the index.

Comes in: its address and a question. Goes out: the same events as from within. Called by `ask` and `refresh`, which
show things as they happen; the other commands use `bot.calling`.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import fields
from typing import Any

import httpx

from bot.calling import headers, out_of_reach, refusal
from bot.http.index_schemas import RefreshReply
from bot.http.schemas import ChatReply
from core.domain.conversation import Answer, Citation, Mode
from core.domain.events import AnswerEvent, Completed, Queued, Searching, Step, TextDelta
from core.domain.knowledge import Progress
from core.errors import AssistantError
from core.settings import Settings

PROGRESS = tuple(field.name for field in fields(Progress))
PATHS = {Mode.AGENT: "/chat", Mode.CREW: "/crew-chat"}


async def ask_service(
    address: str, settings: Settings, text: str, session_id: str, mode: Mode
) -> AsyncGenerator[AnswerEvent]:
    """Asks the service at `address`. Raises AssistantError with what it said."""
    body = {"message": text, "session_id": session_id}
    async with aclosing(_stream(address, PATHS[mode], settings, body)) as wire:
        async for name, data in wire:
            event = _answer_event(name, data)
            if event:
                yield event


async def refresh_service(
    address: str, settings: Settings, *, rebuild: bool
) -> AsyncGenerator[Progress | RefreshReply]:
    """Refreshes the index of the service at `address`. Raises AssistantError with what it said."""
    async with aclosing(_stream(address, "/index-docs", settings, {"rebuild": rebuild})) as wire:
        async for name, data in wire:
            if name == "progress":
                yield Progress(**{field: data[field] for field in PROGRESS if field in data})
            elif name == "finished":
                yield RefreshReply.model_validate(data)


async def _stream(
    address: str, path: str, settings: Settings, body: dict[str, Any]
) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
    sent = {"Accept": "text/event-stream", **headers(settings)}
    try:
        async with (
            httpx.AsyncClient(base_url=address, timeout=httpx.Timeout(30, read=None), trust_env=False) as client,
            client.stream("POST", path, json=body, headers=sent) as reply,
        ):
            if reply.is_error:
                await reply.aread()
                raise refusal(reply)
            name = ""
            async for line in _lines(reply):
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data" and name == "error":
                    raise AssistantError(json.loads(value)["detail"])
                elif field == "data":
                    yield name, json.loads(value)
    except httpx.HTTPError as error:
        raise out_of_reach(address, error) from error


async def _lines(reply: httpx.Response) -> AsyncGenerator[str]:
    """The lines of a stream of events; httpx would end lines at characters that JSON leaves in its texts too."""
    kept = ""
    async for text in reply.aiter_text():
        *lines, kept = (kept + text).split("\n")
        for line in lines:
            yield line.removesuffix("\r")


def _answer_event(name: str, data: dict[str, Any]) -> AnswerEvent | None:
    match name:
        case "queued":
            return Queued(data["position"])
        case "searching":
            return Searching(data["query"])
        case "step":
            return Step(data["who"], data["what"])
        case "delta":
            return TextDelta(data["text"])
        case "completed":
            return Completed(_answer(ChatReply.model_validate(data)))
        case _:
            return None


def _answer(reply: ChatReply) -> Answer:
    citations = tuple(
        Citation(s.number, "", s.title, tuple(s.heading_path), s.address, s.score, s.quote) for s in reply.sources
    )
    return Answer(reply.response, citations, covered=reply.covered, model=reply.model, note=reply.note)
