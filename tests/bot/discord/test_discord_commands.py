"""Commands beside questions in public: private answers, the context menu, help, sources, settings, proposals."""

from collections.abc import Awaitable, Callable

import discord
import pytest
import simcord
from simcord import ChannelHandle, GuildHandle, MemberActor

from bot.discord.client import DiscordChannel
from core.answering.presence import Presence
from core.domain.channels import Address, Speaks
from core.domain.conversation import SessionKey
from core.storage.sessions import Sessions
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.visible import answered, buttons, first_text, from_the_bot, texts


@pytest.fixture
def make_manager(simcord_env: simcord.Env, guild: GuildHandle) -> Callable[[discord.Permissions], MemberActor]:
    """Makes a member who may do something."""

    def make(allowed: discord.Permissions) -> MemberActor:
        return guild.add_member(
            simcord_env.create_user("manager"), roles=[guild.create_role("manager", permissions=allowed)]
        )

    return make


async def test_private_question_is_answered_to_its_asker_alone(general: ChannelHandle, alice: MemberActor) -> None:
    result = await alice.slash(general, "ask", question="What is Feast?", private=True)

    assert result.ephemeral
    assert answered(result) == "The agent on What is Feast?"
    assert result.response
    assert list(buttons(result.response.message)) == ["Share here", "Why this answer"]
    assert from_the_bot(general) == []
    assert general.threads == []


async def test_private_answer_is_shared_and_its_conversation_goes_on_there(
    general: ChannelHandle, alice: MemberActor, bob: MemberActor, agent_engine: ScriptedEngine
) -> None:
    result = await alice.slash(general, "ask", question="What is Feast?", private=True)
    assert result.response

    await alice.click(result.response, label="Share here")

    assert answered(result) == "Shared."
    assert texts(general) == ["**alice** asked:\n> What is Feast?"]
    [thread] = general.threads
    assert texts(thread) == ["The agent on What is Feast?"]
    assert "Ask the crew" in buttons(from_the_bot(thread)[0])

    await bob.send(thread, "Who uses it?")
    assert agent_engine.transcripts[-1] == ["What is Feast?", "The agent on What is Feast?"]

    await bob.click(from_the_bot(thread)[0], label="Ask the crew")
    assert texts(thread)[-1] == "The crew on What is Feast?"


