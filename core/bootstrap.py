"""The composition root: settings in, `Services` out. The only place where real things are chosen."""

import asyncio
import ctypes
import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from core.answering.service import AnsweringService, Engine
from core.domain.conversation import Mode
from core.knowledge.embed import Embedder
from core.knowledge.index import IndexPlace
from core.knowledge.package import ensure_model
from core.knowledge.refresh import Refresher
from core.knowledge.retrieve import Retriever
from core.operations.endpoint import reach_model
from core.operations.health import HealthChecks
from core.operations.scheduler import RefreshSchedule
from core.settings import Settings
from core.storage.engine import Database
from core.storage.library import Library
from core.storage.migrate import migrate
from core.storage.sessions import Sessions

GENERATION_2_THRESHOLD = 100
"""Collections of generation 1 before a full one; a full one over the loaded libraries stalls the loop for 0.4 s."""


@dataclass(frozen=True)
class Services:
    """Everything that doors and console use."""

    settings: Settings
    sessions: Sessions
    library: Library
    retriever: Retriever
    refresher: Refresher
    answering: AnsweringService
    schedule: RefreshSchedule
    health: HealthChecks


def prepare(settings: Settings, say: Callable[[str], None]) -> None:
    """Makes VAR_DIR ready: migrates the database and packages the embedding model, unless that was done.

    Blocks; needs no running event loop. `say` is told what takes long. Raises AssistantError.
    """
    migrate(settings.sqlalchemy_url)
    if ensure_model(settings.model_dir):
        say("The embedding model all-MiniLM-L6-v2 was packaged for serving.")


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncGenerator[Services]:
    """Builds all services over what `prepare` made ready, and closes them at the end. The caller owns VAR_DIR."""
    database = Database(settings.sqlalchemy_url)
    library, sessions = Library(database), Sessions(database)
    place = IndexPlace(settings.index_dir, settings.chroma_url)
    embedder = await asyncio.to_thread(Embedder, settings.model_dir)
    retriever = Retriever(library, embedder, place, settings.address)
    refresher = Refresher(library, settings.knowledge_dir, settings.model_dir, place)

    def load_engines() -> dict[Mode, Engine]:
        from core.answering.engines import build_engines  # noqa: PLC0415 - seconds of imports; see that module

        return build_engines(settings, retriever)

    services = Services(
        settings=settings,
        sessions=sessions,
        library=library,
        retriever=retriever,
        refresher=refresher,
        answering=AnsweringService(sessions, load_engines),
        schedule=RefreshSchedule(refresher, settings.refresh_cron),
        health=HealthChecks(),
    )
    _register_checks(services, database, place)
    try:
        yield services
    finally:
        services.schedule.stop()
        await refresher.stop()
        retriever.close()
        await database.close()


def settle() -> None:
    """Moves everything loaded so far out of the garbage collector's sight, once all is built, and gives memory back."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, GENERATION_2_THRESHOLD)
    with suppress(AttributeError, OSError):  # glibc alone keeps what was freed and can be asked for it
        ctypes.CDLL(None).malloc_trim(0)


def _register_checks(services: Services, database: Database, place: IndexPlace) -> None:
    settings = services.settings

    async def check_database() -> str:
        await database.ping()
        return database.name

    async def check_index() -> str:
        await asyncio.to_thread(place.ping)
        version = await services.retriever.check()
        built = f"{version.created_at:%Y-%m-%d %H:%M} UTC"
        return f"{version.passages} passages of {version.documents} pages, built {built}"

    async def check_embedding() -> str:
        await services.retriever.search("health", 1)
        return "all-MiniLM-L6-v2"

    async def check_model() -> str:
        if settings.model_endpoint is None:
            return "none set up; answers are quoted from the knowledge base"
        await reach_model(settings)
        return f"{settings.llm_model} at {settings.model_endpoint[0]}"

    async def check_scheduler() -> str | None:
        if settings.refresh_cron == "off" or "scheduler" not in settings.roles:
            return None
        when = services.schedule.next_run
        return f"next refresh {when:%Y-%m-%d %H:%M} UTC" if when else "not started"

    services.health.add("database", check_database, needed=True)
    services.health.add("index", check_index, needed=True)
    services.health.add("embedding model", check_embedding, needed=True)
    services.health.add("language model", check_model)
    services.health.add("scheduler", check_scheduler)
