"""The turn engine as `bench/turns.py` asks it: services as `serve` opens them, over the pages that ship."""

import asyncio
import itertools
import os
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from bench.turn_measures import STREAMS, Ask, Heard
from core.bootstrap import open_services, prepare, settle
from core.domain.conversation import Answer, Mode, Question, SessionKey
from core.domain.events import Completed, TextDelta
from core.errors import IndexMissing
from core.settings import Settings, load_settings

NONE = Path(__file__).resolve().parent / "none"


def settings_of(folder: Path, model: str) -> Settings:
    return load_settings(
        NONE,
        var_dir=folder / "var",
        sources_file=NONE,
        golden_file=NONE,
        refresh_cron="off",
        llm_base_url=f"{model}/v1",
        llm_model="scripted",
        turns_at_once=STREAMS,
    )


async def build(folder: Path, model: str) -> None:
    """Makes the database, the packaged model and the index, unless they are there."""
    settings = settings_of(folder, model)
    await asyncio.to_thread(prepare, settings, print)
    async with open_services(settings) as services:
        try:
            await services.retriever.check()
        except IndexMissing:
            await services.refresher.finished("bench")


@asynccontextmanager
async def ours(model: str, folder: Path, *, durable: bool) -> AsyncGenerator[Ask]:
    number = itertools.count()

    async with open_services(settings_of(folder, model), durable=durable) as services:
        await services.retriever.check()
        await services.answering.warm_up()
        settle()

        async def ask(session: str, text: str, *, crew: bool = False) -> Heard:
            started, first, answer = time.perf_counter(), None, Answer("")
            key = SessionKey.http(f"{os.getpid()}-{session}")
            asked = Question(key, text, f"{os.getpid()}-{next(number)}", mode=Mode.CREW if crew else Mode.AGENT)
            async with aclosing(services.answering.ask(asked)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        first = first or time.perf_counter() - started
                    elif isinstance(event, Completed):
                        answer = event.answer
            spent = time.perf_counter() - started
            return Heard(spent, first, answer.trace.timings, covered=answer.covered)

        yield ask
