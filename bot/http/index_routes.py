"""The endpoints of the index: refresh, versions, changes, evaluation, search."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from bot.http.access import CLASH, MANAGE, PROBLEMS, READ, UNKNOWN, Core
from bot.http.index_schemas import (
    ChangeReply,
    ComparisonReply,
    EvaluationReply,
    EvaluationRequest,
    IndexRequest,
    RefreshReply,
    RollbackRequest,
    VersionId,
    VersionReply,
)
from bot.http.knowledge_schemas import PassageReply, SearchReply
from bot.http.sse import EVENT_STREAM, STREAMED, Accept, refresh_events
from core.bootstrap import Services
from core.domain.conversation import MAX_QUESTION
from core.domain.knowledge import IndexVersion, Progress, RefreshRun
from core.errors import AssistantError, IndexMissing, InputError
from core.knowledge.evaluation.scoring import Outcome, Scores
from core.knowledge.retrieval.retrieve import Scope

routes = APIRouter(tags=["knowledge"], responses=PROBLEMS)


@routes.post("/index-docs", dependencies=[MANAGE], response_model=RefreshReply, responses=STREAMED)
async def index_docs(
    services: Core, body: IndexRequest | None = None, accept: Accept = ""
) -> RefreshReply | StreamingResponse:
    """Refreshes the index, or joins the refresh that runs. With `Accept: text/event-stream`, shows its progress."""
    events = services.refresher.refresh("http", rebuild=bool(body and body.rebuild))
    if EVENT_STREAM in accept:
        return refresh_events(await anext(events), events)
    return RefreshReply.of(await _last(events))


@routes.get("/index/versions", dependencies=[READ])
async def list_versions(services: Core) -> list[VersionReply]:
    """The versions that are kept, the newest first, each with its latest evaluation."""
    return [VersionReply.of(version, await _scores(services, version)) for version in await services.versions.all()]


@routes.get("/index/changes", dependencies=[READ])
async def list_changes(services: Core, limit: Annotated[int, Query(ge=1, le=50)] = 20) -> list[ChangeReply]:
    """What was done to the live index, the latest first."""
    return [ChangeReply.of(change) for change in await services.versions.changes(limit)]


@routes.post("/index/rollback", dependencies=[MANAGE], responses={**UNKNOWN, **CLASH})
async def roll_back(services: Core, body: RollbackRequest | None = None) -> VersionReply:
    """Undoes the latest change of the index, or goes back to an archived version; tells what is live then."""
    version = await services.refresher.roll_back(body.version if body else None)
    return VersionReply.of(version, await _scores(services, version))


@routes.post("/index/versions/{version}/promote", dependencies=[MANAGE], responses={**UNKNOWN, **CLASH})
async def promote(version: VersionId, services: Core) -> VersionReply:
    """Makes a version in Staging the live one, whatever the golden questions said."""
    promoted = await services.refresher.promote(version)
    return VersionReply.of(promoted, await _scores(services, promoted))


@routes.post("/index/evaluate", dependencies=[MANAGE], responses=UNKNOWN)
async def evaluate(services: Core, body: EvaluationRequest | None = None) -> EvaluationReply:
    """Asks a version the golden questions and stores the result with it; compares it with another one if asked to."""
    wanted = body or EvaluationRequest(version=None, compare=None)
    version = await _version(services, wanted.version)
    other = await _version(services, wanted.compare) if wanted.compare else None
    outcomes = await _asked(services, version)
    reply = EvaluationReply.of(version, outcomes)
    if other is None:
        return reply
    comparison = ComparisonReply.of(other, await _asked(services, other), outcomes)
    return reply.model_copy(update={"comparison": comparison})


@routes.get("/search", dependencies=[READ])
async def search(
    services: Core,
    q: Annotated[str, Query(min_length=1, max_length=MAX_QUESTION, description="What to look for.")],
    count: Annotated[int, Query(ge=1, le=50, description="Most passages.")] = 5,
    product: Annotated[list[str], Query(description="Only these products.")] = [],  # noqa: B006 - FastAPI copies it
    source: Annotated[list[str], Query(description="Only these sources.")] = [],  # noqa: B006
) -> SearchReply:
    """The passages that fit best, without an answer."""
    scope = Scope(sources=tuple(source), products=tuple(product))
    passages = await services.retriever.search(q, count, scope)
    return SearchReply(query=q, passages=[PassageReply.of(passage) for passage in passages])


async def _version(services: Services, wanted: str | None) -> IndexVersion:
    version = await services.versions.get(wanted) if wanted else await services.versions.production()
    if version is None:
        raise IndexMissing("There is no index yet. Run `mlops-assistant refresh` to build it.")
    return version


async def _asked(services: Services, version: IndexVersion) -> list[Outcome]:
    outcomes = await services.evaluator.evaluate(version)
    if not outcomes:
        raise InputError(
            f"None of the golden questions is about a page of version {version.id[-8:]}; nothing was measured. "
            "Add questions on the page Evaluation of the console, or begin with those of a GOLDEN_FILE."
        )
    return outcomes


async def _scores(services: Services, version: IndexVersion) -> Scores | None:
    stored = await services.versions.evaluation(version.id)
    return Scores.from_dict(stored.scores) if stored else None


async def _last(events: AsyncIterator[Progress | RefreshRun]) -> RefreshRun:
    async for event in events:
        if isinstance(event, RefreshRun):
            return event
    raise AssistantError("The refresh ended before it was complete.")
