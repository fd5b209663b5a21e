"""The state of every part, measured when it is asked for.

Comes in: the parts, each with a check that raises when it is down. Goes out: `Health`, for `/health`, the console and
`doctor`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from core.errors import AssistantError

PATIENCE = 5.0
"""Seconds that a check may take before its part counts as down."""


class State(StrEnum):
    """Of one part."""

    UP = "up"
    DOWN = "down"
    OFF = "off"


@dataclass(frozen=True)
class Failure:
    """When a part was last seen down, and why."""

    at: datetime
    said: str


@dataclass(frozen=True)
class PartHealth:
    """One part: `needed` parts that are down make the whole service unavailable.

    `failure` is the last one since this process began.
    """

    name: str
    state: State
    needed: bool
    milliseconds: float
    detail: str
    failure: "Failure | None" = None


@dataclass(frozen=True)
class Health:
    """All parts, in the order in which they were registered."""

    parts: tuple[PartHealth, ...]

    @property
    def ready(self) -> bool:
        """Whether questions can be answered."""
        return all(part.state is not State.DOWN for part in self.parts if part.needed)


Check = Callable[[], Awaitable[str | None]]
"""Gives a detail to show, or None for a part that is switched off; raises when the part is down."""


class HealthChecks:
    """The registered checks. Rooms add their own: the database here, a Slack socket there."""

    def __init__(self) -> None:
        self._checks: dict[str, tuple[Check, bool]] = {}
        self._far: set[str] = set()
        self._failures: dict[str, Failure] = {}

    def add(self, name: str, check: Check, *, needed: bool = False, far: bool = False) -> None:
        """Registers a part; the check of one that is `far` asks somebody else's machine."""
        self._checks[name] = (check, needed)
        if far:
            self._far.add(name)

    async def measure(self, *, near: bool = False) -> Health:
        """Runs all checks at once, or those that ask nobody else's machine."""
        wanted = {name: check for name, check in self._checks.items() if not (near and name in self._far)}
        parts = await asyncio.gather(*(_measured(n, check, needed) for n, (check, needed) in wanted.items()))
        for part in parts:
            if part.state is State.DOWN:
                self._failures[part.name] = Failure(datetime.now(UTC), part.detail)
        return Health(tuple(replace(part, failure=self._failures.get(part.name)) for part in parts))


async def _measured(name: str, check: Check, needed: bool) -> PartHealth:
    started = time.perf_counter()
    try:
        detail = await asyncio.wait_for(check(), PATIENCE)
        state = State.OFF if detail is None else State.UP
    except TimeoutError:
        state, detail = State.DOWN, f"no answer within {PATIENCE:.0f} s"
    except AssistantError as error:
        state, detail = State.DOWN, error.said
    except Exception as error:  # a check asks whatever library stands behind a part; health itself always answers
        state, detail = State.DOWN, f"{type(error).__name__}: {error}"
    return PartHealth(name, state, needed, round((time.perf_counter() - started) * 1000, 1), detail or "")
