"""Percentiles from buckets lie as near to the exact ones as is promised; people count once; hours make days."""

import math
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.domain.conversation import Mode
from core.domain.tally import (
    BUCKETS,
    FASTEST,
    RATIO,
    Period,
    Place,
    Tally,
    bucket_of,
    day_of,
    merged,
    person_mark,
)
from core.operations.figures import figures_of, percentile

AT = datetime(2026, 11, 24, 9, tzinfo=UTC)
HERE, THERE = Place("slack", "T1", "C1", Mode.AGENT), Place("slack", "T1", "C2", Mode.AGENT)
TIMES = st.lists(st.floats(FASTEST, FASTEST * RATIO ** (BUCKETS - 1)), min_size=1, max_size=300)


@given(TIMES, st.sampled_from([0.01, 0.5, 0.9, 0.95, 1.0]))
def test_percentile_is_within_the_root_of_the_ratio_of_the_exact_one(times: list[float], share: float) -> None:
    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    found = percentile(bytes(map(bucket_of, times)), share)
    assert found is not None
    assert 1 / math.sqrt(RATIO) - 1e-9 <= found / exact <= math.sqrt(RATIO) + 1e-9


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False))
def test_every_time_has_a_bucket(milliseconds: float) -> None:
    assert 0 <= bucket_of(milliseconds) < BUCKETS


def test_no_answer_has_no_percentile() -> None:
    assert percentile(b"", 0.5) is None


@given(st.lists(st.tuples(st.sampled_from([HERE, THERE]), st.sets(st.integers(0, 9))), max_size=12))
def test_people_count_once_however_often_and_wherever_they_ask(hours: list[tuple[Place, set[int]]]) -> None:
    tallies = [Tally(AT, place, people=marks_of(people)) for place, people in hours]
    expected = len(set().union(*(people for _, people in hours)))
    assert figures_of(tallies).people == expected
    assert figures_of(merged(tallies, lambda tally: (AT, tally.place))).people == expected


def test_same_name_in_another_workspace_is_another_person() -> None:
    assert person_mark("slack", "T1", "U1") != person_mark("slack", "T2", "U1")
    assert person_mark("slack", "T1", "U1") == person_mark("slack", "T1", "U1")


def test_hours_are_merged_by_place() -> None:
    first = Tally(AT, HERE, questions=2, answered=1, uncovered=1, tokens=10, whole=b"\1\2")
    second = Tally(AT.replace(hour=10), HERE, questions=1, answered=1, whole=b"\3")
    [here, there] = merged(
        [first, Tally(AT, THERE, questions=5), second], lambda tally: (day_of(tally.start), tally.place)
    )
    assert (here.place, here.questions, here.answered, here.tokens, here.whole) == (HERE, 3, 2, 10, b"\1\2\3")
    assert (there.place, there.questions) == (THERE, 5)


def test_day_ends_with_the_running_hour_and_a_week_begins_with_a_day() -> None:
    moment = AT.replace(minute=30)
    assert Period.DAY.window(moment) == (datetime(2026, 11, 23, 10, tzinfo=UTC), AT.replace(hour=10))
    assert Period.WEEK.window(moment) == (datetime(2026, 11, 18, tzinfo=UTC), AT.replace(hour=10))
    assert Period.MONTH.window(moment)[0] == datetime(2026, 10, 26, tzinfo=UTC)


def marks_of(people: set[int]) -> bytes:
    return b"".join(person_mark("slack", "T1", f"U{person}") for person in people)
