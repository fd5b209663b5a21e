"""Reads what Discord delivers.

Comes in: a message or an interaction as discord.py parsed it. Goes out: what was `Heard`, or None when nobody spoke;
and the places that follow from a question's address. Pure: it neither asks Discord nor remembers.
"""

import re
from dataclasses import replace

import discord

from bot.hearing import REWORDED_SECONDS, Heard, Reworded
from bot.uploads import FILES_ALONE, Upload
from core.domain.conversation import Manner, Mode, Question, SessionKey

PLATFORM = "discord"
DIRECT = "dm"
"""The workspace of direct messages."""

_MENTION = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_CHANNEL = re.compile(r"<#(\d+)>")
_ID = re.compile(r"<(?:@[!&]?|#)(\d+)>")
_EMOJI = re.compile(r"<a?(:\w+:)\d+>")
_SPOKEN_TYPES = {discord.MessageType.default, discord.MessageType.reply}


def read_message(message: discord.Message, channel: object, *, me: int, sees_content: bool) -> Heard | None:
    """What was said in a message; None for notices of Discord's and for what we said ourselves.

    `channel` is where it stands, looked up if discord.py did not know it.
    """
    if message.author.id == me or message.type not in _SPOKEN_TYPES:
        return None
    direct, mentioned = isinstance(channel, discord.DMChannel), _mentions_us(message, me)
    said, uploads = readable(message, me), read_uploads(message)
    hidden = not (sees_content or direct or mentioned or message.content)
    if not (said or uploads or direct or mentioned or hidden):
        return None  # a sticker, say
    root = message.id if isinstance(channel, discord.TextChannel) and _threads_allowed(channel) else None
    guild = message.guild.id if message.guild else None
    question = Question(
        session=session_of(channel, channel_id=message.channel.id, guild_id=guild, root=root),
        text=said or (FILES_ALONE if uploads else ""),
        event_id=question_id(message.id),
        author=str(message.author.id),
    )
    return Heard(
        question,
        direct=direct,
        mentioned=mentioned,
        in_thread=isinstance(channel, discord.Thread) and channel.id != message.id,  # as a forum's first post is
        to_others=_speaks_to_others(message, me),
        bot=str(message.webhook_id or message.author.id) if message.webhook_id or message.author.bot else "",
        readable=not hidden,
        uploads=uploads,
    )


def read_rewording(message: discord.Message, channel: object, *, me: int, sees_content: bool) -> Reworded | None:
    """An edit in which a person may have changed the words of a message shortly after it was sent."""
    edited = message.edited_at
    if edited is None or not message.content or (edited - message.created_at).total_seconds() > REWORDED_SECONDS:
        return None
    heard = read_message(message, channel, me=me, sees_content=sees_content)
    if heard is None or heard.bot:
        return None
    old = heard.question.event_id
    return Reworded(old, replace(heard, question=replace(heard.question, event_id=f"{old}:edit:{edited.timestamp()}")))


def read_command(
    interaction: discord.Interaction, text: str, *, mode: Mode, answer: str = "", private: bool = False
) -> Question:
    """The question of a slash command; `answer` is the placement of our response, "" when it cannot have one.

    One that is `private` is answered to its asker alone, in a conversation of its own.
    """
    opens = isinstance(interaction.channel, discord.TextChannel) and _sufficient(interaction.app_permissions)
    session = read_session(interaction, root=place(answer)[1] if answer and opens else None)
    if private:
        session = replace(session, thread=f"command:{interaction.id}")
    return Question(
        session=session,
        text=text.strip(),
        event_id=f"{PLATFORM}:interaction:{interaction.id}",
        author=str(interaction.user.id),
        mode=mode,
        manner=Manner.PRIVATE if private else Manner.REPLY,
    )


def read_shortcut(interaction: discord.Interaction, message: discord.Message, *, me: int) -> Heard:
    """The question that "Ask about this message" asks: the message, in its thread."""
    opens = isinstance(interaction.channel, discord.TextChannel) and _sufficient(interaction.app_permissions)
    question = Question(
        session=read_session(interaction, root=message.id if opens else None),
        text=readable(message, me) or FILES_ALONE,
        event_id=f"{question_id(message.id)}:shortcut:{interaction.id}",
        author=str(interaction.user.id),
    )
    return Heard(question, mentioned=True, in_thread=True, uploads=read_uploads(message))


