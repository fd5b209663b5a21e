"""What people do with an answer: the buttons under it, the dialog behind them, and decisions on drafts.

Comes in: clicks, from the listeners. Goes out: calls of the core's aftercare, and messages that most often only the one
who clicked sees.
"""

from slack_bolt.async_app import AsyncRespond

from bot.hearing import Heard
from bot.rendering import NO_HELPERS, THANKED
from bot.slack.actions import Actions
from bot.slack.delivery import Delivery
from bot.slack.messenger import Messenger
from bot.slack.reader import Payload
from bot.slack.renderer import (
    Block,
    Post,
    render_call,
    render_decided,
    render_failure,
    render_fault_view,
    render_notice,
    render_said,
    render_why,
)
from core.answering.aftercare import Aftercare
from core.answering.presence import Presence
from core.domain.channels import Fault, Verdict
from core.domain.conversation import SessionKey
from core.errors import AssistantError

CALLED = "Somebody was called to this answer already."
CLOSED = "Marked as resolved. Mention me to go on."
CLOSED_BEFORE = "This was resolved before. Mention me to go on."
DECIDED = "Somebody has decided on this draft already."
SHARED = "Shared."
DONE = "white_check_mark"


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

    async def judge(self, click: Payload, respond: AsyncRespond) -> None:
        """Keeps a verdict; one that is not favourable is asked for its reason."""
        verdict, _, message_id = click["actions"][0]["value"].partition(":")
        person = click["user"]["id"]
        try:
            await self._aftercare.judge(message_id, person, Verdict(verdict))
        except AssistantError as error:
            await tell(respond, render_failure(error))
            return
        if verdict == Verdict.HELPFUL:
            await tell(respond, THANKED)
            return
        workspace = await self._messenger.workspace(click["team"]["id"])
        view = render_fault_view(message_id, place_of(click))
        await workspace.client.views_open(trigger_id=click["trigger_id"], view=view)

    async def judge_further(self, submission: Payload) -> None:
        """Keeps the reason of a verdict, from the dialog."""
        view, person = submission["view"], submission["user"]["id"]
        message_id, _, place = view["private_metadata"].partition(" ")
        given = view["state"]["values"]
        reason = given["reason"]["reason"]["selected_option"]["value"]
        comment = given.get("comment", {}).get("comment", {}).get("value") or ""
        await self._aftercare.judge(message_id, person, Verdict.NOT_HELPFUL, Fault(reason), comment)
        channel, _, thread = place.partition(" ")
        session = SessionKey("slack", submission["team"]["id"], channel, thread)
        await self._messenger.whisper(session, person, render_notice(THANKED))

    async def explain(self, click: Payload, respond: AsyncRespond) -> None:
        """Shows what an answer was made of, to the one who asks."""
        try:
            blocks = render_why(await self._aftercare.told(_value(click)))
        except AssistantError as error:
            blocks = render_said(render_failure(error))
        await tell(respond, str(blocks[0]["text"]), blocks)

    async def go_deeper(self, click: Payload, respond: AsyncRespond) -> None:
        """Puts the question to the crew, in the same thread."""
        try:
            question = await self._aftercare.deeper(_value(click), click["user"]["id"])
        except AssistantError as error:
            await tell(respond, render_failure(error))
        else:
            await self._actions.accept(question)

    async def call_human(self, click: Payload, respond: AsyncRespond) -> None:
        """Calls the group that was set up for the channel, with a summary."""
        message_id, person = _value(click), click["user"]
        try:
            told = await self._aftercare.told(message_id)
            settings = await self._presence.rules(told.question.session)
            summary = await self._aftercare.escalate(message_id, person["id"])
        except AssistantError as error:
            await tell(respond, render_failure(error))
            return
        if summary is None:
            await tell(respond, CALLED)
            return
        await self._messenger.say(told.question.session, render_call(summary, _name(person), settings.helpers))
        if not settings.helpers:
            await tell(respond, NO_HELPERS)

    async def resolve(self, click: Payload, respond: AsyncRespond) -> None:
        """Closes a conversation until we are mentioned again."""
        try:
            told = await self._aftercare.told(_value(click))
        except AssistantError as error:
            await tell(respond, render_failure(error))
            return
        session = told.question.session
        closed = await self._aftercare.resolve(session, click["user"]["id"])
        if closed and session.thread:
            await self._messenger.react(session, session.thread, DONE)
        await tell(respond, CLOSED if closed else CLOSED_BEFORE)

    async def share(self, click: Payload, respond: AsyncRespond) -> None:
        """Posts a private answer for all to see, and lets its conversation go on there."""
        try:
            told = await self._aftercare.told(_value(click))
        except AssistantError as error:
            await tell(respond, render_failure(error))
            return
        session = await self._delivery.publish(told.question, told.answer, _name(click["user"]))
        await self._aftercare.move(told.question.session, session)
        await respond(text=SHARED, replace_original=True, delete_original=False)

    async def decide(self, click: Payload, respond: AsyncRespond, *, post: bool) -> None:
        """Decides on a draft: what is posted goes to where it was asked."""
        person = click["user"]
        try:
            told = await self._aftercare.decide(_value(click), person["id"], post=post)
        except AssistantError as error:
            await tell(respond, render_failure(error))
            return
        if told is None:
            await tell(respond, DECIDED)
            return
        if post:
            await self._delivery.publish(told.question, told.answer, told.question.author)
        draft = await self._aftercare.draft_of(told.message_id)
        assert draft is not None  # noqa: S101 - it was just decided on
        channel, _, ts = draft.placement.partition(":")
        shown = str(click["message"].get("text") or "")
        place = SessionKey("slack", click["team"]["id"], channel, "")
        decided = render_decided(shown, _name(person), posted=post)
        await self._messenger.edit(place, ts, Post(shown, decided))

    async def ask_about(self, heard: Heard, respond: AsyncRespond) -> None:
        """Answers what a shortcut asks about a message, in its thread."""
        await self._actions.take(heard)
        await tell(respond, "I answer in the thread of that message.")


async def tell(respond: AsyncRespond, text: str, blocks: list[Block] | None = None) -> None:
    """Says something to the one who clicked, alone."""
    await respond(
        text=text[:3000], blocks=blocks or render_said(text), response_type="ephemeral", replace_original=False
    )


def place_of(click: Payload) -> str:
    """Channel and thread of the message under which somebody clicked."""
    message: Payload = click.get("message") or {}
    thread: str = message.get("thread_ts") or message.get("ts") or ""
    return f"{click['channel']['id']} {thread}"


def _value(click: Payload) -> str:
    return str(click["actions"][0]["value"])


def _name(person: Payload) -> str:
    return str(person.get("name") or person.get("username") or "Somebody")
