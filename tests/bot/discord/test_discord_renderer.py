"""What answers look like on Discord."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord.renderer import (
    PARTS,
    TEXT_LIMIT,
    TITLE_LIMIT,
    Post,
    defused,
    render_answer,
    render_call,
    render_failure,
    render_forgotten,
    render_progress,
    render_title,
    render_why,
)
from bot.rendering import WAITING
from core.answering.aftercare import Summary
from core.domain.conversation import Answer, Citation, Memory, Mode, Question, SessionKey, Told
from core.domain.events import Passages, Searching, Step, TextDelta
from core.errors import AssistantError


def citation(number: int, title: str = "DVC [draft]", address: str = "https://example.test/a (b)") -> Citation:
    return Citation(number, f"p{number}", title, (title,), address, 0.7, "quote")


def test_sources_are_numbered_links_without_previews() -> None:
    [post] = render_answer(Answer("Use DVC [1].", (citation(1),)))

    assert post.text == "Use DVC [1]."
    assert post.below.splitlines() == ["**Sources**", "- [1] [DVC (draft)](<https://example.test/a%20%28b%29>)"]


def test_pages_that_do_not_cover_the_question_are_not_called_sources() -> None:
    [post] = render_answer(Answer("I do not know.", (citation(1),), covered=False, note="No page covers this."))

    assert post.below.splitlines()[:2] == ["_No page covers this._", "The nearest pages:"]
    assert "**Sources**" not in post.below
    assert "[1]" not in post.below


def test_empty_answer_is_still_a_message() -> None:
    assert render_answer(Answer(""))[0].text


@given(st.text(max_size=20_000))
def test_no_message_shows_more_than_discord_takes(text: str) -> None:
    posts = render_answer(Answer(text, (citation(1),), message_id="m1"))

    assert 1 <= len(posts) <= PARTS + 1
    assert all(0 < shown(post) <= TEXT_LIMIT for post in posts)


def test_only_the_last_part_has_sources_and_buttons() -> None:
    first, last = render_answer(Answer("word " * 1_000, (citation(1),), message_id="m1"))

    assert (first.below, first.small, first.rows) == ("", "", ())
    assert "**Sources**" in last.below
    assert last.small == "agent"
    assert [press.label for row in last.rows for press in row] == [
        "Helpful",
        "Not helpful",
        "Ask the crew",
        "Why this answer",
        "Need a human",
        "Resolved",
    ]


def test_answer_of_the_crew_does_not_offer_the_crew() -> None:
    [post] = render_answer(Answer("x", mode=Mode.CREW, message_id="m1"))

    assert "Ask the crew" not in [press.label for row in post.rows for press in row]


def test_very_long_answer_ends_in_a_file_with_all_of_it() -> None:
    text = "\n\n".join(f"Paragraph {n} {'x' * 200}" for n in range(100))

    first, second, last = render_answer(Answer(text, (citation(1),), message_id="m1"))

    assert not first.file
    assert not second.file
    assert last.file.startswith(text)
    assert "**Sources**" in last.file
    assert "Paragraph 99" in last.rest[-1].text


def shown(post: Post) -> int:
    return sum(
        len(text.encode("utf-16-le", "surrogatepass")) // 2 for text in (post.text, post.below, f"-# {post.small}")
    )


@pytest.mark.parametrize("ping", ["@everyone", "@here", "<@123>", "<@!123>", "<@&123>"])
def test_pings_are_defused(ping: str) -> None:
    assert ping not in defused(f"Hello {ping}!")
    assert defused(f"Hello {ping}!").replace("\u200b", "") == f"Hello {ping}!"


def test_ordinary_signs_are_left_alone() -> None:
    assert defused("me@example.test, a < b, @task, <@handle>") == "me@example.test, a < b, @task, <@handle>"


def test_sources_and_failures_are_defused_too() -> None:
    assert "@everyone" not in render_answer(Answer("x", (citation(1, "@everyone"),)))[0].below
    assert "@here" not in render_failure(AssistantError("Tell @here."))


def test_tables_are_columns_in_a_code_block_for_discord_draws_none() -> None:
    [post] = render_answer(Answer("Compare:\n| Tool | Stores |\n|---|:-:|\n| `DVC` | anything |\nDone."))

    assert post.text.splitlines() == ["Compare:", "```", "Tool  Stores", "DVC   anything", "```", "Done."]


def test_progress_tells_what_is_being_done() -> None:
    assert "What is DVC?" in render_progress(Searching("What is DVC?"), "")
    assert render_progress(Passages(()), "") == "_Reading 0 passages…_"
    assert render_progress(Step("Researcher", "reads"), "") == "_Researcher: reads…_"
    assert render_progress(TextDelta("b"), "ab") == "ab"
    assert render_progress(TextDelta("\n"), "\n") == WAITING
    assert len(render_progress(TextDelta("x"), "x" * 5_000)) <= TEXT_LIMIT


@given(st.text(max_size=300))
def test_title_fits_a_thread(text: str) -> None:
    assert 1 <= len(render_title(text)) <= TITLE_LIMIT


def test_title_is_one_line() -> None:
    assert render_title("What\n is   DVC?") == "What is DVC?"


def test_reset_says_what_went() -> None:
    assert render_forgotten(4).startswith("Forgotten: 4 messages.")
    assert render_forgotten(0).startswith("There is no conversation here")


def test_wide_table_becomes_a_list() -> None:
    row = "| " + " | ".join(["a long cell of a wide table"] * 6) + " |"
    table = f"| A | B | C | D | E | F |\n|---|---|---|---|---|---|\n{row}\n{row}"

    [post] = render_answer(Answer(table))

    assert "|" not in post.text
    assert "a long cell of a wide table" in post.text


def test_why_fits_a_message() -> None:
    question = Question(SessionKey("discord", "1", "2", "3"), "What?", "discord:3")

    post = render_why(Told("m1", question, Memory(), Answer("x", message_id="m1", milliseconds=1_500)))

    assert "Time: 1.5 s" in post.text


def test_call_pings_only_who_was_set_up() -> None:
    post = render_call(Summary(("Ask @everyone <@77>",), "Data.", covered=True), "<@&5>", "<@&42>")

    assert post.text.startswith("<@&42> ")
    assert not re.search(r"@everyone|<@77|<@&5", post.text)
