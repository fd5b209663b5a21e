"""Measures how well an index version answers the golden questions.

Comes in: a version and a file of questions. Goes out: `Scores` with intervals, stored with the version; objections of a
candidate's promotion. Called by the indexer and by `mlops-assistant evaluate`.
"""

import hashlib
from dataclasses import asdict
from pathlib import Path

from core.domain.knowledge import IndexVersion
from core.errors import KnowledgeError
from core.knowledge.evaluation.golden import GoldenQuestion, read_questions
from core.knowledge.evaluation.scoring import Outcome, Scores, judge, score, worse
from core.knowledge.index.opened import OpenVersion
from core.knowledge.retrieval.retrieve import SUPPORTING_SCORE, Retriever
from core.storage.versions import Versions

RANKED = 10
"""Pages of a ranking that count; nDCG looks no further."""


class Evaluator:
    """Runs golden questions against versions."""

    def __init__(self, versions: Versions, retriever: Retriever, questions: Path, tolerance: float) -> None:
        self._versions = versions
        self._retriever = retriever
        self._questions = questions
        self._tolerance = tolerance

    async def evaluate(self, version: IndexVersion, questions: Path | None = None) -> list[Outcome]:
        """Asks a version every question whose pages it holds, and stores the result with it.

        Questions about pages that are not in the index say nothing about retrieval and are left out. Raises InputError
        for a file that cannot be read; the file of the settings may be absent.
        """
        file = questions or self._questions
        if questions is None and not file.is_file():
            return []
        asked = read_questions(file)
        live = await self._versions.production()
        if live and live.id == version.id:
            outcomes = await self._ask(await self._retriever.live(), asked)
        else:
            opened = await self._retriever.open(version)
            try:
                outcomes = await self._ask(opened, asked)
            finally:
                opened.close()
        if outcomes:
            results = [asdict(outcome) for outcome in outcomes]
            await self._versions.add_evaluation(version, fingerprint(file), score(outcomes).as_dict(), results)
        return outcomes

    async def objections(self, candidate: IndexVersion, live: IndexVersion) -> list[str]:
        """Sentences on what a candidate finds worse than the live version by more than the tolerance."""
        after = await self.evaluate(candidate)
        if not after:
            return []
        try:
            before = await self.evaluate(live)
        except KnowledgeError:  # a live version that cannot be read is no reason to keep it
            return []
        both = {outcome.id for outcome in before} & {outcome.id for outcome in after}
        if not both:
            return []
        return worse(_scores(after, both), _scores(before, both), self._tolerance)

    async def _ask(self, opened: OpenVersion, questions: list[GoldenQuestion]) -> list[Outcome]:
        held = opened.contents.pages.keys()
        outcomes: list[Outcome] = []
        for question in questions:
            if question.gold and not held & set(question.gold):
                continue
            found = await self._retriever.find(question.question, version=opened)
            covered = found.score >= SUPPORTING_SCORE
            outcomes.append(judge(question, found.pages[:RANKED], covered, found.score))
        return outcomes if any(outcome.answerable for outcome in outcomes) else []


def fingerprint(file: Path) -> str:
    """The SHA-256 of a file of questions: results over the same one can be compared."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _scores(outcomes: list[Outcome], ids: set[str]) -> Scores:
    return score([outcome for outcome in outcomes if outcome.id in ids])
