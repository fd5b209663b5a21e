"""The button under an answer that is being made: who may press it, and what becomes of the answer."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.slack import messenger
from bot.slack.app import SlackChannel
from core.settings import Settings
from core.storage.engine import Database
from core.storage.erasure import Erasures
from tests.bot.slack.conftest import Opener
from tests.bot.slack.conversation import answered, buttons, settled
from tests.emulators.language_model import Hang, Pause, ScriptedModel, Text
from tests.emulators.slack import ADA, Act, Message, SlackDouble

PUSH = "How do I push a model to Quillstore?"
BEGINNING = "To store a model in Quillstore, call `quill push` "


@pytest.fixture(autouse=True)
def every_edit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Progress is shown at once, however quick the machine is."""
    monkeypatch.setattr(messenger, "EDIT_SECONDS", 0)


async def begun(slack: SlackDouble, model: ScriptedModel) -> tuple[Act, Message]:
    """A mention whose answer has begun and hangs, and the message in which it is being made."""
    model.script(Hang(BEGINNING))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: any(BEGINNING.strip() in m.text for m in s.bot_messages(thread_ts=act.ts)))
    [reply] = slack.bot_messages(thread_ts=act.ts)
    return act, reply


def responses(slack: SlackDouble) -> list[dict[str, object]]:
    """What was said to those who clicked, alone."""
    return [body for bodies in slack.response_urls.values() for body in bodies]


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "edits"])
async def test_message_in_the_making_carries_the_button_and_the_answer_does_not(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel, streams: bool  # noqa: ARG001
) -> None:  # fmt: skip
    slack.streams = streams
    act, reply = await begun(slack, model)

    value = f"slack:T0DOUBLE:C0HELP:{act.ts}"
    stop = {"type": "button", "action_id": "stop", "value": value, "text": {"type": "plain_text", "text": "Stop"}}
    assert buttons(reply) == [stop]
    await slack.click("stop", reply)
    await slack.wait_for(lambda s: not buttons(s.bot_messages()[0]))


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "edits"])
async def test_asker_stops_the_answer_and_its_model(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel, streams: bool  # noqa: ARG001
) -> None:  # fmt: skip
    slack.streams = streams
    act, reply = await begun(slack, model)

    await slack.click("stop", reply)
    await slack.wait_for(lambda s: "_Stopped._" in s.bot_messages(thread_ts=act.ts)[0].text)
    await model.wait_for(lambda m: m.abandoned == 1)
    await settled(slack)

    [reply] = slack.bot_messages()
    assert reply.text == f"{BEGINNING}\n\n_Stopped._"
    assert not buttons(reply)
    assert responses(slack) == []


async def test_conversation_goes_on_after_a_stop(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    act, reply = await begun(slack, model)
    model.script(Text("To store a model in Quillstore, call `quill push` [1]."))

    await slack.click("stop", reply)
    await slack.say(PUSH, thread_ts=act.ts)

    await slack.wait_for(lambda s: answered(s, act.ts))


async def test_somebody_else_is_told_alone_that_only_the_asker_can_stop_it(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    act, reply = await begun(slack, model)

    await slack.click("stop", reply, user="U0LIN")
    await slack.wait_for(responses)
    await settled(slack)

    said = ":warning: Only the person who asked can stop this answer."
    assert responses(slack) == [
        {
            "text": said,
            "blocks": [{"type": "markdown", "text": said}],
            "response_type": "ephemeral",
            "replace_original": False,
        }
    ]
    assert model.abandoned == 0
    [reply] = slack.bot_messages(thread_ts=act.ts)
    assert [button["action_id"] for button in buttons(reply)] == ["stop"]


async def test_second_click_says_nothing(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    act, reply = await begun(slack, model)
    seen = replace(reply)

    await slack.click("stop", seen)
    await slack.click("stop", seen)
    await slack.wait_for(lambda s: "_Stopped._" in s.bot_messages(thread_ts=act.ts)[0].text)
    await settled(slack)

    assert len(slack.bot_messages()) == 1
    assert responses(slack) == []


async def test_click_on_an_answer_that_has_just_ended_leaves_it(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Text("To store a model in Quillstore, call `quill push` [1]."))
    act = await slack.mention(PUSH)
    seen = await slack.wait_for(lambda s: next((replace(m) for m in s.bot_messages() if buttons(m)), None))
    await slack.wait_for(lambda s: answered(s, act.ts))

    await slack.click("stop", seen)
    await settled(slack)

    assert answered(slack, act.ts)
    assert responses(slack) == []


async def test_button_of_a_question_that_was_deleted_is_explained(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    [reply] = slack.bot_messages()

    button = {"type": "button", "action_id": "stop", "value": "slack:T0DOUBLE:C0HELP:gone"}
    await slack.click("stop", replace(reply, blocks=[button]))
    [told] = await slack.wait_for(responses)

    assert told["text"] == ":warning: There is no such question."
    assert told["response_type"] == "ephemeral"


async def test_person_who_is_erased_meanwhile_gets_no_answer_and_nothing_stands_for_their_question(
    slack_settings: Callable[..., Settings], running: Opener, slack: SlackDouble, model: ScriptedModel
) -> None:
    settings, over = slack_settings(llm_base_url=model.base_url, llm_model=model.name), asyncio.Event()
    model.script(Pause(over, "with its name.", after=BEGINNING))
    async with running(settings):
        act = await slack.mention(PUSH)
        await slack.wait_for(lambda s: s.bot_messages(thread_ts=act.ts))
        elsewhere = Database(settings.sqlalchemy_url)
        assert (await Erasures(elsewhere).erase("slack", ADA)).messages == 1
        await elsewhere.close()
        over.set()
        await slack.wait_for(lambda s: not s.bot_messages())
        await settled(slack)
    assert slack.bot_messages() == []
