"""Server-sent events: answers and refreshes as they happen.

Comes in: a stream of domain events. Goes out: `event: <name>` with JSON data; the last one is `completed`, `finished`
or `error`. Pure but for the waiting.
"""

from collections.abc import AsyncGenerator, AsyncIterator

from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from pydantic import BaseModel
from pydantic_core import to_json

from bot.http.schemas import ChatReply, Problem, RefreshReply, Source
from core.answering.citations import cite
from core.domain.events import AnswerEvent, Completed, Passages, Searching, Step, TextDelta
from core.domain.knowledge import Progress, RefreshRun
from core.errors import AssistantError

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def answer_events(first: AnswerEvent, rest: AsyncIterator[AnswerEvent], session_id: str) -> StreamingResponse:
    """The response for an answer whose first event is known."""

    async def stream() -> AsyncGenerator[bytes]:
        yield render_answer_event(first, session_id)
        try:
            async for event in rest:
                yield render_answer_event(event, session_id)
        except AssistantError as error:
            yield _error(error)

    return StreamingResponse(stream(), media_type="text/event-stream", headers=HEADERS)


def refresh_events(first: Progress | RefreshRun, rest: AsyncIterator[Progress | RefreshRun]) -> StreamingResponse:
    """The response for a refresh whose first event is known."""

    async def stream() -> AsyncGenerator[bytes]:
        yield _refresh_event(first)
        try:
            async for event in rest:
                yield _refresh_event(event)
        except AssistantError as error:
            yield _error(error)

    return StreamingResponse(stream(), media_type="text/event-stream", headers=HEADERS)


def render_answer_event(event: AnswerEvent, session_id: str) -> bytes:
    """One event of an answer on the wire."""
    match event:
        case Searching(query):
            return _event("searching", {"query": query})
        case Passages(passages, first):
            sources = [Source.of(cite(passage, number)) for number, passage in enumerate(passages, first)]
            return _event("passages", {"sources": [source.model_dump() for source in sources]})
        case Step(who, what):
            return _event("step", {"who": who, "what": what})
        case TextDelta(text):
            return _event("delta", {"text": text})
        case Completed(answer):
            return _event("completed", ChatReply.of(answer, session_id))


def _refresh_event(event: Progress | RefreshRun) -> bytes:
    if isinstance(event, RefreshRun):
        return _event("finished", RefreshReply.of(event))
    return _event("progress", {"stage": event.stage, "done": event.done, "total": event.total})


def _error(error: AssistantError) -> bytes:
    return _event("error", Problem(detail=error.said, retry=error.retry_may_help))


def _event(name: str, data: BaseModel | dict[str, object]) -> bytes:
    return format_sse_event(event=name, data_str=to_json(data).decode())
