"""Speaks to a service that already runs, so that commands work while `serve` owns the index.

Comes in: its address and a question. Goes out: the same events as from within. Called by `ask` and `refresh`.
"""

import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import httpx

from bot.http.schemas import ChatReply
from core.domain.conversation import Answer, Citation, Mode
from core.domain.events import AnswerEvent, Completed, Searching, Step, TextDelta
from core.domain.knowledge import IndexVersion, Progress, RefreshRun, RunStatus, Stage
from core.errors import AssistantError
from core.settings import Settings

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


async def refresh_service(address: str, settings: Settings, *, rebuild: bool) -> AsyncGenerator[Progress | RefreshRun]:
    """Refreshes the index of the service at `address`. Raises AssistantError with what it said."""
    async with aclosing(_stream(address, "/index-docs", settings, {"rebuild": rebuild})) as wire:
        async for name, data in wire:
            if name == "progress":
                yield Progress(**data)
            elif name == "finished":
                yield _finished(data)


async def _stream(
    address: str, path: str, settings: Settings, body: dict[str, Any]
) -> AsyncGenerator[tuple[str, dict[str, Any]]]:
    headers = {"Accept": "text/event-stream"}
    if settings.api_key:
        headers["X-API-Key"] = settings.api_key.get_secret_value()
    try:
        async with (
            httpx.AsyncClient(base_url=address, timeout=httpx.Timeout(30, read=None), trust_env=False) as client,
            client.stream("POST", path, json=body, headers=headers) as reply,
        ):
            if reply.is_error:
                raise AssistantError(json.loads(await reply.aread())["detail"])
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
        raise AssistantError(
            f"The running service at {address} does not answer ({error}). Stop it, or wait until it is ready."
        ) from error


async def _lines(reply: httpx.Response) -> AsyncGenerator[str]:
    """The lines of a stream of events; httpx would end lines at characters that JSON leaves in its texts too."""
    kept = ""
    async for text in reply.aiter_text():
        *lines, kept = (kept + text).split("\n")
        for line in lines:
            yield line.removesuffix("\r")


def _answer_event(name: str, data: dict[str, Any]) -> AnswerEvent | None:
    match name:
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


def _finished(data: dict[str, Any]) -> RefreshRun:
    now = datetime.now(UTC)
    version = None
    if data["documents"] is not None:
        version = IndexVersion("", Stage.PRODUCTION, "", data["documents"], data["passages"], data["seconds"], now)
    return RefreshRun(data["run_id"], "command", RunStatus(data["status"]), now, now, version=version)
