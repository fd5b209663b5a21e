"""What is shown of a reply while it is being written."""

from dataclasses import replace

import pytest

from core.answering.shown import ShownText
from core.domain.events import Passages, Searching
from core.domain.knowledge import Passage

PASSAGE = Passage("id", "page.md", "Page", (), "https://example.org", "Text.", score=0.9)


def shown(*pieces: str, score: float = 0.9) -> list[str]:
    text = ShownText()
    text.noticed(Searching("page"))
    text.noticed(Passages((replace(PASSAGE, score=0.1), replace(PASSAGE, score=score))))
    return [text.next(piece) for piece in pieces]


def test_text_is_shown_piece_by_piece() -> None:
    assert shown("Call ", "it", ".") == ["Call ", "it", "."]


@pytest.mark.parametrize("pieces", [["NOT_", "COVERED"], ["\n", "NOT_COVERED", " at all"], ["N"]])
def test_not_covered_is_never_shown(pieces: list[str]) -> None:
    assert shown(*pieces) == [""] * len(pieces)


def test_what_began_like_not_covered_is_shown_once_it_is_not() -> None:
    assert shown("NO", "T all", " of it") == ["", "NOT all", " of it"]


def test_nothing_is_shown_while_nothing_found_supports_it() -> None:
    assert shown("Call ", "it", score=0.4) == ["", ""]


def test_each_reply_is_held_back_anew() -> None:
    text = ShownText()
    text.noticed(Passages((PASSAGE,)))
    assert text.next("Let me look.") == "Let me look."
    text.begin()
    assert [text.next("NOT_"), text.next("COVERED")] == ["", ""]
