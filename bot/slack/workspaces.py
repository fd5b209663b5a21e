"""The workspaces that the app is installed in: for each, how it is called and how fast.

Comes in: tokens. Goes out: a `Workspace` by the id of its team. Asked by the messenger.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
    AsyncServerErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from bot.slack.pace import Pace
from core.errors import ChannelError

RETRIES = 3

_log = logging.getLogger(__name__)

TokenOf = Callable[[str], Awaitable[str | None]]
"""Gives the bot token of a team; None where the app is not installed."""


@dataclass
class Workspace:
    """One workspace.

    `client` repeats a call only when Slack said that it refused it (429); `editor`, for calls that are safe to repeat,
    after 5xx and lost connections too. `streams` is False once Slack refused to stream here.
    """

    client: AsyncWebClient
    editor: AsyncWebClient
    pace: Pace = field(default_factory=Pace)
    streams: bool = True
    bot_id: str = ""
    url: str = ""


class Workspaces:
    """All of them; each is opened when it is first spoken to."""

    def __init__(self, api_url: str, token_of: TokenOf) -> None:
        self.api_url = f"{api_url.rstrip('/')}/"
        self._token_of = token_of
        self._open: dict[str, tuple[str, Workspace]] = {}
        self._opening = asyncio.Lock()

    async def of(self, team: str) -> Workspace:
        """The workspace of a team. Raises ChannelError where the app is not installed (any more)."""
        async with self._opening:
            token = await self._token_of(team)
            if token is None:
                raise ChannelError(f"The app is not installed in the Slack workspace {team}. Install it there again.")
            known = self._open.get(team)
            if known is None or known[0] != token:
                known = self._open[team] = (token, self.new(token))
            return known[1]

    def new(self, token: str | None) -> Workspace:
        """A workspace by its token."""
        limited = AsyncRateLimitErrorRetryHandler(RETRIES)
        safe: list[AsyncRetryHandler] = [
            limited,
            AsyncServerErrorRetryHandler(RETRIES),
            AsyncConnectionErrorRetryHandler(RETRIES),
        ]
        client = AsyncWebClient(token, base_url=self.api_url, retry_handlers=[limited])
        return Workspace(client, AsyncWebClient(token, base_url=self.api_url, retry_handlers=safe))


def single(token: str) -> TokenOf:
    """For an app that is installed in one workspace: its token, whichever team is asked for."""

    async def token_of(_: str) -> str:
        return token

    return token_of
