"""How the channel starts, waits for Slack, and takes up what a stopped process left."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Self

import pytest
from aiohttp import web

from bot.slack import app as slack_app
from bot.slack.app import SlackChannel
from core.bootstrap import open_services
from core.domain.conversation import Answer, Question, SessionKey
from core.errors import ChannelError
from core.settings import Settings
from tests.emulators.language_model import Hang, ScriptedModel, Text
from tests.emulators.slack import HELP, SlackDouble

PUSH = "How do I push a model to Quillstore?"
MakeSettings = Callable[..., Settings]
Opener = Callable[..., AbstractAsyncContextManager[SlackChannel]]


class SlackAt(SlackDouble):
    """A double on a port of the test's choice."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.port = port

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.address = f"127.0.0.1:{self.port}"
        return self


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def with_sources(slack: SlackDouble) -> list[str]:
    return [message.text for message in slack.bot_messages() if "**Sources**" in message.text]


async def eventually(condition: Callable[[], object]) -> None:
    """Waits until the condition holds, as long as the test's own timeout allows."""
    while not condition():  # noqa: ASYNC110 - nothing to be told by
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("setting", "prefix"), [("slack_bot_token", "xoxb-"), ("slack_app_token", "xapp-")]
)  # fmt: skip
async def test_wrong_token_is_named_in_a_sentence(
    slack_settings: MakeSettings, running: Opener, setting: str, prefix: str
) -> None:
    with pytest.raises(ChannelError) as caught:
        async with running(slack_settings(**{setting: f"{prefix}wrong"})):
            pass

    assert caught.value.said.startswith(f"Slack refused {setting.upper()} (invalid_auth). Copy it again")
    assert prefix in caught.value.said


@pytest.mark.parametrize("error", ["http_500", "ratelimited", "service_unavailable", "internal_error"])
async def test_slack_that_is_broken_for_a_moment_is_waited_out(
    slack_settings: MakeSettings, running: Opener, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch, error: str
) -> None:
    monkeypatch.setattr(slack_app, "RETRY_SECONDS", 0.05)
    slack.fail("auth.test", error, times=5, retry_after=0)

    async with running(slack_settings()):
        await slack.mention(PUSH)
        await slack.wait_for(with_sources)


async def test_slack_that_is_away_is_waited_out_and_shown_as_down(
    ready_settings: MakeSettings, running: Opener, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_app, "RETRY_SECONDS", 0.05)
    tokens = {"slack_bot_token": SlackDouble.bot_token, "slack_app_token": SlackDouble.app_token}
    settings = ready_settings(**tokens, slack_api_url=f"http://127.0.0.1:{closed_port}/api")

    async with running(settings) as channel:
        with pytest.raises(ChannelError, match="Slack cannot be reached"):
            await channel.check()
        async with SlackAt(closed_port) as slack:
            await slack.mention(PUSH)
            await slack.wait_for(with_sources, timeout=30)
            assert await channel.check() == "Socket Mode"
            assert len(slack.bot_messages()) == 1
            assert slack.violations == []
            await channel.stop()


async def test_token_that_turns_out_wrong_later_is_shown_in_health(
    ready_settings: MakeSettings, running: Opener, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slack_app, "RETRY_SECONDS", 0.05)
    tokens = {"slack_bot_token": "xoxb-wrong", "slack_app_token": SlackDouble.app_token}
    settings = ready_settings(**tokens, slack_api_url=f"http://127.0.0.1:{closed_port}/api")

    async with running(settings) as channel, SlackAt(closed_port) as slack:
        await slack.wait_for(lambda s: s.calls)
        await eventually(lambda: not channel._tasks)
        with pytest.raises(ChannelError, match="SLACK_BOT_TOKEN"):
            await channel.check()


async def test_channel_that_is_not_started_is_down(slack_settings: MakeSettings) -> None:
    settings = slack_settings()
    async with open_services(settings) as services:
        channel = SlackChannel(settings, services.answering, services.presence, services.aftercare, services.errands)
        with pytest.raises(ChannelError):
            await channel.check()
        await channel.stop()


