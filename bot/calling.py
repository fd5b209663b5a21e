"""Speaks the HTTP API for the commands: to the service that runs, or to an application made here when none does.

Comes in: settings and a request. Goes out: what the API replied, or its sentence as an AssistantError. One way for
both, so that a command does the same whether `serve` runs or not.
"""

import getpass
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx

from core.domain.people import COMMAND, acting_as
from core.errors import AssistantError
from core.settings import Settings

HERE = "http://this-process"

TYPED_BY = "X-Typed-By"
"""The header that says who typed a command, percent-encoded."""


class Api:
    """The API, wherever it answers."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def call(self, method: str, path: str, **options: Any) -> Any:
        """The reply to a request. Raises AssistantError with what the service said against it."""
        try:
            reply = await self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            raise out_of_reach(str(self._client.base_url), error) from error
        if reply.is_error:
            raise refusal(reply)
        return reply.json()


@asynccontextmanager
async def api(settings: Settings) -> AsyncGenerator[Api]:
    """The API of the service that holds VAR_DIR, or of one for this command alone. Raises AssistantError."""
    from core.operations.ownership import own_folder, owner_address  # noqa: PLC0415 - `--help` stays quick

    options: dict[str, Any] = {"headers": headers(settings), "timeout": httpx.Timeout(30, read=None)}
    if address := owner_address(settings):
        async with httpx.AsyncClient(base_url=address, trust_env=False, **options) as client:
            yield Api(client)
        return
    from bot.http.app import create_app  # noqa: PLC0415 - seconds of imports
    from core.bootstrap import open_services  # noqa: PLC0415

    with own_folder(settings), acting_as(commander()):
        async with open_services(settings) as services:
            transport = httpx.ASGITransport(create_app(services))
            async with httpx.AsyncClient(base_url=HERE, transport=transport, **options) as client:
                yield Api(client)


def headers(settings: Settings) -> dict[str, str]:
    """What each request of a command carries: the API key, when one is set, and who typed it, when that is known."""
    key = {"X-API-Key": settings.api_key.get_secret_value()} if settings.api_key else {}
    return key | ({TYPED_BY: quote(name)} if (name := _typist()) else {})


def commander() -> str:
    """Whoever types commands on this machine, as the record of changes calls them."""
    return f"{COMMAND} of {name}" if (name := _typist()) else COMMAND


def _typist() -> str:
    """The name that the machine has for its user; containers may have none."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return ""


def refusal(reply: httpx.Response) -> AssistantError:
    """The sentence of a reply that is an error."""
    try:
        return AssistantError(str(reply.json()["detail"]))
    except (ValueError, KeyError, TypeError):
        return AssistantError(f"What answers at {reply.url.host} is not this service (HTTP {reply.status_code}).")


def out_of_reach(address: str, error: httpx.HTTPError) -> AssistantError:
    """The sentence for a service that holds VAR_DIR and does not answer."""
    return AssistantError(
        f"The running service at {address} does not answer ({error}). Stop it, or wait until it is ready."
    )
