"""The engine behind the crew: searches, lets CrewAI work in a thread of its own, and concludes.

Comes in: a brief. Goes out: `AnswerEvent`s, `Completed` last. Called by the service.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import replace
from functools import partial

from core.answering.citations import conclude
from core.answering.crew.briefing import research_task, writing_task
from core.answering.crew.members import WRITER, Researcher, Writer
from core.answering.crew.turn import CrewStopped, CrewTurn
from core.answering.engine import Brief
from core.answering.followups import search_query
from core.answering.language_models.model import LanguageModel
from core.domain.conversation import Answer, Mode, Trace
from core.domain.events import AnswerEvent, Completed, Searching, Step
from core.errors import AssistantError, ModelError
from core.knowledge.retrieval.retrieve import Retriever
from core.settings import Settings

BROKEN = "The crew could not finish its work. Ask again in a moment, or ask the agent."

_importing = threading.Lock()
"""CrewAI's modules import each other; two threads that begin at once would see half of it."""


class CrewAgent:
    """The engine behind `Mode.CREW`."""

    def __init__(self, model: LanguageModel, retriever: Retriever, settings: Settings) -> None:
        self._model = model
        self._retriever = retriever
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.crews_at_once, thread_name_prefix="crew")

    async def run(self, brief: Brief) -> AsyncGenerator[AnswerEvent]:
        """Answers one question. Raises ModelError when the model fails, KnowledgeError when the index does."""
        watch = Watch()
        version = (await self._retriever.live()).version
        query = search_query(brief.question, list(brief.memory.recent))
        yield Searching(query)
        passages = await self._retriever.search(query)
        model = self._model_for(brief)
        turn = CrewTurn(model, self._retriever)
        turn.found(passages)
        watch.lap("search")
        allowed = self._settings
        researcher = Researcher(turn, passages, steps=allowed.crew_steps, tokens=allowed.crew_tokens)
        writer = Writer(turn)
        told = {"research": research_task(query, passages, brief.memory), "writing": writing_task(query, brief.memory)}
        job = partial(self._work, turn, researcher, writer, **told)
        async with aclosing(self._events(turn, job)) as events:
            async for event in events:
                if isinstance(event, Step) and event.who == WRITER:
                    watch.lap("research")
                yield event
        watch.lap("write")
        trace = Trace(
            query=query,
            index_version=version.id,
            index_revision=version.revision,
            passages=tuple(turn.passages),
            calls=tuple(turn.calls),
            notes=(researcher.note,),
            parameters=self._parameters,
            timings=watch.laps,
        )
        yield Completed(_concluded(writer.text, turn, model.name, trace))

    async def close(self) -> None:
        """Waits until no thread is at work any more; runs that were closed end theirs by themselves."""
        await asyncio.to_thread(self._threads.shutdown)

    @property
    def _parameters(self) -> dict[str, float | int | str]:
        allowed = self._settings
        return {
            "temperature": allowed.llm_temperature,
            "crew_steps": allowed.crew_steps,
            "crew_tokens": allowed.crew_tokens,
        }

    def _model_for(self, brief: Brief) -> LanguageModel:
        if not brief.quoting:
            return self._model
        from core.answering.language_models.extractive import ExtractiveModel  # noqa: PLC0415

        return ExtractiveModel(brief.quoting)

    async def _events(self, turn: CrewTurn, job: Callable[[], None]) -> AsyncGenerator[AnswerEvent]:
        """All that happens while CrewAI does the job in a thread; closing this stops it."""
        running = asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, job)
        running.add_done_callback(lambda _: turn.events.put_nowait(None))
        try:
            while (event := await turn.events.get()) is not None:
                yield event
            await running
        finally:
            running.cancel()
            await turn.stop()

    def _work(self, turn: CrewTurn, researcher: Researcher, writer: Writer, *, research: str, writing: str) -> None:
        """Runs in a thread. Raises AssistantError; when it was stopped, it just ends."""
        try:
            with _importing:
                from core.answering.crew.confinement import confine  # noqa: PLC0415 - seconds and 150 MB

                confine(self._settings.var_dir / "crewai")
                from core.answering.crew import team  # noqa: PLC0415
            steps = self._settings.crew_steps
            team.work(turn, researcher, writer, research=research, writing=writing, steps=steps)
        except CrewStopped:
            failure = turn.failure
        except Exception as error:  # noqa: BLE001 - the boundary: whatever CrewAI trips over, the asker gets a sentence
            failure = error
        else:
            failure = None
        if isinstance(failure, AssistantError):
            raise failure
        if failure:
            raise ModelError(BROKEN, detail=repr(failure)) from failure


class Watch:
    """Takes the times of a turn's stages, in milliseconds."""

    def __init__(self) -> None:
        self.laps: dict[str, int] = {}
        self._since = time.monotonic()

    def lap(self, stage: str) -> None:
        """A stage has ended; the next one begins."""
        now = time.monotonic()
        self.laps[stage] = self.laps.get(stage, 0) + int((now - self._since) * 1000)
        self._since = now


def _concluded(text: str, turn: CrewTurn, model: str, trace: Trace) -> Answer:
    answer = conclude(text, turn.passages, turn.tool_calls, mode=Mode.CREW, model=model)
    note = " ".join(filter(None, [*dict.fromkeys(turn.remarks), answer.note]))
    return replace(answer, note=note, trace=trace)
