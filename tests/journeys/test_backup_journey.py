"""A backup that is taken while questions are being answered, and what becomes of them on another machine."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import httpx

from tests.emulators.language_model import Pause, ScriptedModel, Text

PUSH = "How do I push a model to Quillstore?"


async def test_question_that_was_open_when_the_backup_was_taken_is_answered_where_it_is_restored(
    make_assistant: Callable[..., Any],
) -> None:
    over = asyncio.Event()
    async with ScriptedModel() as model, httpx.AsyncClient(timeout=60) as client:
        model.script(Text("Before [1]."), Pause(over, "never heard"))
        model.respond_with(lambda _: Text("Answered there [1]."))
        here, there = (make_assistant(llm_base_url=model.base_url, llm_model=model.name) for _ in range(2))
        kept = here.folder / "kept"
        await here.start()
        await client.post(f"{here.url}/chat", json={"message": PUSH, "session_id": "done"})
        open_one = asyncio.create_task(
            client.post(
                f"{here.url}/chat", json={"message": PUSH, "session_id": "open"}, headers={"Idempotency-Key": "1"}
            )
        )
        await model.wait_for(lambda m: m.waiting == 1)

        backed_up = await here.run("backup", str(kept))
        refused = await here.run("restore", str(kept), "--force")
        metrics = (await client.get(f"{here.url}/metrics")).text
        await here.stop(signal.SIGKILL)
        await asyncio.gather(open_one, return_exceptions=True)
        restored = await there.run("restore", str(kept), "--force")
        await there.start()

        async def answered() -> list[str]:
            told = (await client.get(f"{there.url}/history/open")).json()["messages"]
            return [message["text"] for message in told] if len(told) == 2 else []

        assert (backed_up.returncode, "messages of 2 conversations" in backed_up.stdout) == (0, True), backed_up.stderr
        assert "assistant_backup_timestamp_seconds" in metrics
        assert (refused.returncode, "already uses" in refused.stderr) == (1, True)
        assert restored.returncode == 0, restored.stderr
        assert "What was there is kept" in restored.stdout
        assert await there.until(answered) == [PUSH, "Answered there [1]."]
        done = (await client.get(f"{there.url}/history/done")).json()["messages"]
        assert [message["text"] for message in done] == [PUSH, "Before [1]."]
        over.set()
        assert await there.stop() == 0
