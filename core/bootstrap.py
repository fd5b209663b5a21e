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
from core.operations.endpoint import reach_model
from core.operations.health import HealthChecks
from core.operations.inventory import Inventory
from core.operations.keys import Keys
from core.operations.people import People
from core.operations.scheduler import RefreshSchedule
from core.operations.tally import TallyService
from core.settings import Settings
from core.storage.api_keys import ApiKeys
from core.storage.audit import Audit
from core.storage.cards import Cards
from core.storage.channels import Channels
from core.storage.conversations import Conversations
from core.storage.engine import Database
from core.storage.erasure import Erasures
from core.storage.errands import Errands
from core.storage.executors import Executors
from core.storage.gaps import Gaps
from core.storage.golden import GoldenQuestions
from core.storage.library import Library
from core.storage.measurements import Measurements
from core.storage.migrate import migrate
from core.storage.reviews import Reviews
from core.storage.runs import Runs
from core.storage.sessions import Sessions
from core.storage.sources import Sources
from core.storage.spending import Spending
from core.storage.tally import Tallies
from core.storage.transcripts import Transcripts
from core.storage.turns import Turns
from core.storage.users import Users
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
    database = Database(settings.sqlalchemy_url)
    sessions, turns, executors = Sessions(database), Turns(database), Executors(database)
    sources, library, versions, runs = Sources(database), Library(database), Versions(database), Runs(database)
    audit = Audit(database)
    place = IndexPlace(settings.index_dir, settings.chroma_url)
    embedder = await asyncio.to_thread(Embedder, settings.model_dir)
    reranker = await asyncio.to_thread(Reranker, settings.rerank_model) if settings.rerank_model else None
    models = Models(embedder, settings.model_dir_of)
    retriever = Retriever(versions, models, place, settings.address, reranker)
    fetcher = Fetcher(contact=settings.public_url or "")
    gatherer = Gatherer(fetcher, settings.var_dir / "repositories")
    questionnaire = Questionnaire(GoldenQuestions(database), library, audit, settings.golden_file)
    evaluator = Evaluator(versions, retriever, questionnaire, settings.golden_tolerance)
    worker = BuildWorker(settings.model_dir, place, settings.var_dir / "work")
    indexer = Indexer(
        library,
        versions,
        retriever=retriever,
        embedder=embedder,
        worker=worker,
        place=place,
        evaluator=evaluator,
    )
    gaps = Gaps(database)
    grace = timedelta(days=settings.gone_days)
    collector = Collector(sources, library, gatherer, grace)
    refresher = Refresher(runs, collector, indexer, Switchboard(library, versions, indexer, place), audit)

    health = HealthChecks()
    reviews, spending = Reviews(database), Spending(database)

    connections = Connections()

    def load_engines() -> dict[Mode, Engine]:
        from core.answering.engines import build_engines  # noqa: PLC0415 - seconds of imports; see that module

        return build_engines(settings, retriever, connections)

    def load_condenser() -> Condenser:
        from core.answering.turns.condenser import build_condenser  # noqa: PLC0415 - likewise

        return build_condenser(settings, connections)

    presence = Presence(Channels(database), sessions, turns, sources, retriever, audit=audit)
    runner = TurnRunner(
        turns,
        load_engines,
        Memories(turns, load_condenser, settings.memory_tokens),
        Budgets(spending, settings.budgets),
        Limits(settings.turns_at_once, settings.crews_at_once, settings.turns_waiting),
        rules=presence.rules,
    )
    answering, audit = AnsweringService(sessions, turns, runner), Audit(database)

    with suppress(StorageError):  # whoever needs the database says what is wrong with it
        await sources.begin_with(default_sources(settings.sources_file, settings.knowledge_dir))
    with suppress(StorageError, InputError):  # a file that cannot be read is told by the next evaluation
        await questionnaire.begin()

    schedule = RefreshSchedule(refresher, sources, settings.refresh_cron)
    gap_keeper = GapKeeper(gaps, embedder, audit)
    services = Services(
        settings=settings,
        sessions=sessions,
        conversations=Conversations(database),
        transcripts=Transcripts(database),
        turns=turns,
        executors=executors,
        sources=sources,
        library=library,
        versions=versions,
        runs=runs,
        gatherer=gatherer,
        curator=Curator(sources, library, gatherer, grace, audit),
        questionnaire=questionnaire,
        measurements=Measurements(database),
        evaluator=evaluator,
        retriever=retriever,
        lab=SearchLab(versions, retriever),
        refresher=refresher,
        answering=answering,
        presence=presence,
        aftercare=Aftercare(reviews, turns, sessions),
        audit=audit,
        people=People(Users(database), audit),
        keys=Keys(ApiKeys(database), audit),
        gaps=gap_keeper,
        cards=CardDesk(Cards(database), gaps, sources, library, versions=versions, refresher=refresher, audit=audit),
        errands=ErrandDesk(Errands(database), turns, audit),
        erasure=Erasure(Erasures(database), answering, audit),
        replayer=Replayer(turns, answering.warm_up),
        schedule=schedule,
        tally=TallyService(Tallies(database)),
        attention=Attention(health, sources, runs, settings, spending=spending, reviews=reviews),
        health=health,
        inventory=Inventory(settings, database, sources, schedule, answering),
    )
    _register_checks(services, database, place)
    services.schedule.also("sorting of questions into gaps", "29 * * * *", gap_keeper.catch_up)
    services.schedule.also("count of recent questions", "3 * * * *", services.tally.count_recent)
    services.schedule.also("count of all questions", "41 4 * * *", services.tally.count_all)
    alone = database.embedded and not settings.chroma_url  # then whoever holds VAR_DIR is the only one
    ledger = Ledger(settings.ledger_url, executors, settings.var_dir, alone=alone) if durable else None
    await answering.open(ledger)
    try:
        yield services
    finally:
        services.schedule.stop()
        await services.tally.close()
        await refresher.stop()
        fetcher.close()
        await answering.close()
        await connections.close()
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
        return settings.embedding_model

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
