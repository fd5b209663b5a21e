"""The answering room over real services, with a scripted language model behind its endpoint."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from core.answering.language_models.connections import Connections
from core.bootstrap import Services, open_services
from core.settings import Settings
from tests.core.answering.speaking_model import SpeakingModel
from tests.emulators.language_model import ScriptedModel


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with SpeakingModel() as double:
        yield double


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    """To language models."""
    opened = Connections()
    yield opened
    await opened.close()


@pytest.fixture
async def open_room(
    ready_settings: Callable[..., Settings], model: ScriptedModel
) -> AsyncIterator[Callable[..., Awaitable[Services]]]:
    """Opens the services over the scripted model; keywords override settings. Failed calls are not repeated."""
    async with AsyncExitStack() as stack:

        async def opened(**overrides: object) -> Services:
            endpoint: dict[str, object] = {"llm_base_url": model.base_url, "llm_model": model.name, "llm_retries": 0}
            return await stack.enter_async_context(open_services(ready_settings(**(endpoint | overrides))))

        yield opened


@pytest.fixture
async def room(open_room: Callable[..., Awaitable[Services]]) -> Services:
    """All services, with the scripted model."""
    return await open_room()
