"""What is heard in messages; they are real discord.py objects that no client sent."""

from typing import Any

import discord
import pytest

from bot.discord.reader import message_of, opens_thread, place, places, plain_ids, read_message, read_rewording
from bot.hearing import Heard
from bot.uploads import FILES_ALONE
from core.domain.conversation import Question, SessionKey

ME, ALICE, BOB, OTHER_BOT = 9, 11, 12, 13
GUILD, THREAD, VOICE, DM, BOT_ROLE, OPS_ROLE = 1, 31, 22, 41, 51, 52
GENERAL = 210_000_000_000_000_021
NAMES = {ME: "assistant", ALICE: "alice", BOB: "bob", OTHER_BOT: "robot"}


def user(number: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "username": NAMES[number],
        "discriminator": "0",
        "avatar": None,
        "bot": number in {ME, OTHER_BOT},
    }


def member(number: int) -> dict[str, Any]:
    return {"user": user(number), "roles": [], "joined_at": None, "deaf": False, "mute": False, "flags": 0}


def role(number: int, name: str, **fields: Any) -> dict[str, Any]:
    permissions = discord.Permissions.all().value & ~discord.Permissions(administrator=True).value
    return {"id": str(number), "name": name, "permissions": str(permissions), "colors": {}, "color": 0, **fields}


def text_channel(number: int, kind: int, denied: int = 0) -> dict[str, Any]:
    overwrites = [{"id": str(GUILD), "type": 0, "allow": "0", "deny": str(denied)}] if denied else []
    shared = {"id": str(number), "type": kind, "name": "general", "position": 0, "permission_overwrites": overwrites}
    return shared | {"bitrate": 64_000, "user_limit": 0} if kind == 2 else shared


def guild_payload(denied: int) -> dict[str, Any]:
    thread = {
        "id": str(THREAD),
        "type": 11,
        "guild_id": str(GUILD),
        "parent_id": str(GENERAL),
        "owner_id": str(ALICE),
        "name": "What is DVC?",
        "message_count": 1,
        "member_count": 1,
        "thread_metadata": {"archived": False, "auto_archive_duration": 1440, "archive_timestamp": "2026-01-01"},
    }
    roles = [role(GUILD, "@everyone"), role(BOT_ROLE, "assistant", tags={"bot_id": str(ME)}), role(OPS_ROLE, "ops")]
    channels = [text_channel(GENERAL, 0, denied), text_channel(VOICE, 2)]
    return {
        "id": str(GUILD),
        "name": "Server",
        "owner_id": str(ALICE),
        "roles": roles,
        "members": [member(ME)],
        "channels": channels,
        "threads": [thread],
    }


def heard(content: str, channel: int = GENERAL, *, author: int = ALICE, denied: int = 0, **fields: Any) -> Heard | None:
    """What is made of a message; `fields` are those of Discord's payload, or `sees_content`."""
    sees_content = fields.pop("sees_content", True)
    message, where = spoken(content, channel, author=author, denied=denied, **fields)
    return read_message(message, where, me=ME, sees_content=sees_content)


def spoken(
    content: str, channel: int = GENERAL, *, author: int = ALICE, denied: int = 0, **fields: Any
) -> tuple[discord.Message, Any]:
    """A message and its channel."""
    state = discord.Client(intents=discord.Intents.default())._connection
    state.user = discord.ClientUser(state=state, data=user(ME))
    payload = {
        "id": "77",
        "channel_id": str(channel),
        "author": user(author),
        "content": content,
        "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "type": 0,
        "pinned": False,
        "mention_everyone": False,
        "attachments": [],
        "embeds": [],
        "mentions": [user(number) | {"member": member(number)} for number in NAMES if f"<@{number}>" in content],
        "mention_roles": [number for number in (BOT_ROLE, OPS_ROLE) if f"<@&{number}>" in content],
        **fields,
    }
    if channel == DM:
        where: Any = discord.DMChannel._from_message(state, DM)
    else:
        guild = discord.Guild(data=guild_payload(denied), state=state)
        state._add_guild(guild)
        where = guild.get_channel_or_thread(channel)
        payload["guild_id"] = str(GUILD)
    data: Any = payload
    return discord.Message(state=state, channel=where, data=data), where


def test_mention_in_a_channel_gets_a_thread_under_it() -> None:
    found = heard("<@9> What is DVC?")

    assert found
    assert (found.mentioned, found.in_thread, found.direct) == (True, False, False)
    session = SessionKey("discord", "1", str(GENERAL), "77")
    assert found.question == Question(session, "What is DVC?", "discord:77", str(ALICE))
    assert opens_thread(found.question)


@pytest.mark.parametrize("denied", ["create_public_threads", "send_messages_in_threads"])
def test_mention_where_threads_are_not_allowed_is_answered_in_the_channel(denied: str) -> None:
    found = heard("<@9> What is DVC?", denied=discord.Permissions(**{denied: True}).value)

    assert found
    assert found.question.session == SessionKey("discord", "1", str(GENERAL), "")


