"""What people see of our messages, which consist of components alone."""

from typing import Any

import discord
from simcord import ChannelHandle, InteractionResult


def visible(message: discord.Message) -> str:
    """All text of a message: its content, or that of its components, line by line."""
    shown = (part.content for part in message.components if isinstance(part, discord.TextDisplay))
    return "\n".join(filter(None, [message.content, *shown]))


def from_the_bot(channel: ChannelHandle) -> list[discord.Message]:
    """What the bot wrote in a channel, without notices of opened threads."""
    kinds = {discord.MessageType.thread_created, discord.MessageType.thread_starter_message}
    return [message for message in channel.history() if message.author.bot and message.type not in kinds]


def texts(channel: ChannelHandle) -> list[str]:
    """What the bot's messages in a channel say, without what stands below it."""
    return [first_text(message) for message in from_the_bot(channel)]


def first_text(message: discord.Message) -> str:
    """The text of an answer, without its footer."""
    shown = [part.content for part in message.components if isinstance(part, discord.TextDisplay)]
    return shown[0] if shown else message.content


def buttons(message: discord.Message) -> dict[str, str]:
    """The ids of the buttons of a message, by their labels."""
    rows = [row for row in message.components if isinstance(row, discord.ActionRow)]
    found = [item for row in rows for item in row.children if isinstance(item, discord.Button)]
    return {item.label or "": item.custom_id or "" for item in found}


def answered(result: InteractionResult) -> str:
    """What somebody who clicked or used a command was told last, in the response or after it."""
    told: Any = result.followups[-1] if result.followups else result.response
    return first_text(told.message) if told else ""
