"""What the commands print."""

import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from bot.terminal import RefreshBar, how_far, show_answer, show_refresh
from core.domain.conversation import Answer, Citation
from core.domain.events import Accepted, Completed, Queued, Searching, Step, TextDelta
from core.domain.knowledge import Change, IndexVersion, Progress, RefreshRun, RunStatus, Stage

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


async def test_place_in_line_is_told_until_it_is_our_turn(console: Console) -> None:
    waiting = given(
        Accepted("x"), Queued(3), Queued(1), Searching("drift"), TextDelta("Yes."), Completed(Answer("Yes."))
    )
    await show_answer(waiting, console)

    assert printed(console) == ("You are third in line…\nYou are first in line…\nSearching for “drift”…\nYes.\n")


async def test_answer_that_never_completes_gives_none(console: Console) -> None:
    assert await show_answer(given(TextDelta("a")), console) is None


def wide() -> Console:
    return Console(file=io.StringIO(), width=200)


def ended(status: RunStatus, **fields: Any) -> RefreshRun:
    return RefreshRun("r", "command", status, NOW, NOW, **fields)


VERSION = IndexVersion("0123456789abcdef", Stage.PRODUCTION, "f", 3, 9, 1.6, NOW)


def change(before: str | None, **paths: tuple[str, ...]) -> Change:
    return Change("c", VERSION.id, before, **{"added": (), "changed": (), "removed": (), **paths}, created_at=NOW)


async def test_first_index_is_told_in_one_line() -> None:
    console = wide()
    run = ended(RunStatus.PROMOTED, version=VERSION, change=change(None, added=("a.md",)))
    await show_refresh(given(Progress("reading"), Progress("embedding", 3, 9), run), console)

    assert printed(console) == "✓ Index built: 9 passages of 3 pages in 2 s.\n"


async def test_change_in_place_names_its_first_pages_and_counts_the_rest() -> None:
    console = wide()
    done = change(VERSION.id, added=("[new].md",), changed=("b.md", "c.md", "d.md", "e.md"), removed=("f.md",))
    await show_refresh(given(ended(RunStatus.UPDATED, version=VERSION, change=done)), console)

    assert printed(console) == (
        "✓ Index updated in place: 9 passages of 3 pages.\n  1 added, 4 changed, 1 removed\n"
        "  + [new].md\n  ~ b.md\n  ~ c.md\n  ~ d.md\n  and 2 more\n"
    )


async def test_version_that_stays_in_staging_is_told_with_the_reason() -> None:
    console = wide()
    run = ended(RunStatus.STAGED, version=VERSION, reason="It stays in Staging: nDCG fell from 0.90 to 0.70.")
    await show_refresh(given(run), console)

    assert printed(console).startswith("! The new version 89abcdef is not live. It stays in Staging: nDCG fell")
    assert "`promote` makes it live" in printed(console)


async def test_unchanged_index_is_told_and_so_are_pages_that_could_not_be_read() -> None:
    console = wide()
    await show_refresh(given(ended(RunStatus.UNCHANGED, problems=1200)), console)

    first, second = printed(console).splitlines()
    assert first == "✓ No page has changed; the index is up to date."
    assert second.startswith("! 1,200 pages or sources could not be read; what was known was kept.")


@pytest.mark.parametrize(
    ("progress", "said"),
    [
        (Progress("reading"), ""),
        (Progress("reading", 0, 5), "0 of 5 pages"),
        (Progress("embedding", 500, 2000, "passages", 5.0), "500 of 2,000 passages · 100 a second · 15 s left"),
        (Progress("fetching", 2, 100, "pages", 4.0), "2 of 100 pages · 2 s each · 3 min 16 s left"),
        (Progress("reading", 5, 5, "pages", 2.0), "5 of 5 pages · 2 a second"),
    ],
    ids=["nothing known", "just begun", "fast", "slow", "done"],
)
def test_how_far_something_is(progress: Progress, said: str) -> None:
    assert how_far(progress) == said


async def test_bar_of_a_real_terminal_shows_stage_and_rate() -> None:
    console = Console(file=io.StringIO(), width=120, force_terminal=True)
    with RefreshBar(console) as bar:
        bar.show(Progress("embedding [x]", 500, 2000, "passages", 5.0))

    assert "Embedding [x]" in printed(console)
    assert "500 of 2,000 passages · 100 a second · 15 s left" in printed(console)
