"""Makes Discord's components of messages, and reads them again.

Comes in: a `Post`. Goes out: the view and the files with which discord.py sends it. Such messages have components
alone; Discord takes a plain one that is edited to have them, but not back. Used by the messenger.
"""

from io import BytesIO
from typing import Any

import discord
from discord.ui import ActionRow, LayoutView, Separator, TextDisplay

from bot.discord.buttons import AnswerButton
from bot.discord.renderer import Post
from bot.rendering import EMPTY, FILE_NAME


def layout(post: Post) -> LayoutView:
    """What a message shows."""
    view = LayoutView(timeout=None)
    view.add_item(TextDisplay(post.text or EMPTY))
    if post.below or post.small:
        view.add_item(Separator())
    if post.below:
        view.add_item(TextDisplay(post.below))
    if post.small:
        view.add_item(TextDisplay(f"-# {post.small}"))
    if post.file:
        view.add_item(discord.ui.File(f"attachment://{FILE_NAME}"))
    for row in post.rows:
        view.add_item(ActionRow[Any](*map(AnswerButton, row)))
    return view


def attached(post: Post) -> list[discord.File]:
    """The files of a message; new ones for every call, for sending reads them."""
    return [discord.File(BytesIO(post.file.encode()), FILE_NAME)] if post.file else []


def stops(message: discord.Message, event_id: str) -> bool:
    """Whether a message shows the button that stops the answer to this question."""
    rows = (row.children for row in message.components if isinstance(row, discord.ActionRow))
    return any(getattr(item, "custom_id", "") == f"stop:{event_id}" for row in rows for item in row)
