"""Calls that only show progress leave room for those that cannot be left out; the clock stands still."""

import pytest

from bot.discord import pace
from bot.discord.pace import ALL_CALLS, CALLS, FOR_PROGRESS, KEPT, Pace


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long was slept; the clock goes on by that alone."""
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)

    monkeypatch.setattr(pace.time, "monotonic", lambda: sum(sleeps))
    monkeypatch.setattr(pace.asyncio, "sleep", sleep)
    return sleeps


async def test_progress_stops_before_a_channel_is_full(slept: list[float]) -> None:
    queues = Pace()
    for _ in range(CALLS - KEPT):
        assert queues.is_free("edit", 1)
        await queues.turn("edit", 1)

    assert not queues.is_free("edit", 1)
    assert queues.is_free("edit", 2)
    assert slept == []


async def test_call_beyond_those_of_a_channel_waits(slept: list[float]) -> None:
    queues = Pace()

    for _ in range(CALLS + 1):
        await queues.turn("post", 1)

    assert slept == [pace.SECONDS]


async def test_progress_in_many_channels_leaves_room_for_all_of_discord(slept: list[float]) -> None:
    queues = Pace()
    for channel in range(FOR_PROGRESS):
        await queues.turn("edit", channel)

    assert not queues.is_free("edit", 99)
    for channel in range(FOR_PROGRESS, ALL_CALLS):
        await queues.turn("edit", channel)
    assert slept == []
    await queues.turn("edit", 99)
    assert slept == [pace.ALL_SECONDS]
