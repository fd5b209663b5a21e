import pytest

from bot.slack.reader import Heard, Payload, read_command, read_message, readable
from core.domain.conversation import Mode, SessionKey

BOT = "U0BOT"


def message(text: str, **more: object) -> Payload:
    return {
        "type": "message",
        "channel": "C1",
        "channel_type": "channel",
        "user": "U1",
        "ts": "5.1",
        "text": text,
    } | more


def read(text: str, **more: object) -> Heard | None:
    return read_message(message(text, **more), team="T1", bot_user=BOT)


def test_mention_opens_a_session_in_its_own_thread() -> None:
    heard = read("<@U0BOT> what is drift?")

    assert heard is not None
    assert not heard.follow_up
    assert heard.question.session == SessionKey("slack", "T1", "C1", "5.1")
    assert (heard.question.text, heard.question.author, heard.question.mode) == ("what is drift?", "U1", Mode.AGENT)


def test_mention_in_a_thread_keeps_the_thread() -> None:
    heard = read("<@U0BOT> and here?", thread_ts="2.0")

    assert heard is not None
    assert heard.question.session.thread == "2.0"
    assert not heard.follow_up


def test_both_events_of_one_mention_are_one_question() -> None:
    as_message = read("<@U0BOT> hi")
    as_mention = read("<@U0BOT> hi", type="app_mention")

    assert as_message is not None
    assert as_mention is not None
    assert as_message.question == as_mention.question


def test_same_moment_in_two_channels_is_two_questions() -> None:
    one, other = read("<@U0BOT> hi"), read("<@U0BOT> hi", channel="C2")

    assert one is not None
    assert other is not None
    assert one.question.event_id != other.question.event_id


def test_reply_in_a_thread_is_a_follow_up() -> None:
    heard = read("and on S3?", thread_ts="2.0")

    assert heard is not None
    assert heard.follow_up
    assert heard.question.session == SessionKey("slack", "T1", "C1", "2.0")


def test_direct_message_is_for_us_and_one_conversation() -> None:
    first, second = read("hello", channel_type="im"), read("more", channel_type="im", ts="6.0")

    assert first is not None
    assert second is not None
    assert not first.follow_up
    assert first.question.session == second.question.session == SessionKey("slack", "T1", "C1", "")


def test_thread_in_a_direct_message_is_a_conversation_of_its_own() -> None:
    heard = read("aside", channel_type="im", thread_ts="2.0")

    assert heard is not None
    assert heard.question.session.thread == "2.0"


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(message("no mention"), id="talk in a channel"),
        pytest.param(message("<@U2> can you look?", thread_ts="2.0"), id="thread, somebody else is mentioned"),
        pytest.param(message("<@U0BOT> hi", subtype="message_changed"), id="edited"),
        pytest.param(message("<@U0BOT> hi", subtype="message_deleted"), id="deleted"),
        pytest.param(message("<@U0BOT> has joined", subtype="channel_join"), id="joined"),
        pytest.param(message("<@U0BOT> hi", bot_id="B9"), id="another bot"),
        pytest.param(message("<@U0BOT> hi", subtype="bot_message", bot_id="B9", user=None), id="old-style bot"),
        pytest.param(message("answer", user=BOT, thread_ts="2.0"), id="our own"),
        pytest.param({"type": "message", "channel": "C1", "ts": "5.1", "hidden": True}, id="nobody"),
    ],
)
def test_what_is_not_for_us_is_ignored(event: Payload) -> None:
    assert read_message(event, team="T1", bot_user=BOT) is None


def test_mention_of_us_and_of_somebody_else_is_for_us() -> None:
    heard = read("<@U0BOT> tell <@U2> about drift", thread_ts="2.0")

    assert heard is not None
    assert not heard.follow_up
    assert heard.question.text == "tell @U2 about drift"


@pytest.mark.parametrize("subtype", ["file_share", "thread_broadcast"])
def test_mention_with_a_file_or_sent_to_the_channel_too_is_heard(subtype: str) -> None:
    assert read("<@U0BOT> look", subtype=subtype) is not None


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("<@U0BOT> hi", "hi"),
        ("<@U0BOT|assistant>: hi", ": hi"),
        ("ask <@W0GRID> first", "ask @W0GRID first"),
        ("see <https://x.test/a?b=1&amp;c=2>", "see https://x.test/a?b=1&c=2"),
        ("see <https://x.test|the page>", "see the page"),
        ("mail <mailto:a@x.test|a@x.test>", "mail a@x.test"),
        ("in <#C1|help> and <#C2>", "in #help and #C2"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("`x &lt; 3 &amp;&amp; y`\n\n```a```", "`x < 3 && y`\n\n```a```"),
        ("&amp;lt;", "&lt;"),
        ("  \u0645\u0631\u062d\u0628\u0627 \U0001f600 ", "\u0645\u0631\u062d\u0628\u0627 \U0001f600"),
    ],
)
def test_markup_becomes_plain_text(markup: str, plain: str) -> None:
    assert readable(markup, BOT) == plain


def test_command_is_a_question_under_the_message_that_announced_it() -> None:
    command = {"team_id": "T1", "channel_id": "C1", "user_id": "U1", "trigger_id": "9", "text": " what &amp; why? "}

    question = read_command(command, thread="7.0", mode=Mode.CREW)

    assert question.session == SessionKey("slack", "T1", "C1", "7.0")
    assert (question.text, question.author, question.mode) == ("what & why?", "U1", Mode.CREW)
