"""What is for us: by who said it, to whom, where, and what holds there."""

from typing import Any

import pytest

from bot.hearing import Heard, Response, decide, is_asking, is_stop, is_thanks
from core.domain.channels import ChannelSettings, Floor, Speaks
from core.domain.conversation import Question, SessionKey

ADA, LIN = "U0ADA", "U0LIN"
OURS = Floor(frozenset({ADA}))


def heard(text: str = "How do I push?", author: str = ADA, **more: Any) -> Heard:
    return Heard(Question(SessionKey("slack", "T", "C", "1"), text, "e", author), **more)


def reply(text: str, author: str = ADA, **more: Any) -> Heard:
    return heard(text, author, in_thread=True, **more)


@pytest.mark.parametrize(
    ("said", "floor", "response"),
    [
        pytest.param(heard(mentioned=True), None, Response.ANSWER, id="mention"),
        pytest.param(heard(direct=True), None, Response.ANSWER, id="direct"),
        pytest.param(heard(), None, Response.IGNORE, id="talk"),
        pytest.param(reply("and on S3?"), None, Response.IGNORE, id="foreign thread"),
        pytest.param(reply("and on S3?"), OURS, Response.ANSWER, id="follow-up"),
        pytest.param(reply("it still fails"), OURS, Response.ANSWER, id="follow-up that is no question"),
        pytest.param(reply("How do I roll back?", LIN), OURS, Response.ANSWER, id="question of somebody new"),
        pytest.param(reply("I think that is outdated", LIN), OURS, Response.OVERHEAR, id="remark of somebody new"),
        pytest.param(reply("and you?", to_others=True), OURS, Response.OVERHEAR, id="to somebody else"),
        pytest.param(reply("why?"), Floor(frozenset({ADA}), LIN), Response.OVERHEAR, id="while others talk"),
        pytest.param(reply("How then?", LIN), Floor(frozenset({ADA}), LIN), Response.ANSWER, id="talker asks us"),
        pytest.param(reply("and on S3?"), Floor(frozenset({ADA}), resolved=True), Response.IGNORE, id="resolved"),
        pytest.param(heard(mentioned=True), Floor(resolved=True), Response.ANSWER, id="mention after resolved"),
        pytest.param(reply("thanks!"), OURS, Response.ACKNOWLEDGE, id="thanks"),
        pytest.param(reply("thanks!", LIN), OURS, Response.OVERHEAR, id="thanks of somebody else"),
        pytest.param(heard("thank you", mentioned=True), OURS, Response.ACKNOWLEDGE, id="thanks with a mention"),
        pytest.param(reply("stop"), OURS, Response.STOP, id="stop"),
        pytest.param(reply("stop"), Floor(frozenset({ADA}), LIN), Response.STOP, id="stop while others talk"),
        pytest.param(reply("stop", LIN), OURS, Response.OVERHEAR, id="stop of somebody else"),
        pytest.param(heard("?", mentioned=True, bot="B1"), None, Response.IGNORE, id="bot that is not allowed"),
    ],
)
def test_what_is_done_where_threads_are_followed(said: Heard, floor: Floor | None, response: Response) -> None:
    assert decide(said, ChannelSettings(), floor) is response


@pytest.mark.parametrize(
    ("speaks", "said", "response"),
    [
        (Speaks.OFF, heard(mentioned=True), Response.IGNORE),
        (Speaks.OFF, heard(direct=True), Response.IGNORE),
        (Speaks.MENTION, heard(mentioned=True), Response.ANSWER),
        (Speaks.MENTION, reply("and on S3?"), Response.IGNORE),
        (Speaks.AUTO, heard(), Response.OFFER),
        (Speaks.AUTO, heard("lunch at twelve"), Response.IGNORE),
        (Speaks.AUTO, heard(to_others=True), Response.IGNORE),
        (Speaks.AUTO, reply("and on S3?"), Response.ANSWER),
        (Speaks.SHADOW, heard(), Response.DRAFT),
        (Speaks.SHADOW, heard(mentioned=True), Response.DRAFT),
        (Speaks.SHADOW, reply("and on S3?"), Response.IGNORE),
    ],
)
def test_channel_decides_when_we_speak(speaks: Speaks, said: Heard, response: Response) -> None:
    assert decide(said, ChannelSettings(speaks=speaks), OURS) is response


def test_who_may_not_ask_is_refused_when_they_speak_to_us_and_left_alone_otherwise() -> None:
    limited = ChannelSettings(askers=(LIN,))

    assert decide(heard(mentioned=True), limited, None) is Response.REFUSE
    assert decide(reply("and?"), limited, OURS) is Response.IGNORE
    assert decide(heard(author=LIN, mentioned=True), limited, None) is Response.ANSWER


def test_bot_that_is_allowed_is_answered_but_not_in_a_thread() -> None:
    allowed = ChannelSettings(bots=("B1",))

    assert decide(heard(mentioned=True, bot="B1"), allowed, None) is Response.ANSWER
    assert decide(reply("How?", mentioned=True, bot="B1"), allowed, OURS) is Response.IGNORE
    assert decide(heard(bot="B1"), allowed, None) is Response.IGNORE


@pytest.mark.parametrize(
    "text",
    ["thanks", "Thank you so much!", "ok thanks", "perfect, thx", "great!", "Danke dir", "👍", ":+1:", "that worked"],
)
def test_thanks_are_known(text: str) -> None:
    assert is_thanks(text)


@pytest.mark.parametrize(
    "text",
    [
        "thanks, but how do I undo it?",
        "no",
        "great idea to use S3 for this, let us try it together with the others",
        "thanksgiving traffic is drifting",
        "",
    ],
)
def test_what_only_begins_like_thanks_is_none(text: str) -> None:
    assert not is_thanks(text)


@pytest.mark.parametrize("text", ["stop", "Stop!", "please stop", "cancel"])
def test_stop_is_known(text: str) -> None:
    assert is_stop(text)
    assert not is_stop(f"how do I {text} a job")


@pytest.mark.parametrize("text", ["and on S3?", "how do I push", "Explain drift", "هل يعمل؟", "何ですか？"])  # noqa: RUF001
def test_questions_are_known_by_their_mark_or_first_word(text: str) -> None:
    assert is_asking(text)


@pytest.mark.parametrize("text", ["we moved to S3", "lunch", "", "somehow it works"])
def test_statements_are_no_questions(text: str) -> None:
    assert not is_asking(text)
