"""Schedules as cron knows them, in UTC."""

from datetime import UTC, datetime

import pytest

from core.errors import InputError
from core.knowledge.timetable import is_due, next_times

MONDAY = datetime(2026, 11, 23, 5, 59, tzinfo=UTC)


def test_next_times_follow_each_other() -> None:
    assert next_times("0 6 * * 1-5", MONDAY) == [datetime(2026, 11, day, 6, tzinfo=UTC) for day in (23, 24, 25)]


def test_moment_at_which_it_fires_is_the_next_time() -> None:
    six = datetime(2026, 11, 23, 6, tzinfo=UTC)
    assert next_times("0 6 * * *", six, 1) == [six]


def test_day_that_never_comes_has_no_times() -> None:
    assert next_times("0 6 30 2 *", MONDAY) == []


def test_schedule_is_due_once_it_has_fired_since_the_last_look() -> None:
    seven = datetime(2026, 11, 23, 7, tzinfo=UTC)
    assert is_due("0 6 * * *", MONDAY, seven)
    assert not is_due("0 6 * * *", datetime(2026, 11, 23, 6, tzinfo=UTC), seven)
    assert not is_due("0 8 * * *", MONDAY, seven)


@pytest.mark.parametrize("cron", ["", "soon", "0 6 * *", "61 6 * * *", "0 6 * * * *", "0 6 * * 1-5; DROP"])
def test_what_is_no_schedule_is_refused_with_an_example(cron: str) -> None:
    with pytest.raises(InputError, match=r"is no schedule: .* such as `0 6 \* \* 1-5`"):
        next_times(cron, MONDAY)