def test_mention_beside_a_call_is_answered_there() -> None:
    found = heard("<@9> What is DVC?", VOICE)

    assert found
    assert found.question.session == SessionKey("discord", "1", "22", "")


def test_mention_of_the_role_of_the_bot_counts() -> None:
    found = heard("<@&51> What is DVC?")

    assert found
    assert found.question.text == "What is DVC?"


def test_mention_in_a_thread_keeps_the_thread() -> None:
    found = heard("<@9> And S3?", THREAD)

    assert found
    assert found.mentioned
    assert found.question.session == SessionKey("discord", "1", str(GENERAL), "31")
    assert not opens_thread(found.question)


def test_reply_in_a_thread_is_a_follow_up() -> None:
    found = heard("And S3?", THREAD)

    assert found
    assert found.in_thread
    assert not found.addressed
    assert found.readable


def test_direct_message_is_a_question() -> None:
    found = heard("What is DVC?", DM)

    assert found
    assert found.question.session == SessionKey("discord", "dm", "41", "")
    assert found.direct


def test_message_whose_text_is_hidden_from_us_is_marked() -> None:
    found = heard("", THREAD, sees_content=False)

    assert found
    assert found.in_thread
    assert not found.readable


def test_sticker_without_words_says_nothing() -> None:
    assert heard("", THREAD) is None


def test_files_without_words_ask_what_is_wrong() -> None:
    file = {"id": "5", "filename": "log.txt", "size": 7, "url": "https://cdn.discordapp.com/log.txt", "proxy_url": ""}

    found = heard("", THREAD, attachments=[file])

    assert found
    assert found.question.text == FILES_ALONE
    assert [(upload.name, upload.url, upload.size) for upload in found.uploads] == [
        ("log.txt", "https://cdn.discordapp.com/log.txt", 7)
    ]


@pytest.mark.parametrize("content", ["<@12> see this", "<@&52> see this"])
def test_talk_to_somebody_else_is_marked(content: str) -> None:
    found = heard(content, THREAD)

    assert found
    assert found.to_others


def test_call_to_everyone_is_marked() -> None:
    found = heard("@everyone look", THREAD, mention_everyone=True)

    assert found
    assert found.to_others


def test_message_in_a_channel_is_heard_at_its_top() -> None:
    found = heard("What is DVC?")

    assert found
    assert (found.addressed, found.in_thread, found.to_others) == (False, False, False)


def test_first_post_of_a_forum_is_no_reply() -> None:
    found = heard("What is DVC?", THREAD, id=str(THREAD))

    assert found
    assert not found.in_thread
    assert found.question.session.thread == str(THREAD)


def test_we_do_not_hear_ourselves() -> None:
    assert heard("<@9> What is DVC?", author=ME) is None


def test_bots_are_marked_by_their_ids() -> None:
    robot, hook = heard("<@9> What is DVC?", author=OTHER_BOT), heard("<@9> What is DVC?", webhook_id="5")

    assert robot
    assert hook
    assert (robot.bot, hook.bot) == (str(OTHER_BOT), "5")


MOMENT, LATE = "2015-01-01T00:00:30+00:00", "2015-01-01T00:01:30+00:00"


def test_rewording_has_the_id_of_its_question_and_one_of_its_own() -> None:
    reworded = read_rewording(*spoken("<@9> What is lakeFS?", edited_timestamp=MOMENT), me=ME, sees_content=True)

    assert reworded
    assert reworded.event_id == "discord:77"
    assert reworded.heard.question.event_id.startswith("discord:77:edit:")
    assert message_of(reworded.heard.question) == 77


@pytest.mark.parametrize("edited", [LATE, None])
def test_late_edits_and_previews_are_no_rewording(edited: str | None) -> None:
    message = spoken("<@9> What is lakeFS?", edited_timestamp=edited)

    assert read_rewording(*message, me=ME, sees_content=True) is None


def test_named_people_roles_and_channels_become_ids() -> None:
    assert plain_ids("<@1>, <@!2> <@&3> <#4>") == "1, 2 3 4"


@pytest.mark.parametrize("kind", [6, 7, 18, 21])
def test_notices_of_discord_are_not_heard(kind: int) -> None:
    assert heard("<@9> What is DVC?", type=kind) is None


def test_markup_becomes_readable() -> None:
    found = heard(f"<@9> ask <@12> or <@&52> in <#{GENERAL}> or <#99> <:dvc:123>")

    assert found
    assert found.question.text == "ask @bob or @ops in #general or #99 :dvc:"


def test_thread_of_a_slash_command_hangs_from_its_answer() -> None:
    question = Question(SessionKey("discord", "1", "21", "88"), "What?", "discord:interaction:99")

    assert opens_thread(question, "21:88")
    assert not opens_thread(question, "88:90")
    assert message_of(question) is None
    assert place("21:88") == (21, 88)
    assert place("21:88 21:89") == (21, 88)
    assert places("21:88 21:89") == {0: "21:88", 1: "21:89"}