async def test_private_answer_that_comes_too_late_for_its_response_comes_as_a_direct_message(
    general: ChannelHandle, alice: MemberActor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expired(_: discord.Interaction) -> bool:
        return True

    monkeypatch.setattr(discord.Interaction, "is_expired", expired)

    await alice.slash(general, "ask", question="What is Feast?", private=True)

    assert texts(alice.user.dm_channel) == ["The agent on What is Feast?"]
    assert from_the_bot(general) == []


async def test_private_question_in_a_thread_is_shared_there(
    general: ChannelHandle, alice: MemberActor, bot_mention: str
) -> None:
    await alice.send(general, f"{bot_mention} What is DVC?")
    [thread] = general.threads
    result = await alice.slash(thread, "ask", question="What is Feast?", private=True)
    assert result.response

    await alice.click(result.response, label="Share here")

    assert texts(thread)[-1] == "The agent on What is Feast?"
    assert len(general.threads) == 1


async def test_message_that_somebody_asks_about_is_answered_under_it(
    general: ChannelHandle, alice: MemberActor, bob: MemberActor, agent_engine: ScriptedEngine
) -> None:
    message = await bob.send(general, "dvc push fails with 403")

    result = await alice.context_menu(general, "Ask about this message", message)

    assert result.ephemeral
    assert answered(result) == "I answer under that message."
    [thread] = general.threads
    assert thread.id == message.id
    assert texts(thread) == ["The agent on dvc push fails with 403"]
    assert agent_engine.asked == ["dvc push fails with 403"]


async def test_help_names_the_commands_to_who_asks(general: ChannelHandle, alice: MemberActor) -> None:
    result = await alice.slash(general, "help")

    assert result.ephemeral
    assert "`/ask QUESTION`" in answered(result)


async def test_sources_are_listed_to_who_asks(general: ChannelHandle, alice: MemberActor) -> None:
    result = await alice.slash(general, "sources")

    assert result.ephemeral
    assert answered(result).startswith("**Where my answers come from**")


async def test_settings_are_shown_to_everybody(general: ChannelHandle, alice: MemberActor) -> None:
    result = await alice.slash(general, "settings")

    assert result.ephemeral
    assert answered(result).startswith("**What holds here**")
    assert "`speaks` threads" in answered(result)


async def test_settings_are_changed_by_who_may_manage_the_channel(
    make_manager: Callable[[discord.Permissions], MemberActor],
    guild: GuildHandle,
    general: ChannelHandle,
    bob: MemberActor,
    presence: Presence,
) -> None:
    address = Address("discord", str(guild.id), str(general.id))
    manager = make_manager(discord.Permissions(manage_channels=True))

    refused = await bob.slash(general, "settings", name="speaks", value="off")
    assert "Nothing was changed." in answered(refused)
    assert (await presence.settings(address)).speaks is Speaks.THREADS

    changed = await manager.slash(general, "settings", name="helpers", value=bob.mention)
    assert answered(changed).startswith("Changed.")
    assert (await presence.settings(address)).helpers == str(bob.id)

    await manager.slash(general, "settings", name="helpers", value="default")
    assert (await presence.settings(address)).helpers == ""

    server = await manager.slash(general, "settings", name="speaks", value="off", workspace=True)
    assert "Nothing was changed." in answered(server)


async def test_settings_of_the_server_are_changed_by_who_may_manage_it(
    make_manager: Callable[[discord.Permissions], MemberActor],
    guild: GuildHandle,
    general: ChannelHandle,
    presence: Presence,
) -> None:
    await make_manager(discord.Permissions(manage_guild=True)).slash(
        general, "settings", name="speaks", value="mention", workspace=True
    )

    assert (await presence.settings(Address("discord", str(guild.id), "1"))).speaks is Speaks.MENTION


async def test_value_that_cannot_be_is_refused_in_words(
    make_manager: Callable[[discord.Permissions], MemberActor], general: ChannelHandle
) -> None:
    manager = make_manager(discord.Permissions(manage_channels=True))

    result = await manager.slash(general, "settings", name="speaks", value="loudly")

    assert answered(result).startswith("⚠️ speaks cannot be")


async def test_question_that_several_people_asked_is_proposed_and_that_of_one_is_not(
    general: ChannelHandle, alice: MemberActor, bob: MemberActor, bot_mention: str
) -> None:
    await alice.send(general, f"{bot_mention} What is Feast?")
    assert await alice.autocomplete(general, "ask", "question", "feast") == []
    await bob.send(general, f"{bot_mention} What is Feast?")

    proposed = await alice.autocomplete(general, "ask", "question", "feast")

    assert [choice["value"] for choice in proposed] == ["What is Feast?"]


async def test_values_are_proposed_by_the_name_of_the_setting(general: ChannelHandle, alice: MemberActor) -> None:
    speaks = await alice.autocomplete(general, "settings", "value", "", name="speaks")
    mode = await alice.autocomplete(general, "settings", "value", "c", name="mode")

    assert [choice["value"] for choice in speaks] == ["off", "mention", "threads", "auto", "shadow", "default"]
    assert [choice["value"] for choice in mode] == ["crew"]


async def test_commands_are_told_to_discord_only_when_they_changed(
    simcord_env: simcord.Env, make_discord_channel: Callable[[], Awaitable[DiscordChannel]]
) -> None:
    assert told(simcord_env) == 1

    await simcord_env.restart_bot((await make_discord_channel()).client)
    assert told(simcord_env) == 1

    changed = (await make_discord_channel()).client
    changed.tree.remove_command("sources")
    await simcord_env.restart_bot(changed)
    assert told(simcord_env) == 2


async def test_shared_conversation_has_the_address_of_its_thread(
    general: ChannelHandle, alice: MemberActor, discord_sessions: Sessions
) -> None:
    result = await alice.slash(general, "ask", question="What is Feast?", private=True)
    assert result.response
    await alice.click(result.response, label="Share here")

    [session] = await discord_sessions.list()
    thread = str(general.threads[0].id)
    assert session.key == SessionKey("discord", str(alice.guild.id), str(general.id), thread)
    assert first_text(from_the_bot(general.threads[0])[0]) == "The agent on What is Feast?"


def told(env: simcord.Env) -> int:
    """How often Discord was told of the commands."""
    return sum(call.method == "PUT" and call.path.endswith("/commands") for call in env.http_requests)
