"""A Discord channel over a real service on real SQLite, and simcord's Discord around it."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import discord
import pytest
import simcord
from simcord import ChannelHandle, GuildHandle, MemberActor

from bot.discord.client import DiscordChannel
from core.answering.service import AnsweringService
from core.domain.conversation import Mode
from core.settings import Settings, load_settings
from core.storage.engine import Database
from core.storage.migrate import migrate
from core.storage.sessions import Sessions
from tests.bot.discord.scripted_discord_engine import ScriptedEngine

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
async def discord_sessions(discord_settings: Settings) -> AsyncIterator[Sessions]:
    database = Database(discord_settings.sqlalchemy_url)
    yield Sessions(database)
    await database.close()


@pytest.fixture
def agent_engine() -> ScriptedEngine:
    return ScriptedEngine("agent")


@pytest.fixture
def crew_engine() -> ScriptedEngine:
    return ScriptedEngine("crew")


@pytest.fixture
def discord_service(
    discord_sessions: Sessions, agent_engine: ScriptedEngine, crew_engine: ScriptedEngine
) -> AnsweringService:
    return AnsweringService(discord_sessions, lambda: {Mode.AGENT: agent_engine, Mode.CREW: crew_engine})


@pytest.fixture
def make_discord_channel(discord_settings: Settings, discord_service: AnsweringService) -> Callable[[], DiscordChannel]:
    """Another process, as it were: a new channel over the same database."""
    return lambda: DiscordChannel(discord_settings, discord_service)


@pytest.fixture
def discord_channel(make_discord_channel: Callable[[], DiscordChannel]) -> DiscordChannel:
    return make_discord_channel()


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
