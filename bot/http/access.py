"""What every endpoint stands on: the services, the key, and the problems that are documented.

Comes in: a request. Goes out: `Services`, or 401. Used by all routes.
"""

import secrets
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, status
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer

from bot.http.schemas import Problem
from core.bootstrap import Services

Responses = dict[int | str, dict[str, Any]]

PROBLEMS: Responses = {
    401: {"model": Problem, "description": "The API key is missing or wrong."},
    422: {"model": Problem, "description": "The request cannot be understood; the reason is in `detail`."},
    503: {"model": Problem, "description": "A part that is needed is down."},
}
UNKNOWN: Responses = {404: {"model": Problem, "description": "Nothing has this name."}}
CLASH: Responses = {409: {"model": Problem, "description": "The name is taken, or a refresh is under way."}}


def services_of(request: Request) -> Services:
    """The services that the application was made with."""
    return request.app.state.services


Core = Annotated[Services, Depends(services_of)]


def check_key(
    request: Request,
    services: Core,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
    header: Annotated[str | None, Depends(APIKeyHeader(name="X-API-Key", auto_error=False))],
) -> None:
    """Lets a request pass that carries the API key, or any when none is set (which only loopback allows).

    Without a key, requests that a browser sends for a page of another site are refused: that page may be anybody's.
    """
    expected = services.settings.api_key
    if expected is None:
        if request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
            raise HTTPException(status.HTTP_403_FORBIDDEN, "A page of another site may not ask this. Set an API_KEY.")
        return
    given = (bearer.credentials if bearer else header) or ""
    if not secrets.compare_digest(given.encode(), expected.get_secret_value().encode()):
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED,
            "Send the API key as `Authorization: Bearer …` or `X-API-Key: …`.",
            headers={"WWW-Authenticate": "Bearer"},
        )
