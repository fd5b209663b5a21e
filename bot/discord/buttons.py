"""The buttons under our messages, and the dialog behind one of them; they work across restarts of the bot.

Comes in: whoever clicks. Goes out: the events `click` and `fault` for the listeners. Discord gives a button's
`custom_id` back, with what it is about inside: `why:` and the id of an answer, `stop:` and the id of a question.
"""

import re
from typing import Any, Self

import discord
from discord.ui import Button, DynamicItem, Label, Modal, Select, TextInput

from bot.discord.renderer import Press
from bot.rendering import FAULTS, JUDGED_PROMPT, NOT_HELPFUL
from core.answering.aftercare import COMMENT_LENGTH
from core.domain.channels import Fault

_STYLES = {"helpful": discord.ButtonStyle.success, "post": discord.ButtonStyle.success}


class AnswerButton(
    DynamicItem[Button[Any]],
    template=r"(?P<verb>stop|helpful|unhelpful|deeper|why|human|resolved|share|post|discard):(?P<value>.+)",
):
    """A button of one answer."""

    def __init__(self, press: Press) -> None:
        style = _STYLES.get(press.verb, discord.ButtonStyle.secondary)
        super().__init__(Button(label=press.label, style=style, custom_id=f"{press.verb}:{press.value}"))
        self._press = press

    @classmethod
    async def from_custom_id(cls, interaction: discord.Interaction, item: Any, match: re.Match[str], /) -> Self:  # noqa: ARG003
        """The button that was clicked."""
        return cls(Press(match["verb"], match["value"], item.label or ""))

    async def callback(self, interaction: discord.Interaction) -> None:
        """Hands the click over."""
        interaction.client.dispatch("click", interaction, self._press.verb, self._press.value)


class FaultDialog(Modal):
    """Asks what was wrong with an answer."""

    def __init__(self, message_id: str) -> None:
        super().__init__(title=NOT_HELPFUL, custom_id=f"fault:{message_id}")
        self._message_id = message_id
        options = [discord.SelectOption(label=said, value=fault.value) for fault, said in FAULTS.items()]
        self._reason = Select[Any](custom_id="reason", options=options, placeholder="Choose one")
        self._comment = TextInput[Any](
            custom_id="comment", style=discord.TextStyle.paragraph, required=False, max_length=COMMENT_LENGTH
        )
        self.add_item(Label(text=JUDGED_PROMPT, component=self._reason))
        self.add_item(Label(text="What would have been right?", component=self._comment))

    async def on_submit(self, interaction: discord.Interaction, /) -> None:
        """Hands the reason over."""
        fault = Fault(self._reason.values[0])
        interaction.client.dispatch("fault", interaction, self._message_id, fault, self._comment.value)
