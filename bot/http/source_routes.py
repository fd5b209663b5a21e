"""The endpoints of the sources. Each turns a request into a call of the curator and the result into a reply."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request, status
from starlette.datastructures import UploadFile

from bot.http.access import CLASH, MANAGE, PROBLEMS, READ, UNKNOWN, Core
from bot.http.knowledge_schemas import (
    CheckReply,
    NewSource,
    PageReply,
    ProposedSource,
    SourceChange,
    SourceRemoved,
    SourceReply,
    UploadedFile,
    UploadReply,
)
from bot.http.schemas import Problem
from core.domain.knowledge import PageStatus, Source
from core.errors import AssistantError, InputError
from core.knowledge.curate import UPLOAD_BYTES, Curator, propose

FILES = 50
REQUEST_BYTES = 10 * UPLOAD_BYTES

UPLOAD_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["files"],
                    "properties": {"files": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                }
            }
        },
    }
}
"""Written out since the files are read only after the key was checked."""

routes = APIRouter(prefix="/sources", tags=["sources"], responses=PROBLEMS)


@routes.get("", dependencies=[READ])
async def list_sources(services: Core) -> list[SourceReply]:
    """Every source, by name."""
    counts = await services.sources.page_counts()
    return [SourceReply.of(source, counts.get(source.name, 0)) for source in await services.sources.all()]


@routes.post("", dependencies=[MANAGE], status_code=status.HTTP_201_CREATED, responses=CLASH)
async def add_source(body: NewSource, services: Core) -> SourceReply:
    """Adds a source. Its pages are fetched at the next refresh."""
    return SourceReply.of(await services.curator.add(body.name, body.given()))


@routes.post("/check", dependencies=[MANAGE])
async def check_proposed(body: ProposedSource, services: Core) -> CheckReply:
    """Looks at a source without adding it: how many pages it lists, and what its first page says."""
    return await _checked(services.curator, propose("check", body.given()))


@routes.get("/{name}", dependencies=[READ], responses=UNKNOWN)
async def show_source(name: str, services: Core) -> SourceReply:
    """One source."""
    source = await services.sources.get(name)
    return SourceReply.of(source, (await services.sources.page_counts()).get(name, 0))


@routes.patch("/{name}", dependencies=[MANAGE], responses=UNKNOWN)
async def change_source(name: str, body: SourceChange, services: Core) -> SourceReply:
    """Changes what is sent and keeps the rest. It takes effect at the next refresh."""
    changed = await services.curator.change(name, body.given())
    return SourceReply.of(changed, (await services.sources.page_counts()).get(name, 0))


@routes.delete("/{name}", dependencies=[MANAGE], responses=UNKNOWN)
async def remove_source(name: str, services: Core) -> SourceRemoved:
    """Removes a source. Its pages leave the index at the next refresh."""
    return SourceRemoved(name=name, pages=await services.curator.remove(name))


@routes.post("/{name}/check", dependencies=[MANAGE], responses=UNKNOWN)
async def check_source(name: str, services: Core) -> CheckReply:
    """Looks at a source now: how many pages it lists, and what its first page says. Nothing is stored."""
    return await _checked(services.curator, await services.sources.get(name))


@routes.get("/{name}/pages", dependencies=[READ], responses=UNKNOWN)
async def list_pages(
    name: str,
    services: Core,
    status: Annotated[PageStatus | None, Query(description="Only pages whose last look went so.")] = None,
    limit: Annotated[int, Query(ge=1, le=100_000)] = 1000,
) -> list[PageReply]:
    """The pages of a source, by path, with how the last look at each went."""
    await services.sources.get(name)
    pages = await services.library.pages(name)
    return [PageReply.of(page) for page in pages if status in {None, page.status}][:limit]


@routes.post(
    "/{name}/upload",
    dependencies=[MANAGE],
    responses={
        **UNKNOWN,
        411: {"model": Problem, "description": "The request does not say how long it is."},
        413: {"model": Problem, "description": "The files are too large altogether."},
    },
    openapi_extra=UPLOAD_BODY,
)
async def upload(name: str, request: Request, services: Core) -> UploadReply:
    """Takes files into a source of the kind `upload`, 20 MB each at most. They are found after the next refresh."""
    await services.curator.uploads(name)
    _refuse_floods(request)
    async with request.form(max_files=FILES) as form:
        files = [item for item in form.getlist("files") if isinstance(item, UploadFile)]
        if not files:
            raise InputError("There is no file. Send files as multipart/form-data, each as a field called `files`.")
        return UploadReply(files=[await _taken(services.curator, name, file) for file in files])


def _refuse_floods(request: Request) -> None:
    """Before anything is read: what comes in goes to the disk."""
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise HTTPException(status.HTTP_411_LENGTH_REQUIRED, "Say the length of the request (Content-Length).")
    if int(length) > REQUEST_BYTES:
        limit = REQUEST_BYTES // 2**20
        raise HTTPException(413, f"The files are larger than {limit} MB altogether. Send them in several requests.")


async def _taken(curator: Curator, source: str, file: UploadFile) -> UploadedFile:
    name = file.filename or ""
    try:
        document = await curator.upload(source, name, await file.read(UPLOAD_BYTES + 1))
    except AssistantError as error:
        return UploadedFile(name=name, read=False, reason=error.said)
    return UploadedFile(name=name, read=True, path=document.path, title=document.title)


async def _checked(curator: Curator, source: Source) -> CheckReply:
    try:
        return CheckReply(ok=True, said=await curator.check(source), kind=source.kind)
    except AssistantError as error:
        return CheckReply(ok=False, said=error.said, kind=source.kind)
