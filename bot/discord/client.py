"""Connects to Discord: logs in, keeps the gateway open, and tells Discord which commands there are.

Comes in: settings and the core's services. Goes out: a running channel and its health. Made by `bot.serve`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.discord.actions import Actions
from bot.discord.aftercare import AftercareActions
from bot.discord.calls import Calls
from bot.discord.catch_up import CatchUp
from bot.discord.commands import Commands
from bot.discord.delivery import Delivery
from bot.discord.errands import ErrandActions
from bot.discord.failures import OUT_OF_REACH, Owners
from bot.discord.files import Files
from bot.discord.listeners import Rooms, listen
from bot.discord.messenger import Messenger
from bot.discord.registration import register
from bot.doorkeeper import Doorkeeper
from core.answering.aftercare import Aftercare
from core.answering.errands import ErrandDesk
from core.answering.presence import Presence
from core.answering.service import AnsweringService
from core.errors import ChannelError, StorageError
from core.settings import Settings

DISCORD_API = str(Settings.model_fields["discord_api_url"].default)

LOGIN_SECONDS = 20
"""Longer than this is taken for Discord being away."""

CONNECT_SECONDS = 15
"""How long `start` waits for what becomes of the connection, so that a refusal is told at once."""

RETRY_SECONDS = 15

WATCH_SECONDS = 30.0
"""How often it is noted that we hear Discord."""

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


class AssistantClient(discord.AutoShardedClient):
    """A client that pings nobody, hears for the rooms, and says when it is connected."""

    def __init__(
        self, rooms: Rooms, ready: Callable[[], Awaitable[None]], *, sees_content: bool, settings: Settings
    ) -> None:
        intents = discord.Intents.default()
        intents.message_content = sees_content
        shards: dict[str, Any] = {"shard_ids": list(settings.discord_shard_ids)} if settings.discord_shard_ids else {}
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            shard_count=settings.discord_shard_count,
            **shards,
        )
        self.tree = listen(self, rooms)
        self._ready_to_work = ready

    async def on_ready(self) -> None:
        """Discord has told us of all servers; again after each connection that could not be resumed."""
        await self._ready_to_work()


class DiscordChannel:
    """Discord, switched on. Raises ChannelError at `start` when the token is wrong."""

    def __init__(
        self,
        settings: Settings,
        service: AnsweringService,
        presence: Presence,
        aftercare: Aftercare,
        errands: ErrandDesk,
    ) -> None:
        assert settings.discord_bot_token is not None  # noqa: S101 - the channel is on when its token is there
        self._settings = settings
        self._token = settings.discord_bot_token.get_secret_value()
        self._api = settings.discord_api_url
        self._commands_file = settings.var_dir / "discord-commands"
        self._owners = Owners(settings.var_dir / "discord-owners-told")
        self._calls = Calls(self._owners)
        messenger = Messenger(self._calls, service.keeps)
        delivery = Delivery(service, presence, aftercare, messenger)
        files = Files(settings.discord_api_url)
        self._actions = Actions(service, Doorkeeper(presence), messenger, delivery, files=files)
        self._errands = ErrandActions(errands, aftercare, self._actions, delivery)
        after = AftercareActions(aftercare, presence, self._actions, delivery, messenger)
        self._rooms = Rooms(self._actions, after, Commands(presence, settings.chat_owners))
        self._catch_up = CatchUp(presence, settings.catch_up_hours)
        self._sees_content = True
        self._state = "The connection to Discord has not been started."
        self._refusal: ChannelError | None = None
        self._settled = asyncio.Event()
        self._connecting: asyncio.Task[None] | None = None
        self._watching: asyncio.Task[None] | None = None
        self._attending: asyncio.Task[None] | None = None
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
        if self.client.is_ready():
            await self._note_listening()
        for task in filter(None, (self._connecting, self._watching, self._attending)):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._actions.stop()
        if self._connecting:  # what was never logged in cannot be closed
            await self.client.close()

    async def check(self) -> str:
        """The state of the connection. Raises ChannelError when there is none."""
        if self._refusal:
            raise self._refusal
        shards = self.client.shards.values()
        if not self.client.is_ready() or not shards or any(shard.is_closed() for shard in shards):
            raise ChannelError(self._state)
        connected = f"connected as {self.client.user} to {len(self.client.guilds)} server(s)"
        if self._settings.discord_shard_ids:
            connected += f", {len(shards)} of {self.client.shard_count} shards"
        return connected if self._sees_content else f"{connected}, {NO_CONTENT}"

    def _new_client(self) -> AssistantClient:
        client = AssistantClient(self._rooms, self._ready, sees_content=self._sees_content, settings=self._settings)
        self._calls.client = self._owners.client = client
        return client

    async def _ready(self) -> None:
        """Finishes what a stopped process left, looks for what was missed, and brings the commands up to date."""
        self._settled.set()
        self._actions.resume()
        self._watching = self._watching or asyncio.create_task(self._watch())
        self._attending = self._attending or asyncio.create_task(self._errands.run())
        await register(self.client.tree, self._commands_file)
        if not self._sees_content:
            await self._owners.limited(f"I am connected {NO_CONTENT}.")
        try:
            await self._catch_up.run(self.client, self._actions.take_missed)
        except (StorageError, discord.HTTPException, *OUT_OF_REACH) as error:
            _log.warning("what was asked while nobody listened was not looked up: %s", error)

    async def _watch(self) -> None:
        """Notes, as long as we are connected, until when we heard."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            if self.client.is_ready():
                await self._note_listening()

    async def _note_listening(self) -> None:
        try:
            await self._catch_up.listening(self.client, self._actions.take_missed)
        except (StorageError, discord.HTTPException, *OUT_OF_REACH) as error:
            _log.warning("until when we listened cannot be stored: %s", error)

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
