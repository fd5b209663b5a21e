"""The checks of the parts that every process has: database, index, models and the schedule.

Comes in: the parts. Goes out: nothing; they are registered with the health of the process. Called by the bootstrap.
"""

import asyncio

from core.knowledge.index.dense import IndexPlace
from core.knowledge.retrieval.retrieve import Retriever
from core.operations.endpoint import reach_model
from core.operations.health import HealthChecks
from core.operations.scheduler import RefreshSchedule
from core.settings import Settings
from core.storage.engine import Database


def register_checks(
    health: HealthChecks,
    *,
    settings: Settings,
    database: Database,
    place: IndexPlace,
    retriever: Retriever,
    schedule: RefreshSchedule,
) -> None:
    """Adds the parts that every process has; channels add their own when they start."""

    async def check_database() -> str:
        await database.ping()
        return database.name

    async def check_index() -> str:
        await asyncio.to_thread(place.ping)
        version = await retriever.check()
        built = f"{version.created_at:%Y-%m-%d %H:%M} UTC"
        return f"{version.passages} passages of {version.documents} pages, built {built}"

    async def check_embedding() -> str:
        await retriever.search("health", 1)
        return settings.embedding_model

    async def check_model() -> str:
        if settings.model_endpoint is None:
            return "none set up; answers are quoted from the knowledge base"
        await reach_model(settings)
        return f"{settings.llm_model} at {settings.model_endpoint[0]}"

    async def check_scheduler() -> str | None:
        if settings.refresh_cron == "off" or "worker" not in settings.roles:
            return None
        when = schedule.next_run
        return f"next refresh {when:%Y-%m-%d %H:%M} UTC" if when else "not started"

    health.add("database", check_database, needed=True)
    health.add("index", check_index, needed=True)
    health.add("embedding model", check_embedding, needed=True)
    health.add("language model", check_model, far=True)
    health.add("scheduler", check_scheduler)
