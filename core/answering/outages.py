"""Waits until a database or a Chroma server that went away is back: most outages are restarts.

Comes in: a call. Goes out: what it gives, sooner or later. Turns store with it, engines search with it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from core.errors import IndexAway, StorageError

T = TypeVar("T")

PATIENCE = 60.0
"""Seconds that a turn waits before its asker is told."""


async def patiently(call: Callable[[], Awaitable[T]]) -> T:
    """What a call gives, repeated while what it asks is away. Raises StorageError or IndexAway at last."""
    until, pause = time.monotonic() + PATIENCE, 0.1
    while True:
        try:
            return await call()
        except (StorageError, IndexAway) as error:
            if not error.retry_may_help or time.monotonic() + pause > until:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, 2.0)
