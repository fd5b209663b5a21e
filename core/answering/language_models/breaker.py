"""A circuit breaker: an endpoint that keeps failing is left alone for a while.

Comes in: how calls went. Goes out: whether the next one may be made. Asked by `chain.py`, one for each endpoint.

    closed --- 3 failures in a row, or a refusal ---> open --- 30 s, or 5 min ---> half-open: one call tries
       ^                                                ^                                  |
       +-------------------- it went well --------------+---------- it failed -------------+
"""

import time
from collections.abc import Callable

from core.errors import ModelError, ModelRejected, QuestionRejected

FAILURES = 3
"""In a row, after which an endpoint is left alone."""

REST_SECONDS = 30.0
REFUSED_SECONDS = 300.0
"""After a refusal: only an owner can mend that."""


class Breaker:
    """Of one endpoint. `clock` gives seconds that never go back; the time of day does not matter here."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures = 0
        self._rests_until = 0.0
        self._trying = False
        self.reason = ""

    def admits(self) -> bool:
        """Whether a call may be made now. After True, `succeeded`, `failed` or `released` has to follow."""
        if self._rests_until:
            if self._trying or self._clock() < self._rests_until:
                return False
            self._trying = True
        return True

    @property
    def resting(self) -> bool:
        """Whether the endpoint is left alone, or was and has not answered since."""
        return bool(self._rests_until)

    def succeeded(self) -> None:
        """The call brought a reply."""
        self._failures, self._rests_until, self._trying, self.reason = 0, 0.0, False, ""

    def failed(self, error: ModelError) -> None:
        """The call brought none. What an endpoint does not accept of one question says nothing about the next."""
        self._trying = False
        if isinstance(error, QuestionRejected):
            return
        self.reason = error.said
        self._failures += 1
        if isinstance(error, ModelRejected):
            self._rests_until = self._clock() + REFUSED_SECONDS
        elif self._failures >= FAILURES:
            self._rests_until = self._clock() + REST_SECONDS

    def released(self) -> None:
        """The asker left before the call ended, which tells nothing."""
        self._trying = False
