"""When a call to Discord may go out, and when it is made again.

Comes in: calls of the messenger. Goes out: the same, no more of them at a time than Discord takes in one channel, and
repeated when the network or Discord fails. discord.py waits too, but only once it has been told of a limit.
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

PATIENCE = (1, 3, 9)
"""Seconds before a call that failed on the way is repeated; discord.py gives up after a 503 or a lost connection."""

REMEMBERED = 500
"""Channels whose last calls are kept in mind."""

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass
class _Queue:
    went: deque[float] = field(default_factory=lambda: deque[float](maxlen=CALLS))
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def recent(self) -> int:
        """How many of its calls Discord still counts; all that it may when somebody waits."""
        since = time.monotonic() - SECONDS
        return CALLS if self.turn.locked() else sum(moment > since for moment in self.went)


class Pace:
    """Queues before channels: one for posts, one for edits."""

    def __init__(self) -> None:
        self._queues: dict[tuple[str, int], _Queue] = {}

    def is_free(self, kind: str, channel: int) -> bool:
        """Whether a call that can be left out would hold up none that cannot."""
        queue = self._queues.get((kind, channel))
        return queue is None or queue.recent < CALLS - 1

    async def turn(self, kind: str, channel: int) -> None:
        """Returns when the next call of this kind may go to a channel."""
        queue = self._queues.setdefault((kind, channel), _Queue())
        async with queue.turn:
            if len(queue.went) == CALLS:
                await asyncio.sleep(max(0, queue.went[0] + SECONDS - time.monotonic()))
            queue.went.append(time.monotonic())
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
