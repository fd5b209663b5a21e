"""What is decided in the console comes back to Slack: gaps that were closed, drafts that were decided on; once."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import date, timedelta

import pytest

from bot.slack.app import SlackChannel
from core.bootstrap import Services, open_services
from core.domain.channels import Address, DraftState
from core.domain.gaps import Card, Gap, Order
from core.domain.people import acting_as
from core.settings import Settings
from core.storage import errands as stored
from core.storage.errands import Errands
from tests.bot.slack.conftest import opened
from tests.bot.slack.conversation import answered, settled
from tests.emulators.slack import HELP, TEAM, SlackDouble

UNKNOWN = "Which wine goes with grilled octopus?"
ANSWER = "Serve a dry white wine with grilled octopus: an Assyrtiko, well chilled."
PUSH = "How do I push a model to Quillstore?"
LATER = date(2100, 1, 1)

MakeSettings = Callable[..., Settings]
Opener = Callable[..., AbstractAsyncContextManager[SlackChannel]]


@pytest.fixture
async def services(slack_settings: MakeSettings) -> AsyncIterator[Services]:
    """The services of a started channel."""
    async with opened(slack_settings()) as (services, channel):
        await channel.start()
        yield services


async def quietly(_: object) -> None:
    """Nobody follows it."""


async def refused(slack: SlackDouble) -> str:
    """A thread with a question that is not covered."""
    act = await slack.mention(UNKNOWN)
    await slack.wait_for(lambda s: s.bot_messages(thread_ts=act.ts))
    return act.ts


async def the_gap(services: Services) -> Gap:
    async def found() -> list[Gap]:
        await services.gaps.look()
        return await services.gaps.page(None, Order.LARGEST, 5)

    while not (gaps := await found()):  # its turn is still to end
        pass
    return gaps[0]


async def close(services: Services, gap: Gap, text: str = ANSWER) -> Card:
    """Writes the answer and has it brought back."""
    with acting_as("ada"):
        card = await services.cards.write(UNKNOWN, text, LATER, gap.id)
        await services.cards.index(card, quietly)
        assert await services.errands.ask_again(gap.id, await services.gaps.examples(gap.id)) == 1
    return card


async def test_question_that_was_not_covered_is_answered_in_its_thread_once(
    services: Services, slack: SlackDouble
) -> None:
    thread = await refused(slack)
    gap = await the_gap(services)
    card = await close(services, gap)
    await slack.wait_for(lambda s: len(s.bot_messages(thread_ts=thread)) == 2)
    await services.errands.ask_again(gap.id, await services.gaps.examples(gap.id))
    await settled(slack)

    _, answer = slack.bot_messages(thread_ts=thread)
    assert "Assyrtiko" in answer.text
    assert f"/admin/cards/{card.id}" in answer.text
    assert "This was added to the knowledge base since you asked." in answer.text
    assert len(slack.bot_messages()) == 2


async def test_answer_that_is_still_not_covered_is_not_posted(services: Services, slack: SlackDouble) -> None:
    thread = await refused(slack)
    gap = await the_gap(services)
    with acting_as("ada"):
        await services.errands.ask_again(gap.id, await services.gaps.examples(gap.id))
    while [e.again for e in await services.gaps.examples(gap.id)] != ["nothing"]:
        pass

    assert len(slack.bot_messages(thread_ts=thread)) == 1


async def test_errand_waits_for_the_process_that_speaks_there_and_outlives_restarts(
    slack_settings: MakeSettings, running: Opener, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = slack_settings()
    async with running(settings):
        thread = await refused(slack)
    async with open_services(settings) as services:  # another process: the console alone
        await close(services, await the_gap(services))
        begun = await Errands(services.turns._database).take("slack")  # and one that ended with it in its hands
        assert begun
    monkeypatch.setattr(stored, "LEASE", timedelta(0))
    assert len(slack.bot_messages()) == 1

    async with running(settings):
        await slack.wait_for(lambda s: len(s.bot_messages(thread_ts=thread)) == 2)
    async with running(settings):
        await settled(slack)

    assert "Assyrtiko" in slack.bot_messages(thread_ts=thread)[1].text
    assert len(slack.bot_messages()) == 2


async def a_draft(services: Services, slack: SlackDouble) -> tuple[str, str]:
    """A thread and the id of what is drafted for it."""
    here = Address("slack", TEAM, HELP)
    for name, value in {"speaks": "shadow", "maintainers": "C0OPS"}.items():
        await services.presence.change(here, name, value, "U0OWNER")
    act = await slack.say(PUSH)
    await slack.wait_for(lambda s: s.bot_messages("C0OPS"))
    while not (drafts := await services.aftercare.drafts()):
        pass
    return act.ts, drafts[0].message_id


async def test_draft_that_is_posted_in_the_console_stands_in_its_thread(services: Services, slack: SlackDouble) -> None:
    thread, draft = await a_draft(services, slack)
    with acting_as("ada"):
        assert await services.errands.decide(draft, post=True)
        assert not await services.errands.decide(draft, post=True)
    await slack.wait_for(lambda s: answered(s, thread))
    await slack.wait_for(lambda s: "ada posted this." in s.bot_messages("C0OPS")[0].text)
    await settled(slack)

    assert PUSH in slack.bot_messages("C0OPS")[0].text
    assert len(slack.bot_messages(HELP)) == 1


async def test_draft_that_is_discarded_in_the_console_is_marked_and_not_posted(
    services: Services, slack: SlackDouble
) -> None:
    _, draft = await a_draft(services, slack)
    with acting_as("ada"):
        await services.errands.decide(draft, post=False)
    await slack.wait_for(lambda s: "ada discarded this." in s.bot_messages("C0OPS")[0].text)

    assert slack.bot_messages(HELP) == []
    kept = await services.aftercare.draft_of(draft)
    assert kept
    assert kept.state is DraftState.DISCARDED


async def test_draft_whose_posting_was_cut_off_is_not_posted_twice(
    slack_settings: MakeSettings, running: Opener, slack: SlackDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = slack_settings()
    async with opened(settings) as (services, channel):
        await channel.start()
        thread, draft = await a_draft(services, slack)
        slack.fail("chat.update", "http_500", times=20)
        with acting_as("ada"):
            await services.errands.decide(draft, post=True)
        await slack.wait_for(lambda s: answered(s, thread))
    monkeypatch.setattr(stored, "LEASE", timedelta(0))
    slack._faults["chat.update"].clear()
    async with running(settings):
        await slack.wait_for(lambda s: "ada posted this." in s.bot_messages("C0OPS")[0].text)

    assert len(slack.bot_messages(HELP)) == 1


async def test_errand_that_slack_refuses_says_so_in_the_console(services: Services, slack: SlackDouble) -> None:
    _, draft = await a_draft(services, slack)
    slack.fail("chat.postMessage", "is_archived")
    with acting_as("ada"):
        await services.errands.decide(draft, post=True)
    while not (problems := await services.errands.problems()):
        pass

    assert problems == ["Slack did not take it (is_archived)."]
    assert slack.bot_messages(HELP) == []
