"""What people in Slack see: who is answered, where, and how often."""

from collections.abc import Callable

import pytest

from bot.rendering import WAITING
from bot.slack import messenger
from bot.slack.app import SlackChannel
from core.settings import Settings
from tests.bot.slack.conversation import answered, buttons, settled
from tests.emulators.language_model import Cut, Failure, Hang, ScriptedModel, Text, ToolCall
from tests.emulators.slack import BOT_USER, Json, Message, SlackDouble, event_payload, flatten

PUSH = "How do I push a model to Quillstore?"
BEGINNING = "To store a model in Quillstore, call"
WAITING_JOB = "Why does a Drumline job stay in the state waiting?"
NO_WORDS = {"type": "message", "subtype": "file_share", "user": "U0ADA", "files": [{"id": "F1"}], "text": ""}


def answers_alone(slack: SlackDouble) -> list[Json]:
    """What those who used a command were answered, alone."""
    return [body for bodies in slack.response_urls.values() for body in bodies if "**Sources**" in str(body)]


async def test_mention_is_answered_once_in_its_thread(channel: SlackChannel, slack: SlackDouble) -> None:
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await settled(slack)

    assert len(act.payloads) == 2, "app_mention and message"
    [reply] = slack.bot_messages()
    assert reply.thread_ts == act.ts
    assert "quill push churn" in reply.text
    assert "Store models with Quillstore](http" in reply.text
    assert await channel.check() == "Socket Mode"


async def test_sign_of_life_comes_before_the_answer(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))

    [reply] = slack.bot_messages()
    assert next(call.method for call in slack.calls if call.method.startswith("chat.")) == "chat.startStream"
    assert reply.tasks["task-0"]["title"] == "Looking into it…"


async def test_sign_of_life_is_a_message_where_slack_does_not_stream(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    slack.streams = False
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    again = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, again.ts))

    first, _ = slack.bot_messages()
    assert first.edits[0] == WAITING
    assert all(edit.strip() for edit in first.edits)
    assert sum(call.method == "chat.startStream" for call in slack.calls) == 1, "refused once"


async def test_sign_of_life_stands_while_the_model_still_thinks(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Hang())
    act = await slack.mention(PUSH)
    await model.wait_for(lambda m: m.requests)

    assert slack.bot_messages(thread_ts=act.ts)


