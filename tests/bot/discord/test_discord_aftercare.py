"""The buttons under an answer: what each does, for whom, and that they outlive the process that posted them."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import discord
import pytest
import simcord
from simcord import ChannelHandle, GuildHandle, MemberActor

from bot.discord.calls import Calls
from bot.discord.client import DiscordChannel
from bot.discord.renderer import Post
from core.answering.aftercare import Aftercare
from core.answering.presence import Presence
from core.domain.channels import Address, Fault, Feedback, Verdict
from core.domain.conversation import Answer
from tests.bot.discord.scripted_discord_engine import ScriptedEngine
from tests.bot.discord.visible import answered, buttons, from_the_bot, texts, visible


@pytest.fixture
async def thread(general: ChannelHandle, alice: MemberActor, bot_mention: str) -> ChannelHandle:
    """A thread with an answer."""
    await alice.send(general, f"{bot_mention} What is Feast?")
    return general.threads[0]


def message_id(thread: ChannelHandle) -> str:
    return buttons(from_the_bot(thread)[0])["Helpful"].removeprefix("helpful:")


async def test_favourable_verdict_is_kept_and_thanked_for(
    thread: ChannelHandle, bob: MemberActor, aftercare: Aftercare
) -> None:
    clicked = await bob.click(from_the_bot(thread)[0], label="Helpful")

    assert clicked.ephemeral
    assert answered(clicked) == "Thank you, that is noted."
    verdict = Feedback(message_id(thread), str(bob.id), Verdict.HELPFUL)
    assert await aftercare.verdicts(message_id(thread)) == [verdict]


async def test_unfavourable_verdict_asks_for_its_reason(
    thread: ChannelHandle, bob: MemberActor, aftercare: Aftercare
) -> None:
    shown = await bob.click(from_the_bot(thread)[0], label="Not helpful")
    assert shown.modal

    sent = await bob.submit_modal(shown, {"reason": ["outdated"], "comment": "Feast 0.40 has no such flag."})

    assert sent.ephemeral
    assert answered(sent) == "Thank you, that is noted."
    assert await aftercare.verdicts(message_id(thread)) == [
        Feedback(message_id(thread), str(bob.id), Verdict.NOT_HELPFUL, Fault.OUTDATED, "Feast 0.40 has no such flag.")
    ]


async def test_crew_answers_the_same_question_once_in_the_thread(
    thread: ChannelHandle, bob: MemberActor, crew_engine: ScriptedEngine
) -> None:
    await bob.click(from_the_bot(thread)[0], label="Ask the crew")
    await bob.click(from_the_bot(thread)[0], label="Ask the crew")

    assert texts(thread) == ["The agent on What is Feast?", "The crew on What is Feast?"]
    assert crew_engine.asked == ["What is Feast?"]
    assert "Ask the crew" not in buttons(from_the_bot(thread)[1])


async def test_why_is_shown_to_who_asks_alone(thread: ChannelHandle, bob: MemberActor) -> None:
    clicked = await bob.click(from_the_bot(thread)[0], label="Why this answer")

    assert clicked.ephemeral
    assert answered(clicked).startswith("**Why this answer**")
    assert len(from_the_bot(thread)) == 1


async def test_human_is_called_once_and_nobody_else_is_pinged(
    guild: GuildHandle,
    general: ChannelHandle,
    thread: ChannelHandle,
    alice: MemberActor,
    bob: MemberActor,
    presence: Presence,
) -> None:
    helpers = guild.create_role("helpers")
    await presence.change(Address("discord", str(alice.guild.id), str(general.id)), "helpers", str(helpers.id), "test")

    await bob.click(from_the_bot(thread)[0], label="Need a human")
    again = await alice.click(from_the_bot(thread)[0], label="Need a human")

    _, call = from_the_bot(thread)
    assert visible(call).startswith(f"<@&{helpers.id}> **bob** needs a human here.")
    assert "> What is Feast?" in visible(call)
    assert [role.id for role in call.role_mentions] == [helpers.id]
    assert call.mentions == []
    assert answered(again) == "Somebody was called to this answer already."


async def test_nobody_to_call_is_said(thread: ChannelHandle, bob: MemberActor) -> None:
    clicked = await bob.click(from_the_bot(thread)[0], label="Need a human")

    assert "Nobody is set up to be called here" in answered(clicked)
    assert "**bob** needs a human here." in texts(thread)[1]


async def test_resolved_conversation_is_closed_until_a_mention(
    general: ChannelHandle, thread: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    clicked = await alice.click(from_the_bot(thread)[0], label="Resolved")
    again = await alice.click(from_the_bot(thread)[0], label="Resolved")
    await alice.send(thread, "Who uses it?")

    assert answered(clicked) == "Marked as resolved. Mention me to go on."
    assert answered(again) == "This was resolved before. Mention me to go on."
    [asked] = [message for message in general.history() if message.id == thread.id]
    assert [str(reaction.emoji) for reaction in asked.reactions] == ["✅"]
    assert agent_engine.asked == ["What is Feast?"]

    await alice.send(thread, f"{bot_mention} Who uses it?")
    assert agent_engine.asked == ["What is Feast?", "Who uses it?"]


async def test_buttons_work_after_a_restart(
    simcord_env: simcord.Env,
    thread: ChannelHandle,
    bob: MemberActor,
    make_discord_channel: Callable[[], Awaitable[DiscordChannel]],
) -> None:
    await simcord_env.restart_bot((await make_discord_channel()).client)

    why = await bob.click(from_the_bot(thread)[0], label="Why this answer")
    await bob.click(from_the_bot(thread)[0], label="Ask the crew")

    assert answered(why).startswith("**Why this answer**")
    assert texts(thread)[-1] == "The crew on What is Feast?"


async def test_button_of_an_answer_that_was_deleted_is_explained(
    simcord_env: simcord.Env, thread: ChannelHandle, alice: MemberActor
) -> None:
    [message] = from_the_bot(thread)
    await alice.slash(thread, "reset")

    clicked = await alice.click(message, label="Why this answer")

    assert simcord_env.errors == []
    assert answered(clicked) == "⚠️ This answer is no longer kept: its conversation was deleted."


async def test_very_long_answer_comes_with_a_file(
    general: ChannelHandle, alice: MemberActor, bot_mention: str, agent_engine: ScriptedEngine
) -> None:
    agent_engine.answer = Answer("\n\n".join(f"Paragraph {n} {'x' * 200}" for n in range(100)))

    await alice.send(general, f"{bot_mention} Show me")

    *_, last = from_the_bot(general.threads[0])
    assert len(from_the_bot(general.threads[0])) == 3
    assert [file.filename for file in last.attachments] == ["answer.md"]
    assert "The rest is in the file answer.md" in visible(last)
    assert "Helpful" in buttons(last)
    assert all(isinstance(message, discord.Message) for message in from_the_bot(general.threads[0])[:2])


async def test_long_answer_comes_as_messages_where_files_cannot_be_sent(
    general: ChannelHandle,
    alice: MemberActor,
    bot_mention: str,
    agent_engine: ScriptedEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = Calls.send

    async def refused(calls: Calls, channel: int, post: Post, nonce: str = "") -> str:
        if post.file:
            response: Any = SimpleNamespace(status=403, reason="Forbidden")
            raise discord.Forbidden(response, {"code": 50013, "message": "Missing Permissions"})
        return await send(calls, channel, post, nonce)

    monkeypatch.setattr(Calls, "send", refused)  # simcord lets everybody attach files
    agent_engine.answer = Answer("\n\n".join(f"Paragraph {n} {'x' * 200}" for n in range(60)))

    await alice.send(general, f"{bot_mention} Show me")

    assert "Paragraph 59" in texts(general.threads[0])[-1]
