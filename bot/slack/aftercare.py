"""What people do with an answer: the buttons under it, the dialog behind them, and decisions on drafts.

Comes in: clicks, from the listeners. Goes out: calls of the core's aftercare, and messages that most often only the one
who clicked sees.
"""

from collections.abc import Awaitable, Callable, Mapping

from slack_bolt.async_app import AsyncRespond

from bot.hearing import Heard, Response
from bot.rendering import CALLED, CLOSED, CLOSED_BEFORE, DECIDED, NO_HELPERS, SHARED, SILENT, THANKED
from bot.slack.actions import Actions
from bot.slack.delivery import Delivery
from bot.slack.messenger import Messenger
from bot.slack.reader import PLATFORM, Payload
from bot.slack.renderer import (
    DEEPER_ACTION,
    DISCARD_ACTION,
    FEEDBACK_ACTION,
    HUMAN_ACTION,
    POST_ACTION,
    RESOLVED_ACTION,
    SHARE_ACTION,
    STOP_ACTION,
    WHY_ACTION,
    Block,
    render_call,
    render_failure,
    render_fault_view,
    render_notice,
    render_refusal,
    render_said,
    render_why,
)
from core.answering.aftercare import Aftercare
from core.answering.presence import Presence
from core.domain.channels import Fault, Verdict
from core.domain.conversation import SessionKey
from core.errors import AssistantError

ANSWERING = "I answer in the thread of that message."
DONE = "white_check_mark"

Click = Callable[[Payload, str, AsyncRespond], Awaitable[None]]


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
        self.clicks: Mapping[str, Click] = {
            STOP_ACTION: self._stop,
            FEEDBACK_ACTION: self._judge,
            WHY_ACTION: self._explain,
            DEEPER_ACTION: self._go_deeper,
            HUMAN_ACTION: self._call_human,
            RESOLVED_ACTION: self._resolve,
            SHARE_ACTION: self._share,
            POST_ACTION: self._post_draft,
            DISCARD_ACTION: self._discard_draft,
        }

    async def take(self, click: Payload, respond: AsyncRespond) -> None:
        """Does what a button is for."""
        action = click["actions"][0]
        try:
            await self.clicks[action["action_id"]](click, str(action["value"]), respond)
        except AssistantError as error:
            await tell(respond, render_failure(error))

    async def judge_further(self, submission: Payload) -> None:
        """Keeps the reason of a verdict, from the dialog."""
        view, person = submission["view"], submission["user"]["id"]
        message_id, channel, thread = view["private_metadata"].split(" ")
        given = view["state"]["values"]
        reason = given["reason"]["reason"]["selected_option"]["value"]
        comment = given.get("comment", {}).get("comment", {}).get("value") or ""
        try:
            await self._aftercare.judge(message_id, person, Verdict.NOT_HELPFUL, Fault(reason), comment)
            said = THANKED
        except AssistantError as error:
            said = render_failure(error)
        session = SessionKey(PLATFORM, submission["team"]["id"], channel, thread)
        await self._messenger.whisper(session, person, render_notice(said))

    async def ask_about(self, heard: Heard, respond: AsyncRespond) -> None:
        """Answers what a shortcut asks about a message, in its thread."""
        if not await self._messenger.is_member(heard.question.session):
            await tell(respond, render_refusal("I am not a member"))
            return
        response = await self._actions.take(heard)
        await tell(respond, ANSWERING if response is Response.ANSWER else SILENT)

    async def _stop(self, click: Payload, event_id: str, _: AsyncRespond) -> None:
        """Stops an answer, if the person asked for it."""
        await self._actions.take_stop(event_id, _person(click))

    async def _judge(self, click: Payload, value: str, respond: AsyncRespond) -> None:
        """Keeps a verdict; one that is not favourable is asked for its reason."""
        verdict, _, message_id = value.partition(":")
        await self._aftercare.judge(message_id, _person(click), Verdict(verdict))
        if verdict == Verdict.HELPFUL:
            await tell(respond, THANKED)
            return
        workspace = await self._messenger.workspace(click["team"]["id"])
        view = render_fault_view(message_id, *place_of(click))
        await workspace.client.views_open(trigger_id=click["trigger_id"], view=view)

    async def _explain(self, _: Payload, message_id: str, respond: AsyncRespond) -> None:
        """Shows what an answer was made of, to the one who asks."""
        blocks = render_why(await self._aftercare.told(message_id))
        await tell(respond, str(blocks[0]["text"]), blocks)

    async def _go_deeper(self, click: Payload, message_id: str, _: AsyncRespond) -> None:
        """Puts the question to the crew, in the same thread; for all to see, as the answer with this button."""
        await self._actions.accept(await self._aftercare.deeper(message_id, _person(click)))

    async def _call_human(self, click: Payload, message_id: str, respond: AsyncRespond) -> None:
        """Calls whom the channel has set up, with a summary."""
        told = await self._aftercare.told(message_id)
        settings = await self._presence.rules(told.question.session)
        summary = await self._aftercare.escalate(message_id, _person(click))
        if summary is None:
            await tell(respond, CALLED)
            return
        await self._messenger.say(told.question.session, render_call(summary, _name(click), settings.helpers))
        if not settings.helpers:
            await tell(respond, NO_HELPERS)

    async def _resolve(self, click: Payload, message_id: str, respond: AsyncRespond) -> None:
        """Closes a conversation until we are mentioned again."""
        session = (await self._aftercare.told(message_id)).question.session
        closed = await self._aftercare.resolve(session, _person(click))
        if closed and session.thread:
            await self._messenger.react(session, session.thread, DONE)
        await tell(respond, CLOSED if closed else CLOSED_BEFORE)

    async def _share(self, click: Payload, message_id: str, respond: AsyncRespond) -> None:
        """Posts a private answer for all to see, and lets its conversation go on there."""
        told = await self._aftercare.told(message_id)
        session = await self._delivery.publish(told.question, told.answer, _name(click))
        await self._aftercare.move(told.question.session, session)
        await respond(text=SHARED, replace_original=True, delete_original=False)

    async def _post_draft(self, click: Payload, message_id: str, respond: AsyncRespond) -> None:
        await self._decide(click, message_id, respond, post=True)

    async def _discard_draft(self, click: Payload, message_id: str, respond: AsyncRespond) -> None:
        await self._decide(click, message_id, respond, post=False)

    async def _decide(self, click: Payload, message_id: str, respond: AsyncRespond, *, post: bool) -> None:
        """Decides on a draft: what is posted goes to where it was asked."""
        told = await self._aftercare.decide(message_id, _person(click), post=post)
        if told is None:
            await tell(respond, DECIDED)
            return
        draft = await self._aftercare.draft_of(told.message_id)
        assert draft is not None  # noqa: S101 - it was just decided on
        await self._delivery.settle(told, draft, _name(click))


async def tell(respond: AsyncRespond, text: str, blocks: list[Block] | None = None) -> None:
    """Says something to the one who clicked, alone."""
    await respond(
        text=text[:3000], blocks=blocks or render_said(text), response_type="ephemeral", replace_original=False
    )


def place_of(click: Payload) -> tuple[str, str]:
    """Channel and thread of the message under which somebody clicked."""
    message: Payload = click.get("message") or {}
    return str(click["channel"]["id"]), str(message.get("thread_ts") or message.get("ts") or "")


def _person(click: Payload) -> str:
    return str(click["user"]["id"])


def _name(click: Payload) -> str:
    person: Payload = click["user"]
    return str(person.get("name") or person.get("username") or "Somebody")
