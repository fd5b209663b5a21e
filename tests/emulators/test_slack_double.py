"""The Slack double, driven through slack_bolt and slack_sdk as the product drives it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientSession, web
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncAck, AsyncApp, AsyncSay
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from .slack import Json, SlackDouble

pytestmark = pytest.mark.asyncio
SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "Was this *useful*?"}}
BUTTON = {
    "type": "button",
    "action_id": "feedback",
    "value": "good",
    "text": {"type": "plain_text", "text": "Yes"},
}


@pytest_asyncio.fixture
async def slack() -> AsyncIterator[SlackDouble]:
    async with SlackDouble() as double:
        yield double


@pytest.fixture
def client(slack: SlackDouble) -> AsyncWebClient:
    return AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)


@pytest.fixture
def seen() -> list[Json]:
    return []


@pytest.fixture
def app(slack: SlackDouble, client: AsyncWebClient, seen: list[Json]) -> AsyncApp:
    """An app that answers mentions in a thread, notes everything, and acknowledges what it has no use for."""
    app = AsyncApp(client=client, signing_secret=slack.signing_secret)

    @app.event("app_mention")
    async def answer(body: Json, event: Json, say: AsyncSay) -> None:
        seen.append(body)
        await say(text=f"You said: {event['text']}", thread_ts=event.get("thread_ts", event["ts"]))

    @app.event("message")
    async def note(body: Json) -> None:
        seen.append(body)

    @app.command("/ask")
    async def ask(ack: AsyncAck, command: Json, respond: Any) -> None:
        await ack("Looking")
        await respond(text=f"Found {command['text']}", response_type="in_channel")

    @app.action("feedback")
    async def thank(ack: AsyncAck, body: Json, client: AsyncWebClient) -> None:
        await ack()
        where = {"channel": body["channel"]["id"], "user": body["user"]["id"]}
        await client.chat_postEphemeral(**where, text=f"noted: {body['actions'][0]['value']}")

    return app


@asynccontextmanager
async def connected(slack: SlackDouble, app: AsyncApp) -> AsyncIterator[None]:
    handler = AsyncSocketModeHandler(app, slack.app_token)
    handler.client.web_client.base_url = slack.api_url
    await handler.connect_async()
    try:
        await slack.wait_for(lambda s: s.sockets)
        yield
    finally:
        await handler.close_async()


@asynccontextmanager
async def served(app: AsyncApp) -> AsyncIterator[str]:
    runner = web.AppRunner(app.web_app("/slack/events"), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}/slack/events".format(*runner.addresses[0])
    await runner.cleanup()


def all_acknowledged(slack: SlackDouble) -> bool:
    return all(envelope.acks for envelope in slack.envelopes)


def texts(page: AsyncSlackResponse) -> list[str]:
    return [message["text"] for message in page.get("messages", [])]


async def error_of(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return caught.value.response["error"]


# Socket Mode


async def test_mention_is_answered_in_its_thread(slack: SlackDouble, app: AsyncApp, seen: list[Json]) -> None:
    async with connected(slack, app):
        act = await slack.mention("what is drift?")
        await slack.wait_for(lambda s: s.bot_messages("C0HELP", act.ts) and all_acknowledged(s))
        await slack.wait_for(lambda _: len(seen) >= 2)
    assert {body["event"]["type"] for body in seen} == {"app_mention", "message"}
    assert {body["event_id"] for body in seen} == set(act.event_ids)
    assert {body["event"]["ts"] for body in seen} == {act.ts}
    [answer] = slack.bot_messages("C0HELP", act.ts)
    assert (answer.text, answer.thread_ts) == ("You said: <@U0BOT> what is drift?", act.ts)
    assert [envelope.kind for envelope in slack.envelopes] == ["events_api"] * 3, "two events and the echo"
    assert (slack.violations, slack.late_acknowledgements()) == ([], [])


async def test_direct_message_is_one_event(slack: SlackDouble, app: AsyncApp, seen: list[Json]) -> None:
    async with connected(slack, app):
        act = await slack.direct_message("hello", user="U0LIN")
        await slack.wait_for(lambda s: seen and all_acknowledged(s))
    assert act.channel == "D0LIN"
    assert [(body["event"]["channel_type"], body["event"]["user"]) for body in seen] == [("im", "U0LIN")]


@pytest.mark.parametrize("new_event_id", [False, True])
async def test_redelivery(slack: SlackDouble, app: AsyncApp, seen: list[Json], new_event_id: bool) -> None:
    async with connected(slack, app):
        act = await slack.say("anyone there?", channel="C0OPS")
        again = await slack.redeliver(act, new_event_id=new_event_id)
        await slack.wait_for(lambda s: len(seen) == 2 and all_acknowledged(s))
    assert (again.event_ids == act.event_ids) is not new_event_id
    assert [body["event"]["ts"] for body in seen] == [act.ts, act.ts]
    assert [envelope.attempt for envelope in slack.envelopes] == [0, 1]


async def test_app_reconnects_and_gets_what_was_said_meanwhile(
    slack: SlackDouble, app: AsyncApp, seen: list[Json]
) -> None:
    async with connected(slack, app):
        await slack.disconnect_sockets()
        await slack.say("said while nobody listened")
        await slack.wait_for(lambda s: seen and all_acknowledged(s))
        assert len([call for call in slack.calls if call.method == "apps.connections.open"]) >= 2
    assert slack.violations == []


async def test_what_a_lost_socket_left_unacknowledged_comes_again(slack: SlackDouble) -> None:
    async with ClientSession() as http:
        async with http.ws_connect(await socket_url(slack)) as first:
            assert (await first.receive_json())["type"] == "hello"
            act = await slack.say("first")
            lost = await first.receive_json()
        await slack.wait_for(lambda s: not s.sockets)
        async with http.ws_connect(await socket_url(slack)) as second:
            await second.receive_json()
            again = await second.receive_json()
    assert [wire["payload"]["event_id"] for wire in (lost, again)] == [*act.event_ids, *act.event_ids]
    assert [wire["retry_attempt"] for wire in (lost, again)] == [0, 1]


async def test_acknowledging_twice_or_late_is_a_violation(slack: SlackDouble) -> None:
    async with ClientSession() as http, http.ws_connect(await socket_url(slack)) as socket:
        await socket.receive_json()
        await slack.say("first")
        await slack.say("second")
        slack.envelopes[1].sent_at -= 4
        assert slack.late_acknowledgements() == [slack.envelopes[1]]
        for number in (0, 0, 1):
            await socket.send_json({"envelope_id": slack.envelopes[number].envelope_id})
        await slack.wait_for(lambda s: len(s.violations) == 2)
    assert ["twice" in slack.violations[0], "late" in slack.violations[1]] == [True, True]


async def test_a_ticket_opens_one_socket(slack: SlackDouble) -> None:
    url = await socket_url(slack)
    async with ClientSession() as http:
        async with http.ws_connect(url):
            pass
        async with http.get(url.replace("ws://", "http://")) as refused:
            assert refused.status == 404


async def socket_url(slack: SlackDouble) -> str:
    answer = await AsyncWebClient(base_url=slack.api_url).apps_connections_open(app_token=slack.app_token)
    return str(answer["url"])


async def test_slash_command(slack: SlackDouble, app: AsyncApp) -> None:
    async with connected(slack, app):
        act = await slack.slash("/ask", "the runbook")
        url = act.payloads[0]["response_url"]
        await slack.wait_for(lambda s: len(s.response_urls[url]) == 2)
    texts = {body["text"] for body in slack.response_urls[url]}
    assert texts == {"Looking", "Found the runbook"}


async def test_button(slack: SlackDouble, app: AsyncApp, client: AsyncWebClient) -> None:
    blocks = [SECTION, {"type": "actions", "elements": [BUTTON]}]
    await client.chat_postMessage(channel="C0HELP", blocks=blocks, text="Useful?")
    async with connected(slack, app):
        await slack.click("feedback", slack.bot_messages()[0], user="U0LIN")
        await slack.wait_for(lambda s: s.ephemerals)
    assert (slack.ephemerals[0].user, slack.ephemerals[0].text) == ("U0LIN", "noted: good")


# Signed HTTP delivery


async def test_signed_event_over_http(slack: SlackDouble, app: AsyncApp, seen: list[Json]) -> None:
    act = await slack.mention("by HTTP")
    async with served(app) as url:
        answers = [await slack.post_event(url, payload) for payload in act.payloads]
        await slack.wait_for(lambda s: s.bot_messages("C0HELP", act.ts))
        await slack.wait_for(lambda _: len(seen) == 2)
    assert [answer.status for answer in answers] == [200, 200]


async def test_forged_or_stale_events_are_refused(slack: SlackDouble, app: AsyncApp) -> None:
    act = await slack.say("by HTTP")
    async with served(app) as url:
        forged = await slack.post_event(url, act.payloads[0], secret="guessed")
        stale = await slack.post_event(url, act.payloads[0], sent_at=int(time.time()) - 600)
    assert (forged.status, stale.status) == (401, 401)


async def test_url_verification_and_slash_command_over_http(slack: SlackDouble, app: AsyncApp) -> None:
    async with served(app) as url:
        verified = await slack.verify_url(url, "abc")
        asked = await slack.post_slash(url, "/ask", "the runbook")
        await slack.wait_for(lambda s: any(s.response_urls.values()))
    assert (verified.status, "abc" in verified.body) == (200, True)
    assert (asked.status, asked.body) == (200, "Looking")


# Web API


async def test_tokens_and_scopes(slack: SlackDouble, client: AsyncWebClient) -> None:
    slack.scopes = ["chat:write", "commands"]
    answer = await client.auth_test()
    assert (answer["user_id"], answer["team_id"], answer["bot_id"]) == ("U0BOT", "T0DOUBLE", "B0BOT")
    assert answer.headers["x-oauth-scopes"] == "chat:write,commands"
    wrong = AsyncWebClient(token="xoxb-other", base_url=slack.api_url)
    assert await error_of(wrong.auth_test()) == "invalid_auth"
    assert await error_of(wrong.apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"


async def test_post_update_and_delete(slack: SlackDouble, client: AsyncWebClient) -> None:
    metadata = {"event_type": "answer", "event_payload": {"run": 7}}
    posted = await client.chat_postMessage(channel="C0HELP", text="Thinking", metadata=metadata, unfurl_links=False)
    await client.chat_update(channel="C0HELP", ts=str(posted["ts"]), markdown_text="**Done**")
    [message] = slack.bot_messages()
    assert (message.text, message.edits, message.metadata) == ("**Done**", ["Thinking"], metadata)
    await client.chat_delete(channel="C0HELP", ts=str(posted["ts"]))
    assert (slack.bot_messages(), message.deleted) == ([], True)
    assert await error_of(client.chat_update(channel="C0HELP", ts=message.ts, text="x")) == "message_not_found"
    assert slack.calls[0].arguments["unfurl_links"] is False


async def test_only_its_own_messages(slack: SlackDouble, client: AsyncWebClient) -> None:
    act = await slack.say("mine")
    assert await error_of(client.chat_update(channel="C0HELP", ts=act.ts, text="x")) == "cant_update_message"


async def test_form_bodies_and_block_text(slack: SlackDouble) -> None:
    form = {
        "channel": "C0HELP",
        "blocks": '[{"type": "header", "text": {"type": "plain_text", "text": "Hi"}}]',
    }
    headers = {"Authorization": f"Bearer {slack.bot_token}"}
    async with (
        ClientSession() as http,
        http.post(f"{slack.api_url}chat.postMessage", data=form, headers=headers) as r,
    ):
        assert (await r.json())["ok"] is True
    assert [message.text for message in slack.bot_messages()] == ["Hi"]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ({"markdown_text": "m" * 12_001}, "msg_too_long"),
        ({"markdown_text": "m", "text": "t"}, "markdown_text_conflict"),
        (
            {"text": "t", "blocks": [SECTION | {"text": {"type": "mrkdwn", "text": "s" * 3_001}}]},
            "invalid_blocks",
        ),
        ({"text": "t", "blocks": [{"type": "header", "text": {"text": "h" * 151}}]}, "invalid_blocks"),
        ({"text": "t", "blocks": [{"type": "divider"}] * 51}, "invalid_blocks"),
        ({"text": ""}, "no_text"),
    ],
)
async def test_limits_of_a_post(slack: SlackDouble, client: AsyncWebClient, content: Json, error: str) -> None:
    assert await error_of(client.chat_postMessage(channel="C0HELP", **content)) == error
    assert len(slack.violations) == 1


async def test_long_text_is_truncated_and_long_update_refused(slack: SlackDouble, client: AsyncWebClient) -> None:
    posted = await client.chat_postMessage(channel="C0HELP", text="t" * 40_001)
    assert len(slack.bot_messages()[0].text) == 40_000
    update = client.chat_update(channel="C0HELP", ts=str(posted["ts"]), text="t" * 4_001)
    assert await error_of(update) == "msg_too_long"
    assert len(slack.violations) == 2


async def test_posting_where_there_is_nothing(slack: SlackDouble, client: AsyncWebClient) -> None:
    assert await error_of(client.chat_postMessage(channel="C0NONE", text="x")) == "channel_not_found"
    assert slack.violations == []
    await client.chat_postMessage(channel="C0HELP", text="x", thread_ts="1.000001")
    assert slack.violations == ["C0HELP: no thread starts at thread_ts 1.000001"]
    assert await error_of(client.api_call("chat.unheardOf")) == "unknown_method"
    assert len(slack.violations) == 2


async def test_rates(slack: SlackDouble, client: AsyncWebClient) -> None:
    for channel in ("C0HELP", "C0OPS"):
        posted = [await client.chat_postMessage(channel=channel, text="x") for _ in range(5)]
    assert slack.violations == []
    for _ in range(50):
        await client.chat_update(channel="C0OPS", ts=str(posted[0]["ts"]), text="y")
    assert slack.violations == []
    await client.chat_update(channel="C0OPS", ts=str(posted[0]["ts"]), text="y")
    assert slack.violations == ["chat.update: more than 50 within a minute"]


async def test_a_burst_of_posts_is_a_violation(slack: SlackDouble, client: AsyncWebClient) -> None:
    for _ in range(7):
        await client.chat_postMessage(channel="C0HELP", text="x")
    assert "chat.postMessage: more than one a second in C0HELP" in slack.violations


async def test_planned_failures(slack: SlackDouble, client: AsyncWebClient) -> None:
    slack.fail("chat.postMessage", "internal_error")
    assert await error_of(client.chat_postMessage(channel="C0HELP", text="x")) == "internal_error"
    slack.fail("chat.postMessage", "http_500")
    with pytest.raises(SlackApiError) as caught:
        await client.chat_postMessage(channel="C0HELP", text="x")
    assert caught.value.response.status_code == 500
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    slack.fail("chat.postMessage", retry_after=0)
    await client.chat_postMessage(channel="C0HELP", text="x")
    assert [call.error for call in slack.calls] == ["internal_error", "http_500", "ratelimited", None]
    assert len(slack.bot_messages()) == 1


async def test_reactions_people_and_channels(slack: SlackDouble, client: AsyncWebClient) -> None:
    act = await slack.say("look")
    place = {"channel": "C0HELP", "timestamp": act.ts, "name": "eyes"}
    await client.reactions_add(**place)
    assert slack.messages("C0HELP")[0].reactions == ["eyes"]
    assert await error_of(client.reactions_add(**place)) == "already_reacted"
    await client.reactions_remove(**place)
    assert await error_of(client.reactions_remove(**place)) == "no_reaction"
    assert (await client.users_info(user="U0LIN")).get("user", {})["profile"]["real_name"] == "Lin"
    assert (await client.conversations_info(channel="D0ADA")).get("channel", {})["is_im"] is True
    assert (await client.conversations_open(users="U0LIN")).get("channel", {})["id"] == "D0LIN"
    assert await error_of(client.conversations_open(users="U0NONE")) == "user_not_found"


async def test_history_and_replies(slack: SlackDouble, client: AsyncWebClient) -> None:
    roots = [await slack.say(f"root {number}") for number in range(3)]
    await slack.say("reply", thread_ts=roots[0].ts, user="U0LIN")
    replies = await client.conversations_replies(channel="C0HELP", ts=roots[0].ts)
    assert texts(replies) == ["root 0", "reply"]
    first = await client.conversations_history(channel="C0HELP", limit=2)
    cursor = first.get("response_metadata", {})["next_cursor"]
    last = await client.conversations_history(channel="C0HELP", limit=2, cursor=cursor)
    assert [texts(first), texts(last)] == [["root 2", "root 1"], ["root 0"]]
    assert await error_of(client.conversations_replies(channel="C0HELP", ts="1.1")) == "thread_not_found"


async def test_assistant_threads(slack: SlackDouble, client: AsyncWebClient) -> None:
    act = await slack.direct_message("hello")
    thread: Json = {"channel_id": "D0ADA", "thread_ts": act.ts}
    await client.assistant_threads_setStatus(**thread, status="is reading")
    await client.assistant_threads_setTitle(**thread, title="Hello")
    await client.assistant_threads_setSuggestedPrompts(**thread, prompts=[{"title": "a", "message": "b"}])
    assert [status.status for status in slack.statuses] == ["is reading"]
    assert slack.calls[-1].arguments["prompts"] == [{"title": "a", "message": "b"}]


async def test_waiting_in_vain_shows_what_happened(slack: SlackDouble) -> None:
    await slack.say("the only message")
    with pytest.raises(AssertionError, match="the only message"):
        await slack.wait_for(lambda s: s.bot_messages(), timeout=0.05)
