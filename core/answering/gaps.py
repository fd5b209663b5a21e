"""Puts questions that had no good answer into gaps, by what they mean, so that one answer can be written for many.

Comes in: nothing but the wish to be up to date. Goes out: gaps and their questions. Called by the console whenever
somebody looks, and by the schedule.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from core.answering.masking import without_masks
from core.domain.gaps import Gap, GapExample, GapState, Order, Unanswered
from core.domain.people import acting
from core.errors import UnknownGap
from core.knowledge.index.embed import Embedder, Vectors
from core.storage.audit import Audit
from core.storage.gaps import Gaps, Placed
from core.storage.ids import new_id, now

ALIKE = 0.62
"""The cosine from which a question is put into a gap.

Drawn from `bench/gaps.py`: of 79 questions on 26 subjects that lie close together, F1 is best here (0.69), and of the
pairs that are put together 78% ask the same. Below 0.58 subjects run into each other; beyond 0.7 half is left apart.
"""

BATCH = 200
"""Questions that are put into gaps at a time, which takes about a second."""

EXAMPLES = 50
"""Questions of a gap that are shown, the latest."""

WEEKS = 8


class Grouping:
    """Vectors in groups: each joins the group whose mean is nearest, from a cosine on; otherwise it opens its own."""

    def __init__(self, totals: Mapping[str, Vectors], threshold: float = ALIKE) -> None:
        self._threshold = threshold
        self._totals = dict(totals)
        self._ids = list(totals)
        self._means = np.array([_unit(total) for total in totals.values()])

    def put(self, vector: Vectors) -> tuple[str, bool]:
        """The group that a vector of length 1 joins, and whether it is a new one."""
        nearest = self._nearest(vector)
        if nearest is None:
            name = new_id()
            self._ids.append(name)
            self._totals[name] = vector
            self._means = np.vstack([self._means, vector]) if len(self._means) else vector[np.newaxis].copy()
            return name, True
        name = self._ids[nearest]
        self._totals[name] = self._totals[name] + vector
        self._means[nearest] = _unit(self._totals[name])
        return name, False

    def total(self, name: str) -> Vectors:
        """The sum of all vectors of a group."""
        return self._totals[name]

    def _nearest(self, vector: Vectors) -> int | None:
        if not self._ids:
            return None
        cosines = self._means @ vector
        best = int(cosines.argmax())
        return best if cosines[best] >= self._threshold else None


class GapKeeper:
    """All that is done with gaps.

    Gaps are known by the embedding model that made them: with another model they stay, and new ones begin beside them.
    A question joins a gap that nobody wants to answer too; otherwise that would come back under another name.
    """

    def __init__(self, gaps: Gaps, embedder: Embedder, audit: Audit) -> None:
        self._gaps = gaps
        self._embedder = embedder
        self._audit = audit
        self._sorting = asyncio.Lock()

    async def look(self) -> bool:
        """Puts questions that came since the last look into their gaps; True when there are more of them."""
        async with self._sorting:
            await self._gaps.sweep()
            found = await self._gaps.unsorted(BATCH)
            if found:
                stored = await self._gaps.totals(self._model)
                placed = await asyncio.to_thread(self._place, found, stored)
                await self._gaps.put(placed, self._model)
        return len(found) == BATCH

    async def catch_up(self) -> None:
        """Looks until nothing is left. For the schedule."""
        while await self.look():
            pass

    async def page(
        self, state: GapState | None, order: Order, limit: int, after: tuple[str, str] | None = None
    ) -> list[Gap]:
        """Gaps in an order, those behind the one whose size or last time, and id, are `after`."""
        return await self._gaps.page(state, order, limit, after)

    async def counts(self) -> dict[GapState, int]:
        """How many gaps are in each state."""
        return await self._gaps.counts()

    async def get(self, gap_id: str) -> Gap:
        """One gap. Raises UnknownGap."""
        gap = await self._gaps.get(gap_id)
        if gap is None:
            raise UnknownGap("There is no such gap: its questions were deleted.")
        return gap

    async def examples(self, gap_id: str) -> list[GapExample]:
        """The latest questions of a gap."""
        return await self._gaps.examples(gap_id, EXAMPLES)

    async def trends(self, gaps: Sequence[Gap]) -> dict[str, list[int]]:
        """How often each was asked in each of the last weeks, the present one last."""
        until = now()
        times = await self._gaps.asked_since([gap.id for gap in gaps], until - timedelta(weeks=WEEKS))
        return {gap_id: _weekly(asked, until) for gap_id, asked in times.items()}

    async def decide(self, gap_id: str, state: GapState) -> None:
        """Notes that a gap is open, answered or not to be answered. Raises UnknownGap."""
        gap = await self.get(gap_id)
        if gap.state is state and state is not GapState.ANSWERED:  # answered again counts from now on
            return
        await self._gaps.decide(gap_id, state, acting())
        await self._audit.note(f"gap.{state}", gap_id, before={"state": gap.state}, after={"state": state})

    @property
    def _model(self) -> str:
        return self._embedder.identity

    def _place(self, found: Sequence[Unanswered], stored: Mapping[str, bytes]) -> list[Placed]:
        vectors = self._embedder.embed([without_masks(question.query) for question in found])
        grouping = Grouping({name: np.frombuffer(total, dtype=np.float32) for name, total in stored.items()})
        homes = [grouping.put(vector) for vector in vectors]
        return [
            Placed(question, name, grouping.total(name).tobytes(), opens)
            for question, (name, opens) in zip(found, homes, strict=True)
        ]


def _unit(vector: Vectors) -> Vectors:
    return vector / np.linalg.norm(vector)


def _weekly(asked: Sequence[datetime], until: datetime) -> list[int]:
    counts = [0] * WEEKS
    for when in asked:
        counts[max(WEEKS - 1 - (until - when) // timedelta(weeks=1), 0)] += 1
    return counts
