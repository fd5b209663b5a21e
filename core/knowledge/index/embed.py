"""Turns text into vectors with the packaged embedding model on onnxruntime.

Comes in: texts. Goes out: float32 vectors of length 1, shape (n, dimensions). Used for questions by the retriever and
for a few passages by the build; many passages go through `core.knowledge.index.bulk`.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from tokenizers import Tokenizer

from core.errors import KnowledgeError

BATCH = 8
"""As fast as batches of 32 on two cores, at half the memory."""

Vectors = npt.NDArray[np.float32]


class Embedder:
    """The embedding model. Safe to share between threads.

    `identity` names the weights: vectors of equal identity can be compared. Without `load` the network is read when
    it is first used, for those who mostly count tokens. `threads` work on one call, 0 for as many as there are cores; a
    question is short, and questions come side by side, so one is best for them. Raises KnowledgeError when the folder
    does not hold a packaged model.
    """

    def __init__(self, model_dir: Path, *, load: bool = True, threads: int = 1) -> None:
        self._model_dir = model_dir
        self._threads = threads
        try:
            manifest = json.loads((model_dir / "manifest.json").read_text())
            self.name = str(manifest["model"])
            self.identity = str(manifest["weights_sha256"])
            self.dimensions = int(manifest["dimensions"])
            self.max_tokens = int(manifest["max_tokens"])
            self._prompts = (str(manifest["query_prompt"]), str(manifest["passage_prompt"]))
            self.pad_id = int(manifest["pad_id"])
            self._tokenizer: Tokenizer = Tokenizer.from_file(str(model_dir / "tokenizer.json"))
            if load:
                self._session.get_inputs()
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

    def encode(self, texts: list[str]) -> list[list[int]]:
        """The word pieces of passages as the model reads them: at most `max_tokens` of each, framed."""
        return [self._cut(e.ids) for e in self._tokenizer.encode_batch([self._prompts[1] + text for text in texts])]

    def embed_query(self, text: str) -> Vectors:
        """The vector of a question, shape (dimensions,)."""
        return self._run([self._cut(self._tokenizer.encode(self._prompts[0] + text).ids)])[0]

    def embed(self, texts: list[str]) -> Vectors:
        """The vectors of passages in the order of `texts`. Texts of like length are computed together."""
        encoded = self.encode(texts)
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        for start in range(0, len(by_length), BATCH):
            batch = by_length[start : start + BATCH]
            vectors[batch] = self._run([encoded[i] for i in batch])
        return vectors

    def _run(self, rows: list[list[int]]) -> Vectors:
        ids, mask = padded(rows, self.pad_id)
        feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        wanted = {given.name for given in cast("list[Any]", self._session.get_inputs())}
        feed = {name: value for name, value in feed.items() if name in wanted}
        return np.asarray(self._session.run(["embedding"], feed)[0], dtype=np.float32)

    @cached_property
    def _session(self) -> ort.InferenceSession:
        options = cast("Any", ort.SessionOptions())
        options.enable_cpu_mem_arena = False  # the arena keeps the peak of the longest batch for ever
        options.log_severity_level = 3
        options.intra_op_num_threads = self._threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait took a core each
        return ort.InferenceSession(
            str(self._model_dir / "model.onnx"), sess_options=options, providers=["CPUExecutionProvider"]
        )

    def _cut(self, ids: list[int]) -> list[int]:
        return ids if len(ids) <= self.max_tokens else [*ids[: self.max_tokens - 1], ids[-1]]


def padded(rows: list[list[int]], pad: int, width: int = 0) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of word pieces as one array, shape (rows, longest or `width`), with the mask of what is real."""
    width = max(width, *(len(row) for row in rows))
    ids = np.full((len(rows), width), pad, dtype=np.int64)
    mask = np.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = row
        mask[i, : len(row)] = 1
    return ids, mask
