"""A Discord channel over a real service on real SQLite, and simcord's Discord around it."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from simcord import ChannelHandle, GuildHandle, MemberActor

from bot.discord.client import DiscordChannel
from core.answering.aftercare import Aftercare
from core.answering.engine import Engine
from core.answering.errands import ErrandDesk
from core.answering.presence import Presence
from core.answering.service import AnsweringService
from core.answering.turns.budgets import Budgets
from core.answering.turns.condenser import QuestionList
from core.answering.turns.memories import Memories
from core.answering.turns.runner import TurnRunner
from core.domain.conversation import Mode
from core.settings import Settings, load_settings
from core.storage.audit import Audit
from core.storage.channels import Channels
from core.storage.engine import Database
from core.storage.errands import Errands
from core.storage.migrate import migrate
from core.storage.reviews import Reviews
from core.storage.sessions import Sessions
from core.storage.sources import Sources
from core.storage.spending import Spending
from core.storage.turns import Turns
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.scripted_retriever import ScriptedRetriever

ME = 9_000
"""The bot, in tests without a simulated Discord."""


@pytest.fixture(scope="session")
def empty_discord_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discord-database")
    migrate(f"sqlite+aiosqlite:///{folder / 'assistant.db'}")
    return folder


@pytest.fixture
def discord_settings(empty_discord_database: Path, tmp_path: Path) -> Settings:
    shutil.copytree(empty_discord_database, tmp_path / "var")
    return load_settings(var_dir=tmp_path / "var", discord_bot_token="test-token")


@pytest.fixture
async def discord_database(discord_settings: Settings) -> AsyncIterator[Database]:
    database = Database(discord_settings.sqlalchemy_url)
    yield database
    await database.close()


@pytest.fixture
def discord_sessions(discord_database: Database) -> Sessions:
    return Sessions(discord_database)


@pytest.fixture
def discord_turns(discord_database: Database) -> Turns:
    return Turns(discord_database)


@pytest.fixture
def agent_engine() -> ScriptedEngine:
    return ScriptedEngine("agent")


@pytest.fixture
def crew_engine() -> ScriptedEngine:
    return ScriptedEngine("crew")


@pytest.fixture
async def make_discord_service(
    discord_database: Database, agent_engine: ScriptedEngine, crew_engine: ScriptedEngine
) -> AsyncIterator[Callable[[], Awaitable[AnsweringService]]]:
    """Another process, as it were: a new service over the same database; the one before has stopped."""
    made: list[AnsweringService] = []

    async def make() -> AnsweringService:
        if made:
            await made.pop().close()
        turns = Turns(discord_database)
        memories = Memories(turns, QuestionList, 1_500)
        budgets = Budgets(Spending(discord_database), {})
        engines: dict[Mode, Engine] = {Mode.AGENT: agent_engine, Mode.CREW: crew_engine}
        runner = TurnRunner(turns, lambda: engines, memories, budgets)
        made.append(AnsweringService(Sessions(discord_database), turns, runner))
        await made[0].open()
        return made[0]

    yield make
    for service in made:
        await service.close()


@pytest.fixture
async def discord_service(make_discord_service: Callable[[], Awaitable[AnsweringService]]) -> AnsweringService:
    return await make_discord_service()


@pytest.fixture
def retriever() -> ScriptedRetriever:
    return ScriptedRetriever()


@pytest.fixture
def presence(discord_database: Database, retriever: ScriptedRetriever) -> Presence:
    turns, sessions = Turns(discord_database), Sessions(discord_database)
    sources: Any = Sources(discord_database)
    stand_in: Any = retriever
    return Presence(Channels(discord_database), sessions, turns, sources, stand_in, audit=Audit(discord_database))


@pytest.fixture
def aftercare(discord_database: Database) -> Aftercare:
    return Aftercare(Reviews(discord_database), Turns(discord_database), Sessions(discord_database))


@pytest.fixture
def errands(discord_database: Database) -> ErrandDesk:
    """A desk that looks again only when something is handed in: simcord waits for a bot that would look by itself."""
    audit = Audit(discord_database)
    return ErrandDesk(Errands(discord_database), Turns(discord_database), audit, look_seconds=3_600)


@pytest.fixture
def new_discord_channel(
    discord_settings: Settings, presence: Presence, aftercare: Aftercare, errands: ErrandDesk
) -> Callable[[AnsweringService], DiscordChannel]:
    """Makes a channel over a service; simcord does not say how many shards there are to be."""

    def make(service: AnsweringService) -> DiscordChannel:
        channel = DiscordChannel(discord_settings, service, presence, aftercare, errands)
        channel.client.shard_count = 1
        return channel

    return make


@pytest.fixture
def make_discord_channel(
    new_discord_channel: Callable[[AnsweringService], DiscordChannel],
    make_discord_service: Callable[[], Awaitable[AnsweringService]],
) -> Callable[[], Awaitable[DiscordChannel]]:
    """Another process, as it were: a new channel over a new service and the same database."""

    async def make() -> DiscordChannel:
        return new_discord_channel(await make_discord_service())

    return make


@pytest.fixture
def discord_channel(
    new_discord_channel: Callable[[AnsweringService], DiscordChannel], discord_service: AnsweringService
) -> DiscordChannel:
    return new_discord_channel(discord_service)


@pytest.fixture
def simcord_bot(discord_channel: DiscordChannel) -> discord.Client:
    """What `simcord_env` runs."""
    return discord_channel.client


@pytest.fixture
def guild(simcord_env: simcord.Env) -> GuildHandle:
    return simcord_env.create_guild("Server")


@pytest.fixture
def general(guild: GuildHandle) -> ChannelHandle:
    return guild.create_text_channel("general")


@pytest.fixture
def alice(simcord_env: simcord.Env, guild: GuildHandle) -> MemberActor:
    return guild.add_member(simcord_env.create_user("alice"))


@pytest.fixture
def bob(simcord_env: simcord.Env, guild: GuildHandle) -> MemberActor:
    return guild.add_member(simcord_env.create_user("bob"))


@pytest.fixture
def bot_mention(simcord_env: simcord.Env) -> str:
    assert simcord_env.bot.user
    return simcord_env.bot.user.mention
