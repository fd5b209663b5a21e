"""The composition root: settings in, `Services` out. The only place where real things are chosen."""

import asyncio
import ctypes
import gc
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta

from core.answering.aftercare import Aftercare
from core.answering.cards import CardDesk
from core.answering.engine import Engine
from core.answering.erasure import Erasure
from core.answering.errands import ErrandDesk
from core.answering.gaps import GapKeeper
from core.answering.lab import SearchLab
from core.answering.language_models.connections import Connections
from core.answering.presence import Presence
from core.answering.replay import Replayer
from core.answering.service import AnsweringService
from core.answering.turns.budgets import Budgets
from core.answering.turns.durability import Ledger
from core.answering.turns.memories import Condenser, Memories
from core.answering.turns.runner import Limits, TurnRunner
from core.domain.conversation import Mode
from core.errors import InputError, StorageError
from core.knowledge.collect import Collector
from core.knowledge.curate import Curator
from core.knowledge.defaults import default_sources
from core.knowledge.evaluation.evaluate import Evaluator
from core.knowledge.evaluation.questionnaire import Questionnaire
from core.knowledge.gathering.fetch import Fetcher
from core.knowledge.gathering.gather import Gatherer
from core.knowledge.index.dense import IndexPlace
from core.knowledge.index.embed import Embedder
from core.knowledge.index.models import Models
from core.knowledge.index.package import ensure_model
from core.knowledge.index.worker import BuildWorker
from core.knowledge.indexer import Indexer
from core.knowledge.refresh import Refresher
from core.knowledge.retrieval.rerank import Reranker
from core.knowledge.retrieval.retrieve import Retriever
from core.knowledge.rollback import Switchboard
from core.operations.attention import Attention
from core.operations.checks import register_checks
from core.operations.health import HealthChecks
from core.operations.inventory import Inventory
from core.operations.keys import Keys
from core.operations.metrics import Metrics
from core.operations.people import People
from core.operations.scheduler import RefreshSchedule
from core.operations.tally import TallyService
from core.operations.tracing import traced
from core.operations.worker import Worker
from core.settings import Settings
from core.storage.audit import Audit
from core.storage.conversations import Conversations
from core.storage.engine import Database
from core.storage.exclusive import Exclusive
from core.storage.executors import Executors
from core.storage.library import Library
from core.storage.measurements import Measurements
from core.storage.migrate import migrate
from core.storage.runs import Runs
from core.storage.sessions import Sessions
from core.storage.sources import Sources
from core.storage.stores import Stores
from core.storage.transcripts import Transcripts
from core.storage.turns import Turns
from core.storage.versions import Versions

GENERATION_2_THRESHOLD = 100
"""Collections of generation 1 before a full one; a full one over the loaded libraries stalls the loop for 0.4 s."""


@dataclass(frozen=True)
class Services:
    """Everything that doors and console use."""

    settings: Settings
    sessions: Sessions
    conversations: Conversations
    transcripts: Transcripts
    turns: Turns
    executors: Executors
    sources: Sources
    library: Library
    versions: Versions
    runs: Runs
    gatherer: Gatherer
    curator: Curator
    questionnaire: Questionnaire
    measurements: Measurements
    evaluator: Evaluator
    retriever: Retriever
    lab: SearchLab
    refresher: Refresher
    worker: Worker
    answering: AnsweringService
    presence: Presence
    aftercare: Aftercare
    audit: Audit
    people: People
    keys: Keys
    erasure: Erasure
    gaps: GapKeeper
    cards: CardDesk
    errands: ErrandDesk
    replayer: Replayer
    schedule: RefreshSchedule
    tally: TallyService
    attention: Attention
    health: HealthChecks
    metrics: Metrics
    inventory: Inventory


def prepare(settings: Settings, say: Callable[[str], None]) -> None:
    """Makes VAR_DIR ready: migrates the database and packages the embedding model, unless that was done.

    Blocks; needs no running event loop. `say` is told what takes long. Raises AssistantError.
    """
    migrate(settings.sqlalchemy_url)
    if ensure_model(settings.model_dir, settings.embedding_model):
        say(f"The embedding model {settings.embedding_model} was packaged for serving.")