async def test_missing_scopes_are_named(
    slack: SlackDouble, slack_settings: MakeSettings, running: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    slack.scopes = ["chat:write", "commands"]

    async with running(slack_settings()):
        pass

    assert "app_mentions:read, assistant:write, channels:history" in caplog.text


# what a stopped process left


async def test_pending_question_is_answered_in_the_message_already_posted(
    slack_settings: MakeSettings, running: Opener, slack: SlackDouble, model: ScriptedModel
) -> None:
    settings = slack_settings(llm_base_url=model.base_url, llm_model=model.name)
    model.script(Hang(), Text("Use `quill push` [1]."))

    async with running(settings):
        act = await slack.mention(PUSH)
        await model.wait_for(lambda m: m.requests)
        await slack.wait_for(lambda s: s.bot_messages(thread_ts=act.ts))
    async with running(settings):
        await slack.wait_for(with_sources)

    [reply] = slack.bot_messages()
    assert reply.thread_ts == act.ts
    assert reply.text.startswith("Use `quill push` [1].")


async def test_pending_question_is_answered_once_over_two_restarts(
    slack_settings: MakeSettings, running: Opener, slack: SlackDouble, model: ScriptedModel
) -> None:
    settings = slack_settings(llm_base_url=model.base_url, llm_model=model.name)
    model.script(Hang(), Text("Use `quill push` [1]."))

    async with running(settings):
        act = await slack.mention(PUSH)
        await model.wait_for(lambda m: m.requests)
    async with running(settings):
        await slack.wait_for(with_sources)
    async with running(settings):
        await slack.redeliver(act)
        await slack.wait_for(lambda s: all(e.acks or e.abandoned for e in s.envelopes))

    assert len(slack.bot_messages()) == 1
    assert len(model.requests) == 2


async def test_question_that_was_stored_but_not_placed_is_answered_in_its_thread(
    slack_settings: MakeSettings, running: Opener, slack: SlackDouble
) -> None:
    settings = slack_settings()
    act = await slack.say("somebody asked here")
    question = Question(SessionKey("slack", "T0DOUBLE", HELP, act.ts), PUSH, event_id="slack:T0DOUBLE:C0HELP:1")
    async with open_services(settings) as services:
        await services.turns.claim(question, "gone")

    async with running(settings):
        await slack.wait_for(with_sources)

    [reply] = slack.bot_messages()
    assert reply.thread_ts == act.ts


async def test_answer_that_was_not_delivered_is_delivered_once(
    slack_settings: MakeSettings, running: Opener, slack: SlackDouble, model: ScriptedModel
) -> None:
    settings = slack_settings(llm_base_url=model.base_url, llm_model=model.name)
    act = await slack.say("somebody asked here")
    question = Question(SessionKey("slack", "T0DOUBLE", HELP, act.ts), PUSH, event_id="slack:T0DOUBLE:C0HELP:1")
    async with open_services(settings) as services:
        await services.turns.claim(question, "gone")
        await services.turns.complete(question.event_id, Answer("Use `quill push`."))

    for _ in range(2):
        async with running(settings):
            await slack.wait_for(
                lambda s: s.bot_messages() and s.bot_messages()[0].text.startswith("Use `quill push`.")
            )
            await eventually_delivered(settings, question)

    assert len(slack.bot_messages()) == 1
    assert model.requests == []


async def eventually_delivered(settings: Settings, question: Question) -> None:
    """Waits until nothing is left to be done for the question."""
    async with open_services(settings) as services:
        while await services.turns.unfinished("slack", datetime.now(UTC) - timedelta(hours=1)):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        [asked, *_] = await services.sessions.transcript(question.session)
        assert asked.status == "delivered"


async def test_message_that_waited_for_our_start_is_answered_once(
    slack_settings: MakeSettings, running: Opener, slack: SlackDouble, model: ScriptedModel
) -> None:
    model.respond_with(lambda _: Text("Use `quill push` [1]."))
    acts = [await slack.mention(PUSH) for _ in range(3)]

    async with running(slack_settings(llm_base_url=model.base_url, llm_model=model.name)):
        await slack.wait_for(lambda s: len(with_sources(s)) >= 3)
        await slack.wait_for(lambda s: all(e.acks for e in s.envelopes))

    assert [len(slack.bot_messages(thread_ts=act.ts)) for act in acts] == [1, 1, 1]
    assert len(model.requests) == 3
