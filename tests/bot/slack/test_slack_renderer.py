import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.rendering import WAITING
from bot.slack.renderer import (
    MARKDOWN_LIMIT,
    defused,
    render_answer,
    render_failure,
    render_progress,
    render_question,
    render_refusal,
)
from core.domain.conversation import Answer, Citation
from core.domain.events import Completed, Passages, Searching, Step, TextDelta
from core.errors import ModelError

PINGS = re.compile(r"<!(channel|here|everyone|subteam)|<@[UW]|(?<![\w])@(channel|here|everyone)\b")


def citation(
    number: int = 1, title: str = "Drift", heading: str = "Thresholds", address: str = "https://x.test/a"
) -> Citation:
    return Citation(number, "p", title, (title, heading), address, 0.8, "quote")


def shown(answer: Answer) -> list[str]:
    return [post.text for post in render_answer(answer)]


def test_answer_ends_with_its_numbered_sources() -> None:
    [text] = shown(Answer("Set it to 0.2 [1].", (citation(), citation(2, "Gauges", "", "https://x.test/b c"))))

    assert text == (
        "Set it to 0.2 [1].\n\n**Sources**\n- [1] [Drift — Thresholds](https://x.test/a)\n"
        "- [2] [Gauges](https://x.test/b%20c)"
    )


def test_note_stands_between_text_and_sources() -> None:
    [text] = shown(Answer("Yes.", (citation(),), note="Quoted."))

    assert text.index("Yes.") < text.index("_Quoted._") < text.index("**Sources**")


def test_uncovered_answer_names_the_nearest_pages_without_numbers() -> None:
    [text] = shown(Answer("Not covered.", (citation(),), covered=False))

    assert "The nearest pages:\n- [Drift — Thresholds](https://x.test/a)" in text
    assert "**Sources**" not in text


def test_answer_without_sources_is_its_text() -> None:
    assert shown(Answer("42")) == ["42"]


def test_brackets_in_a_title_do_not_break_its_link() -> None:
    [text] = shown(Answer("Yes.", (citation(title="Arrays [1]", heading=""),)))

    assert "- [1] [Arrays (1)](https://x.test/a)" in text


def test_there_is_a_message_even_for_an_empty_answer() -> None:
    assert [part for part in shown(Answer("")) if part.strip()]


@pytest.mark.parametrize(
    "ping",
    [
        *("<!channel>", "<!here>", "<!everyone>", "<!here|here>", "<!subteam^S1|@team>"),
        *("<@U0ADA>", "<@W0GRID|x>", "@here", "@channel", "@everyone"),
    ],
)
def test_answer_pings_nobody(ping: str) -> None:
    cited = citation(title=ping, heading=ping)

    [text] = shown(Answer(f"Hello {ping}, look", (cited,)))

    assert not PINGS.search(text)
    assert text.replace("\u200b", "").startswith(f"Hello {ping}, look")


@pytest.mark.parametrize(
    "harmless", ["a@herewego.test", "@channels", "x <y", "<https://x.test>", "@decorator", "<#C1>"]
)
def test_what_pings_nobody_is_left_alone(harmless: str) -> None:
    assert defused(harmless) == harmless


@pytest.mark.parametrize(
    "event",
    [
        pytest.param(Searching("<!channel>"), id="searching"),
        pytest.param(Step("Agent", "using <!channel>"), id="tool named by the model"),
        pytest.param(TextDelta("<!channel>"), id="text"),
    ],
)
def test_progress_pings_nobody(event: Searching | Step | TextDelta) -> None:
    assert not PINGS.search(render_progress(event, "<!channel>"))


def test_failure_and_question_ping_nobody() -> None:
    assert not PINGS.search(render_failure(ModelError("Down. <!here>")))
    assert not PINGS.search(render_question("<@U0ADA>", "<!channel> hi"))


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        (Searching("drift"), "_Searching for “drift”…_"),
        (Passages(()), "_Reading 0 passages…_"),
        (Step("Writer", "writing"), "_Writer: writing…_"),
        (TextDelta("b"), "ab"),
        (Completed(Answer("x")), WAITING),
    ],
)
def test_progress(event: Searching | Passages | Step | TextDelta | Completed, shown: str) -> None:
    assert render_progress(event, "ab") == shown


@pytest.mark.parametrize("blank", ["", "\n", "  \n"])
def test_progress_is_never_blank_because_slack_refuses_that(blank: str) -> None:
    assert render_progress(TextDelta(blank), blank).strip()


@pytest.mark.parametrize("event", [TextDelta("x"), Searching("q" * 20_000), Step("Agent", "w" * 20_000)])
def test_progress_stays_within_the_limit(event: TextDelta | Searching | Step) -> None:
    assert len(render_progress(event, "x" * 20_000)) <= MARKDOWN_LIMIT


def test_failure_is_the_sentence_for_people_and_not_the_detail() -> None:
    assert render_failure(ModelError("The model is down.", detail="10.0.0.7")) == ":warning: The model is down."


def test_question_of_a_shared_answer_is_quoted_with_the_asker() -> None:
    assert render_question("ada", "one\ntwo") == "**ada** asked:\n> one\n> two"


def test_refusal_says_what_to_do() -> None:
    assert "`/invite`" in render_refusal("not_in_channel")


def test_long_answer_keeps_its_code_whole_in_every_message() -> None:
    code = "\n".join(f"print({n})  # a line of some length, so that there are enough characters" for n in range(400))
    parts = shown(Answer(f"Look [1]:\n\n```python\n{code}\n```\n\nDone.", (citation(),)))

    assert len(parts) > 1
    assert all(len(part) <= MARKDOWN_LIMIT for part in parts)
    assert all(part.count("```") % 2 == 0 for part in parts)
    assert all(part.startswith("```python") for part in parts[1:])
    assert [line for part in parts for line in part.split("\n") if line.startswith("print(")] == code.split("\n")
    assert parts[-1].endswith("- [1] [Drift — Thresholds](https://x.test/a)")


@given(st.text(max_size=30_000))
def test_every_answer_fits_and_pings_nobody(text: str) -> None:
    for post in render_answer(Answer(text, (citation(),))):
        markdown = [block["text"] for block in post.blocks if block["type"] == "markdown"]
        assert 0 < sum(map(len, markdown)) <= MARKDOWN_LIMIT
        assert not PINGS.search(post.text)