@asynccontextmanager
async def open_services(settings: Settings, *, durable: bool = False) -> AsyncGenerator[Services]:
    """Builds all services over what `prepare` made ready, and closes them at the end. The caller owns VAR_DIR.

    With `durable`, turns that processes which are gone left behind are taken over, and ours will be.
    """
    with traced(settings):
        async with _opened(settings, durable=durable) as services:
            yield services


@asynccontextmanager
async def _opened(settings: Settings, *, durable: bool) -> AsyncGenerator[Services]:
    database = Database(settings.sqlalchemy_url)
    stores = Stores.over(database)
    knowledge = await _open_knowledge(settings, database, stores)
    connections = Connections()
    presence, answering = _answering(settings, stores, knowledge.retriever, connections)
    await _begin(settings, stores, knowledge)
    services = _services(settings, database, stores, knowledge, presence=presence, answering=answering)
    register_checks(
        services.health,
        settings=settings,
        database=database,
        place=knowledge.place,
        retriever=knowledge.retriever,
        schedule=services.schedule,
    )
    services.schedule.also("sorting of questions into gaps", "29 * * * *", services.gaps.catch_up)
    services.schedule.also("count of recent questions", "3 * * * *", services.tally.count_recent)
    services.schedule.also("count of all questions", "41 4 * * *", services.tally.count_all)
    alone = database.embedded and not settings.chroma_url  # then whoever holds VAR_DIR is the only one
    ledger = Ledger(settings.ledger_url, stores.executors, settings.var_dir, alone=alone) if durable else None
    await answering.open(ledger)
    try:
        yield services
    finally:
        services.schedule.stop()
        await services.tally.close()
        await knowledge.refresher.stop()
        knowledge.fetcher.close()
        await answering.close()
        await connections.close()
        knowledge.retriever.close()
        await database.close()


@dataclass(frozen=True)
class _Knowledge:
    """What knows and refreshes."""

    place: IndexPlace
    embedder: Embedder
    retriever: Retriever
    fetcher: Fetcher
    gatherer: Gatherer
    questionnaire: Questionnaire
    evaluator: Evaluator
    refresher: Refresher


async def _open_knowledge(settings: Settings, database: Database, stores: Stores) -> _Knowledge:
    place = IndexPlace(settings.index_dir, settings.chroma_url)
    embedder = await asyncio.to_thread(Embedder, settings.model_dir)
    reranker = await asyncio.to_thread(Reranker, settings.rerank_model) if settings.rerank_model else None
    models = Models(embedder, settings.model_dir_of)
    retriever = Retriever(stores.versions, models, place, settings.address, reranker)
    fetcher = Fetcher(contact=settings.public_url or "")
    gatherer = Gatherer(fetcher, settings.var_dir / "repositories")
    questionnaire = Questionnaire(stores.golden, stores.library, stores.audit, settings.golden_file)
    evaluator = Evaluator(stores.versions, retriever, questionnaire, settings.golden_tolerance, stores.audit)
    indexer = Indexer(
        stores.library,
        stores.versions,
        retriever=retriever,
        embedder=embedder,
        worker=BuildWorker(settings.model_dir, place, settings.var_dir / "work"),
        place=place,
        evaluator=evaluator,
    )
    collector = Collector(stores.sources, stores.library, gatherer, timedelta(days=settings.gone_days))
    switchboard = Switchboard(stores.library, stores.versions, indexer, place)
    refresher = Refresher(
        stores.runs,
        collector,
        indexer,
        switchboard,
        stores.audit,
        writing=Exclusive(database, "index"),
        shared=settings.shares_index,
    )
    return _Knowledge(place, embedder, retriever, fetcher, gatherer, questionnaire, evaluator, refresher)


