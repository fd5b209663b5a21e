"""When a call to Discord may go out, and when it is made again.

Comes in: calls of the messenger. Goes out: the same, no more of them at a time than Discord takes in one channel and in
all, and repeated when the network or Discord fails. discord.py waits too, but only once it has been told of a limit.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
import discord

CALLS, SECONDS = 5, 5.5
"""Discord takes five posts, and five edits, in five seconds in one channel; the rest is for the way there."""

ALL_CALLS, ALL_SECONDS = 45, 1.1
"""Discord takes fifty calls a second from a bot; some are made without us, such as answers to clicks."""

FOR_PROGRESS = 25
"""Calls a second of which some may only show progress; what is left is for those that cannot be left out."""

KEPT = 2
"""Calls in a channel that progress leaves to finished answers."""

PATIENCE = (1, 3, 9)
"""Seconds before a call that failed on the way is repeated; discord.py gives up after a 503 or a lost connection."""

REMEMBERED = 500
"""Channels whose last calls are kept in mind."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass
class _Queue:
    calls: int
    seconds: float
    went: deque[float] = field(default_factory=deque[float])
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def recent(self) -> int:
        """How many of its calls Discord still counts; all that it may when somebody waits."""
        since = time.monotonic() - self.seconds
        return self.calls if self.turn.locked() else sum(moment > since for moment in self.went)

    async def next(self) -> None:
        """Returns when one more call may go."""
        async with self.turn:
            if len(self.went) == self.calls:
                await asyncio.sleep(max(0, self.went.popleft() + self.seconds - time.monotonic()))
            self.went.append(time.monotonic())


class Pace:
    """Queues before channels, one for posts and one for edits, and behind them one before Discord as a whole."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str, int], _Queue] = {}
        self._all = _Queue(ALL_CALLS, ALL_SECONDS)

    def is_free(self, kind: str, channel: int) -> bool:
        """Whether a call that can be left out would hold up none that cannot."""
        queue = self._queues.get((kind, channel))
        return self._all.recent < FOR_PROGRESS and (queue is None or queue.recent < CALLS - KEPT)

    async def turn(self, kind: str, channel: int) -> None:
        """Returns when the next call of this kind may go to a channel."""
        await self._queues.setdefault((kind, channel), _Queue(CALLS, SECONDS)).next()
        await self._all.next()
        if len(self._queues) > REMEMBERED:
            self._queues = {key: kept for key, kept in self._queues.items() if kept.recent}


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """The result of a call that is repeated when the network or Discord fails; not when Discord refuses."""
    for seconds in PATIENCE:
        try:
            return await call()
        except (discord.DiscordServerError, aiohttp.ClientError, OSError) as error:
            _log.info("Discord did not take a call (%s); again in %d s", error, seconds)
            await asyncio.sleep(seconds)
    return await call()
