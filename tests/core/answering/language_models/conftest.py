"""The endpoint room: a scripted model behind a socket, without the services around it."""

from collections.abc import AsyncIterator

import pytest

from tests.core.answering.language_models.asking import close_connections
from tests.core.answering.speaking_model import SpeakingModel
from tests.emulators.language_model import ScriptedModel


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with SpeakingModel() as double:
        yield double
        await close_connections()
