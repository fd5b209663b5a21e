"""The HTTP service over real services, and callers of it."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NamedTuple

import httpx
import pytest

from bot.http.app import create_app
from core.bootstrap import Services, open_services
from core.settings import Settings
from tests.emulators.language_model import ScriptedModel


class Event(NamedTuple):
    name: str
    data: dict[str, Any]


class Caller(httpx.AsyncClient):
    """An HTTP client that can read server-sent events, and the services behind what it calls."""

    def __init__(self, services: Services, headers: dict[str, str] | None = None) -> None:
        self.services = services
        self.app = create_app(services)
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        super().__init__(transport=transport, base_url="http://assistant.test", headers=headers, timeout=60)

    async def events(
        self, path: str, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None
    ) -> list[Event]:
        reply = await self.post(path, json=body, headers={"Accept": "text/event-stream", **(headers or {})})
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"].startswith("text/event-stream")
        blocks = [
            dict(line.split(": ", 1) for line in block.split("\n")) for block in reply.text.split("\n\n") if block
        ]
        return [Event(block["event"], json.loads(block["data"])) for block in blocks]


Calling = Callable[..., AbstractAsyncContextManager[Caller]]


@pytest.fixture
def calling(ready_settings: Callable[..., Settings]) -> Calling:
    """A caller of a service with settings of the test's choice."""

    @asynccontextmanager
    async def call(**overrides: object) -> AsyncIterator[Caller]:
        async with open_services(ready_settings(**overrides)) as services, Caller(services) as caller:
            yield caller

    return call


@pytest.fixture
async def caller(calling: Calling) -> AsyncIterator[Caller]:
    """A caller of a service without a language model."""
    async with calling() as made:
        yield made


@pytest.fixture
async def http_model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture
async def model_caller(calling: Calling, http_model: ScriptedModel) -> AsyncIterator[Caller]:
    """A caller of a service whose answers `http_model` writes."""
    async with calling(llm_base_url=http_model.base_url, llm_model=http_model.name, llm_retries=0) as made:
        yield made
