"""Waiting for what is away, and for nothing else."""

import pytest

from core.answering.outages import patiently
from core.errors import AssistantError, IndexAway, IndexCorrupt, SchemaOutdated, StorageError


@pytest.mark.parametrize("away", [IndexAway, StorageError])
async def test_what_comes_back_is_asked_again(away: type[AssistantError]) -> None:
    replies = iter([away("gone"), "found"])

    async def call() -> str:
        reply = next(replies)
        if isinstance(reply, AssistantError):
            raise reply
        return reply

    assert await patiently(call) == "found"


@pytest.mark.parametrize("broken", [IndexCorrupt, SchemaOutdated])
async def test_what_will_not_mend_itself_is_told_at_once(broken: type[AssistantError]) -> None:
    calls = 0

    async def call() -> str:
        nonlocal calls
        calls += 1
        raise broken("broken")

    with pytest.raises(broken):
        await patiently(call)
    assert calls == 1
