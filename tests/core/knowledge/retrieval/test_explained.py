"""Why a search found what it found: the rankings of the search that answers, on the real index."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from core import bootstrap
from core.bootstrap import Services, open_services
from core.domain.knowledge import Passage
from core.knowledge.retrieval.explained import LISTED
from core.knowledge.retrieval.retrieve import Scope
from core.settings import Settings

ASKED = "How do I roll a Quillstore model back?"


async def test_every_ranking_is_told_best_first_and_the_passages_are_those_that_answer(services: Services) -> None:
    explained = await services.retriever.explain(ASKED)
    found = await services.retriever.find(ASKED)
    for ranking in (explained.dense, explained.lexical, explained.pages, explained.fused):
        assert 0 < len(ranking) <= LISTED
        assert [hit.rank for hit in ranking] == list(range(1, len(ranking) + 1))
        scores = [hit.score for hit in ranking]
        assert scores == sorted(scores, reverse=True)
    assert explained.reranked == ()
    assert explained.fused[0].passage.document == "quillstore.md"
    assert explained.pages[0].passage.document == "quillstore.md"
    assert [passage.id for passage in explained.passages] == [passage.id for passage in found.passages]
    assert (explained.score, explained.version) == (found.score, found.version)


async def test_hits_carry_their_cosine_and_their_calibrated_score(services: Services) -> None:
    explained = await services.retriever.explain(ASKED)
    nearest = explained.dense[0]
    assert nearest.score == pytest.approx(nearest.passage.similarity, abs=1e-3)
    assert 0.5 < explained.fused[0].passage.score <= 1


async def test_rankings_are_kept_to_the_scope(services: Services) -> None:
    explained = await services.retriever.explain(ASKED, scope=Scope(products=("Drumline",)))
    hits = [*explained.dense, *explained.lexical, *explained.pages, *explained.fused]
    assert {hit.passage.product for hit in hits} == {"Drumline"}
    nothing = await services.retriever.explain(ASKED, scope=Scope(sources=("nobody",)))
    assert (nothing.dense, nothing.lexical, nothing.pages, nothing.fused, nothing.passages) == ((), (), (), (), ())
    assert nothing.score == 0


class Backwards:
    """A cross-encoder that likes last what others like first."""

    def scores(self, question: str, passages: list[Passage]) -> dict[str, float]:  # noqa: ARG002
        return {passage.id: float(-rank) for rank, passage in enumerate(reversed(passages))}


@pytest.fixture
async def reranking(
    ready_settings: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Services]:
    monkeypatch.setattr(bootstrap, "Reranker", lambda _: Backwards())
    async with open_services(ready_settings(rerank_model=str(tmp_path))) as services:
        yield services


async def test_ranking_of_a_cross_encoder_is_told_beside_the_fused_one(reranking: Services) -> None:
    explained = await reranking.retriever.explain(ASKED)
    assert explained.reranked[0].score == 0
    assert explained.reranked[0].passage.id != explained.fused[0].passage.id
    assert explained.passages[0].document == explained.reranked[0].passage.document


@pytest.mark.parametrize("query", ["", "?", "😀", "drift " * 2000, "' OR 1=1 --", "<script>alert(1)</script>"])
async def test_any_query_can_be_explained(services: Services, query: str) -> None:
    explained = await services.retriever.explain(query, 2)
    assert len(explained.passages) == 2
