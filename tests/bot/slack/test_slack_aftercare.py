"""What people do with an answer in Slack: judge it, ask why, go deeper, call a human, close, reword or delete it."""

from collections.abc import AsyncIterator, Callable

import pytest

from core.bootstrap import Services
from core.domain.channels import Address, Fault, Verdict
from core.settings import Settings
from tests.bot.slack.conftest import opened
from tests.bot.slack.conversation import answered, buttons, settled
from tests.emulators.slack import ADA, HELP, TEAM, Act, Message, SlackDouble, flatten

PUSH = "How do I push a model to Quillstore?"
BACK = "How do I roll a Quillstore model back?"


@pytest.fixture
async def services(slack_settings: Callable[..., Settings]) -> AsyncIterator[Services]:
    async with opened(slack_settings()) as (services, channel):
        await channel.start()
        yield services


async def asked(slack: SlackDouble, text: str = PUSH) -> tuple[Act, Message]:
    """A question and its answer."""
    act = await slack.mention(text)
    await slack.wait_for(lambda s: answered(s, act.ts))
    return act, slack.bot_messages(thread_ts=act.ts)[0]


def message_id(answer: Message) -> str:
    return str(next(button["value"] for button in buttons(answer) if button["action_id"] == "why"))


def told(slack: SlackDouble, words: str) -> list[dict[str, object]]:
    """What was said to those who clicked, alone, with these words in it."""
    return [body for bodies in slack.response_urls.values() for body in bodies if words in str(body)]


async def test_helpful_is_kept_and_thanked_for(services: Services, slack: SlackDouble) -> None:
    _, answer = await asked(slack)
    await slack.click("feedback", answer, value=f"helpful:{message_id(answer)}")
    await slack.wait_for(lambda s: told(s, "Thank you"))

    [given] = await services.aftercare.verdicts(message_id(answer))
    assert (given.author, given.verdict, given.fault) == (ADA, Verdict.HELPFUL, None)


async def test_not_helpful_is_asked_for_its_reason(services: Services, slack: SlackDouble) -> None:
    _, answer = await asked(slack)
    await slack.click("feedback", answer, value=f"not_helpful:{message_id(answer)}")
    [view] = await slack.wait_for(lambda s: s.views)
    reason = {"reason": {"reason": {"selected_option": {"value": "outdated"}}}}
    await slack.submit(view, reason | {"comment": {"comment": {"value": "use the password=Hunter2abc instead"}}})
    await slack.wait_for(lambda s: s.ephemerals)

    [given] = await services.aftercare.verdicts(message_id(answer))
    assert (given.verdict, given.fault) == (Verdict.NOT_HELPFUL, Fault.OUTDATED)
    assert "Hunter2" not in given.comment


async def test_why_shows_passages_and_index_to_the_one_who_asks(services: Services, slack: SlackDouble) -> None:
    _, answer = await asked(slack)
    told_answer = await services.aftercare.told(message_id(answer))
    await slack.click("why", answer, user="U0LIN")
    [shown] = await slack.wait_for(lambda s: told(s, "Why this answer"))

    text = flatten(shown["blocks"])  # type: ignore[arg-type]
    assert shown["response_type"] == "ephemeral"
    assert all(f"{passage.score:.2f}" in text for passage in told_answer.answer.trace.passages)
    assert told_answer.answer.trace.index_version[-8:] in text
    assert len(slack.bot_messages()) == 1


async def test_crew_is_asked_once_however_often_that_is_wanted(services: Services, slack: SlackDouble) -> None:  # noqa: ARG001
    act, answer = await asked(slack)
    await slack.click("deeper", answer)
    await slack.click("deeper", answer, user="U0LIN")
    await slack.wait_for(lambda s: answered(s, act.ts, 2), timeout=90)
    await settled(slack)

    _, deeper = slack.bot_messages(thread_ts=act.ts)
    assert "crew · index of" in deeper.text
    assert "deeper" not in [button["action_id"] for button in buttons(deeper)]


async def test_human_is_called_once_with_a_summary_and_only_that_group_is_pinged(
    services: Services, slack: SlackDouble
) -> None:
    await services.presence.change(Address("slack", TEAM, HELP), "helpers", "S0ONCALL", "U0OWNER")
    act, answer = await asked(slack)
    await slack.click("human", answer)
    await slack.wait_for(lambda s: len(s.bot_messages(thread_ts=act.ts)) == 2)
    await slack.click("human", answer, user="U0LIN")
    await slack.wait_for(lambda s: told(s, "called to this answer already"))

    _, call = slack.bot_messages(thread_ts=act.ts)
    assert call.blocks[0]["text"]["text"] == "<!subteam^S0ONCALL>"
    assert "**ada** needs a human here." in call.text
    assert PUSH in call.text


async def test_human_without_a_group_says_how_to_set_one_up(services: Services, slack: SlackDouble) -> None:  # noqa: ARG001
    _, answer = await asked(slack)
    await slack.click("human", answer)

    await slack.wait_for(lambda s: told(s, "Nobody is set up to be called"))


async def test_resolved_conversation_goes_on_with_a_mention_only(services: Services, slack: SlackDouble) -> None:  # noqa: ARG001
    act, answer = await asked(slack)
    await slack.click("resolved", answer)
    await slack.wait_for(lambda s: told(s, "Marked as resolved"))
    await slack.say("and on S3?", thread_ts=act.ts)
    await settled(slack)
    assert len(slack.bot_messages()) == 1
    assert next(m for m in slack.stored if m.ts == act.ts).reactions == ["white_check_mark"]

    await slack.mention("and on S3?", thread_ts=act.ts)
    await slack.wait_for(lambda s: answered(s, act.ts, 2))
    await slack.say(BACK, thread_ts=act.ts)
    await slack.wait_for(lambda s: answered(s, act.ts, 3))


