"""What was posted before a restart is found by its metadata, so that nothing stands there twice."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from bot.slack.app import SlackChannel
from bot.slack.messenger import Messenger
from bot.slack.renderer import render_answer
from bot.slack.workspaces import Workspaces, single
from core.domain.conversation import Answer, Question, SessionKey, Status
from core.settings import Settings
from core.storage.engine import Database
from core.storage.turns import Turns
from tests.bot.slack.conversation import settled
from tests.emulators.slack import ADA, HELP, TEAM, SlackDouble

MakeSettings = Callable[..., Settings]
Opener = Callable[..., AbstractAsyncContextManager[SlackChannel]]

PUSH = "How do I push a model to Quillstore?"
LONG = Answer("\n\n".join(f"Paragraph {n}: {'push it again, ' * 60}" for n in range(30)))


@pytest.fixture
def settings(slack_settings: MakeSettings) -> Settings:
    return slack_settings()


@pytest.fixture
async def turns(settings: Settings) -> AsyncIterator[Turns]:
    """The turns in the database that the channel will find."""
    database = Database(settings.sqlalchemy_url)
    yield Turns(database)
    await database.close()


@pytest.fixture
def before(slack: SlackDouble) -> Messenger:
    """The voice of the process that is gone."""

    async def keeps(_: Question) -> bool:
        return True

    return Messenger(Workspaces(slack.api_url, single(slack.bot_token)), keeps)


async def asked(slack: SlackDouble, turns: Turns, *, direct: bool = False) -> Question:
    """A question that a process took on which is gone now; Slack, never told so, delivers it to the next one again."""
    act = await (slack.direct_message(PUSH) if direct else slack.mention(PUSH))
    session = SessionKey("slack", TEAM, act.channel, "" if direct else act.ts)
    question = Question(session, PUSH, f"slack:{TEAM}:{act.channel}:{act.ts}", ADA)
    await turns.claim(question, "gone")
    return question


async def until_delivered(slack: SlackDouble, turns: Turns, question: Question) -> None:
    """Waits until the delivery is written down and Slack has nothing more to tell."""
    while (left := await turns.get(question.event_id)) and left.status is not Status.DELIVERED:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # nothing to be told by
    await settled(slack)


def posts(slack: SlackDouble) -> int:
    return sum(call.method in {"chat.postMessage", "chat.startStream"} and call.error is None for call in slack.calls)


@pytest.mark.parametrize("direct", [False, True], ids=["thread", "direct"])
async def test_sign_of_life_whose_place_was_not_stored_becomes_the_answer(
    settings: Settings, running: Opener, slack: SlackDouble, turns: Turns, before: Messenger, direct: bool
) -> None:
    question = await asked(slack, turns, direct=direct)
    await before.open(question)

    async with running(settings):
        await until_delivered(slack, turns, question)

    [reply] = slack.bot_messages()
    assert "quill push churn" in reply.text
    assert posts(slack) == 1


async def test_sign_of_life_of_another_question_is_left_alone(
    settings: Settings, running: Opener, slack: SlackDouble, turns: Turns, before: Messenger
) -> None:
    question = await asked(slack, turns)
    other = Question(question.session, "And then?", f"slack:{TEAM}:{HELP}:other", ADA)
    await before.open(other)

    async with running(settings):
        await until_delivered(slack, turns, question)

    theirs, ours = slack.bot_messages()
    assert (theirs.text, theirs.edits) == ("", [])
    assert "quill push churn" in ours.text


@pytest.mark.parametrize("stored", [False, True], ids=["place not stored", "place stored"])
async def test_long_answer_whose_delivery_broke_off_gets_its_last_part_alone(
    settings: Settings, running: Opener, slack: SlackDouble, turns: Turns, before: Messenger, stored: bool
) -> None:
    question = await asked(slack, turns)
    parts = render_answer(LONG)
    assert len(parts) == 3
    placement = await before.open(question)
    if stored:
        await turns.place(question.event_id, placement)
    await turns.complete(question.event_id, LONG)
    await before.finish(question, placement, parts[:2])

    async with running(settings):
        await until_delivered(slack, turns, question)

    assert [message.text.split("\n\n")[0] for message in slack.bot_messages()] == [
        part.text.split("\n\n")[0] for part in parts
    ]
    assert posts(slack) == 3
    marks = [message.metadata for message in slack.bot_messages()]
    assert [mark["event_payload"] for mark in marks if mark] == [
        {"question": question.event_id, "part": number} for number in range(3)
    ]


@pytest.mark.parametrize("direct", [False, True], ids=["conversations.replies", "conversations.history"])
@pytest.mark.parametrize("error", ["missing_scope", "http_500"])
async def test_slack_that_does_not_show_what_was_posted_does_not_cost_the_answer(
    settings: Settings, running: Opener, slack: SlackDouble, turns: Turns, direct: bool, error: str
) -> None:
    question = await asked(slack, turns, direct=direct)
    slack.fail("conversations.history" if direct else "conversations.replies", error, times=10)

    async with running(settings):
        await until_delivered(slack, turns, question)

    [reply] = slack.bot_messages()
    assert "quill push churn" in reply.text


async def test_command_is_acknowledged_once_its_question_is_stored(
    settings: Settings, running: Opener, slack: SlackDouble, turns: Turns
) -> None:
    async with running(settings):
        act = await slack.slash("/ask", PUSH)
        await slack.wait_for(lambda s: s.envelopes[0].acks)
        stored = await turns.get(f"slack:{TEAM}:command:{act.payloads[0]['trigger_id']}")

    assert stored
    assert stored.question.text == PUSH
