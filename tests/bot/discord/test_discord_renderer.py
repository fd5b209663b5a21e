"""What answers look like on Discord."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.discord.renderer import (
    CONTENT_LIMIT,
    TITLE_LIMIT,
    defused,
    render_answer,
    render_failure,
    render_forgotten,
    render_progress,
    render_title,
)
from bot.rendering import WAITING
from core.domain.conversation import Answer, Citation
from core.domain.events import Passages, Searching, Step, TextDelta
from core.errors import AssistantError


def citation(number: int, title: str = "DVC [draft]", address: str = "https://example.test/a (b)") -> Citation:
    return Citation(number, f"p{number}", title, (title,), address, 0.7, "quote")


def test_sources_are_numbered_links_without_previews() -> None:
    [text] = render_answer(Answer("Use DVC [1].", (citation(1),)))

    assert text.splitlines()[-2:] == ["**Sources**", "- [1] [DVC (draft)](<https://example.test/a%20%28b%29>)"]


def test_pages_that_do_not_cover_the_question_are_not_called_sources() -> None:
    [text] = render_answer(Answer("I do not know.", (citation(1),), covered=False, note="No page covers this."))

    assert "**Sources**" not in text
    assert text.splitlines()[2:4] == ["_No page covers this._", "The nearest pages:"]
    assert "[1]" not in text


def test_empty_answer_is_still_a_message() -> None:
    assert render_answer(Answer(""))[0]


@given(st.text(max_size=6_000))
def test_no_part_is_longer_than_a_message(text: str) -> None:
    assert all(0 < len(part) <= CONTENT_LIMIT for part in render_answer(Answer(text, (citation(1),))))


@pytest.mark.parametrize("ping", ["@everyone", "@here", "<@123>", "<@!123>", "<@&123>"])
def test_pings_are_defused(ping: str) -> None:
    assert ping not in defused(f"Hello {ping}!")
    assert defused(f"Hello {ping}!").replace("\u200b", "") == f"Hello {ping}!"


def test_ordinary_signs_are_left_alone() -> None:
    assert defused("me@example.test, a < b, @task, <@handle>") == "me@example.test, a < b, @task, <@handle>"


def test_sources_and_failures_are_defused_too() -> None:
    assert "@everyone" not in render_answer(Answer("x", (citation(1, "@everyone"),)))[0]
    assert "@here" not in render_failure(AssistantError("Tell @here."))


def test_tables_are_columns_in_a_code_block_for_discord_draws_none() -> None:
    [text] = render_answer(Answer("Compare:\n| Tool | Stores |\n|---|:-:|\n| `DVC` | anything |\nDone."))

    assert text.splitlines() == ["Compare:", "```", "Tool  Stores", "DVC   anything", "```", "Done."]


def test_progress_tells_what_is_being_done() -> None:
    assert "What is DVC?" in render_progress(Searching("What is DVC?"), "")
    assert render_progress(Passages(()), "") == "_Reading 0 passages…_"
    assert render_progress(Step("Researcher", "reads"), "") == "_Researcher: reads…_"
    assert render_progress(TextDelta("b"), "ab") == "ab"
    assert render_progress(TextDelta("\n"), "\n") == WAITING
    assert len(render_progress(TextDelta("x"), "x" * 5_000)) <= CONTENT_LIMIT


@given(st.text(max_size=300))
def test_title_fits_a_thread(text: str) -> None:
    assert 1 <= len(render_title(text)) <= TITLE_LIMIT


def test_title_is_one_line() -> None:
    assert render_title("What\n is   DVC?") == "What is DVC?"


def test_reset_says_what_went() -> None:
    assert render_forgotten(4).startswith("Forgotten: 4 messages.")
    assert render_forgotten(0).startswith("There is no conversation here")
