"""Connects to Slack: Socket Mode with an app token, the HTTP Events API with a signing secret.

Comes in: settings and the core's services. Goes out: a running channel, its health, and a handler for
`/slack/events`. Made by `bot.serve`.
"""

import asyncio
import logging
from functools import partial
from typing import Any

from slack_bolt.adapter.fastapi.async_handler import AsyncSlackRequestHandler
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.doorkeeper import Doorkeeper
from bot.slack.actions import Actions
from bot.slack.aftercare import AftercareActions
from bot.slack.catch_up import CatchUp
from bot.slack.commands import Commands
from bot.slack.delivery import Delivery
from bot.slack.errands import ErrandActions
from bot.slack.events import EventsEndpoint
from bot.slack.failures import OUT_OF_REACH, reason_of
from bot.slack.files import Files
from bot.slack.home import Home
from bot.slack.installations import Installations, oauth_flow
from bot.slack.listeners import Rooms, listen
from bot.slack.messenger import Messenger
from bot.slack.reader import PLATFORM
from bot.slack.workspaces import Workspaces, single
from core.answering.aftercare import Aftercare
from core.answering.errands import ErrandDesk
from core.answering.presence import Presence
from core.answering.service import AnsweringService
from core.errors import ChannelError, StorageError
from core.settings import Settings

