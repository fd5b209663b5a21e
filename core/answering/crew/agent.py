"""The engine behind the crew: searches, lets CrewAI work in a thread of its own, and concludes.

Comes in: a brief. Goes out: `AnswerEvent`s, `Completed` last. Called by the service.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from contextvars import copy_context
from dataclasses import replace
from functools import partial

from core.answering.attachments import search_words, unseen
from core.answering.crew.briefing import research_task, writing_task
from core.answering.crew.loading import load
from core.answering.crew.members import WRITER, Bounds, Researcher, Writer
from core.answering.crew.turn import CrewStopped, CrewTurn
from core.answering.engine import Brief
from core.answering.followups import search_query
from core.answering.grounding.citations import conclude
from core.answering.language_models.choose import quoting
from core.answering.language_models.model import LanguageModel
from core.answering.outages import patiently
from core.answering.tools import Toolbox
from core.domain.conversation import Answer, Mode, Trace
from core.domain.events import AnswerEvent, Completed, Searching, Step
from core.errors import AssistantError, ModelError
from core.knowledge.retrieval.retrieve import Retriever, Scope
from core.settings import Settings

BROKEN = "The crew could not finish its work. Ask again in a moment, or ask the agent."


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
        query = search_query(brief.question, list(brief.memory.recent), search_words(brief.attachments))
        scope = Scope(brief.rules.sources)
        yield Searching(query)
        found = await patiently(lambda: self._retriever.find(query, scope=scope))
        watch.lap("search")
        model = quoting(brief.quoting) if brief.quoting else self._model
        turn = CrewTurn(model, Toolbox(self._retriever, scope), brief.bill)
        turn.found(found.passages)
        bounds = Bounds(self._settings.crew_steps, self._settings.crew_tokens)
        researcher = Researcher(turn, research_task(query, found.passages, brief), bounds)
        writer = Writer(turn, writing_task(query, brief))
        async with aclosing(self._events(turn, partial(self._work, turn, researcher, writer))) as events:
            async for event in events:
                if isinstance(event, Step) and event.who == WRITER:
                    watch.lap("research")
                yield event
        watch.lap("write")
        trace = Trace(
            query,
            found.version.id,
            found.version.revision,
            found.version.fresh_at,
            notes=(researcher.note,),
            timings=watch.laps,
        )
        yield Completed(self._concluded(writer.text, turn, trace, brief))

    async def close(self) -> None:
        """Waits until no thread is at work any more; runs that were closed end theirs by themselves."""
        await asyncio.to_thread(self._threads.shutdown)

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

    def _work(self, turn: CrewTurn, researcher: Researcher, writer: Writer) -> None:
        """Runs in a thread. Raises AssistantError."""
        try:
            work = load(self._settings.var_dir / "crewai")
            work(turn, researcher, writer)
        except CrewStopped as stopped:
            failure = turn.failure or stopped
        except Exception as error:  # the boundary: whatever CrewAI trips over, the asker gets a sentence
            failure = error
        else:
            return
        if isinstance(failure, AssistantError):
            raise failure
        raise ModelError(BROKEN, detail=repr(failure)) from failure

    def _concluded(self, text: str, turn: CrewTurn, trace: Trace, brief: Brief) -> Answer:
        answer = conclude(
            text,
            turn.passages,
            turn.tool_calls,
            mode=Mode.CREW,
            model=turn.calls[-1].model,
            question=brief.known,
            unsupported=self._settings.unsupported,
        )
        remarks = dict.fromkeys(reply.note for reply in turn.replies if answer.covered)
        note = " ".join(filter(None, [answer.note, *remarks, unseen(brief.attachments)]))
        allowed = self._settings
        parameters: dict[str, float | int | str] = {
            "temperature": allowed.llm_temperature,
            "crew_steps": allowed.crew_steps,
            "crew_tokens": allowed.crew_tokens,
        }
        trace = replace(trace, passages=tuple(turn.passages), calls=turn.calls, parameters=parameters)
        return replace(answer, note=note, trace=trace)


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
