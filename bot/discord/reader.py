"""Reads what Discord delivers.

Comes in: a message or an interaction as discord.py parsed it. Goes out: a `Heard` question, or None when it is not for
us; and the places that follow from a question's address. Pure: it neither asks Discord nor remembers.
"""

import re
from dataclasses import dataclass

import discord

from core.domain.conversation import Mode, Question, SessionKey

PLATFORM = "discord"
DIRECT = "dm"
"""The workspace of direct messages."""

_MENTION = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")
_CHANNEL = re.compile(r"<#(\d+)>")
_EMOJI = re.compile(r"<a?(:\w+:)\d+>")
_SPOKEN_TYPES = {discord.MessageType.default, discord.MessageType.reply}


@dataclass(frozen=True)
class Heard:
    """A message that may be for us; a `follow_up` is, if we take part in its thread.

    One that is not `readable` has no text because the message content intent is off.
    """

    question: Question
    follow_up: bool = False
    readable: bool = True


def read_message(message: discord.Message, channel: object, *, me: int, sees_content: bool) -> Heard | None:
    """The question in a message; `channel` is where it stands, looked up if discord.py did not know it."""
    if message.author.bot or message.webhook_id or message.type not in _SPOKEN_TYPES:
        return None
    addressed = isinstance(channel, discord.DMChannel) or _mentions_us(message, me)
    if not addressed and (not isinstance(channel, discord.Thread) or _speaks_to_others(message, me)):
        return None
    if not addressed and sees_content and not message.content:
        return None
    root = message.id if isinstance(channel, discord.TextChannel) and _threads_allowed(channel) else None
    guild = message.guild.id if message.guild else None
    question = Question(
        session=session_of(channel, channel_id=message.channel.id, guild_id=guild, root=root),
        text=readable(message, me),
        event_id=f"{PLATFORM}:{message.id}",
        author=str(message.author.id),
    )
    return Heard(question, follow_up=not addressed, readable=addressed or bool(message.content))


def read_command(interaction: discord.Interaction, text: str, *, mode: Mode, answer: str) -> Question:
    """The question of a slash command; `answer` is the placement of our response, "" when it cannot have one."""
    opens = isinstance(interaction.channel, discord.TextChannel) and _sufficient(interaction.app_permissions)
    root = place(answer)[1] if answer and opens else None
    return Question(
        session=read_session(interaction, root=root),
        text=text.strip(),
        event_id=f"{PLATFORM}:interaction:{interaction.id}",
        author=str(interaction.user.id),
        mode=mode,
    )


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


def opens_thread(question: Question, placement: str = "") -> bool:
    """Whether the thread of a question hangs from its own message or from that of its answer."""
    thread = question.session.thread
    return bool(thread) and (message_of(question) == int(thread) or placement.endswith(f":{thread}"))


def message_of(question: Question) -> int | None:
    """The message in which a question was asked; None for a slash command."""
    number = question.event_id.removeprefix(f"{PLATFORM}:")
    return int(number) if number.isdecimal() else None


def place(placement: str) -> tuple[int, int]:
    """The ids of channel and message in a placement."""
    channel, _, message = placement.partition(":")
    return int(channel), int(message)


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
    replied = message.reference.resolved if message.reference else None
    to_other = isinstance(replied, discord.Message) and replied.author.id not in {me, message.author.id}
    return to_other or bool(message.mentions or message.role_mentions) or message.mention_everyone


def _is_ours(role: discord.Role, me: int) -> bool:
    return role.tags is not None and role.tags.bot_id == me


def _threads_allowed(channel: discord.TextChannel) -> bool:
    return _sufficient(channel.permissions_for(channel.guild.me))


def _sufficient(permissions: discord.Permissions) -> bool:
    return permissions.create_public_threads and permissions.send_messages_in_threads
