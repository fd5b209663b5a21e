"""Server-sent events: answers and refreshes as they happen.

Comes in: a stream of domain events. Goes out: `event: <name>` with JSON data; the last one is `completed`, `finished`
or `error`. Pure but for the waiting.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated, Any, TypeVar

from fastapi import Header
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel
from pydantic_core import to_json

from bot.http.index_schemas import RefreshReply
from bot.http.schemas import ChatReply, Problem, Source, turn_id_of
from core.answering.grounding.citations import cite
from core.domain.events import Accepted, AnswerEvent, Completed, Passages, Queued, Searching, Step, TextDelta
from core.domain.knowledge import Progress, RefreshRun
from core.errors import AssistantError

EVENT_STREAM = "text/event-stream"
STREAMED: dict[int | str, dict[str, Any]] = {200: {"content": {EVENT_STREAM: {}}}}

Accept = Annotated[str, Header()]

T = TypeVar("T")

_drawing: set[asyncio.Task[None]] = set()
"""Keeps the tasks alive while they close."""

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def answer_events(first: AnswerEvent, rest: AsyncIterator[AnswerEvent], session_id: str) -> StreamingResponse:
    """The response for an answer whose first event is known."""

    async def stream() -> AsyncGenerator[bytes]:
        yield render_answer_event(first, session_id)
        try:
            async for event in _drawn(rest):
                yield render_answer_event(event, session_id)
        except AssistantError as error:
            yield _error(error)

    return StreamingResponse(stream(), media_type=EVENT_STREAM, headers=HEADERS)


def refresh_events(first: Progress | RefreshRun, rest: AsyncIterator[Progress | RefreshRun]) -> StreamingResponse:
    """The response for a refresh whose first event is known."""

    async def stream() -> AsyncGenerator[bytes]:
        yield _refresh_event(first)
        try:
            async for event in _drawn(rest):
                yield _refresh_event(event)
        except AssistantError as error:
            yield _error(error)

    return StreamingResponse(stream(), media_type=EVENT_STREAM, headers=HEADERS)


def render_answer_event(event: AnswerEvent, session_id: str) -> bytes:
    """One event of an answer on the wire."""
    name, data = _named(event, session_id)
    return _event(name, data)


def _named(event: AnswerEvent, session_id: str) -> tuple[str, BaseModel | dict[str, object]]:
    match event:
        case Accepted(event_id):
            named: tuple[str, BaseModel | dict[str, object]] = (
                "accepted",
                {"turn_id": turn_id_of(event_id), "session_id": session_id},
            )
        case Queued(position):
            named = "queued", {"position": position}
        case Searching(query):
            named = "searching", {"query": query}
        case Passages(passages, first):
            sources = [Source.of(cite(passage, number)) for number, passage in enumerate(passages, first)]
            named = "passages", {"sources": [source.model_dump() for source in sources]}
        case Step(who, what):
            named = "step", {"who": who, "what": what}
        case TextDelta(text):
            named = "delta", {"text": text}
        case Completed(answer):
            named = "completed", ChatReply.of(answer, session_id)
    return named


async def _drawn(events: AsyncIterator[T]) -> AsyncGenerator[T]:
    """The events, drawn by a task of their own, which ends when the reader leaves.

    Starlette cancels a reader's task at every await until it is gone; a model's call would never get to close.
    """
    ready: asyncio.Queue[T | AssistantError | None] = asyncio.Queue(maxsize=1)

    async def draw() -> None:
        try:
            async for event in events:
                await ready.put(event)
            await ready.put(None)
        except AssistantError as error:
            await ready.put(error)

    task = asyncio.create_task(draw())
    _drawing.add(task)
    task.add_done_callback(_drawing.discard)
    try:
        while (event := await ready.get()) is not None:
            if isinstance(event, AssistantError):
                raise event
            yield event
    finally:
        task.cancel()


def _refresh_event(event: Progress | RefreshRun) -> bytes:
    if isinstance(event, RefreshRun):
        return _event("finished", RefreshReply.of(event))
    return _event("progress", {**vars(event), "rate": event.rate, "seconds_left": event.seconds_left})


def _error(error: AssistantError) -> bytes:
    return _event("error", Problem(detail=error.said, retry=error.retry_may_help))


def _event(name: str, data: BaseModel | dict[str, object]) -> bytes:
    return format_sse_event(event=name, data_str=to_json(data).decode())
