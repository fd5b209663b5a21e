"""Makes the FastAPI application.

Comes in: `Services`. Goes out: an ASGI application that turns every error into a sentence. Slack's HTTP events and the
console are mounted beside it by `bot.serve`.
"""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from bot.http import index_routes, source_routes, watch_routes
from bot.http.routes import open_routes, routes
from core.bootstrap import Services
from core.errors import (
    AssistantError,
    InputError,
    NameTaken,
    RefreshUnderWay,
    TurnStopped,
    UnknownSession,
    UnknownSource,
    UnknownTurn,
    UnknownVersion,
)
from core.version import VERSION

_log = logging.getLogger(__name__)


def create_app(services: Services) -> FastAPI:
    """The application, with its API documentation served from this machine."""
    app = FastAPIOffline(
        title="MLOps Assistant",
        version=VERSION,
        description="Answers MLOps questions from a knowledge base that it keeps fresh, with sources.",
    )
    app.state.services = services
    app.include_router(open_routes)
    app.include_router(watch_routes.routes)
    app.include_router(routes)
    app.include_router(index_routes.routes)
    app.include_router(source_routes.routes)
    _tell_errors(app)
    return app


def create_watch_app(services: Services) -> FastAPI:
    """What a process without the role `http` answers to those who watch it."""
    app = FastAPI(title="MLOps Assistant", version=VERSION, openapi_url=None)
    app.state.services = services
    app.include_router(watch_routes.routes)
    _tell_errors(app)
    return app


def status_of(error: AssistantError) -> int:
    """The HTTP status of an error: whose fault it was."""
    match error:
        case UnknownSession() | UnknownTurn() | UnknownSource() | UnknownVersion():
            return 404
        case NameTaken() | RefreshUnderWay() | TurnStopped():
            return 409
        case InputError():
            return 422
        case _:
            return 503


def reason_of(error: RequestValidationError) -> str:
    """Why a request was not understood, in one sentence a mistake."""

    def sentence(item: dict[str, Any]) -> str:
        place = ".".join(str(part) for part in item["loc"][1:] if not isinstance(part, int)) or "body"
        return f"{place}: {item['msg']}"

    return "; ".join(sentence(item) for item in error.errors()) + "."


def _tell_errors(app: FastAPI) -> None:
    app.add_exception_handler(AssistantError, _tell)
    app.add_exception_handler(RequestValidationError, _tell_reason)
    app.add_exception_handler(HTTPException, _tell_status)
    app.add_exception_handler(Exception, _apologise)


async def _tell(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AssistantError)  # noqa: S101 - registered for this class
    return _problem(status_of(error), error.said, retry=error.retry_may_help)


async def _tell_reason(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return _problem(422, reason_of(error), retry=False)


async def _tell_status(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    return _problem(error.status_code, str(error.detail), retry=False, headers=dict(error.headers or {}))


async def _apologise(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s broke", request.method, request.url.path, exc_info=error)
    return _problem(500, "Something broke on our side; nothing stored was lost. The log has the details.", retry=True)


def _problem(status: int, detail: str, *, retry: bool, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail, "retry": retry}, status, headers)
