"""What is shown of a reply while it is being written."""

import pytest

from core.answering.shown import ShownText


def shown(*pieces: str, supported: bool = True) -> list[str]:
    text = ShownText(supported=supported)
    return [text.next(piece) for piece in pieces]


def test_text_is_shown_piece_by_piece() -> None:
    assert shown("Call ", "it", ".") == ["Call ", "it", "."]


@pytest.mark.parametrize("pieces", [["NOT_", "COVERED"], ["\n", "NOT_COVERED", " at all"], ["N"]])
def test_not_covered_is_never_shown(pieces: list[str]) -> None:
    assert shown(*pieces) == [""] * len(pieces)


def test_what_began_like_not_covered_is_shown_once_it_is_not() -> None:
    assert shown("NO", "T all", " of it") == ["", "NOT all", " of it"]


def test_nothing_is_shown_when_nothing_found_supports_it() -> None:
    assert shown("Call ", "it", supported=False) == ["", ""]
