"""Connects to Slack: Socket Mode with an app token, the HTTP Events API with a signing secret.

Comes in: settings and the answering service. Goes out: a running channel, its health, and a handler for
`/slack/events`. Made by `bot.serve`.
"""

import asyncio
import logging
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError

from bot.slack.actions import Actions
from bot.slack.events import EventsEndpoint
from bot.slack.listeners import listen
from bot.slack.messenger import OUT_OF_REACH, Messenger, reason_of
from core.answering.service import AnsweringService
from core.errors import ChannelError
from core.settings import Settings

SCOPES = {
    "app_mentions:read",
    "channels:history",
    "chat:write",
    "commands",
    "groups:history",
    "im:history",
    "mpim:history",
}
"""What the bot token must allow; the manifest asks for the same."""

REFUSALS = {
    "account_inactive",
    "invalid_auth",
    "not_allowed_token_type",
    "not_authed",
    "token_expired",
    "token_revoked",
}
"""Slack's words for a token that it will not take later either."""

RETRY_SECONDS = 15

_log = logging.getLogger(__name__)


class SlackChannel:
    """Slack, switched on. Raises ChannelError at `start` when a token is wrong."""

    def __init__(self, settings: Settings, service: AnsweringService) -> None:
        assert settings.slack_bot_token is not None  # noqa: S101 - the channel is on when its token is there
        self._app_token = settings.slack_app_token.get_secret_value() if settings.slack_app_token else None
        secret = settings.slack_signing_secret
        self._messenger = Messenger(settings.slack_bot_token.get_secret_value(), settings.slack_api_url)
        self._actions = Actions(service, self._messenger)
        self._takes_http = secret is not None
        self._app = AsyncApp(
            client=self._messenger.client,
            signing_secret=secret.get_secret_value() if secret else "",
            logger=logging.getLogger("slack_bolt"),
            process_before_response=True,  # acknowledged when stored: a crash before that is delivered again
            request_verification_enabled=secret is not None,
        )
        listen(self._app, self._actions)
        self._socket: AsyncSocketModeHandler | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._state = "not started"

    @property
    def http_endpoint(self) -> EventsEndpoint | None:
        """What answers at `/slack/events`, when a signing secret is set."""
        return EventsEndpoint(self._app) if self._takes_http else None

    async def start(self) -> None:
        """Checks the tokens, connects, and finishes what a stopped process left. Slack being away is waited out."""
        try:
            await self._connect()
        except OUT_OF_REACH as error:
            _log.warning("Slack cannot be reached (%s); trying again every %d s", error, RETRY_SECONDS)
            self._state = "Slack cannot be reached"
            self._connecting = asyncio.create_task(self._keep_trying())

    async def stop(self) -> None:
        """Closes the socket; what is being answered is resumed at the next start."""
        if self._connecting:
            self._connecting.cancel()
        if self._socket:
            await self._socket.close_async()
        await self._actions.stop()

    async def check(self) -> str:
        """The state of the connection. Raises ChannelError when there is none."""
        connected = self._socket is None or await self._socket.client.is_connected()
        if self._state != "connected" or not connected:
            raise ChannelError(self._state if self._state != "connected" else "The socket to Slack is closed.")
        return "Socket Mode" if self._socket else "HTTP events at /slack/events"

    async def _connect(self) -> None:
        await check_tokens(self._messenger, self._app_token)
        if self._app_token:
            self._socket = AsyncSocketModeHandler(self._app, self._app_token)
            await self._socket.connect_async()
        self._state = "connected"
        self._actions.resume()

    async def _keep_trying(self) -> None:
        while self._state != "connected":
            await asyncio.sleep(RETRY_SECONDS)
            try:
                await self._connect()
            except OUT_OF_REACH as error:
                _log.warning("Slack still cannot be reached: %s", error)
            except ChannelError as error:
                self._state = error.said
                _log.error("%s", error.said)
                return


async def check_tokens(messenger: Messenger, app_token: str | None) -> list[str]:
    """The scopes that the bot token lacks.

    Raises ChannelError when Slack refuses a token, and what is in `OUT_OF_REACH` when it cannot be asked.
    """
    try:
        reply: Any = await messenger.client.auth_test()
    except SlackApiError as error:
        raise _refused("SLACK_BOT_TOKEN", "xoxb-", error) from error
    if app_token:
        try:
            await messenger.client.apps_connections_open(app_token=app_token)
        except SlackApiError as error:
            raise _refused("SLACK_APP_TOKEN", "xapp-", error) from error
    granted = {scope.strip() for scope in str(reply.headers.get("x-oauth-scopes", "")).split(",")} - {""}
    missing = [] if granted <= {"*"} else sorted(SCOPES - granted)
    if missing:
        _log.warning("the Slack app lacks the scopes %s: install it again from the manifest", ", ".join(missing))
    return missing


def _refused(name: str, prefix: str, error: SlackApiError) -> Exception:
    reason = reason_of(error)
    if reason not in REFUSALS:
        return ConnectionError(f"Slack is out of order ({reason})")
    said = f"Slack refused {name} ({reason}). Copy it again from the app's settings; it begins with {prefix}."
    return ChannelError(said)
