"""The waiting line: so many at once, and whoever waits is served fairly.

Comes in: who asks, by workspace and person. Goes out: a place, sooner or later, and on the way how many are ahead.
Workspaces take turns, and within one its people do, so that nobody's hundred questions keep another one waiting.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from core.errors import Overloaded


@dataclass(eq=False)
class Waiting:
    """Somebody in line; `told` hears of each new position, counted from 1."""

    told: Callable[[int], None]
    called: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    position: int = 0


Person = OrderedDict[str, deque[Waiting]]


class Line:
    """Gives `places` at once; holds up to `room` who wait."""

    def __init__(self, places: int, room: int) -> None:
        self._places = places
        self._free = places
        self._room = room
        self._workspaces: OrderedDict[str, Person] = OrderedDict()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    @property
    def busy(self) -> int:
        """How many places are taken."""
        return self._places - self._free

    def check(self) -> None:
        """Raises Overloaded when nobody more can be taken."""
        if self._length >= self._room:
            raise Overloaded(
                f"{self._length:,} questions are waiting already, so yours was not taken. Ask again in a few minutes."
            )

    @asynccontextmanager
    async def place(self, workspace: str, person: str, told: Callable[[int], None]) -> AsyncGenerator[None]:
        """Holds a place while the block runs; waits for it in line."""
        await self._enter(workspace, person, told)
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, workspace: str, person: str, told: Callable[[int], None]) -> None:
        if self._free and not self._length:
            self._free -= 1
            return
        waiting = Waiting(told)
        self._workspaces.setdefault(workspace, OrderedDict()).setdefault(person, deque()).append(waiting)
        self._length += 1
        self._tell()
        try:
            await waiting.called
        except asyncio.CancelledError:
            if waiting.called.cancelled():
                self._remove(workspace, person, waiting)
            else:
                self._leave()  # called and gone in the same moment: the next one is served
            raise

    def _leave(self) -> None:
        self._free += 1
        while self._free and self._length:
            waiting = self._next()
            if not waiting.called.cancelled():
                waiting.called.set_result(None)
                self._free -= 1
        self._tell()

    def _next(self) -> Waiting:
        """Takes the one whose turn it is out of the line; their workspace and they themselves go to its end."""
        workspace, people = next(iter(self._workspaces.items()))
        person, theirs = next(iter(people.items()))
        waiting = theirs.popleft()
        self._length -= 1
        self._workspaces.move_to_end(workspace)
        people.move_to_end(person)
        self._tidy(workspace, person)
        return waiting

    def _remove(self, workspace: str, person: str, waiting: Waiting) -> None:
        people = self._workspaces.get(workspace)
        if people and waiting in people.get(person, ()):  # unless a place that came free passed it over already
            people[person].remove(waiting)
            self._length -= 1
            self._tidy(workspace, person)
            self._tell()

    def _tidy(self, workspace: str, person: str) -> None:
        people = self._workspaces[workspace]
        if not people[person]:
            del people[person]
        if not people:
            del self._workspaces[workspace]

    def _tell(self) -> None:
        for position, waiting in enumerate(self._in_order(), 1):
            if waiting.position != position:
                waiting.position = position
                waiting.told(position)

    def _in_order(self) -> Iterator[Waiting]:
        """Those who wait, in the order in which they will be called."""
        people = deque(deque(deque(theirs) for theirs in workspace.values()) for workspace in self._workspaces.values())
        while people:
            workspace = people.popleft()
            theirs = workspace.popleft()
            yield theirs.popleft()
            if theirs:
                workspace.append(theirs)
            if workspace:
                people.append(workspace)
