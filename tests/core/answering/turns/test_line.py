"""The waiting line: how many at once, in which order, and what those who wait are told."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answering.turns.line import Line
from core.errors import Overloaded


class Asker:
    """Somebody who takes a place and holds it until told to leave."""

    def __init__(self, line: Line, workspace: str, person: str, served: list[str], name: str = "") -> None:
        self.name = name or f"{workspace}/{person}"
        self.positions: list[int] = []
        self._leave = asyncio.Event()
        self._served = served
        self.task = asyncio.ensure_future(self._stand(line, workspace, person))

    async def _stand(self, line: Line, workspace: str, person: str) -> None:
        async with line.place(workspace, person, self.positions.append):
            self._served.append(self.name)
            await self._leave.wait()

    async def leave(self) -> None:
        self._leave.set()
        await self.task
        await settled()


async def settled() -> None:
    """Lets every task that can go on go on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_as_many_as_there_are_places_are_served_at_once() -> None:
    line, served = Line(2, 10), list[str]()
    askers = [Asker(line, "T1", person, served) for person in "abc"]
    await settled()
    assert served == ["T1/a", "T1/b"]
    await askers[0].leave()
    assert served == ["T1/a", "T1/b", "T1/c"]
    for asker in askers[1:]:
        await asker.leave()


async def test_who_waits_is_told_each_new_position() -> None:
    line, served = Line(1, 10), list[str]()
    askers = [Asker(line, "T1", person, served) for person in "abcd"]
    await settled()
    for asker in askers:
        await asker.leave()
    assert [asker.positions for asker in askers] == [[], [1], [2, 1], [3, 2, 1]]


async def test_a_hundred_questions_of_one_person_keep_nobody_else_waiting() -> None:
    line, served = Line(1, 1_000), list[str]()
    eager = [Asker(line, "T1", "eager", served) for _ in range(100)]
    await settled()
    other = Asker(line, "T1", "other", served)
    elsewhere = Asker(line, "T2", "somebody", served)
    await settled()
    assert (other.positions[-1], elsewhere.positions[-1]) == (3, 2)
    for asker in (eager[0], eager[1], elsewhere, other):
        await asker.leave()
    assert served[:4] == ["T1/eager", "T1/eager", "T2/somebody", "T1/other"]
    for asker in eager:
        asker.task.cancel()
    await asyncio.gather(*(asker.task for asker in eager), return_exceptions=True)
    assert len(line) == 0


async def test_who_gives_up_waiting_makes_the_others_move_up() -> None:
    line, served = Line(1, 10), list[str]()
    first, second, third = (Asker(line, "T1", person, served) for person in "abc")
    await settled()
    second.task.cancel()
    await settled()
    assert third.positions == [2, 1]
    await first.leave()
    assert served == ["T1/a", "T1/c"]
    await third.leave()


async def test_who_is_called_and_gone_in_the_same_moment_passes_the_place_on() -> None:
    line, served = Line(1, 10), list[str]()
    first, second, third = (Asker(line, "T1", person, served) for person in "abc")
    await settled()
    first._leave.set()
    await first.task  # the second is called now, and has not run since
    second.task.cancel()
    await settled()
    assert served[-1] == "T1/c"
    await third.leave()
    assert len(line) == 0


async def test_a_block_that_fails_gives_its_place_back() -> None:
    line = Line(1, 10)

    async def fail() -> None:
        async with line.place("T1", "a", lambda _: None):
            raise RuntimeError("in the middle")

    for _ in range(3):
        with pytest.raises(RuntimeError, match="in the middle"):
            await fail()
    async with line.place("T1", "a", lambda _: None):
        pass


async def test_a_full_line_takes_nobody_more() -> None:
    line, served = Line(1, 2), list[str]()
    askers = [Asker(line, "T1", str(number), served) for number in range(3)]
    await settled()
    with pytest.raises(Overloaded, match="2 questions are waiting already"):
        line.check()
    await askers[0].leave()
    line.check()
    for asker in askers[1:]:
        await asker.leave()


@given(
    st.lists(st.tuples(st.sampled_from("XYZ"), st.sampled_from("abc")), max_size=25),
    st.lists(st.tuples(st.booleans(), st.integers(0, 24)), max_size=60),
    st.integers(1, 3),
)
def test_nobody_is_forgotten_and_places_are_kept(
    people: list[tuple[str, str]], moves: list[tuple[bool, int]], places: int
) -> None:
    asyncio.run(_shuffle(people, moves, places))


async def _shuffle(people: list[tuple[str, str]], moves: list[tuple[bool, int]], places: int) -> None:
    line, served = Line(places, 1_000), list[str]()
    askers = [Asker(line, *who, served, name=str(number)) for number, who in enumerate(people)]
    await settled()
    for leaves, index in moves:
        if index >= len(askers):
            continue
        asker = askers[index]
        if leaves and asker.name in served:
            asker._leave.set()
        elif not leaves:
            asker.task.cancel()
        await settled()
        inside = [one for one in askers if one.name in served and not one.task.done()]
        assert len(inside) <= places
        assert len(line) == 0 or len(inside) == places
    for asker in askers:
        asker._leave.set()
    await asyncio.gather(*(asker.task for asker in askers), return_exceptions=True)
    assert len(line) == 0
    assert all(asker.name in served or asker.task.cancelled() for asker in askers)
