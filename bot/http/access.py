"""What every endpoint stands on: the services, the key, and the problems that are documented.

Comes in: a request. Goes out: `Services`, and who acts; or 401, or 403. Every route names the scope that a key
needs for it: `ASK`, `READ` or `MANAGE`; that of the metrics has a token of its own, `METRICS`.
"""

import secrets
from collections.abc import AsyncGenerator
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, HTTPException, Request, Security, status
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from pydantic import SecretStr

from bot.calling import TYPED_BY
from bot.http.schemas import Problem
from core.bootstrap import Services
from core.domain.people import COMMAND, SERVICE, KeyScope, acting, acting_as
from core.operations.keys import BEGINNING

LONGEST = 64
"""Characters taken of a name that a command says."""

Responses = dict[int | str, dict[str, Any]]

PROBLEMS: Responses = {
    401: {"model": Problem, "description": "The API key is missing or wrong, has expired or was revoked."},
    403: {"model": Problem, "description": "The API key is not meant for this."},
    422: {"model": Problem, "description": "The request cannot be understood; the reason is in `detail`."},
    503: {"model": Problem, "description": "A part that is needed is down."},
}
UNKNOWN: Responses = {404: {"model": Problem, "description": "Nothing has this name."}}
CLASH: Responses = {409: {"model": Problem, "description": "The name is taken, or a refresh is under way."}}


def services_of(request: Request) -> Services:
    """The services that the application was made with."""
    return request.app.state.services


Core = Annotated[Services, Depends(services_of)]


Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
KeyHeader = Annotated[str | None, Depends(APIKeyHeader(name="X-API-Key", auto_error=False))]


async def check_key(
    needed: SecurityScopes,
    request: Request,
    services: Core,
    bearer: Bearer,
    header: KeyHeader,
) -> AsyncGenerator[None]:
    """Lets a request pass that carries API_KEY, or a key of the console with the scopes that are needed.

    Any passes when no API_KEY is set (which only loopback allows) and no key is sent.
    """
    given = (bearer.credentials if bearer else header) or ""
    expected = services.settings.api_key
    if _is(given, expected):
        who = "API_KEY"
    elif expected is None and not given.startswith(BEGINNING):
        _refuse_other_sites(request)
        who = "http"
    else:
        who = await _named(services, given, needed.scopes)
    with acting_as(_typed(request, who) if acting() == SERVICE else acting()):
        yield


def _typed(request: Request, who: str) -> str:
    """Who acts, and who typed the command that does. The latter is only said, so it stands behind what is known."""
    name = unquote(request.headers.get(TYPED_BY, ""))[:LONGEST]
    return f"{who} ({COMMAND} of {name})" if name and name.isprintable() else who


async def check_scrape(request: Request, services: Core, bearer: Bearer, header: KeyHeader) -> None:
    """Lets a scrape pass that carries METRICS_TOKEN or API_KEY, or a key of the console with the scope `metrics`.

    Any passes when neither is set and no key is sent.
    """
    given = (bearer.credentials if bearer else header) or ""
    settings = services.settings
    if _is(given, settings.metrics_token) or _is(given, settings.api_key):
        return
    if settings.metrics_token or settings.api_key or given.startswith(BEGINNING):
        await _named(services, given, [KeyScope.METRICS])
    else:
        _refuse_other_sites(request)


def _is(given: str, expected: SecretStr | None) -> bool:
    """Whether a secret that is set was sent."""
    return expected is not None and secrets.compare_digest(given.encode(), expected.get_secret_value().encode())


async def _named(services: Services, given: str, needed: list[str]) -> str:
    """Who acts with a key of the console."""
    key = await services.keys.check(given)
    if key is None:
        raise HTTPException(
            status.HTTP_401_UNAUTHORIZED,
            "Send the API key as `Authorization: Bearer …` or `X-API-Key: …`. It must be one that was neither revoked "
            "nor has expired.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if missing := sorted(set(needed) - key.scopes):
        raise HTTPException(
            status.HTTP_403_FORBIDDEN,
            f"The key {key.name!r} may not do this: it lacks the scope {', '.join(missing)}. An owner of the console "
            "can make one that has it.",
        )
    return f"key {key.name}"


def _refuse_other_sites(request: Request) -> None:
    """Without a key, what a browser sends for a page of another site is refused: that page may be anybody's."""
    if request.headers.get("sec-fetch-site") in {"cross-site", "same-site"}:
        raise HTTPException(status.HTTP_403_FORBIDDEN, "A page of another site may not ask this. Set an API_KEY.")


ASK: Any = Security(check_key, scopes=[KeyScope.ASK])
READ: Any = Security(check_key, scopes=[KeyScope.READ])
MANAGE: Any = Security(check_key, scopes=[KeyScope.MANAGE])
METRICS: Any = Depends(check_scrape)
