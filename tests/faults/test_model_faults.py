"""The language model fails in each of its ways: whoever asked gets one answer, quoted if need be, or one sentence."""

from collections.abc import Callable
from typing import NamedTuple

import httpx
import pytest

from tests.emulators.language_model import Cut, Failure, Hang, Reply, ScriptedModel, Text
from tests.emulators.slack import SlackDouble
from tests.faults.asking import ask
from tests.faults.books import all_ended
from tests.faults.conftest import World

QUESTION = "How do I push a model to Quillstore?"
ANSWER = Text("Use `quill push` [1].")
TRIES = 3
"""One, and two repeats."""

QUIET = {"llm_first_token_timeout": 5, "llm_token_timeout": 2}


class Fault(NamedTuple):
    """What the model does, and what its answer shows; of one that cannot be given, `shows` is in the failure."""

    replies: list[Reply]
    shows: str
    status: int = 200


FAULTS = {
    "429, Retry-After: 1": Fault([Failure(429, retry_after=1), ANSWER], "Use `quill push`"),
    "429, Retry-After: 600": Fault([Failure(429, retry_after=600)], "too many questions"),
    "500": Fault([Failure(500)] * TRIES, "is down"),
    "silent": Fault([Hang()], "took too long"),
    "silent in mid-stream": Fault([Hang(after="Use `quill push`")], "stopped in the middle", 503),
    "cut off": Fault([Cut()] * TRIES, "language model"),
    "cut off in mid-stream": Fault([Cut(after="Use `quill push`")], "stopped in the middle", 503),
    "empty reply": Fault([Text("")] * TRIES, "empty answer"),
    "1 MB": Fault([Text("Use `quill push` [1]. " * 50_000, chunk_size=2**16)], "Use `quill push`"),
}


@pytest.mark.timeout(300)
async def test_each_fault_of_the_model_ends_in_one_answer_or_one_failure(
    sqlite_world: World, tally: Callable[..., None]
) -> None:
    async with ScriptedModel() as model, httpx.AsyncClient(timeout=120) as client, SlackDouble() as slack:
        model.respond_with(lambda _: ANSWER)
        assistant = sqlite_world.assistant(model, slack, **QUIET)
        await assistant.start()
        for name, fault in FAULTS.items():
            question = f"{QUESTION} ({name})"
            model.script(*fault.replies)
            asked = await ask(client, assistant, question)
            assert (asked.status_code, fault.shows in asked.text) == (fault.status, True), (name, asked.text[:500])
            assert (await ask(client, assistant, QUESTION)).status_code == 200, name

            model.script(*fault.replies)
            act = await slack.mention(question)
            await sqlite_world.books.until(
                lambda entries, name=name: sum(f"({name})" in e.text for e in entries) == 2 and all_ended(entries)
            )
            await slack.wait_for(
                lambda slack, act=act, fault=fault: fault.shows in slack.bot_messages(thread_ts=act.ts)[0].text
            )
            assert (await ask(client, assistant, QUESTION)).status_code == 200, name
            tally(f"model: {name}", sqlite_world, asked=2, text=f"({name})", slack=slack)
        assert slack.violations == []
