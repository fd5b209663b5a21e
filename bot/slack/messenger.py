"""Posts to Slack and edits what it posted.

Comes in: questions and rendered text. Goes out: calls of Slack's Web API, paced below its rates. Posting is repeated
only when Slack said that it refused (429); an edit can be repeated safely, so it is after 5xx and lost connections too.
What is posted for a question says so in its metadata, so that after a crash it is found instead of posted again.
"""

import logging
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, cast

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.reader import read_stamp
from bot.slack.renderer import render_said, render_working
from core.domain.conversation import Question, SessionKey

EDIT_SECONDS = 1.5
"""Least time between two edits that only show progress: 40 a minute, of 50 that chat.update allows."""

RETRIES = 3

UPDATE_TEXT = 3_000
"""Characters of the plain text beside blocks, for notifications; `chat.update` takes 4,000."""

METADATA = "assistant_answer"
"""The event type of our messages' metadata."""

LOOKED_THROUGH = 200
"""Messages since the question among which earlier posts are looked for."""

NOTHING_POSTED: Mapping[int, str] = MappingProxyType({})

OUT_OF_REACH = (ClientError, OSError, TimeoutError)
"""What a call raises that never reached Slack, as far as we can know."""

PASSING_STATUS = {429, *range(500, 600)}
PASSING = {"fatal_error", "internal_error", "ratelimited", "request_timeout", "service_unavailable"}
"""Slack's reasons that are over after a while; with any other, posting there will not work later either."""

_log = logging.getLogger(__name__)


class Messenger:
    """The voice of the bot in one workspace."""

    def __init__(self, token: str, api_url: str) -> None:
        self.client = AsyncWebClient(
            token, base_url=f"{api_url}/", retry_handlers=[AsyncRateLimitErrorRetryHandler(RETRIES)]
        )
        self._editor = AsyncWebClient(
            token,
            base_url=f"{api_url}/",
            retry_handlers=[
                AsyncRateLimitErrorRetryHandler(RETRIES),
                AsyncServerErrorRetryHandler(RETRIES),
                AsyncConnectionErrorRetryHandler(RETRIES),
            ],
        )
        self._last_edit = 0.0

    async def open(self, question: Question, text: str) -> str:
        """Posts a sign of life, with a button that stops the answer; gives the message's `ts`."""
        return await self._post(question, 0, text=text, blocks=render_working(text, question.event_id))

    async def post(self, question: Question, markdown: str, part: int = 0) -> str:
        """Posts into the thread of a question; gives the message's `ts`. `part` counts the messages of an answer."""
        return await self._post(question, part, markdown_text=markdown)

    async def posted(self, question: Question) -> dict[int, str]:
        """What stands in the thread for a question already: the `ts` of each part."""
        session = question.session
        options: dict[str, Any] = {"channel": session.channel, "include_all_metadata": True, "limit": LOOKED_THROUGH}
        options |= {"oldest": asked_at} if (asked_at := read_stamp(question)) else {}
        try:
            if session.thread:
                reply: Any = await self._editor.conversations_replies(ts=session.thread, **options)
            else:
                reply = await self._editor.conversations_history(**options)
        except SlackApiError as error:
            _log.warning("it cannot be seen what was posted before: %s", reason_of(error))
            return {}
        found: dict[int, str] = {}
        for message in reply["messages"]:
            payload = message.get("metadata", {}).get("event_payload", {})
            if payload.get("question") == question.event_id:
                found[int(payload["part"])] = str(message["ts"])
        return found

    async def announce(self, channel: str, markdown: str) -> str:
        """Posts into a channel itself, to open a thread; gives the message's `ts`."""
        reply: Any = await self.client.chat_postMessage(channel=channel, markdown_text=markdown, unfurl_links=False)
        return str(reply["ts"])

    async def show_progress(self, question: Question, ts: str, text: str) -> None:
        """Edits a message if enough time has passed since the last such edit; otherwise leaves it for the next."""
        if time.monotonic() - self._last_edit < EDIT_SECONDS:
            return
        self._last_edit = time.monotonic()
        try:
            await self._edit(question.session, ts, text, render_working(text, question.event_id))
        except (SlackApiError, *OUT_OF_REACH) as error:
            _log.debug("progress was not shown: %s", error)

    async def finish(
        self, question: Question, ts: str, parts: list[str], posted: Mapping[int, str] = NOTHING_POSTED
    ) -> None:
        """Puts the final text where the progress was, if anywhere; further parts follow as messages of their own.

        `posted` are the parts that stand there already.
        """
        for number, text in enumerate(parts):
            place = posted.get(number) or (ts if number == 0 else "")
            if place:
                await self._edit(question.session, place, text, render_said(text))
            else:
                await self.post(question, text, number)

    async def _post(self, question: Question, part: int, **content: Any) -> str:
        mark = {"event_type": METADATA, "event_payload": {"question": question.event_id, "part": part}}
        reply: Any = await self.client.chat_postMessage(
            channel=question.session.channel,
            thread_ts=question.session.thread or None,
            metadata=mark,
            unfurl_links=False,
            unfurl_media=False,
            **content,
        )
        return str(reply["ts"])

    async def _edit(self, session: SessionKey, ts: str, text: str, blocks: list[dict[str, Any]]) -> None:
        """Edits a message with blocks: without any, Slack may leave those that stand there, with the button."""
        await self._editor.chat_update(channel=session.channel, ts=ts, text=text[:UPDATE_TEXT], blocks=blocks)


def is_passing(error: SlackApiError) -> bool:
    """Whether Slack may take the same call later."""
    status: int = getattr(error.response, "status_code", 200)  # pyright: ignore[reportUnknownArgumentType]
    return status in PASSING_STATUS or reason_of(error) in PASSING


def reason_of(error: SlackApiError) -> str:
    """Slack's own word for why it refused, such as `not_in_channel`; what it says while it is down may be no JSON."""
    data: Any = getattr(error.response, "data", error.response)  # pyright: ignore[reportUnknownArgumentType]
    return str(cast("dict[str, Any]", data).get("error")) if isinstance(data, dict) else "an answer that is no JSON"
