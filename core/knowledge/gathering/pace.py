"""Keeps requests polite: one at a time a host, a gap between them, longer waits after failures.

Comes in: a host. Goes out: the moment when it may be asked. Shared by the threads of a refresh; called by the fetcher.
"""

import random
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_BACKOFF = 30.0


class Pace:
    """Turns at hosts. `gap` seconds lie between the end of a request and the start of the next one."""

    def __init__(self, gap: float, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._gap = gap
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._hosts: dict[str, threading.Lock] = {}
        self._free_at: dict[str, float] = {}

    @contextmanager
    def turn(self, host: str, gap: float = 0) -> Generator[None]:
        """Holds the host for one request. A larger `gap` than ours comes from the site's robots.txt."""
        with self._lock:
            held = self._hosts.setdefault(host, threading.Lock())
        with held:
            wait = self._free_at.get(host, 0.0) - self._clock()
            if wait > 0:
                self._sleep(wait)
            try:
                yield
            finally:
                self._free_at[host] = self._clock() + max(self._gap, gap)


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures: twice as long each time, and never all clients at the same moment."""
    return min(LONGEST_BACKOFF, 2.0 ** (failures - 1)) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


def asked_wait(retry_after: str | None) -> float:
    """The seconds of a Retry-After header, which holds a number or a date; 0 when there is none."""
    value = (retry_after or "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
