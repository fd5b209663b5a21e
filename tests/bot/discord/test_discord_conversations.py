"""Conversations over real discord.py: who is answered, where, and how often."""

import re

import discord
import simcord
from simcord import ChannelHandle, GuildHandle, MemberActor

from core.domain.conversation import Answer, Citation
from core.storage.sessions import Sessions
from tests.bot.discord.scripted_discord_engine import ScriptedEngine, out_of_order
from tests.bot.discord.visible import answered, first_text, from_the_bot, texts, visible

CITATION = Citation(1, "p1", "DVC", ("DVC", "Pipelines"), "https://example.test/dvc#pipelines", 0.8, "quote")


async def test_ask_answers_in_its_response_and_opens_a_thread_on_it(
    general: ChannelHandle, alice: MemberActor, agent_engine: ScriptedEngine
) -> None:
    result = await alice.slash(general, "ask", question="What is DVC?")

    assert result.response
    assert answered(result) == "The agent on What is DVC?"
    [thread] = general.threads
    assert (thread.id, thread.name) == (result.response.id, "What is DVC?")
    assert agent_engine.asked == ["What is DVC?"]


async def test_thread_of_a_command_goes_on_without_a_mention(
    general: ChannelHandle, alice: MemberActor, agent_engine: ScriptedEngine
) -> None:
    await alice.slash(general, "ask", question="What is DVC?")
    [thread] = general.threads

    await alice.send(thread, "And with S3?")

    assert texts(thread) == ["The agent on And with S3?"]
    assert agent_engine.transcripts[-1] == ["What is DVC?", "The agent on What is DVC?"]


async def test_long_question_is_cut_to_a_thread_name(general: ChannelHandle, alice: MemberActor) -> None:
    await alice.slash(general, "ask", question="Why? " * 60)

    assert len(general.threads[0].name or "") == 100


async def test_secret_in_a_question_stands_in_no_thread_name_and_its_asker_is_told(
    general: ChannelHandle, alice: MemberActor, agent_engine: ScriptedEngine
) -> None:
    result = await alice.slash(general, "ask", question="Is DB_PASSWORD=correcthorse1 right?")

    assert result.response
    assert agent_engine.asked == ["Is DB_PASSWORD=[masked: password] right?"]
    assert general.threads[0].name == "Is DB_PASSWORD=[masked: password] right?"
    assert "correcthorse1" not in visible(result.response.message)
    assert "What looked like a secret in your question (password) was masked" in visible(result.response.message)


async def test_crew_is_asked_by_its_own_command(
    general: ChannelHandle, alice: MemberActor, crew_engine: ScriptedEngine
) -> None:
    result = await alice.slash(general, "crew", question="Compare DVC and lakeFS")

    assert result.response
    assert answered(result) == "The crew on Compare DVC and lakeFS"
    assert crew_engine.asked == ["Compare DVC and lakeFS"]


async def test_blank_command_is_refused_for_its_asker_alone(
    general: ChannelHandle, alice: MemberActor, agent_engine: ScriptedEngine
) -> None:
    result = await alice.slash(general, "ask", question="   ")

    assert result.ephemeral
    assert result.response
    assert "message is empty" in answered(result)
    assert agent_engine.asked == []


async def test_command_in_a_direct_message_opens_no_thread(alice: MemberActor, discord_sessions: Sessions) -> None:
    result = await alice.user.slash("ask", question="What is DVC?")

    assert answered(result) == "The agent on What is DVC?"
    [session] = await discord_sessions.list()
    assert (session.key.workspace, session.key.channel, session.key.thread) == (
        "dm",
        str(alice.user.dm_channel.id),
        "",
    )


async def test_mention_is_answered_in_a_thread_under_it(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, discord_sessions: Sessions
) -> None:
    asked = await alice.send(general, f"{bot_mention} What is Feast?")

    [thread] = general.threads
    assert thread.id == asked.id
    assert texts(thread) == ["The agent on What is Feast?"]
    assert texts(general) == []
    [session] = await discord_sessions.list()
    assert (session.key.channel, session.key.thread) == (str(general.id), str(asked.id))


async def test_second_delivery_of_a_mention_gives_no_second_answer(
    simcord_env: simcord.Env,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    agent_engine: ScriptedEngine,
) -> None:
    asked = await alice.send(general, f"{bot_mention} What is Feast?")

    simcord_env.backend.announce_message_create(simcord_env.backend.get_message(general.id, asked.id))
    await simcord_env.settle()

    assert texts(general.threads[0]) == ["The agent on What is Feast?"]
    assert agent_engine.asked == ["What is Feast?"]


async def test_reply_in_the_thread_needs_no_mention(
    general: ChannelHandle, alice: MemberActor, bob: MemberActor, bot_mention: str
) -> None:
    await alice.send(general, f"{bot_mention} What is Feast?")
    [thread] = general.threads

    await bob.send(thread, "Who uses it?")

    assert texts(thread) == ["The agent on What is Feast?", "The agent on Who uses it?"]


