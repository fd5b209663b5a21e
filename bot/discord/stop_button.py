"""The button under an answer that is being made, which stops it; it works across restarts of the bot.

Comes in: the id of a question, and whoever clicks. Goes out: a view for a message, and the event `stop` for the
listeners. Discord gives a button's `custom_id` back, with the question's id inside.
"""

import re
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, View

from bot.rendering import STOP

PREFIX = "stop:"


class StopButton(DynamicItem[Button[Any]], template=r"stop:(?P<question>.+)"):
    """The button of one question."""

    def __init__(self, event_id: str) -> None:
        super().__init__(Button(label=STOP, style=discord.ButtonStyle.secondary, custom_id=f"{PREFIX}{event_id}"))
        self._event_id = event_id

    @classmethod
    async def from_custom_id(cls, interaction: discord.Interaction, item: Any, match: re.Match[str], /) -> Self:  # noqa: ARG003
        """The button that was clicked."""
        return cls(match["question"])

    async def callback(self, interaction: discord.Interaction) -> None:
        """Hands the click over."""
        interaction.client.dispatch("stop", interaction, self._event_id)


def stop_view(event_id: str) -> View:
    """What a message shows while the question is being answered."""
    view = View(timeout=None)
    view.add_item(StopButton(event_id))
    return view


def stops(message: discord.Message, event_id: str) -> bool:
    """Whether a message shows the button of this question."""
    rows = (row.children for row in message.components if isinstance(row, discord.ActionRow))
    return any(getattr(item, "custom_id", "") == f"{PREFIX}{event_id}" for row in rows for item in row)
