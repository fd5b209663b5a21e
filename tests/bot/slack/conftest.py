"""A Slack channel over real services, and the double of Slack around it, which must have nothing to complain about."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from bot.slack.app import SlackChannel
from core.bootstrap import Services, open_services
from core.settings import Settings
from tests.emulators.language_model import ScriptedModel
from tests.emulators.slack import SlackDouble

Opener = Callable[..., AbstractAsyncContextManager[SlackChannel]]


@pytest.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with SlackDouble() as double:
        yield double
    assert double.violations == []
    assert double.late_acknowledgements() == []


@pytest.fixture
async def model() -> AsyncIterator[ScriptedModel]:
    async with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture
def slack_settings(ready_settings: Callable[..., Settings], slack: SlackDouble) -> Callable[..., Settings]:
    """Settings with both tokens of the double; keywords override."""

    def make(**overrides: object) -> Settings:
        tokens = {"slack_bot_token": slack.bot_token, "slack_app_token": slack.app_token}
        return ready_settings(**{**tokens, "slack_api_url": slack.api_url, "llm_retries": 0, **overrides})

    return make


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[Services, SlackChannel]]:
    """Services and a channel that is not started yet; both stop at the end, as when the process is told to."""
    async with open_services(settings) as services:
        await services.answering.warm_up()
        channel = SlackChannel(settings, services.answering, services.presence, services.aftercare, services.errands)
        try:
            yield services, channel
        finally:
            await channel.stop()


@pytest.fixture
def running() -> Opener:
    """A process, as it were: a started channel over services of its own."""

    @asynccontextmanager
    async def run(settings: Settings) -> AsyncIterator[SlackChannel]:
        async with opened(settings) as (_, channel):
            await channel.start()
            yield channel

    return run


@pytest.fixture
async def channel(slack_settings: Callable[..., Settings], running: Opener) -> AsyncIterator[SlackChannel]:
    """A started channel without a language model."""
    async with running(slack_settings()) as started:
        yield started


@pytest.fixture
async def model_channel(
    slack_settings: Callable[..., Settings], running: Opener, model: ScriptedModel
) -> AsyncIterator[SlackChannel]:
    """A started channel whose answers `model` writes."""
    async with running(slack_settings(llm_base_url=model.base_url, llm_model=model.name)) as started:
        yield started