async def test_reworded_question_is_answered_anew_in_the_same_message(services: Services, slack: SlackDouble) -> None:
    act, answer = await asked(slack)
    await slack.reword(act, f"<@U0BOT> {BACK}")
    await slack.wait_for(
        lambda s: "Roll a Quillstore model back** [1]" in s.bot_messages()[0].text and answered(s, act.ts)
    )
    await settled(slack)

    [reply] = slack.bot_messages()
    assert reply.ts == answer.ts
    await slack.reword(act, f"<@U0BOT> {PUSH} Please.", after=20.0)
    await slack.wait_for(
        lambda s: "**Store models with Quillstore** [1]" in s.bot_messages()[0].text and answered(s, act.ts)
    )
    asked_now = await services.answering.standing(f"slack:{TEAM}:{HELP}:{act.ts}")
    assert asked_now
    assert asked_now.question.text == f"{PUSH} Please."


async def test_question_that_comes_again_after_it_was_reworded_or_deleted_is_not_answered_again(
    services: Services, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    act, _ = await asked(slack)
    await slack.reword(act, f"<@U0BOT> {BACK}")
    await slack.wait_for(lambda s: "Roll a Quillstore model back** [1]" in s.bot_messages()[0].text)
    await slack.redeliver(act)
    await settled(slack)
    assert len(slack.bot_messages()) == 1

    await slack.erase(act)
    await slack.wait_for(lambda s: not s.bot_messages())
    await slack.redeliver(act)
    await settled(slack)
    assert slack.bot_messages() == []


async def test_question_reworded_later_than_a_minute_keeps_its_answer(services: Services, slack: SlackDouble) -> None:  # noqa: ARG001
    act, answer = await asked(slack)
    text = answer.text
    await slack.reword(act, f"<@U0BOT> {BACK}", after=90.0)
    await settled(slack)

    assert [m.text for m in slack.bot_messages()] == [text]


@pytest.mark.usefixtures("services")
async def test_rewording_that_cannot_be_read_keeps_the_answer_and_says_so(slack: SlackDouble) -> None:
    act, answer = await asked(slack)
    text = answer.text
    await slack.reword(act, f"<@U0BOT> {'x' * 9_000}")
    await slack.wait_for(lambda s: s.ephemerals)

    assert "9,000 characters" in slack.ephemerals[0].text
    assert [m.text for m in slack.bot_messages()] == [text]


async def test_mention_added_by_an_edit_is_a_question(services: Services, slack: SlackDouble) -> None:  # noqa: ARG001
    act = await slack.say(PUSH)
    await slack.reword(act, f"<@U0BOT> {PUSH}")

    await slack.wait_for(lambda s: answered(s, act.ts))


async def test_answer_goes_with_its_question(services: Services, slack: SlackDouble) -> None:
    act, _ = await asked(slack)
    await slack.erase(act)
    await slack.wait_for(lambda s: not s.bot_messages())

    assert await services.answering.standing(f"slack:{TEAM}:{HELP}:{act.ts}") is None


async def test_answer_stays_where_that_is_wanted(services: Services, slack: SlackDouble) -> None:
    await services.presence.change(Address("slack", TEAM, HELP), "delete_answers", "no", "U0OWNER")
    act, _ = await asked(slack)
    await slack.erase(act)
    await settled(slack)

    assert len(slack.bot_messages()) == 1


async def test_message_is_asked_about_in_its_thread(services: Services, slack: SlackDouble) -> None:  # noqa: ARG001
    act = await slack.say(PUSH, user="U0LIN")
    message = next(m for m in slack.stored if m.ts == act.ts)
    await slack.shortcut("ask_about_message", message)

    await slack.wait_for(lambda s: answered(s, act.ts))


@pytest.mark.parametrize(("speaks", "said"), [("threads", "I answer in the thread"), ("off", "I do not answer here")])
async def test_shortcut_says_whether_it_is_answered(
    services: Services, slack: SlackDouble, speaks: str, said: str
) -> None:
    await services.presence.change(Address("slack", TEAM, HELP), "speaks", speaks, "U0OWNER")
    act = await slack.say(PUSH, user="U0LIN")
    await slack.shortcut("ask_about_message", next(m for m in slack.stored if m.ts == act.ts))

    await slack.wait_for(lambda s: told(s, said))


async def test_shortcut_where_we_are_no_member_says_how_to_invite_us(services: Services, slack: SlackDouble) -> None:  # noqa: ARG001
    act = await slack.say(PUSH, user="U0LIN")
    slack.fail("conversations.info", "channel_not_found")
    await slack.shortcut("ask_about_message", next(m for m in slack.stored if m.ts == act.ts))

    await slack.wait_for(lambda s: told(s, "/invite"))
    assert slack.bot_messages() == []


async def test_button_of_an_answer_that_is_gone_says_so(services: Services, slack: SlackDouble) -> None:
    act, answer = await asked(slack)
    await services.answering.withdraw(f"slack:{TEAM}:{HELP}:{act.ts}")
    for action in ("why", "deeper", "human", "resolved"):
        await slack.click(action, answer)

    await slack.wait_for(lambda s: len(told(s, "no longer kept")) == 4)
