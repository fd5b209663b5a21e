"""What answers look like on every platform while they are being made."""

import pytest

from bot.rendering import WAITING, ordinal, progress, with_stop_note
from core.domain.events import Accepted, Queued, TextDelta

PLACES = {
    1: "first", 2: "second", 3: "third", 4: "4th", 10: "10th", 11: "11th", 12: "12th", 13: "13th", 21: "21st",
    22: "22nd", 23: "23rd", 100: "100th", 101: "101st", 111: "111th", 112: "112th", 113: "113th", 1_002: "1002nd",
}  # fmt: skip


@pytest.mark.parametrize(("number", "said"), PLACES.items())
def test_place_in_line_is_said_as_people_say_it(number: int, said: str) -> None:
    assert ordinal(number) == said


def test_waiting_in_line_is_told_with_the_place() -> None:
    assert progress(Queued(3), "") == "_You are third in line…_"


def test_question_that_is_merely_accepted_shows_the_sign_of_life() -> None:
    assert progress(Accepted("x"), "") == WAITING


def test_blank_beginning_of_a_text_is_not_shown_for_it() -> None:
    assert progress(TextDelta("\n"), "\n") == WAITING


@pytest.mark.parametrize(
    ("written", "shown"), [("Set it to", "Set it to\n\n_Stopped._"), ("", "_Stopped._"), (" \n", "_Stopped._")]
)
def test_what_was_written_stays_when_an_answer_is_stopped(written: str, shown: str) -> None:
    assert with_stop_note(written) == shown
