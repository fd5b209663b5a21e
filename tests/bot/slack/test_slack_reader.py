import pytest

from bot.hearing import Heard
from bot.slack.reader import Payload, Reworded, read_command, read_message, read_rewording, readable
from bot.uploads import FILES_ALONE, Upload
from core.domain.conversation import Manner, Mode, SessionKey

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
    assert (heard.mentioned, heard.in_thread) == (True, False)
    assert heard.question.session == SessionKey("slack", "T1", "C1", "5.1")
    assert (heard.question.text, heard.question.author, heard.question.mode) == ("what is drift?", "U1", Mode.AGENT)


def test_mention_in_a_thread_keeps_the_thread() -> None:
    heard = read("<@U0BOT> and here?", thread_ts="2.0")

    assert heard is not None
    assert heard.question.session.thread == "2.0"
    assert (heard.mentioned, heard.in_thread) == (True, True)


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


def test_reply_in_a_thread_is_said_there_and_not_to_us() -> None:
    heard = read("and on S3?", thread_ts="2.0")

    assert heard is not None
    assert (heard.addressed, heard.in_thread, heard.to_others) == (False, True, False)
    assert heard.question.session == SessionKey("slack", "T1", "C1", "2.0")


def test_direct_message_is_for_us_and_one_conversation() -> None:
    first, second = read("hello", channel_type="im"), read("more", channel_type="im", ts="6.0")

    assert first is not None
    assert second is not None
    assert first.direct
    assert first.question.session == second.question.session == SessionKey("slack", "T1", "C1", "")


def test_thread_in_a_direct_message_is_a_conversation_of_its_own() -> None:
    heard = read("aside", channel_type="im", thread_ts="2.0")

    assert heard is not None
    assert heard.question.session.thread == "2.0"


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(message("<@U0BOT> hi", subtype="message_changed"), id="edited"),
        pytest.param(message("<@U0BOT> hi", subtype="message_deleted"), id="deleted"),
        pytest.param(message("<@U0BOT> has joined", subtype="channel_join"), id="joined"),
        pytest.param(message("answer", user=BOT, thread_ts="2.0"), id="our own"),
        pytest.param({"type": "message", "channel": "C1", "ts": "5.1", "hidden": True}, id="nobody"),
    ],
)
def test_what_nobody_said_is_ignored(event: Payload) -> None:
    assert read_message(event, team="T1", bot_user=BOT) is None


def test_mention_of_us_and_of_somebody_else_is_for_us() -> None:
    heard = read("<@U0BOT> tell <@U2> about drift", thread_ts="2.0")

    assert heard is not None
    assert (heard.mentioned, heard.to_others) == (True, True)
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


@pytest.mark.parametrize("group", ["<!here>", "<!subteam^S1|@team>", "<!channel>"])
def test_what_is_said_to_a_group_is_said_to_others(group: str) -> None:
    heard = read(f"{group} who knows drift?", thread_ts="2.0")

    assert heard is not None
    assert heard.to_others


@pytest.mark.parametrize("more", [{"bot_id": "B9"}, {"subtype": "bot_message", "bot_id": "B9", "user": None}])
def test_bot_is_heard_as_one(more: Payload) -> None:
    heard = read("<@U0BOT> hi", **more)

    assert heard is not None
    assert heard.bot == "B9"


def test_files_without_words_ask_what_is_wrong() -> None:
    file = {"name": "job.log", "url_private_download": "https://files.slack.com/job.log", "size": 9}

    heard = read("<@U0BOT>", files=[file], subtype="file_share")

    assert heard is not None
    assert heard.question.text == FILES_ALONE
    assert heard.uploads == (Upload("job.log", "https://files.slack.com/job.log", "", 9),)


def edited(before: str, after: str, *, seconds: float = 5.0, **more: object) -> Reworded | None:
    now = message(after, edited={"user": "U1", "ts": str(5.1 + seconds)}, **more)
    event = {"channel": "C1", "channel_type": "channel", "message": now, "previous_message": message(before)}
    return read_rewording(event, team="T1", bot_user=BOT)


def test_rewording_names_the_question_that_it_replaces() -> None:
    reworded = edited("<@U0BOT> what is dirft?", "<@U0BOT> what is drift?")

    assert reworded is not None
    assert reworded.event_id == "slack:T1:C1:5.1"
    assert (reworded.heard.question.text, reworded.heard.question.event_id) == (
        "what is drift?",
        "slack:T1:C1:5.1:edit:10.1",
    )


@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        pytest.param("<@U0BOT> hi", "<@U0BOT> hi", {}, id="a preview unfolded"),
        pytest.param("<@U0BOT> hi", "<@U0BOT> ho", {"seconds": 61.0}, id="long after it was asked"),
        pytest.param("hi", "ho", {"user": BOT}, id="our own"),
        pytest.param("hi", "ho", {"bot_id": "B9"}, id="a bot"),
    ],
)
def test_edit_that_rewords_no_question_is_ignored(before: str, after: str, more: Payload) -> None:
    assert edited(before, after, **more) is None


def test_command_is_a_question_for_its_asker_alone() -> None:
    command = {"team_id": "T1", "channel_id": "C1", "user_id": "U1", "trigger_id": "9", "text": " what &amp; why? "}

    question = read_command(command, mode=Mode.CREW)

    assert question.session == SessionKey("slack", "T1", "C1", "command:9")
    assert (question.text, question.author, question.mode) == ("what & why?", "U1", Mode.CREW)
    assert question.manner is Manner.PRIVATE
