"""What people do with an answer: the buttons under it, the dialog behind them, and decisions on drafts.

Comes in: clicks, from the listeners. Goes out: calls of the core's aftercare, and messages that most often only the one
who clicked sees.
"""

from collections.abc import Awaitable, Callable, Mapping

import discord

from bot.discord.actions import Actions
from bot.discord.buttons import FaultDialog
from bot.discord.delivery import Delivery, Stage
from bot.discord.layout import layout
from bot.discord.messenger import Messenger
from bot.discord.renderer import Post, render_call, render_failure, render_notice, render_why
from bot.hearing import Heard, Response
from bot.rendering import CALLED, CLOSED, CLOSED_BEFORE, DECIDED, NO_HELPERS, SHARED, SILENT, THANKED
from core.answering.aftercare import Aftercare
from core.answering.presence import Presence
from core.domain.channels import Fault, Verdict
from core.errors import AssistantError

ANSWERING = "I answer under that message."
DONE = "✅"

Click = Callable[[discord.Interaction, str], Awaitable[None]]


class AftercareActions:
    """The work behind the buttons. Errors are told to the one who clicked."""

    def __init__(
        self, aftercare: Aftercare, presence: Presence, actions: Actions, delivery: Delivery, messenger: Messenger
    ) -> None:
        self._aftercare = aftercare
        self._presence = presence
        self._actions = actions
        self._delivery = delivery
        self._messenger = messenger
        self._clicks: Mapping[str, Click] = {
            "stop": actions.take_stop,
            "helpful": self._praise,
            "unhelpful": self._blame,
            "why": self._explain,
            "deeper": self._go_deeper,
            "human": self._call_human,
            "resolved": self._resolve,
            "share": self._share,
            "post": self._post_draft,
            "discard": self._discard_draft,
        }

    async def take(self, click: discord.Interaction, verb: str, value: str) -> None:
        """Does what a button is for; `value` is what it is about."""
        try:
            await self._clicks[verb](click, value)
        except AssistantError as error:
            await tell(click, render_notice(render_failure(error)))

    async def judge_further(self, submission: discord.Interaction, message_id: str, fault: Fault, comment: str) -> None:
        """Keeps the reason of a verdict, from the dialog."""
        try:
            await self._aftercare.judge(message_id, _person(submission), Verdict.NOT_HELPFUL, fault, comment)
        except AssistantError as error:
            await tell(submission, render_notice(render_failure(error)))
        else:
            await tell(submission, render_notice(THANKED))

    async def ask_about(self, heard: Heard, interaction: discord.Interaction) -> None:
        """Answers what a context menu asks about a message, under it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        response = await self._actions.take(heard)
        said = ANSWERING if response is Response.ANSWER else SILENT
        await interaction.edit_original_response(view=layout(render_notice(said)))

    async def _praise(self, click: discord.Interaction, message_id: str) -> None:
        """Keeps a favourable verdict."""
        await self._aftercare.judge(message_id, _person(click), Verdict.HELPFUL)
        await tell(click, render_notice(THANKED))

    async def _blame(self, click: discord.Interaction, message_id: str) -> None:
        """Keeps a verdict that is not favourable, and asks for its reason."""
        await self._aftercare.judge(message_id, _person(click), Verdict.NOT_HELPFUL)
        await click.response.send_modal(FaultDialog(message_id))

    async def _explain(self, click: discord.Interaction, message_id: str) -> None:
        """Shows what an answer was made of, to the one who asks."""
        await tell(click, render_why(await self._aftercare.told(message_id)))

    async def _go_deeper(self, click: discord.Interaction, message_id: str) -> None:
        """Puts the question to the crew, in the same conversation; for all to see, as the answer with this button."""
        question = await self._aftercare.deeper(message_id, _person(click))
        await click.response.defer()
        await self._actions.accept(question)

    async def _call_human(self, click: discord.Interaction, message_id: str) -> None:
        """Calls whom the channel has set up, with a summary."""
        await click.response.defer()
        told = await self._aftercare.told(message_id)
        settings = await self._presence.rules(told.question.session)
        summary = await self._aftercare.escalate(message_id, _person(click))
        if summary is None:
            await tell(click, render_notice(CALLED))
            return
        ping, pinging = self._messenger.ping(told.question.session, settings.helpers)
        await self._messenger.say(click.channel_id or 0, render_call(summary, _name(click), ping), pinging)
        if not ping:
            await tell(click, render_notice(NO_HELPERS))

    async def _resolve(self, click: discord.Interaction, message_id: str) -> None:
        """Closes a conversation until we are mentioned again."""
        await click.response.defer()
        told = await self._aftercare.told(message_id)
        closed = await self._aftercare.resolve(told.question.session, _person(click))
        if closed:
            await self._messenger.react(told.question, DONE)
        await tell(click, render_notice(CLOSED if closed else CLOSED_BEFORE))

    async def _share(self, click: discord.Interaction, message_id: str) -> None:
        """Posts a private answer for all to see, and lets its conversation go on there."""
        await click.response.defer()
        told = await self._aftercare.told(message_id)
        in_thread = not isinstance(click.channel, discord.TextChannel)
        stage = Stage(click.channel_id or 0, click.guild_id, in_thread=in_thread)
        session = await self._delivery.share(told.question, told.answer, _name(click), stage)
        if await self._presence.floor(session) is None:  # otherwise another conversation is held there already
            await self._aftercare.move(told.question.session, session)
        await click.edit_original_response(view=layout(render_notice(SHARED)))

    async def _post_draft(self, click: discord.Interaction, message_id: str) -> None:
        await self._decide(click, message_id, post=True)

    async def _discard_draft(self, click: discord.Interaction, message_id: str) -> None:
        await self._decide(click, message_id, post=False)

    async def _decide(self, click: discord.Interaction, message_id: str, *, post: bool) -> None:
        """Decides on a draft: what is posted goes to where it was asked."""
        await click.response.defer()
        told = await self._aftercare.decide(message_id, _person(click), post=post)
        if told is None:
            await tell(click, render_notice(DECIDED))
            return
        draft = await self._aftercare.draft_of(told.message_id)
        assert draft is not None  # noqa: S101 - it was just decided on
        await self._delivery.settle(told, draft, _name(click))


async def tell(interaction: discord.Interaction, post: Post) -> None:
    """Says something to the one who clicked, alone."""
    if interaction.response.is_done():
        await interaction.followup.send(view=layout(post), ephemeral=True)
    else:
        await interaction.response.send_message(view=layout(post), ephemeral=True)


def _person(interaction: discord.Interaction) -> str:
    return str(interaction.user.id)


def _name(interaction: discord.Interaction) -> str:
    return interaction.user.display_name
