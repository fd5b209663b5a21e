"""Turns text into vectors with the packaged all-MiniLM-L6-v2 on onnxruntime.

Comes in: texts. Goes out: float32 vectors of length 1, shape (n, 384). Used for questions by the retriever and for
passages by the build.
"""

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Tokenizer

from core.errors import KnowledgeError

DIMENSIONS = 384
MAX_TOKENS = 256
"""Word pieces that the model reads of a text; what is longer is cut."""

BATCH = 8
"""As fast as batches of 32 on two cores, at half the memory."""

Vectors = npt.NDArray[np.float32]


class Embedder:
    """The embedding model. Safe to share between threads.

    Raises KnowledgeError when the folder does not hold a packaged model.
    """

    def __init__(self, model_dir: Path) -> None:
        options = cast("Any", ort.SessionOptions())
        options.enable_cpu_mem_arena = False  # the arena keeps the peak of the longest batch for ever
        options.log_severity_level = 3
        try:
            self._tokenizer: Tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
            self._session = ort.InferenceSession(
                str(model_dir / "model.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # both libraries raise bare Exception subclasses of their own for a bad file
            raise KnowledgeError(
                f"The embedding model in {model_dir} cannot be loaded. Delete that folder; the next start packages "
                "it again.",
                detail=str(error),
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def count_tokens(self, text: str) -> int:
        """Word pieces of a text, without the two that frame it."""
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def embed(self, texts: list[str]) -> Vectors:
        """Vectors in the order of `texts`. Texts of like length are computed together."""
        encoded = [self._tokenizer.encode(text).ids for text in texts]
        vectors = np.empty((len(texts), DIMENSIONS), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        for start in range(0, len(by_length), BATCH):
            batch = by_length[start : start + BATCH]
            vectors[batch] = self._run([_cut(encoded[i]) for i in batch])
        return vectors

    def _run(self, rows: list[list[int]]) -> Vectors:
        width = max(len(row) for row in rows)
        ids = np.zeros((len(rows), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for i, row in enumerate(rows):
            ids[i, : len(row)] = row
            mask[i, : len(row)] = 1
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return np.asarray(self._session.run(["embedding"], feed)[0], dtype=np.float32)


def _cut(ids: list[int]) -> list[int]:
    return ids if len(ids) <= MAX_TOKENS else [*ids[: MAX_TOKENS - 1], ids[-1]]
