"""What a channel is working on: each question a task of its own, none of them twice at a time.

Comes in: coroutines of a channel's actions. Goes out: nothing; what fails is told to the log, since by then the
platform has refused to be told. Used by the actions of Slack and Discord.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext

from core.domain.conversation import Question
from core.domain.turn_context import working_on

LAST_WORD_SECONDS = 2.0
"""How long answers that have ended may take to be delivered once the channel stops."""

Keeps = Callable[[Question], Awaitable[bool]]
"""Whether it is still for this process to speak about a question; see `AnsweringService.keeps`."""

_log = logging.getLogger(__name__)


class TakenOver(Exception):
    """Another process answers a question, because it held this one for gone: nothing more is said about it here."""


class Work:
    """The running tasks of one channel; `refusal` is the error with which its platform refuses a call."""

    def __init__(self, platform: str, refusal: type[Exception]) -> None:
        self._platform = platform
        self._refusal = refusal
        self._tasks: set[asyncio.Task[None]] = set()
        self._lasting: set[asyncio.Task[None]] = set()
        self._claimed: set[str] = set()
        self._named: dict[str, asyncio.Task[None]] = {}

    def claim(self, event_id: str) -> bool:
        """Takes a question on; False when it is being worked on already."""
        if event_id in self._claimed:
            return False
        self._claimed.add(event_id)
        return True

    def release(self, event_id: str) -> None:
        """Lets a question go that turned out to need no work."""
        self._claimed.discard(event_id)

    def keep(self, task: Coroutine[None, None, None], name: str) -> None:
        """Begins, unless it runs, a task that lasts as long as the channel."""
        if self.claim(name):
            running = self.start(task)
            self._lasting.add(running)
            running.add_done_callback(lambda _: self.release(name))
        else:
            task.close()

    def start(self, task: Coroutine[None, None, None], question: Question | None = None) -> asyncio.Task[None]:
        """Begins a task; the question that it was claimed for is released at its end."""
        with working_on(question) if question else nullcontext():
            running = asyncio.create_task(self._told(task))
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)
        if question:
            event_id = question.event_id
            self._named[event_id] = running
            running.add_done_callback(lambda _: self._forget(event_id, running))
        return running

    async def drop(self, event_id: str) -> None:
        """Ends the work on a question, if any, without a word: it was reworded or deleted."""
        if task := self._named.get(event_id):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _forget(self, event_id: str, task: asyncio.Task[None]) -> None:
        if self._named.get(event_id) is task:
            del self._named[event_id]
        self.release(event_id)

    async def stop(self) -> None:
        """Stops all tasks, once those of questions had a moment to say their last word; the next start resumes them."""
        answering = [task for task in self._tasks if task not in self._lasting]
        if answering:
            await asyncio.wait(answering, timeout=LAST_WORD_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _told(self, task: Coroutine[None, None, None]) -> None:
        try:
            await task
        except TakenOver as error:
            _log.info("%s", error)
        except Exception as error:  # the boundary of a background task
            known = isinstance(error, self._refusal)
            _log.error("%s did not take a message: %s", self._platform, error, exc_info=None if known else error)
