"""Measures how well an index version answers the golden questions.

Comes in: a version, and the questionnaire or a file of questions. Goes out: `Scores` with intervals, stored with the
version; objections of a candidate's promotion. Called by the indexer, the console and `mlops-assistant evaluate`.
"""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from core.domain.golden import GoldenQuestion
from core.domain.knowledge import IndexVersion, Progress
from core.errors import KnowledgeError
from core.knowledge.evaluation.golden import as_fields, read_questions
from core.knowledge.evaluation.questionnaire import Questionnaire
from core.knowledge.evaluation.scoring import Outcome, Scores, judge, score, worse
from core.knowledge.index.opened import OpenVersion
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE, Retriever
from core.storage.audit import Audit
from core.storage.versions import Versions

RANKED = 10
"""Pages of a ranking that count; nDCG looks no further."""

Tell = Callable[[Progress], None]


def _nobody(_: Progress) -> None:
    pass


class Evaluator:
    """Runs golden questions against versions."""

    def __init__(
        self, versions: Versions, retriever: Retriever, questionnaire: Questionnaire, tolerance: float, audit: Audit
    ) -> None:
        self._versions = versions
        self._retriever = retriever
        self._questionnaire = questionnaire
        self._tolerance = tolerance
        self._audit = audit

    async def evaluate(
        self, version: IndexVersion, questions: Path | None = None, *, tell: Tell = _nobody
    ) -> list[Outcome]:
        """Asks a version, because somebody wants to know: as `measure`, and it stands in the record of changes."""
        outcomes = await self.measure(version, questions, tell=tell)
        right = sum(outcome.right for outcome in outcomes)
        await self._audit.note("index.evaluate", version.id, after={"right": right, "of": len(outcomes)})
        return outcomes

    async def measure(
        self, version: IndexVersion, questions: Path | None = None, *, tell: Tell = _nobody
    ) -> list[Outcome]:
        """Asks a version every question whose pages it holds, and stores the result with it; tells how far it is.

        Questions about pages that are not in the index say nothing about retrieval and are left out. They are those of
        the questionnaire unless a file is named. Raises InputError for a file that cannot be read.
        """
        asked = read_questions(questions) if questions else await self._questionnaire.asked()
        if not asked:
            return []
        live = await self._versions.production()
        if live and live.id == version.id:
            outcomes = await self._ask(await self._retriever.live(), asked, tell)
        else:
            opened = await self._retriever.open(version)
            try:
                outcomes = await self._ask(opened, asked, tell)
            finally:
                opened.close()
        if outcomes:
            results = [asdict(outcome) for outcome in outcomes]
            await self._versions.add_evaluation(version, fingerprint(asked), score(outcomes).as_dict(), results)
        return outcomes

    async def objections(self, candidate: IndexVersion, live: IndexVersion) -> list[str]:
        """Sentences on what a candidate finds worse than the live version by more than the tolerance."""
        after = await self.measure(candidate)
        if not after:
            return []
        try:
            before = await self.measure(live)
        except KnowledgeError:  # a live version that cannot be read is no reason to keep it
            return []
        both = {outcome.id for outcome in before} & {outcome.id for outcome in after}
        if not both:
            return []
        return worse(_scores(after, both), _scores(before, both), self._tolerance)

    async def _ask(self, opened: OpenVersion, questions: Sequence[GoldenQuestion], tell: Tell) -> list[Outcome]:
        held = opened.contents.pages.keys()
        fitting = [question for question in questions if not question.gold or held & set(question.gold)]
        outcomes: list[Outcome] = []
        started = time.monotonic()
        for question in fitting:
            seconds = time.monotonic() - started
            tell(Progress("asking", len(outcomes), len(fitting), unit="questions", seconds=seconds))
            found = await self._retriever.find(question.question, version=opened)
            covered = found.score >= SUPPORTING_SCORE
            outcomes.append(judge(question, found.pages[:RANKED], covered, found.score))
        return outcomes if any(outcome.answerable for outcome in outcomes) else []


def fingerprint(questions: Sequence[GoldenQuestion]) -> str:
    """The SHA-256 of a set of questions, in whatever order: results over the same one can be compared."""
    lines = sorted(json.dumps(as_fields(question), sort_keys=True) for question in questions)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _scores(outcomes: list[Outcome], ids: set[str]) -> Scores:
    return score([outcome for outcome in outcomes if outcome.id in ids])
