"""The composition root: settings in, `Services` out. The only place where real things are chosen."""

import asyncio
import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from filelock import FileLock, Timeout

from core.answering.crew import CrewAgent
from core.answering.graph import GraphAgent
from core.answering.language_models import language_model, model_name
from core.answering.service import AnsweringService
from core.domain.conversation import Mode
from core.errors import IndexInUse, ModelError
from core.knowledge.embed import Embedder
from core.knowledge.index import IndexPlace
from core.knowledge.refresh import Refresher
from core.knowledge.retrieve import Retriever
from core.operations.health import HealthChecks
from core.operations.scheduler import RefreshSchedule
from core.settings import Settings
from core.storage.engine import Database
from core.storage.library import Library
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


@asynccontextmanager
async def open_services(settings: Settings) -> AsyncGenerator[Services]:
    """Builds all services over a migrated database and a packaged model, and closes them at the end.

    Raises AssistantError when one of them cannot be opened; nothing is left running then.
    """
    with own_folder(settings):
        database = Database(settings.sqlalchemy_url)
        library, sessions = Library(database), Sessions(database)
        place = IndexPlace(settings.index_dir, settings.chroma_url)
        embedder = await asyncio.to_thread(Embedder, settings.model_dir)
        retriever = Retriever(library, embedder, place, settings.address)
        refresher = Refresher(library, settings.knowledge_dir, settings.model_dir, place)
        model, name = language_model(settings), model_name(settings)
        answering = AnsweringService(
            sessions,
            {
                Mode.AGENT: GraphAgent(model, name, retriever),
                Mode.CREW: CrewAgent(model, name, retriever, settings.var_dir / "crewai"),
            },
        )
        schedule = RefreshSchedule(refresher, settings.refresh_cron)
        services = Services(
            settings, sessions, library, retriever, refresher, answering, schedule, HealthChecks()
        )
        _register_checks(services, database, place)
        try:
            yield services
        finally:
            schedule.stop()
            await refresher.stop()
            retriever.close()
            await database.close()


def settle() -> None:
    """Moves everything loaded so far out of the garbage collector's sight, once all is built."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, GENERATION_2_THRESHOLD)


class own_folder:  # noqa: N801 - a context manager, used like a function
    """Makes sure that no second process opens the embedded index. Raises IndexInUse.

    The file says where the owner of the folder listens, for `mlops-assistant ask`. A Chroma server needs no owner.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = FileLock(settings.var_dir / "owner.lock")

    def __enter__(self) -> None:
        if self._settings.chroma_url:
            return
        self._settings.var_dir.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise IndexInUse(
                f"Another process already uses {self._settings.var_dir}. Stop it, or set VAR_DIR to a folder of its "
                "own for this one (several processes can share a Chroma server: CHROMA_URL)."
            ) from error

    def __exit__(self, *_: object) -> None:
        if self._lock.is_locked:
            self._lock.release()


def _register_checks(services: Services, database: Database, place: IndexPlace) -> None:
    settings = services.settings

    async def check_database() -> str:
        await database.ping()
        return database.name

    async def check_index() -> str:
        await asyncio.to_thread(place.ping)
        version = await services.retriever.check()
        return f"{version.passages} passages of {version.documents} pages, built {version.created_at:%Y-%m-%d %H:%M} UTC"

    async def check_embedding() -> str:
        await services.retriever.search("health", 1)
        return "all-MiniLM-L6-v2"

    async def check_model() -> str | None:
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


async def reach_model(settings: Settings) -> None:
    """Raises ModelError unless the endpoint answers and takes the key. Asks for its list of models: that is free."""
    endpoint = settings.model_endpoint
    if endpoint is None:
        return
    base_url, key = endpoint
    try:
        async with httpx.AsyncClient(timeout=4, trust_env=True) as client:
            reply = await client.get(f"{base_url}/models", headers={"Authorization": f"Bearer {key}"})
    except httpx.HTTPError as error:
        raise ModelError(
            f"The language model at {base_url} cannot be reached. Start it, or correct LLM_BASE_URL.",
            detail=str(error),
        ) from error
    if reply.status_code in {401, 403}:
        raise ModelError(f"The language model at {base_url} refused the key. Correct LLM_API_KEY.")
    if reply.status_code >= 500:  # noqa: PLR2004
        raise ModelError(f"The language model at {base_url} is down (HTTP {reply.status_code}).")
