"""Re-orders what was found with a cross-encoder, which reads question and passage together. Off unless configured.

Comes in: a question and the passages that fit it best. Goes out: their ids with scores, best first. Called by the
retriever.
"""

from collections.abc import Sequence
from typing import Any

from core.domain.knowledge import Passage
from core.errors import KnowledgeError


class Reranker:
    """A cross-encoder of sentence-transformers. It brings torch into the serving process: about 400 MB.

    Raises KnowledgeError when the model cannot be loaded.
    """

    def __init__(self, model: str) -> None:
        try:
            from sentence_transformers import CrossEncoder  # noqa: PLC0415 - seconds; only who asks for it pays them

            self._model: Any = CrossEncoder(model, device=None)
        except ImportError as error:
            raise KnowledgeError(
                f"The cross-encoder {model} needs sentence-transformers, which is not installed here; images leave it "
                "out. Leave RERANK_MODEL empty, or install from source with `make install`."
            ) from error
        except Exception as error:  # the library raises whatever torch, the hub or a broken file makes of it
            raise KnowledgeError(
                f"The cross-encoder {model} cannot be loaded. Correct RERANK_MODEL, or leave it empty.",
                detail=repr(error),
            ) from error

    def scores(self, question: str, passages: Sequence[Passage]) -> dict[str, float]:
        """What the model gives each passage, by id, best first; a scale of its own."""
        if not passages:
            return {}
        scores = self._model.predict([(question, passage.text) for passage in passages], show_progress_bar=False)
        ranked = sorted(zip(scores.tolist(), passages, strict=True), key=lambda row: -row[0])
        return {passage.id: score for score, passage in ranked}
