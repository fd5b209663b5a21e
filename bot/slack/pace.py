"""When a call of Slack's Web API may go out.

Comes in: names of methods. Goes out: the same, no more of them in a minute than Slack takes from one app in one
workspace. slack_sdk waits too, but only once it has been told of a limit.

Limits: Slack's published tiers for each method, and one message a second in a channel with short bursts.
"""

import asyncio
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field

A_MINUTE = {
    "chat.appendStream": 100,
    "chat.startStream": 20,
    "chat.stopStream": 20,
    "chat.update": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
    "reactions.add": 50,
    "users.conversations": 20,
}
WINDOW = 61.0
"""A minute, and what the way there may take."""

POSTS, POST_WINDOW = 5, 5.5
"""Messages that a channel takes in so many seconds."""


@dataclass
class _Queue:
    most: int
    window: float
    went: deque[float] = field(default_factory=deque[float])
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    def used(self) -> int:
        since = time.monotonic() - self.window
        while self.went and self.went[0] < since:
            self.went.popleft()
        return len(self.went)


class Pace:
    """The queues before one workspace."""

    def __init__(self) -> None:
        self._methods = defaultdict[str, _Queue](lambda: _Queue(1_000, WINDOW))
        for method, most in A_MINUTE.items():
            self._methods[method] = _Queue(most, WINDOW)
        self._posts = defaultdict[str, _Queue](lambda: _Queue(POSTS, POST_WINDOW))

    def left(self, method: str) -> int:
        """How many calls may still go in this minute; none while somebody waits for one."""
        queue = self._methods[method]
        return 0 if queue.turn.locked() else queue.most - queue.used()

    async def turn(self, method: str) -> None:
        """Returns when the next call of a method may go."""
        await _turn(self._methods[method])

    async def post(self, channel: str) -> None:
        """Returns when the next message may go to a channel."""
        await _turn(self._posts[channel])


async def _turn(queue: _Queue) -> None:
    async with queue.turn:
        if queue.used() >= queue.most:
            await asyncio.sleep(max(0.0, queue.went[0] + queue.window - time.monotonic()))
        queue.went.append(time.monotonic())