SCOPES = {
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "mpim:history",
    "mpim:read",
    "reactions:write",
    "users:read",
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

WATCH_SECONDS = 10.0
"""How often the socket is looked at."""

DEAF_SECONDS = 30.0
"""A socket that is closed for so long is built anew: slack_sdk may try the same dead address for ever."""

_log = logging.getLogger(__name__)


class SlackChannel:
    """Slack, switched on. Raises ChannelError at `start` when a token is wrong."""

    def __init__(
        self,
        settings: Settings,
        service: AnsweringService,
        presence: Presence,
        aftercare: Aftercare,
        errands: ErrandDesk,
    ) -> None:
        token = settings.slack_bot_token.get_secret_value() if settings.slack_bot_token else None
        self._app_token = settings.slack_app_token.get_secret_value() if settings.slack_app_token else None
        secret = settings.slack_signing_secret
        self._installations = None if token else Installations(settings, partial(presence.listening, PLATFORM))
        token_of = self._installations.token_of if self._installations else single(token or "")
        workspaces = Workspaces(settings.slack_api_url, token_of)
        self._client = workspaces.new(token).client
        messenger = Messenger(workspaces, service.keeps)
        delivery = Delivery(service, presence, aftercare, messenger)
        commands = Commands(presence, messenger, settings.chat_owners)
        home = Home(presence, commands, messenger)
        self._actions = Actions(service, Doorkeeper(presence), messenger, delivery, files=Files(workspaces), home=home)
        self._presence = presence
        self._catch_up = CatchUp(presence, messenger, settings.catch_up_hours)
        self._takes_http = secret is not None
        flow = oauth_flow(settings, self._installations, SCOPES) if self._installations else None
        self._app = AsyncApp(
            client=self._client,
            oauth_flow=flow,
            signing_secret=secret.get_secret_value() if secret else "",
            logger=logging.getLogger("slack_bolt"),
            process_before_response=True,  # acknowledged when stored: a crash before that is delivered again
            request_verification_enabled=secret is not None,
        )
        self._errands = ErrandActions(errands, aftercare, self._actions, delivery)
        after = AftercareActions(aftercare, presence, self._actions, delivery, messenger)
        listen(self._app, Rooms(self._actions, after, commands, home))
        self._socket: AsyncSocketModeHandler | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._teams: dict[str, str] = {}
        self._state = "not started"

    @property
    def http_endpoint(self) -> EventsEndpoint | None:
        """What answers at `/slack/events`, when a signing secret is set."""
        return EventsEndpoint(self._app) if self._takes_http else None

    @property
    def install_endpoint(self) -> AsyncSlackRequestHandler | None:
        """What answers at `/slack/install` and `/slack/oauth_redirect`, when there may be several workspaces."""
        return AsyncSlackRequestHandler(self._app) if self._installations else None

    async def start(self) -> None:
        """Checks the tokens, connects, and finishes what a stopped process left. Slack being away is waited out."""
        try:
            await self._connect()
        except OUT_OF_REACH as error:
            _log.warning("Slack cannot be reached (%s); trying again every %d s", error, RETRY_SECONDS)
            self._state = "Slack cannot be reached"
            self._later(self._keep_trying())

    async def stop(self) -> None:
        """Closes the socket; what is being answered is resumed at the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._socket:
            await self._socket.close_async()
        await self._actions.stop()
        if self._installations:
            await self._installations.close()

    async def check(self) -> str:
        """The state of the connection. Raises ChannelError when there is none."""
        if self._state != "connected" or not await self._is_open():
            raise ChannelError(self._state if self._state != "connected" else "The socket to Slack is closed.")
        return "Socket Mode" if self._socket else "HTTP events at /slack/events"

    async def _connect(self) -> None:
        if self._installations:
            await self._installations.open()
            await check_app_token(self._client, self._app_token)
        else:
            team, user = await check_tokens(self._client, self._app_token)
            self._teams[team] = user
        await self._open_socket()
        self._state = "connected"
        self._actions.resume()
        self._later(self._errands.run())
        self._later(self._look_back())
        self._later(self._watch())

    async def _open_socket(self) -> None:
        if self._app_token:
            self._socket = AsyncSocketModeHandler(self._app, self._app_token)
            await self._socket.connect_async()

    async def _is_open(self) -> bool:
        return self._socket is None or await self._socket.client.is_connected()

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

    async def _watch(self) -> None:
        """Keeps the socket open for good, and notes until when we heard."""
        closed = 0.0
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if await self._is_open():
                if closed:
                    self._later(self._look_back())
                closed = 0.0
                await self._note_listening()
                continue
            closed += WATCH_SECONDS
            if closed >= DEAF_SECONDS:
                await self._reopen()

    async def _reopen(self) -> None:
        """Builds the socket anew, with a new address from Slack."""
        _log.warning("the socket to Slack is closed and does not come back; opening another one")
        old, self._socket = self._socket, None
        try:
            if old:
                await old.close_async()
            await self._open_socket()
        except (SlackApiError, *OUT_OF_REACH) as error:
            _log.warning("no socket to Slack can be opened: %s", error)
            self._socket = self._socket or old

    async def _look_back(self) -> None:
        try:
            await self._catch_up.run(await self._known_teams(), self._actions.take_missed)
        except (StorageError, ChannelError, *OUT_OF_REACH) as error:
            _log.warning("what was asked while nobody listened was not looked up: %s", error)

    async def _note_listening(self) -> None:
        try:
            await self._catch_up.listening(await self._known_teams(), self._actions.take_missed)
        except (StorageError, ChannelError, *OUT_OF_REACH) as error:
            _log.warning("until when we listened cannot be stored: %s", error)

    async def _known_teams(self) -> dict[str, str]:
        """The workspaces that we are in, with our user there."""
        if self._installations:
            for team in await self._presence.listened_to(PLATFORM):
                if bot := await self._installations.async_find_bot(enterprise_id=None, team_id=team):
                    self._teams[team] = str(bot.bot_user_id)
        return self._teams

    def _later(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def check_tokens(client: AsyncWebClient, app_token: str | None) -> tuple[str, str]:
    """The team of the bot token, and the bot's own user.

    Raises ChannelError when Slack refuses a token, and what is in `OUT_OF_REACH` when it cannot be asked.
    """
    reply = await _asked(client, app_token)
    if missing := missing_scopes(reply):
        _log.warning("the Slack app lacks the scopes %s: install it again from the manifest", ", ".join(missing))
    return str(reply["team_id"]), str(reply["user_id"])


async def check_app_token(client: AsyncWebClient, app_token: str | None) -> None:
    """Raises as `check_tokens` when there is a token for Socket Mode and Slack refuses it."""
    if app_token:
        try:
            await client.apps_connections_open(app_token=app_token)
        except SlackApiError as error:
            raise _refused("SLACK_APP_TOKEN", "xapp-", error) from error


async def lacking(client: AsyncWebClient, app_token: str | None) -> list[str]:
    """The scopes that the bot token lacks. Raises as `check_tokens`."""
    return missing_scopes(await _asked(client, app_token))


def missing_scopes(reply: Any) -> list[str]:
    """The scopes that Slack's answer to `auth.test` does not name."""
    granted = {scope.strip() for scope in str(reply.headers.get("x-oauth-scopes", "")).split(",")} - {""}
    return [] if granted <= {"*"} else sorted(SCOPES - granted)


async def _asked(client: AsyncWebClient, app_token: str | None) -> Any:
    try:
        reply: Any = await client.auth_test()
    except SlackApiError as error:
        raise _refused("SLACK_BOT_TOKEN", "xoxb-", error) from error
    await check_app_token(client, app_token)
    return reply


def _refused(name: str, prefix: str, error: SlackApiError) -> Exception:
    reason = reason_of(error)
    if reason not in REFUSALS:
        return ConnectionError(f"Slack is out of order ({reason})")
    said = f"Slack refused {name} ({reason}). Copy it again from the app's settings; it begins with {prefix}."
    return ChannelError(said)
