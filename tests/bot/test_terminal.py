"""What the commands print."""

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from bot.terminal import show_answer, show_refresh
from core.domain.conversation import Answer, Citation
from core.domain.events import Completed, Searching, Step, TextDelta
from core.domain.knowledge import IndexVersion, Progress, RefreshRun, RunStatus, Stage

NOW = datetime(2026, 11, 23, tzinfo=UTC)
SOURCE = Citation(1, "p", "Drift [x]", ("Drift", "Thresholds"), "https://x.test/a", 0.8, "quote")


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=60)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def given(*events: Any) -> AsyncIterator[Any]:
    for event in events:
        yield event


async def test_streamed_answer_is_printed_once_with_its_sources(console: Console) -> None:
    answer = Answer("Set it to 0.2 [1].", (SOURCE,))
    shown = await show_answer(
        given(Searching("drift"), TextDelta("Set it "), TextDelta("to 0.2 [1]."), Completed(answer)), console
    )

    assert shown == answer
    assert printed(console) == (
        "Searching for “drift”…\nSet it to 0.2 [1].\n\nSources\n[1] Drift [x] — Thresholds\n    https://x.test/a\n"
    )


async def test_answer_that_was_corrected_after_streaming_is_printed_whole(console: Console) -> None:
    await show_answer(given(TextDelta("Set [9] it."), Completed(Answer("Set it."))), console)

    assert printed(console) == "Set [9] it.\n\nSet it.\n"


async def test_uncovered_answer_names_the_nearest_pages_and_the_note(console: Console) -> None:
    await show_answer(given(Completed(Answer("Not covered.", (SOURCE,), covered=False, note="A note."))), console)

    assert printed(console).startswith("Not covered.\n\nA note.\n\nThe nearest pages\n[1] Drift")


@pytest.mark.parametrize("text", ["[bold]x[/bold]", "[/]", "a [link=https://x.test]b", "`x[0]`", ":smile:", "\\[x]"])
async def test_markup_of_the_terminal_in_a_text_is_only_text(console: Console, text: str) -> None:
    await show_answer(given(Searching(text), Step(text, text), TextDelta(text), Completed(Answer(text))), console)

    assert printed(console).count(text) == 4


async def test_long_lines_and_addresses_are_not_broken(console: Console) -> None:
    address = "https://x.test/" + "a" * 100
    source = Citation(1, "p", "T", (), address, 0.8, "q")
    await show_answer(given(Completed(Answer("word " * 40 + "end", (source,)))), console)

    assert "word " * 40 + "end" in printed(console)
    assert address in printed(console)


async def test_answer_that_never_completes_gives_none(console: Console) -> None:
    assert await show_answer(given(TextDelta("a")), console) is None


async def test_built_index_is_told_in_one_line() -> None:
    console = Console(file=io.StringIO(), width=120)
    version = IndexVersion("v", Stage.PRODUCTION, "f", 3, 9, 1.6, NOW)
    run = RefreshRun("r", "command", RunStatus.PROMOTED, NOW, NOW, version=version)

    assert await show_refresh(given(Progress("reading"), Progress("embedding", 3, 9), run), console) == run
    assert "✓ Index built: 9 passages of 3 pages in 2 s." in printed(console)


async def test_unchanged_index_is_told() -> None:
    console = Console(file=io.StringIO(), width=120)
    await show_refresh(given(RefreshRun("r", "command", RunStatus.UNCHANGED, NOW, NOW)), console)

    assert "✓ No page has changed; the index is up to date." in printed(console)
