"""Posts to Slack and edits what it posted.

Comes in: a session and rendered text. Goes out: calls of Slack's Web API, paced below its rates. Posting is repeated
only when Slack said that it refused (429); an edit can be repeated safely, so it is after 5xx and lost connections too.
"""

import logging
import time
from typing import Any, cast

from aiohttp import ClientError
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from core.domain.conversation import SessionKey

EDIT_SECONDS = 1.5
"""Least time between two edits that only show progress: 40 a minute, of 50 that chat.update allows."""

RETRIES = 3

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

    async def post(self, session: SessionKey, markdown: str) -> str:
        """Posts into the thread of a session; gives the message's `ts`."""
        reply: Any = await self.client.chat_postMessage(
            channel=session.channel,
            thread_ts=session.thread or None,
            markdown_text=markdown,
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(reply["ts"])

    async def announce(self, channel: str, markdown: str) -> str:
        """Posts into a channel itself, to open a thread; gives the message's `ts`."""
        reply: Any = await self.client.chat_postMessage(channel=channel, markdown_text=markdown, unfurl_links=False)
        return str(reply["ts"])

    async def show_progress(self, session: SessionKey, ts: str, markdown: str) -> None:
        """Edits a message if enough time has passed since the last such edit; otherwise leaves it for the next."""
        if time.monotonic() - self._last_edit < EDIT_SECONDS:
            return
        self._last_edit = time.monotonic()
        try:
            await self._edit(session, ts, markdown)
        except (SlackApiError, *OUT_OF_REACH) as error:
            _log.debug("progress was not shown: %s", error)

    async def finish(self, session: SessionKey, ts: str, parts: list[str]) -> None:
        """Puts the final text where the progress was, if anywhere; further parts follow as messages of their own."""
        if ts:
            await self._edit(session, ts, parts[0])
        else:
            await self.post(session, parts[0])
        for part in parts[1:]:
            await self.post(session, part)

    async def _edit(self, session: SessionKey, ts: str, markdown: str) -> None:
        await self._editor.chat_update(channel=session.channel, ts=ts, markdown_text=markdown)


def is_passing(error: SlackApiError) -> bool:
    """Whether Slack may take the same call later."""
    status: int = getattr(error.response, "status_code", 200)  # pyright: ignore[reportUnknownArgumentType]
    return status in PASSING_STATUS or reason_of(error) in PASSING


def reason_of(error: SlackApiError) -> str:
    """Slack's own word for why it refused, such as `not_in_channel`; what it says while it is down may be no JSON."""
    data: Any = getattr(error.response, "data", error.response)  # pyright: ignore[reportUnknownArgumentType]
    return str(cast("dict[str, Any]", data).get("error")) if isinstance(data, dict) else "an answer that is no JSON"