async def test_reply_in_the_thread_needs_no_mention_and_knows_what_was_said(
    channel: SlackChannel, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    act = await slack.mention(WAITING_JOB)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await slack.say("and then?", thread_ts=act.ts)
    await slack.wait_for(lambda s: answered(s, act.ts, 2))

    assert "Drumline" in slack.bot_messages(thread_ts=act.ts)[1].text


async def test_reply_by_somebody_else_in_the_thread_is_answered_too(
    channel: SlackChannel, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await slack.say("How do I roll a Quillstore model back?", user="U0LIN", thread_ts=act.ts)

    await slack.wait_for(lambda s: answered(s, act.ts, 2))


async def test_mention_of_somebody_else_in_our_thread_is_left_to_them(
    channel: SlackChannel, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await slack.say("<@U0LIN> can you push the Quillstore model?", thread_ts=act.ts)
    await settled(slack)

    assert len(slack.bot_messages()) == 1


async def test_picture_without_words_in_our_thread_is_not_commented_on(
    channel: SlackChannel, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await slack.event(NO_WORDS | {"ts": "9999999999.000001", "thread_ts": act.ts})
    again = await slack.mention("How do I roll a Quillstore model back?")
    await slack.wait_for(lambda s: answered(s, again.ts))
    await settled(slack)

    assert len(slack.bot_messages(thread_ts=act.ts)) == 1


async def test_talk_in_channels_and_foreign_threads_is_left_alone(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    talk = await slack.say("How do I push a model to Quillstore?")
    await slack.say("I do not know", user="U0LIN", thread_ts=talk.ts)
    await settled(slack)

    assert slack.bot_messages() == []


async def test_mention_in_a_foreign_thread_is_answered_there(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    talk = await slack.say("who knows Quillstore?")
    await slack.mention(PUSH, thread_ts=talk.ts)
    await slack.wait_for(lambda s: answered(s, talk.ts))

    [reply] = slack.bot_messages()
    assert reply.thread_ts == talk.ts


async def test_direct_messages_are_one_conversation_without_threads(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    await slack.direct_message(WAITING_JOB)
    await slack.wait_for(lambda s: any("**Sources**" in m.text for m in s.bot_messages("D0ADA")))
    await slack.direct_message("and then?")
    await slack.wait_for(lambda s: sum("**Sources**" in m.text for m in s.bot_messages("D0ADA")) == 2)

    first, second = slack.bot_messages("D0ADA")
    assert (first.thread_ts, second.thread_ts) == (None, None)
    assert "Drumline" in second.text


async def test_two_threads_are_answered_side_by_side(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Hang(), Text("Use `quill push` [1]."))
    stuck = await slack.mention("Is Quillstore for models?")
    await model.wait_for(lambda m: m.requests)
    other = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, other.ts))

    assert not answered(slack, stuck.ts)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message", "subtype": "message_changed", "message": {"user": "U0ADA", "text": "hi", "ts": "1.0"}},
        {"type": "message", "subtype": "message_deleted", "deleted_ts": "1.0"},
        {"type": "message", "subtype": "bot_message", "bot_id": "B9", "text": f"<@{BOT_USER}> hi", "ts": "1.0"},
        {"type": "message", "subtype": "channel_join", "user": "U0LIN", "text": f"<@{BOT_USER}> joined", "ts": "1.0"},
        {"type": "app_home_opened", "user": "U0ADA", "tab": "messages"},
        {"type": "reaction_added", "user": "U0ADA", "reaction": "eyes"},
        {"type": "never_heard_of"},
    ],
    ids=lambda event: event.get("subtype", event["type"]),
)  # fmt: skip
async def test_other_events_are_acknowledged_and_not_answered(
    channel: SlackChannel, slack: SlackDouble, event: dict[str, object]  # noqa: ARG001
) -> None:  # fmt: skip
    await slack.event(event)
    await settled(slack)

    assert [len(envelope.acks) for envelope in slack.envelopes] == [1]
    assert slack.bot_messages() == []


@pytest.mark.parametrize("new_event_id", [False, True])
async def test_redelivery_is_not_answered_again(
    channel: SlackChannel, slack: SlackDouble, new_event_id: bool  # noqa: ARG001
) -> None:  # fmt: skip
    act = await slack.mention(PUSH)
    await slack.redeliver(act, new_event_id=new_event_id)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await slack.redeliver(act, new_event_id=new_event_id)
    await settled(slack)

    assert len(slack.bot_messages()) == 1


@pytest.mark.parametrize("words", ["", "x" * 20_000, "ring \x07 the bell"])
async def test_question_that_cannot_be_read_is_refused_once_in_words(
    channel: SlackChannel, slack: SlackDouble, words: str  # noqa: ARG001
) -> None:  # fmt: skip
    act = await slack.mention(words)
    await slack.wait_for(lambda s: s.bot_messages(thread_ts=act.ts))
    await slack.redeliver(act, new_event_id=True)
    await settled(slack)

    [reply] = slack.bot_messages()
    assert reply.text.startswith(":warning: The message ")


async def test_question_that_the_pages_do_not_cover_names_the_nearest(
    channel: SlackChannel, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    act = await slack.mention("Who won the chess championship of 1972?")
    await slack.wait_for(lambda s: any("nearest pages" in m.text for m in s.bot_messages(thread_ts=act.ts)))

    [reply] = slack.bot_messages()
    assert reply.text.startswith("The knowledge base does not cover this.")


async def test_model_that_gives_no_answer_is_quoted_for_with_the_reason(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Failure(500))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))

    [reply] = slack.bot_messages()
    assert reply.text.startswith("The language model is down right now, so this is quoted from the knowledge base:\n")
    assert "quill push churn" in reply.text


async def test_answer_that_breaks_off_is_told_in_words(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Cut(BEGINNING))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: any(m.text.startswith(":warning:") for m in s.bot_messages(thread_ts=act.ts)))

    [reply] = slack.bot_messages()
    assert reply.text == ":warning: The language model stopped in the middle of its answer. Ask again in a moment."
    assert not buttons(reply)


async def test_conversation_goes_on_after_a_failure(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Cut(BEGINNING), Text("Use `quill push` [1]."))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: any(m.text.startswith(":warning:") for m in s.bot_messages(thread_ts=act.ts)))
    await slack.say(PUSH, thread_ts=act.ts)

    await slack.wait_for(lambda s: answered(s, act.ts))


