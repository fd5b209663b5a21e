"""Conversations as files: the filtered list, or one session, written while they are read.

Comes in: a filter in the address, or the id of a session. Goes out: a download that is never in memory as a whole.
It lies below /admin, so the guard stands before it.
"""

from collections.abc import AsyncGenerator

from fastapi import HTTPException, Request
from fastapi.responses import StreamingResponse
from nicegui import app as console

from admin.export_formats import FORMATS, Format
from admin.session_filters import read_filter
from core.bootstrap import Services
from core.domain.conversation import Session
from core.domain.history import SessionFilter

__all__ = ["FORMATS", "LIST_EXPORT", "SESSION_EXPORT", "add_exports"]

LIST_EXPORT = "/exports/sessions"
SESSION_EXPORT = "/exports/session"

AT_ONCE = 50
"""Sessions that are in memory at a time."""


def add_exports(services: Services) -> None:
    """Adds `/exports/sessions.{kind}` and `/exports/session/{id}.{kind}`."""

    @console.get(f"{LIST_EXPORT}.{{kind}}", include_in_schema=False)
    async def all_of_them(request: Request, kind: str) -> StreamingResponse:  # pyright: ignore[reportUnusedFunction]
        form = _format(kind)
        return _download(form, f"sessions.{kind}", _list(services, form, read_filter(request.query_params)))

    @console.get(f"{SESSION_EXPORT}/{{session_id}}.{{kind}}", include_in_schema=False)
    async def one_of_them(session_id: str, kind: str) -> StreamingResponse:  # pyright: ignore[reportUnusedFunction]
        form, session = _format(kind), await services.sessions.find(session_id)
        if session is None:
            raise HTTPException(404, "There is no such session; it may have been deleted.")
        return _download(form, f"session-{session.id}.{kind}", _part(services, form, [session]))


def _format(kind: str) -> Format:
    form = FORMATS.get(kind)
    if form is None:
        raise HTTPException(404, f"Sessions can be exported as {', '.join(FORMATS)}.")
    return form


def _download(form: Format, name: str, text: AsyncGenerator[str]) -> StreamingResponse:
    async def whole() -> AsyncGenerator[str]:
        yield form.head
        async for piece in text:
            yield piece

    attached = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(whole(), media_type=form.media_type, headers=attached)


async def _list(services: Services, form: Format, wanted: SessionFilter) -> AsyncGenerator[str]:
    cursor = None
    while True:
        part = await services.conversations.page(wanted, AT_ONCE, older_than=cursor)
        async for text in _part(services, form, [listed.session for listed in part.items]):
            yield text
        cursor = part.older
        if cursor is None:
            return


async def _part(services: Services, form: Format, sessions: list[Session]) -> AsyncGenerator[str]:
    lines = await services.transcripts.whole([session.id for session in sessions])
    for session in sessions:
        yield form.write(session, lines[session.id])
