"""Slack over the HTTP Events API, through the FastAPI application that `serve` makes."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import NamedTuple

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from bot.http.app import create_app
from bot.rendering import WAITING
from bot.serve import _mount_slack
from bot.slack.app import SlackChannel
from core.bootstrap import open_services
from core.settings import Settings
from tests.emulators.language_model import ScriptedModel, Text
from tests.emulators.slack import SlackDouble

PUSH = "How do I push a model to Quillstore?"


class Served(NamedTuple):
    url: str
    app: FastAPI
    channel: SlackChannel


@pytest.fixture
async def served(
    ready_settings: Callable[..., Settings], slack: SlackDouble, model: ScriptedModel
) -> AsyncIterator[Served]:
    """The application on a port of its own; the channel is not started yet."""
    settings = ready_settings(
        slack_bot_token=slack.bot_token,
        slack_signing_secret=slack.signing_secret,
        slack_api_url=slack.api_url,
        llm_base_url=model.base_url,
        llm_model=model.name,
    )
    model.respond_with(lambda _: Text("Use `quill push` [1]."))
    async with open_services(settings) as services:
        await services.answering.warm_up()
        channel = SlackChannel(settings, services.answering, services.presence, services.aftercare, services.errands)
        app = create_app(services)
        _mount_slack(app, {"slack": channel})
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        server.capture_signals = nullcontext  # type: ignore[method-assign]
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Served(f"http://127.0.0.1:{port}/slack/events", app, channel)
        await channel.stop()
        server.should_exit = True
        await running


def with_sources(slack: SlackDouble) -> list[str]:
    return [message.text for message in slack.bot_messages() if "**Sources**" in message.text]


async def signed(served: Served, body: bytes, stamp: str, secret: str = SlackDouble.signing_secret) -> httpx.Response:
    signature = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    headers = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={signature}"}
    async with httpx.AsyncClient(headers=headers | {"Content-Type": "application/json"}) as client:
        return await client.post(served.url, content=body)


async def test_mention_over_http_is_answered_once(served: Served, slack: SlackDouble) -> None:
    await served.channel.start()
    act = await slack.mention(PUSH)
    for payload in act.payloads:
        assert (await slack.post_event(served.url, payload)).status == 200
    await slack.wait_for(with_sources)

    assert await served.channel.check() == "HTTP events at /slack/events"
    assert len(slack.bot_messages(thread_ts=act.ts)) == 1


async def test_event_that_comes_before_the_start_has_ended_is_answered_once(
    served: Served, slack: SlackDouble, model: ScriptedModel
) -> None:
    act = await slack.mention(PUSH)
    await slack.post_event(served.url, act.payloads[0])
    await served.channel.start()
    await slack.wait_for(with_sources)
    await slack.post_event(served.url, act.payloads[1])
    follow_up = await slack.mention("How do I roll a Quillstore model back?")
    await slack.post_event(served.url, follow_up.payloads[0])
    await slack.wait_for(lambda s: [m for m in s.bot_messages(thread_ts=follow_up.ts) if "**Sources**" in m.text])

    assert len(slack.bot_messages(thread_ts=act.ts)) == 1
    assert len(model.requests) == 2


async def test_slash_command_over_http(served: Served, slack: SlackDouble) -> None:
    await served.channel.start()
    reply = await slack.post_slash(served.url, "/ask", PUSH)
    await slack.wait_for(lambda s: any("**Sources**" in str(bodies) for bodies in s.response_urls.values()))

    assert reply.status == 200
    assert json.loads(reply.body) == {"text": WAITING, "response_type": "ephemeral"}
    assert slack.bot_messages() == []


async def test_empty_slash_command_over_http_is_told_in_the_reply(served: Served, slack: SlackDouble) -> None:
    await served.channel.start()
    reply = await slack.post_slash(served.url, "/ask", "")

    assert reply.status == 200
    assert "The message is empty." in reply.body


async def test_url_verification_gives_the_challenge_back(served: Served, slack: SlackDouble) -> None:
    reply = await slack.verify_url(served.url, "abc123")

    assert reply.status == 200
    assert "abc123" in reply.body


async def test_wrong_signature_is_refused(served: Served, slack: SlackDouble) -> None:
    await served.channel.start()
    act = await slack.mention(PUSH)
    reply = await slack.post_event(served.url, act.payloads[0], secret="wrong")

    assert reply.status == 401
    assert slack.bot_messages() == []


async def test_old_request_is_refused(served: Served, slack: SlackDouble) -> None:
    act = await slack.mention(PUSH)
    reply = await slack.post_event(served.url, act.payloads[0], sent_at=int(time.time()) - 3_600)

    assert reply.status == 401


@pytest.mark.parametrize("stamp", ["yesterday", "", "1e3", "9" * 400])
async def test_timestamp_that_is_none_is_refused_and_breaks_nothing(served: Served, stamp: str) -> None:
    reply = await signed(served, b"{}", stamp)

    assert reply.status_code == 401


async def test_unsigned_request_is_refused(served: Served) -> None:
    async with httpx.AsyncClient() as client:
        reply = await client.post(served.url, json={"type": "url_verification", "challenge": "x"})

    assert reply.status_code == 401


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"type": "event_callback"}', b"null"])
async def test_signed_nonsense_breaks_nothing(served: Served, body: bytes) -> None:
    reply = await signed(served, body, str(int(time.time())))

    assert reply.status_code < 500


async def test_endpoint_does_not_show_in_the_api_document(served: Served) -> None:
    assert "/slack/events" not in served.app.openapi()["paths"]