async def test_pings_in_an_answer_are_defused(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(ToolCall("<!channel>"), Text("<!here> <@U0LIN> Use `quill push` [1]."))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))

    [reply] = slack.bot_messages()
    shown = [*reply.edits, reply.text]
    assert not [text for text in shown for ping in ("<!here>", "<!channel>", "<@U0LIN>") if ping in text]


async def test_long_answer_arrives_whole_in_several_messages(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    code = "\n".join(f"line {n:04} of the program, padded to some length" for n in range(500))
    model.script(Text(f"Run this [1]:\n\n```python\n{code}\n```\n\nDone.", chunk_size=4_000))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))

    parts = [message.text for message in slack.bot_messages(thread_ts=act.ts)]
    assert len(parts) == 3
    assert all(part.count("```") == 2 for part in parts)
    assert [line for part in parts for line in part.split("\n") if line.startswith("line ")] == code.split("\n")


@pytest.mark.parametrize("method", ["chat.startStream", "chat.stopStream", "chat.update", "chat.postMessage"])
async def test_too_many_requests_is_waited_out_without_a_double_post(
    channel: SlackChannel, slack: SlackDouble, method: str  # noqa: ARG001
) -> None:  # fmt: skip
    slack.streams = method != "chat.postMessage"
    slack.fail(method, "ratelimited", times=2, retry_after=1)
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts), timeout=20)

    assert len(slack.bot_messages()) == 1
    refused = [call.at for call in slack.calls if call.error == "ratelimited"]
    again = [call.at for call in slack.calls if call.method == method and call.at > refused[-1]]
    assert min(again) - refused[-1] >= 1, "Retry-After"


@pytest.mark.parametrize("error", ["http_500", "fatal_error", "internal_error"])
async def test_edit_that_slack_refuses_for_the_moment_does_not_cost_the_answer(
    channel: SlackChannel, slack: SlackDouble, error: str  # noqa: ARG001
) -> None:  # fmt: skip
    slack.fail("chat.update", error)
    act = await slack.mention(PUSH)

    await slack.wait_for(lambda s: answered(s, act.ts))


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "message"])
@pytest.mark.parametrize("fault", ["http_500", "lost"])
async def test_sign_of_life_that_went_wrong_costs_no_answer_and_leaves_one_message(
    channel: SlackChannel, slack: SlackDouble, streams: bool, fault: str  # noqa: ARG001
) -> None:  # fmt: skip
    slack.streams = streams
    slack.fail("chat.startStream" if streams else "chat.postMessage", fault)
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await settled(slack)

    assert len(slack.bot_messages()) == 1


