"""What goes over the wire about the index: its versions, what was done to them, and how well they find."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core.domain.knowledge import Change, IndexVersion, RefreshRun
from core.knowledge.evaluation.scoring import SHOWN, Measure, Metric, Outcome, Scores, compare, paired_difference, score

SHOWN_PAGES = 20
"""Pages of a change that are named; the rest is counted."""

PAIRED: dict[Measure, str] = {
    "recall_at_1": "recall@1",
    "recall_at_3": "recall@3",
    "recall_at_5": "recall@5",
    "reciprocal_rank": "MRR",
    "ndcg": "nDCG",
    "right": "answered or refused rightly",
}
"""What is compared question by question, with the names in which people read it."""

VersionId = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F-]{4,36}$")]


class IndexRequest(BaseModel):
    """How to refresh the index."""

    model_config = ConfigDict(extra="forbid")

    rebuild: bool = Field(False, description="Read every page again and build a new version, whatever has changed.")


class RollbackRequest(BaseModel):
    """What to go back to."""

    model_config = ConfigDict(extra="forbid")

    version: VersionId | None = Field(None, description="An archived version; the latest change is undone when absent.")


class EvaluationRequest(BaseModel):
    """What to ask the golden questions."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{}, {"compare": "0f3c9a1e"}]})

    version: VersionId | None = Field(None, description="The live version when absent.")
    compare: VersionId | None = Field(None, description="Another version to compare it with.")


class MetricReply(BaseModel):
    """A mean over `count` questions, with the bounds of its 95% interval."""

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, metric: Metric | None) -> Self | None:
        """The reply for a metric, if it was measured."""
        return cls(value=metric.value, low=metric.low, high=metric.high, count=metric.count) if metric else None


Metrics = dict[str, MetricReply | None]


def metrics_of(scores: Scores) -> Metrics:
    """The metrics with the names in which people read them."""
    return {name: MetricReply.of(getattr(scores, field)) for field, name in SHOWN.items()}


class VersionReply(BaseModel):
    """An index version; `revision` counts the changes in place since it was built, `reason` explains its stage."""

    id: str
    stage: str
    documents: int
    passages: int
    revision: int
    seconds: float
    created_at: datetime
    reason: str
    metrics: Metrics = Field(description="Its latest evaluation; empty when there is none.")

    @classmethod
    def of(cls, version: IndexVersion, scores: Scores | None = None) -> Self:
        """The reply for a version."""
        values = vars(version) | {"metrics": metrics_of(scores) if scores else {}}
        return cls.model_validate(values, extra="ignore")


class ChangedPageReply(BaseModel):
    """A page, and whether it was added, changed or removed."""

    path: str
    what: str


class ChangeReply(BaseModel):
    """What was done to the live index; `pages` names the first of them."""

    id: str
    version: str
    before: str | None
    in_place: bool
    added: int
    changed: int
    removed: int
    pages: list[ChangedPageReply]
    created_at: datetime
    undone_at: datetime | None

    @classmethod
    def of(cls, change: Change) -> Self:
        """The reply for a change."""
        paths = {"added": change.added, "changed": change.changed, "removed": change.removed}
        pages = [ChangedPageReply(path=path, what=what) for what, group in paths.items() for path in group]
        return cls(
            id=change.id,
            version=change.version_id,
            before=change.before_id,
            in_place=change.in_place,
            added=len(change.added),
            changed=len(change.changed),
            removed=len(change.removed),
            pages=pages[:SHOWN_PAGES],
            created_at=change.created_at,
            undone_at=change.undone_at,
        )


class RefreshReply(BaseModel):
    """How a refresh ended: `promoted`, `updated` in place, `staged` with a `reason`, or `unchanged`.

    `problems` counts pages and sources that could not be read; their pages were kept.
    """

    run_id: str
    status: str
    reason: str = ""
    problems: int = 0
    version: str | None = None
    documents: int | None = None
    passages: int | None = None
    seconds: float | None = None
    change: ChangeReply | None = None

    @classmethod
    def of(cls, run: RefreshRun) -> Self:
        """The reply for a finished run."""
        version = run.version
        return cls(
            run_id=run.id,
            status=run.status,
            reason=run.reason,
            problems=run.problems,
            version=version.id if version else None,
            documents=version.documents if version else None,
            passages=version.passages if version else None,
            seconds=version.seconds if version else None,
            change=ChangeReply.of(run.change) if run.change else None,
        )


class OutcomeReply(BaseModel):
    """How a question fared: the pages found, best first, and the rank of the first that answers it."""

    id: str
    question: str
    answerable: bool
    covered: bool
    score: float
    rank: int | None
    pages: list[str]

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        """The reply for an outcome."""
        return cls(
            id=outcome.id,
            question=outcome.question,
            answerable=outcome.answerable,
            covered=outcome.covered,
            score=outcome.score,
            rank=outcome.rank,
            pages=list(outcome.pages),
        )


class ChangedQuestion(BaseModel):
    """A question that fares differently; losses have a `change` below 0."""

    id: str
    question: str
    change: float
    rank_before: int | None
    rank_after: int | None
    covered_before: bool
    covered_after: bool


class ComparisonReply(BaseModel):
    """The same questions asked of another version. An interval of `differences` without 0 is more than chance."""

    version: str
    metrics: Metrics
    differences: Metrics
    questions: list[ChangedQuestion]

    @classmethod
    def of(cls, version: IndexVersion, before: Sequence[Outcome], after: Sequence[Outcome]) -> Self:
        """The reply for how `after` fares beside `before`, the outcomes of `version`."""
        return cls(
            version=version.id,
            metrics=metrics_of(score(before)),
            differences={
                name: MetricReply.of(paired_difference(before, after, field)) for field, name in PAIRED.items()
            },
            questions=[
                ChangedQuestion(
                    id=found.after.id,
                    question=found.after.question,
                    change=found.change,
                    rank_before=found.before.rank,
                    rank_after=found.after.rank,
                    covered_before=found.before.covered,
                    covered_after=found.after.covered,
                )
                for found in compare(before, after)
            ],
        )


class EvaluationReply(BaseModel):
    """How well a version answers the golden questions whose pages it holds."""

    version: str
    revision: int
    metrics: Metrics
    outcomes: list[OutcomeReply]
    comparison: ComparisonReply | None = None

    @classmethod
    def of(cls, version: IndexVersion, outcomes: Sequence[Outcome]) -> Self:
        """The reply for the outcomes of a version."""
        return cls(
            version=version.id,
            revision=version.revision,
            metrics=metrics_of(score(outcomes)),
            outcomes=[OutcomeReply.of(outcome) for outcome in outcomes],
        )