def _answering(
    settings: Settings, stores: Stores, retriever: Retriever, connections: Connections
) -> tuple[Presence, AnsweringService]:
    def load_engines() -> dict[Mode, Engine]:
        from core.answering.engines import build_engines  # noqa: PLC0415 - seconds of imports; see that module

        return build_engines(settings, retriever, connections)

    def load_condenser() -> Condenser:
        from core.answering.turns.condenser import build_condenser  # noqa: PLC0415 - likewise

        return build_condenser(settings, connections)

    presence = Presence(stores.channels, stores.sessions, stores.turns, stores.sources, retriever, audit=stores.audit)
    runner = TurnRunner(
        stores.turns,
        load_engines,
        Memories(stores.turns, load_condenser, settings.memory_tokens),
        Budgets(stores.spending, settings.budgets),
        Limits(settings.turns_at_once, settings.crews_at_once, settings.turns_waiting),
        rules=presence.rules,
    )
    return presence, AnsweringService(stores.sessions, stores.turns, runner)


async def _begin(settings: Settings, stores: Stores, knowledge: _Knowledge) -> None:
    """Stores what there is to begin with, once."""
    with suppress(StorageError):  # whoever needs the database says what is wrong with it
        await stores.sources.begin_with(default_sources(settings.sources_file, settings.knowledge_dir))
    with suppress(StorageError, InputError):  # a file that cannot be read is told by the next evaluation
        await knowledge.questionnaire.begin()


def _services(
    settings: Settings,
    database: Database,
    stores: Stores,
    knowledge: _Knowledge,
    *,
    presence: Presence,
    answering: AnsweringService,
) -> Services:
    audit, health = stores.audit, HealthChecks()
    schedule = RefreshSchedule(knowledge.refresher, stores.sources, settings.refresh_cron)
    grace = timedelta(days=settings.gone_days)
    return Services(
        settings=settings,
        sessions=stores.sessions,
        conversations=stores.conversations,
        transcripts=stores.transcripts,
        turns=stores.turns,
        executors=stores.executors,
        sources=stores.sources,
        library=stores.library,
        versions=stores.versions,
        runs=stores.runs,
        gatherer=knowledge.gatherer,
        curator=Curator(stores.sources, stores.library, knowledge.gatherer, grace, audit),
        questionnaire=knowledge.questionnaire,
        measurements=stores.measurements,
        evaluator=knowledge.evaluator,
        retriever=knowledge.retriever,
        lab=SearchLab(stores.versions, knowledge.retriever),
        refresher=knowledge.refresher,
        worker=Worker(knowledge.refresher, schedule, Exclusive(database, "worker")),
        answering=answering,
        presence=presence,
        aftercare=Aftercare(stores.reviews, stores.turns, stores.sessions),
        audit=audit,
        people=People(stores.users, audit),
        keys=Keys(stores.api_keys, audit),
        gaps=GapKeeper(stores.gaps, knowledge.embedder, audit),
        cards=CardDesk(
            stores.cards,
            stores.gaps,
            stores.sources,
            stores.library,
            versions=stores.versions,
            refresher=knowledge.refresher,
            audit=audit,
        ),
        errands=ErrandDesk(stores.errands, stores.turns, audit),
        erasure=Erasure(stores.erasures, answering, audit),
        replayer=Replayer(stores.turns, answering.warm_up),
        schedule=schedule,
        tally=TallyService(stores.tallies),
        attention=Attention(
            health, stores.sources, stores.runs, settings, spending=stores.spending, reviews=stores.reviews
        ),
        health=health,
        metrics=Metrics(health, answering, database, versions=stores.versions, runs=stores.runs, audit=audit),
        inventory=Inventory(settings, database, stores.sources, schedule, answering),
    )


def settle() -> None:
    """Moves everything loaded so far out of the garbage collector's sight, once all is built, and gives memory back."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, GENERATION_2_THRESHOLD)
    with suppress(AttributeError, OSError):  # glibc alone keeps what was freed and can be asked for it
        ctypes.CDLL(None).malloc_trim(0)