def read_uploads(message: discord.Message) -> tuple[Upload, ...]:
    """The files of a message."""
    return tuple(Upload(file.filename, file.url, file.content_type or "", file.size) for file in message.attachments)


def read_session(interaction: discord.Interaction, *, root: int | None = None) -> SessionKey:
    """The session in which a slash command was used."""
    return session_of(
        interaction.channel,
        channel_id=interaction.channel_id or 0,
        guild_id=interaction.guild_id,
        root=root,
    )


def session_of(channel: object, *, channel_id: int, guild_id: int | None, root: int | None) -> SessionKey:
    """The session of what is said in a channel; `root` is the message under which a thread is to be opened."""
    workspace = str(guild_id or DIRECT)
    if isinstance(channel, discord.Thread):
        return SessionKey(PLATFORM, workspace, str(channel.parent_id), str(channel.id))
    return SessionKey(PLATFORM, workspace, str(channel_id), str(root or ""))


def question_id(message: int) -> str:
    """The id of the question that a message asks."""
    return f"{PLATFORM}:{message}"


def opens_thread(question: Question, placement: str = "") -> bool:
    """Whether the thread of a question hangs from its own message or from that of its answer."""
    thread = question.session.thread
    return thread.isdecimal() and int(thread) in {message_of(question), place(placement)[1] if placement else None}


def message_of(question: Question) -> int | None:
    """The message in which a question was asked; None for a slash command."""
    number = question.event_id.split(":")[1]
    return int(number) if number.isdecimal() else None


def place(placement: str) -> tuple[int, int]:
    """The ids of channel and message in a placement, of the first message if there are several."""
    channel, _, message = placement.split(maxsplit=1)[0].partition(":")
    return int(channel), int(message)


def places(placement: str) -> dict[int, str]:
    """The messages of an answer, by their number."""
    return dict(enumerate(placement.split()))


def plain_ids(text: str) -> str:
    """Channels, people and roles that somebody named, by their ids alone."""
    return _ID.sub(r"\1", text)


def readable(message: discord.Message, me: int) -> str:
    """Discord's markup as plain text: our own mention goes, people, roles and channels get their names."""
    people = {user.id: user.display_name for user in message.mentions}
    roles = {role.id: role.name for role in message.role_mentions}
    ours = {role.id for role in message.role_mentions if _is_ours(role, me)}
    channels = {channel.id: channel.name for channel in message.channel_mentions}
    text = _MENTION.sub(lambda f: "" if int(f[1]) == me else f"@{people.get(int(f[1]), f[1])}", message.content)
    text = _ROLE.sub(lambda f: "" if int(f[1]) in ours else f"@{roles.get(int(f[1]), f[1])}", text)
    text = _CHANNEL.sub(lambda f: f"#{channels.get(int(f[1]), f[1])}", text)
    return _EMOJI.sub(r"\1", text).strip()


def _mentions_us(message: discord.Message, me: int) -> bool:
    """Whether we are meant: by name, by a reply to us that pings, or by the role that came with the bot."""
    return any(user.id == me for user in message.mentions) or any(_is_ours(role, me) for role in message.role_mentions)


def _speaks_to_others(message: discord.Message, me: int) -> bool:
    """Whether somebody else is meant: by name, by a role, or by a reply."""
    replied = message.reference.resolved if message.reference else None
    to_other = isinstance(replied, discord.Message) and replied.author.id not in {me, message.author.id}
    named = any(user.id != me for user in message.mentions)
    called = any(not _is_ours(role, me) for role in message.role_mentions)
    return to_other or named or called or message.mention_everyone


def _is_ours(role: discord.Role, me: int) -> bool:
    return role.tags is not None and role.tags.bot_id == me


def _threads_allowed(channel: discord.TextChannel) -> bool:
    return _sufficient(channel.permissions_for(channel.guild.me))


def _sufficient(permissions: discord.Permissions) -> bool:
    return permissions.create_public_threads and permissions.send_messages_in_threads
