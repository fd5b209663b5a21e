"""Embeds many passages with the fastest arithmetic that this machine has and that ranks like fp32.

Comes in: texts. Goes out: float32 vectors of length 1. torch in bf16 on a GPU, or on a processor with instructions for
it (three times as fast as fp32 there); onnxruntime in fp32 anywhere else. Used in the worker process of the build.
"""

import logging
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np

from core.knowledge.index.embed import Embedder, Vectors, padded
from core.knowledge.index.package import PROBES, origin

WORTH_LOADING = 400
"""Texts from which on loading torch (about 6 s) pays."""

AGREEMENT = 0.999
"""Least cosine with fp32; int8 stays below and loses a fifth of the ranking."""

BATCH_TOKENS = 4096
"""Word pieces a batch; with batches of like length, hardly any are padding."""

_log = logging.getLogger(__name__)


class Embeds(Protocol):
    """What turns passages into vectors, shape (n, dimensions)."""

    def embed(self, texts: list[str]) -> Vectors:
        """Vectors in the order of `texts`."""
        ...


class BulkEmbedder:
    """The model on torch in bf16."""

    def __init__(self, embedder: Embedder, model_dir: Path, device: str) -> None:
        import torch  # noqa: PLC0415 - seconds; only bulk work is worth them
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        self._torch: Any = torch
        self._embedder = embedder
        self._device = device
        self._model: Any = SentenceTransformer(
            origin(model_dir), device=device, model_kwargs={"dtype": torch.bfloat16}, local_files_only=True
        )

    def embed(self, texts: list[str]) -> Vectors:
        """The vectors of passages in the order of `texts`."""
        encoded = self._embedder.encode(texts)
        vectors = np.empty((len(texts), self._embedder.dimensions), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        with self._torch.inference_mode():
            while by_length:
                longest = len(encoded[by_length[-1]])
                size = max(1, BATCH_TOKENS // longest)
                batch, by_length = by_length[-size:], by_length[:-size]
                vectors[batch] = self._run([encoded[i] for i in batch])
        return vectors

    def _run(self, rows: list[list[int]]) -> Vectors:
        tensors = [self._torch.from_numpy(part).to(self._device) for part in padded(rows, self._embedder.pad_id)]
        features = {"input_ids": tensors[0], "attention_mask": tensors[1]}
        pooled = self._model(features)["sentence_embedding"].float()
        return self._torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()


def fastest(embedder: Embedder, model_dir: Path, count: int) -> Embeds:
    """What embeds `count` passages soonest: torch in bf16 where that pays and agrees with fp32, else `embedder`."""
    device = _device() if count >= WORTH_LOADING else None
    if device is None:
        return embedder
    try:
        bulk = BulkEmbedder(embedder, model_dir, device)
        agreement = float((bulk.embed(PROBES) * embedder.embed(PROBES)).sum(axis=1).min())
    except Exception as error:  # whatever is wrong with torch or a driver here, fp32 still works
        _log.warning("bf16 cannot be used: %r; fp32 is used", error)
        return embedder
    if agreement < AGREEMENT:
        _log.warning("bf16 agrees with fp32 to %.4f only; fp32 is used", agreement)
        return embedder
    return bulk


def _device() -> str | None:
    """Where torch computes bf16 in hardware; None where it would be slower than fp32."""
    import torch  # noqa: PLC0415

    if torch.cuda.is_available():
        return "cuda"
    cpu = cast("Any", torch.cpu)
    return "cpu" if cpu._is_amx_tile_supported() or cpu._is_avx512_bf16_supported() else None  # noqa: SLF001
