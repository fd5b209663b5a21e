"""When the assistant speaks in Slack: what holds in a channel, who talks to whom, and who may ask."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from bot.slack.app import SlackChannel
from core.answering.presence import Presence
from core.bootstrap import Services
from core.domain.channels import Address
from core.settings import Settings
from tests.bot.slack.conftest import opened
from tests.bot.slack.conversation import answered, settled
from tests.emulators.slack import HELP, TEAM, SlackDouble, event_payload

PUSH = "How do I push a model to Quillstore?"
HERE = Address("slack", TEAM, HELP)


@pytest.fixture
async def services(slack_settings: Callable[..., Settings]) -> AsyncIterator[Services]:
    """The services of a started channel."""
    async with opened(slack_settings()) as (services, channel):
        await channel.start()
        yield services


@pytest.fixture
def presence(services: Services) -> Presence:
    return services.presence


async def put(presence: Presence, **values: str) -> None:
    for name, value in values.items():
        await presence.change(HERE, name, value, "U0OWNER")


async def a_thread(slack: SlackDouble, user: str = "U0ADA") -> str:
    """A thread that the assistant is part of."""
    act = await slack.mention(PUSH, user=user)
    await slack.wait_for(lambda s: answered(s, act.ts))
    return act.ts


async def test_thanks_get_a_reaction_and_no_essay(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    thread = await a_thread(slack)
    thanks = await slack.say("thanks, that worked!", thread_ts=thread)
    await slack.wait_for(lambda s: any(m.reactions for m in s.stored))
    await settled(slack)

    [message] = [m for m in slack.stored if m.reactions]
    assert (message.ts, message.reactions) == (thanks.ts, ["+1"])
    assert len(slack.bot_messages()) == 1


async def test_two_people_who_talk_are_left_alone_until_we_are_mentioned(
    channel: SlackChannel, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    thread = await a_thread(slack)
    for person, words in (
        ("U0LIN", "I think that page is outdated"),
        ("U0ADA", "why do you think so?"),
        ("U0LIN", "we moved to S3 last week"),
    ):
        await slack.say(words, user=person, thread_ts=thread)
        await settled(slack)
    assert len(slack.bot_messages()) == 1

    await slack.mention("How do I roll a Quillstore model back?", thread_ts=thread)
    await slack.wait_for(lambda s: answered(s, thread, 2))
    await slack.say("and on S3?", thread_ts=thread)
    await slack.wait_for(lambda s: answered(s, thread, 3))


async def test_switched_off_means_silence(presence: Presence, slack: SlackDouble) -> None:
    await put(presence, speaks="off")
    await slack.mention(PUSH)
    await settled(slack)

    assert slack.bot_messages() == []


async def test_mention_only_means_no_follow_ups(presence: Presence, slack: SlackDouble) -> None:
    await put(presence, speaks="mention")
    thread = await a_thread(slack)
    await slack.say("and on S3?", thread_ts=thread)
    await settled(slack)

    assert len(slack.bot_messages()) == 1


async def test_auto_answers_what_it_is_sure_of_and_is_silent_otherwise(presence: Presence, slack: SlackDouble) -> None:
    await put(presence, speaks="auto", sure="0.6")
    unknown = await slack.say("Who won the chess championship of 1972?")
    talk = await slack.say("lunch at twelve")
    asked = await slack.say(PUSH)
    await slack.wait_for(lambda s: answered(s, asked.ts))
    await settled(slack)

    assert [m.thread_ts for m in slack.bot_messages()] == [asked.ts]
    assert unknown.ts != talk.ts


async def test_auto_with_a_threshold_that_is_not_reached_is_silent(presence: Presence, slack: SlackDouble) -> None:
    await put(presence, speaks="auto", sure="1.0")
    await slack.say(PUSH)
    await settled(slack)

    assert slack.bot_messages() == []


async def test_setting_of_the_channel_goes_before_that_of_the_workspace(presence: Presence, slack: SlackDouble) -> None:
    await presence.change(Address("slack", TEAM), "speaks", "off", "U0OWNER")
    await put(presence, speaks="threads")
    elsewhere = await slack.mention(PUSH, channel="C0OPS")
    here = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, here.ts))
    await settled(slack)

    assert slack.bot_messages(thread_ts=elsewhere.ts) == []


async def test_crew_answers_where_that_is_set(presence: Presence, slack: SlackDouble) -> None:
    await put(presence, mode="crew")
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))

    assert "crew · index of" in slack.bot_messages()[0].text


async def test_who_may_not_ask_is_told_once_and_alone(presence: Presence, slack: SlackDouble) -> None:
    await put(presence, askers="<@U0LIN>".strip("<@>"))
    await slack.mention(PUSH)
    await slack.wait_for(lambda s: s.ephemerals)
    await slack.mention(PUSH)
    mine = await slack.mention(PUSH, user="U0LIN")
    await slack.wait_for(lambda s: answered(s, mine.ts))
    await settled(slack)

    assert [(e.user, e.text) for e in slack.ephemerals] == [("U0ADA", "The owner has limited who may ask me here.")]
    assert len(slack.bot_messages()) == 1


async def test_bot_is_answered_only_where_it_is_allowed_and_never_in_a_thread(
    presence: Presence, slack: SlackDouble
) -> None:
    said = {"type": "message", "subtype": "bot_message", "bot_id": "B0CI", "text": f"<@U0BOT> {PUSH}"}
    first = await slack.say("a build failed")
    await slack.event(said | {"ts": first.ts})
    await settled(slack)
    assert slack.bot_messages() == []

    await put(presence, bots="B0CI")
    second = await slack.say("a build failed again")
    await slack.event(said | {"ts": second.ts})
    await slack.wait_for(lambda s: answered(s, second.ts))
    await slack.event(said | {"ts": "9999999999.000001", "thread_ts": second.ts})
    await settled(slack)

    assert len(slack.bot_messages()) == 1


async def test_sources_of_a_channel_are_the_only_ones_used(services: Services, slack: SlackDouble) -> None:
    [source] = [source.name for source in await services.sources.all()][:1] or [""]
    if source:
        await put(services.presence, sources=source)
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))


async def test_draft_goes_to_the_maintainers_and_is_posted_by_them(presence: Presence, slack: SlackDouble) -> None:
    await put(presence, speaks="shadow", maintainers="C0OPS")
    act = await slack.say(PUSH)
    await slack.wait_for(lambda s: s.bot_messages("C0OPS"))
    await settled(slack)
    [draft] = slack.bot_messages("C0OPS")
    assert "quill push churn" in draft.text
    assert PUSH in draft.text
    assert slack.bot_messages(HELP) == []

    await slack.click("post_draft", draft, user="U0LIN")
    await slack.wait_for(lambda s: answered(s, act.ts))
    await slack.wait_for(lambda s: "lin posted this." in s.bot_messages("C0OPS")[0].text)
    await slack.click("why", slack.bot_messages(HELP)[0])
    await slack.wait_for(lambda s: any("Why this answer" in str(r) for r in s.response_urls.values()))
    await settled(slack)

    assert len(slack.bot_messages(HELP)) == 1


async def test_draft_is_discarded_once(presence: Presence, slack: SlackDouble) -> None:
    await put(presence, speaks="shadow", maintainers="C0OPS")
    await slack.say(PUSH)
    await slack.wait_for(lambda s: s.bot_messages("C0OPS"))
    draft = replace(slack.bot_messages("C0OPS")[0])  # as it still stands on a slow screen
    await slack.click("discard_draft", draft)
    await slack.wait_for(lambda s: "ada discarded this." in s.bot_messages("C0OPS")[0].text)
    await slack.click("post_draft", draft, user="U0LIN")
    await slack.wait_for(lambda s: any("decided on this draft already" in str(r) for r in s.response_urls.values()))

    assert slack.bot_messages(HELP) == []


async def test_strange_settings_are_refused_in_words(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    slack.admins = {"U0ADA"}
    for words in ("settings speaks loudly", "settings volume 11", "settings sure 2", "settings sources nowhere"):
        await slack.slash("/assistant", words)
    await slack.wait_for(lambda s: all(s.response_urls.values()))

    said = [body["text"] for bodies in slack.response_urls.values() for body in bodies]
    assert [text.startswith(":warning:") for text in said] == [True] * 4
    assert "cannot be set" in said[1]


async def test_settings_are_changed_by_admins_alone(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    slack.admins = {"U0LIN"}
    for person, words in (("U0ADA", "speaks off"), ("U0LIN", "speaks mention"), ("U0ADA", "")):
        await slack.slash("/assistant", f"settings {words}", user=person)
        await slack.wait_for(lambda s: all(s.response_urls.values()))

    refused, changed, shown = [body["text"] for bodies in slack.response_urls.values() for body in bodies]
    assert "Nothing was changed." in refused
    assert changed.startswith("Changed.")
    assert "`speaks` mention" in shown


async def test_help_names_examples_and_what_is_known(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    await a_thread(slack)
    await a_thread(slack, user="U0LIN")
    await slack.slash("/assistant", "help")
    [[told]] = await slack.wait_for(lambda s: [r for r in s.response_urls.values() if r])

    assert f"- {PUSH}" in told["text"]
    assert "`/ask QUESTION`" in told["text"]


async def test_event_of_our_own_workspace_is_not_taken_for_a_person(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    payload = event_payload({"type": "message", "user": "U0BOT", "text": PUSH, "ts": "1.0"}, HELP, "1.0")
    await slack.event(payload["event"])
    await settled(slack)

    assert slack.bot_messages() == []