async def test_stream_that_was_refused_once_is_begun_for_the_next_answer(
    channel: SlackChannel, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    slack.fail("chat.startStream", "http_500")
    for _ in range(2):
        act = await slack.mention(PUSH)
        await slack.wait_for(lambda s, thread=act.ts: answered(s, thread))

    assert [bool(message.tasks) for message in slack.bot_messages()] == [False, True]


@pytest.mark.parametrize("fault", ["http_500", "lost"])
async def test_part_of_an_answer_that_went_wrong_is_posted_once(
    model_channel: SlackChannel,  # noqa: ARG001
    slack: SlackDouble,
    model: ScriptedModel,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
) -> None:
    monkeypatch.setattr(messenger, "PATIENCE", (0, 0))
    code = "\n".join(f"line {n:04} of the program, padded to some length" for n in range(500))
    model.script(Text(f"Run this [1]:\n\n```python\n{code}\n```\n\nDone.", chunk_size=4_000))
    slack.fail("chat.postMessage", fault)
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await settled(slack)

    parts = [message.metadata["event_payload"]["part"] for message in slack.bot_messages() if message.metadata]
    assert parts == [0, 1, 2]


# commands


async def test_command_is_answered_to_its_asker_alone(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    await slack.slash("/ask", PUSH)
    [shown] = await slack.wait_for(answers_alone)

    assert "quill push churn" in flatten(shown["blocks"])
    assert shown["replace_original"]
    assert slack.bot_messages() == []


async def test_crew_command_is_answered_by_the_crew(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    await slack.slash("/crew", PUSH)
    [shown] = await slack.wait_for(answers_alone)

    assert "crew · index of" in flatten(shown["blocks"])


async def test_shared_answer_stands_in_a_thread_where_the_conversation_goes_on(
    channel: SlackChannel, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    await slack.slash("/ask", PUSH)
    [shown] = await slack.wait_for(answers_alone)
    await slack.click("share", Message("C0HELP", "0", BOT_USER, "", blocks=shown["blocks"]))
    await slack.wait_for(lambda s: any("**Sources**" in m.text for m in s.bot_messages()))

    announced, reply = slack.bot_messages()
    assert (announced.thread_ts, announced.text) == (None, f"**ada** asked:\n> {PUSH}")
    assert reply.thread_ts == announced.ts
    assert "quill push churn" in reply.text
    await slack.say("and then?", thread_ts=announced.ts)
    await slack.wait_for(lambda s: answered(s, announced.ts, 2))


@pytest.mark.parametrize(("command", "text"), [("/ask", ""), ("/crew", "  "), ("/ask", "x" * 9_000)])
async def test_command_without_a_question_is_told_to_the_asker_alone(
    channel: SlackChannel, slack: SlackDouble, command: str, text: str  # noqa: ARG001
) -> None:  # fmt: skip
    await slack.slash(command, text)
    [told] = await slack.wait_for(lambda s: next(iter(s.response_urls.values())))

    assert told["text"].startswith("The message ")
    assert f"`{command} How do I" in told["text"]
    assert told.get("response_type", "ephemeral") == "ephemeral"
    assert slack.bot_messages() == []


async def test_command_whose_own_place_is_gone_is_answered_alone_all_the_same(
    channel: SlackChannel, slack: SlackDouble  # noqa: ARG001
) -> None:  # fmt: skip
    act = await slack.slash("/ask", PUSH)
    del slack.response_urls[act.payloads[0]["response_url"]]
    [shown] = await slack.wait_for(lambda s: s.ephemerals)

    assert (shown.channel, shown.user) == ("C0HELP", "U0ADA")
    assert "quill push churn" in shown.text


# the connection


async def test_socket_that_slack_refreshes_is_opened_again(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    await slack.wait_for(lambda s: s.sockets)
    await slack.disconnect_sockets()
    act = await slack.mention(PUSH)

    await slack.wait_for(lambda s: answered(s, act.ts), timeout=30)
    assert len(slack.bot_messages()) == 1


async def test_socket_that_is_closed_without_a_word_is_opened_again(channel: SlackChannel, slack: SlackDouble) -> None:
    await slack.wait_for(lambda s: s.sockets)
    for socket in list(slack.sockets):
        await socket.close()
    act = await slack.mention(PUSH)

    await slack.wait_for(lambda s: answered(s, act.ts), timeout=30)
    assert len(slack.bot_messages()) == 1
    assert await channel.check() == "Socket Mode"


async def test_question_in_work_survives_the_loss_of_the_socket(
    model_channel: SlackChannel, slack: SlackDouble, model: ScriptedModel  # noqa: ARG001
) -> None:  # fmt: skip
    model.script(Text("Use `quill push` [1]."))
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: s.bot_messages(thread_ts=act.ts))
    await slack.disconnect_sockets()
    await slack.wait_for(lambda s: s.sockets and answered(s, act.ts), timeout=30)

    assert len(slack.bot_messages()) == 1


async def test_our_own_messages_come_back_and_are_not_answered(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    act = await slack.mention(PUSH)
    await slack.wait_for(lambda s: answered(s, act.ts))
    await settled(slack)

    echoes = [e for e in slack.envelopes if e.payload["event"].get("user") == BOT_USER]
    assert echoes
    assert len(slack.bot_messages()) == 1


async def test_events_of_another_shape_do_not_break_the_channel(channel: SlackChannel, slack: SlackDouble) -> None:  # noqa: ARG001
    strange = event_payload({"type": "message", "user": "U0ADA", "text": None, "ts": "1.0"}, "C0HELP", "1.0")
    await slack.event(strange["event"])
    await settled(slack)
    act = await slack.mention(PUSH)

    await slack.wait_for(lambda s: answered(s, act.ts))


async def test_answers_link_to_the_public_address(
    slack_settings: Callable[..., Settings], running: Callable[..., object], slack: SlackDouble
) -> None:
    async with running(slack_settings(public_url="https://mlops.example.org")):  # type: ignore[attr-defined]
        act = await slack.mention(PUSH)
        await slack.wait_for(lambda s: answered(s, act.ts))

    assert "(https://mlops.example.org/admin/knowledge/quillstore.md" in slack.bot_messages()[0].text