async def test_talk_between_people_in_the_thread_is_left_alone(
    general: ChannelHandle, alice: MemberActor, bob: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    await alice.send(general, f"{bot_mention} What is Feast?")
    [thread] = general.threads

    await alice.send(thread, f"{bob.mention} do we use that?")
    await bob.send(general, "lunch?")

    assert agent_engine.asked == ["What is Feast?"]


async def test_thread_of_other_people_is_left_alone_until_a_mention(
    guild: GuildHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine, general: ChannelHandle
) -> None:
    backend = general._env.backend
    backend.create_thread(general.id, "plans", alice.id)
    [thread] = general.threads

    await alice.send(thread, "What do you think?")
    assert agent_engine.asked == []

    await alice.send(thread, f"{bot_mention} What do you think?")
    assert texts(thread) == ["The agent on What do you think?"]
    assert guild.channels


async def test_without_permission_for_threads_the_answer_is_a_reply(
    guild: GuildHandle, alice: MemberActor, bot_mention: str, discord_sessions: Sessions
) -> None:
    denied = discord.PermissionOverwrite(create_public_threads=False)
    small = guild.create_text_channel("small", overwrites={guild.default_role: denied})

    asked = await alice.send(small, f"{bot_mention} What is Feast?")

    assert small.threads == []
    reply = small.last_message
    assert reply
    assert first_text(reply) == "The agent on What is Feast?"
    assert reply.reference
    assert reply.reference.message_id == asked.id
    [session] = await discord_sessions.list()
    assert session.key.thread == ""


async def test_direct_messages_are_answered_in_place(alice: MemberActor, agent_engine: ScriptedEngine) -> None:
    await alice.send_dm("What is DVC?")
    await alice.send_dm("And Git LFS?")

    assert texts(alice.user.dm_channel) == ["The agent on What is DVC?", "The agent on And Git LFS?"]
    assert agent_engine.transcripts[1] == ["What is DVC?", "The agent on What is DVC?"]


async def test_bots_are_ignored(
    simcord_env: simcord.Env,
    guild: GuildHandle,
    general: ChannelHandle,
    bot_mention: str,
    agent_engine: ScriptedEngine,
) -> None:
    other = guild.add_member(simcord_env.create_user("other", bot=True))

    await other.send(general, f"{bot_mention} What is DVC?")
    await guild.create_webhook(general, "hook").send(f"{bot_mention} What is DVC?")

    assert agent_engine.asked == []


async def test_reset_forgets_the_thread_it_is_used_in(
    general: ChannelHandle, alice: MemberActor, agent_engine: ScriptedEngine, bot_mention: str
) -> None:
    await alice.send(general, f"{bot_mention} What is Feast?")
    [thread] = general.threads

    result = await alice.slash(thread, "reset")
    await alice.send(thread, "Who uses it?")
    await alice.send(thread, f"{bot_mention} Who uses it?")

    assert result.response
    assert answered(result).startswith("Forgotten: 2 messages.")
    assert agent_engine.asked == ["What is Feast?", "Who uses it?"]
    assert agent_engine.transcripts[-1] == []


async def test_long_answer_goes_on_in_further_messages(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    code = "\n".join(f"print({n})  # {'x' * 40}" for n in range(90))
    agent_engine.answer = Answer(f"Read this:\n```python\n{code}\n```\nDone.", (CITATION,))

    await alice.send(general, f"{bot_mention} Show me")

    parts = [visible(message) for message in from_the_bot(general.threads[0])]
    assert len(parts) == 2
    assert all(len(part) <= 4000 for part in parts)
    assert all(part.count("```") % 2 == 0 for part in parts)
    assert "[DVC — Pipelines](<https://example.test/dvc#pipelines>)" in parts[-1]


async def test_long_answer_to_a_command_goes_on_in_its_thread(
    general: ChannelHandle, alice: MemberActor, agent_engine: ScriptedEngine
) -> None:
    agent_engine.answer = Answer("\n".join(f"line {n} {'x' * 60}" for n in range(80)))

    result = await alice.slash(general, "ask", question="Show me")

    assert result.response
    assert answered(result).startswith("line 0")
    [thread] = general.threads
    assert "line 79" in texts(thread)[-1]


async def test_nobody_is_pinged(
    simcord_env: simcord.Env,
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    agent_engine: ScriptedEngine,
) -> None:
    agent_engine.answer = Answer(f"@everyone @here {alice.mention} <@&{general.id}> look")

    await alice.send(general, f"{bot_mention} Call them")

    [said] = [message for message in general.threads[0].history() if message.author.bot]
    assert not re.search(r"@everyone|@here|<@", visible(said))
    assert not said.mention_everyone
    assert said.mentions == []
    written = [sent.json for sent in simcord_env.http_requests if sent.json and "components" in sent.json]
    assert len(written) >= 2
    assert all(body["allowed_mentions"]["parse"] == [] for body in written)


async def test_failure_of_the_model_is_told_in_words(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    agent_engine.error = out_of_order()

    await alice.send(general, f"{bot_mention} What is DVC?")

    [said] = texts(general.threads[0])
    assert said == "⚠️ The language model is out of order; tell @\u200beveryone."


async def test_empty_mention_is_told_what_to_do_without_a_thread(
    general: ChannelHandle, alice: MemberActor, bot_mention: str
) -> None:
    await alice.send(general, bot_mention)

    assert general.threads == []
    assert "message is empty" in texts(general)[0]


async def test_asker_is_told_in_private_where_the_bot_may_not_post(
    guild: GuildHandle, alice: MemberActor, bot_mention: str
) -> None:
    denied = discord.PermissionOverwrite(send_messages=False, create_public_threads=False)
    quiet = guild.create_text_channel("quiet", overwrites={guild.me: denied} if guild.me else {})

    await alice.send(quiet, f"{bot_mention} What is DVC?")

    assert "cannot post" in texts(alice.user.dm_channel)[0]
