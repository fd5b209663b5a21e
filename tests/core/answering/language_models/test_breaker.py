"""When an endpoint is left alone, and when it is tried again; the time is told by a clock of the test."""

import pytest

from core.answering.language_models.breaker import FAILURES, REFUSED_SECONDS, REST_SECONDS, Breaker
from core.errors import ModelError, ModelRejected, QuestionRejected

AWAY = ModelError("It is away.")
REFUSED = ModelRejected("Wrong key.")


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock)


def opened(breaker: Breaker) -> Breaker:
    for _ in range(FAILURES):
        assert breaker.admits()
        breaker.failed(AWAY)
    return breaker


def test_failures_in_a_row_open_it_and_it_tells_why(breaker: Breaker) -> None:
    assert not opened(breaker).admits()
    assert breaker.reason == AWAY.said


def test_success_between_failures_starts_the_count_again(breaker: Breaker) -> None:
    for error in [AWAY, AWAY, None, AWAY, AWAY]:
        assert breaker.admits()
        breaker.failed(error) if error else breaker.succeeded()
    assert breaker.admits()


def test_after_its_rest_one_call_tries_and_the_others_wait(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.seconds += REST_SECONDS - 1
    assert not breaker.admits()
    clock.seconds += 1
    assert [breaker.admits(), breaker.admits()] == [True, False]
    breaker.succeeded()
    assert [breaker.admits(), breaker.admits()] == [True, True]


def test_try_that_fails_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.seconds += REST_SECONDS
    assert breaker.admits()
    breaker.failed(AWAY)
    assert not breaker.admits()
    clock.seconds += REST_SECONDS
    assert breaker.admits()


def test_asker_who_leaves_during_the_try_leaves_it_to_the_next_one(breaker: Breaker, clock: Clock) -> None:
    opened(breaker)
    clock.seconds += REST_SECONDS
    assert breaker.admits()
    breaker.released()
    assert breaker.admits()


def test_askers_who_leave_are_no_failures(breaker: Breaker) -> None:
    for _ in range(2 * FAILURES):
        assert breaker.admits()
        breaker.released()
    assert breaker.admits()


def test_refusal_opens_it_at_once_and_for_longer(breaker: Breaker, clock: Clock) -> None:
    breaker.failed(REFUSED)
    clock.seconds += REFUSED_SECONDS - 1
    assert not breaker.admits()
    clock.seconds += 1
    assert breaker.admits()


def test_question_that_is_not_accepted_opens_nothing(breaker: Breaker) -> None:
    for _ in range(2 * FAILURES):
        assert breaker.admits()
        breaker.failed(QuestionRejected("Too long."))
    assert breaker.admits()
