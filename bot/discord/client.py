"""Connects to Discord: logs in, keeps the gateway open, and tells Discord which commands there are.

Comes in: settings and the answering service. Goes out: a running channel and its health. Made by `bot.serve`.
"""

import asyncio
import logging
from contextlib import suppress

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.discord.actions import Actions
from bot.discord.listeners import listen
from bot.discord.messenger import Messenger
from core.answering.service import AnsweringService
from core.errors import ChannelError
from core.settings import Settings

DISCORD_API = str(Settings.model_fields["discord_api_url"].default)

LOGIN_SECONDS = 20
"""Longer than this is taken for Discord being away."""

CONNECT_SECONDS = 15
"""How long `start` waits for what becomes of the connection, so that a refusal is told at once."""

RETRY_SECONDS = 15

AUTHENTICATION_FAILED = 4004

NO_CONTENT = (
    "without the message content intent, so that plain replies in threads need a mention; "
    "switch on MESSAGE CONTENT INTENT in Discord's developer portal, page Bot, and start again"
)

_NOT_ADMITTED = "Discord refused DISCORD_BOT_TOKEN. Copy it again from the developer portal, page Bot, Reset Token."
_INTENTS_REFUSED = (
    "Discord refused the intents of the bot (4014). Switch on MESSAGE CONTENT INTENT in the developer portal, "
    "page Bot, under Privileged Gateway Intents."
)

discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # nobody speaks here

_log = logging.getLogger(__name__)


class AssistantClient(discord.Client):
    """A client that pings nobody, hears for `actions`, and tells Discord our commands once it is connected."""

    def __init__(self, actions: Actions, settled: asyncio.Event, *, sees_content: bool) -> None:
        intents = discord.Intents.default()
        intents.message_content = sees_content
        super().__init__(intents=intents, allowed_mentions=discord.AllowedMentions.none(), max_messages=None)
        self.tree = listen(self, actions)
        self._actions = actions
        self._settled = settled

    async def on_ready(self) -> None:
        """Finishes what a stopped process left, and brings the list of commands up to date."""
        self._settled.set()
        self._actions.resume()
        await self.tree.sync()


class DiscordChannel:
    """Discord, switched on. Raises ChannelError at `start` when the token is wrong."""

    def __init__(self, settings: Settings, service: AnsweringService) -> None:
        assert settings.discord_bot_token is not None  # noqa: S101 - the channel is on when its token is there
        self._token = settings.discord_bot_token.get_secret_value()
        self._api = settings.discord_api_url
        self._messenger = Messenger()
        self._actions = Actions(service, self._messenger)
        self._sees_content = True
        self._state = "The connection to Discord has not been started."
        self._refusal: ChannelError | None = None
        self._settled = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self.client = self._new_client()

    async def start(self) -> None:
        """Logs in, connects, and finishes what a stopped process left. Discord being away is waited out."""
        self._connecting = asyncio.create_task(self._stay_connected())
        with suppress(TimeoutError):
            await asyncio.wait_for(self._settled.wait(), CONNECT_SECONDS)
        if self._refusal:
            raise self._refusal

    async def stop(self) -> None:
        """Closes the gateway; what is being answered is resumed at the next start."""
        if self._connecting:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        await self._actions.stop()
        await self.client.close()

    async def check(self) -> str:
        """The state of the connection. Raises ChannelError when there is none."""
        if self._refusal:
            raise self._refusal
        if not self.client.is_ready() or not self.client.ws.open:
            raise ChannelError(self._state)
        connected = f"connected as {self.client.user} to {len(self.client.guilds)} server(s)"
        return connected if self._sees_content else f"{connected}, {NO_CONTENT}"

    def _new_client(self) -> AssistantClient:
        client = AssistantClient(self._actions, self._settled, sees_content=self._sees_content)
        self._messenger.client = client
        return client

    async def _stay_connected(self) -> None:
        """Keeps the gateway open, as discord.py does, and starts afresh where discord.py would give up."""
        while True:
            try:
                await self._log_in()
                await self.client.connect()
            except discord.LoginFailure as error:
                self._refuse(_NOT_ADMITTED, error)
            except discord.PrivilegedIntentsRequired as error:
                self._do_without_content(error)
            except discord.ConnectionClosed as error:  # only codes that no repetition can mend come this far
                refused = error.code == AUTHENTICATION_FAILED
                self._refuse(_NOT_ADMITTED if refused else f"Discord closed the gateway for good: {error}.", error)
            except Exception as error:  # the boundary of a background task: discord.py breaks in many ways
                self._lost(error)
                await asyncio.sleep(RETRY_SECONDS)
            if self._refusal:
                return
            await asyncio.shield(self.client.close())  # half closed, it could not be closed by `stop`
            self.client = self._new_client()

    async def _log_in(self) -> None:
        if self._api != DISCORD_API:
            Route.BASE = self._api
        async with asyncio.timeout(LOGIN_SECONDS):
            await self.client.login(self._token)
            if self._api != DISCORD_API:
                gateway = await self.client.http.request(Route("GET", "/gateway"))
                DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway["url"])
        self._state = "The gateway of Discord is closed; it is being opened."

    def _do_without_content(self, error: discord.PrivilegedIntentsRequired) -> None:
        if not self._sees_content:
            self._refuse(_INTENTS_REFUSED, error)
            return
        self._sees_content = False
        _log.warning("Discord is connected %s", NO_CONTENT)

    def _refuse(self, said: str, error: Exception) -> None:
        self._refusal = ChannelError(said, detail=str(error))
        self._settled.set()
        _log.error("%s", self._refusal)

    def _lost(self, error: Exception) -> None:
        self._state = "Discord cannot be reached; trying again."
        self._settled.set()
        _log.warning("Discord cannot be reached (%s: %s); again in %d s", type(error).__name__, error, RETRY_SECONDS)
