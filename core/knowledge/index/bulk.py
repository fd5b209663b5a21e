"""Embeds many passages with the fastest arithmetic that this machine has and that ranks like fp32.

Comes in: texts. Goes out: float32 vectors of length 1. torch in bf16 on a GPU; OpenVINO in bf16 on a processor with
instructions for it (three times as fast as fp32 there); onnxruntime in fp32 anywhere else. Used in the worker process
of the build.
"""

import logging
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from core.knowledge.index.embed import Embedder, Vectors, padded
from core.knowledge.index.package import PROBES, origin, reference

WORTH_LOADING = 64
"""Texts from which on loading another engine pays: half a second for OpenVINO."""

AGREEMENT = 0.999
"""Least cosine with fp32; int8 stays below and loses a fifth of the ranking."""

BATCH_TOKENS = 768
"""Word pieces a batch: more cost memory and bring nothing on a processor."""

WIDTH = 16
"""Batches are a multiple of this wide: engines keep memory for every shape that they have seen."""

NVIDIA = Path("/proc/driver/nvidia/version")
"""Is there where a GPU can be used, so that nobody else waits for torch."""

_log = logging.getLogger(__name__)


class Embeds(Protocol):
    """What turns passages into vectors, shape (n, dimensions)."""

    def embed(self, texts: list[str]) -> Vectors:
        """Vectors in the order of `texts`."""
        ...


Features = dict[str, npt.NDArray[np.int64]]
"""A batch as models take it: `input_ids`, `attention_mask`, `token_type_ids`, each of shape (rows, width)."""


class BulkEmbedder(ABC):
    """Batches of like length for an engine; subclasses compute them."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def embed(self, texts: list[str]) -> Vectors:
        """The vectors of passages in the order of `texts`."""
        vectors = np.empty((len(texts), self._embedder.dimensions), dtype=np.float32)
        for rows, computed in self.compute(self._batches(texts)):
            vectors[rows] = computed
        return vectors

    @abstractmethod
    def compute(self, batches: Iterator[tuple[list[int], Features]]) -> Iterable[tuple[list[int], Vectors]]:
        """The vectors of batches, each under the rows that it came with, in any order."""

    def _batches(self, texts: list[str]) -> Iterator[tuple[list[int], Features]]:
        encoded = self._embedder.encode(texts)
        by_length = sorted(range(len(texts)), key=lambda i: len(encoded[i]))
        while by_length:
            width = min(-(-len(encoded[by_length[-1]]) // WIDTH) * WIDTH, self._embedder.max_tokens)
            size = max(1, BATCH_TOKENS // width)
            batch, by_length = by_length[-size:], by_length[:-size]
            ids, mask = padded([encoded[i] for i in batch], self._embedder.pad_id, width)
            yield batch, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


class OpenVinoEmbedder(BulkEmbedder):
    """The packaged model on OpenVINO in bf16, one batch a core."""

    def __init__(self, embedder: Embedder, model_dir: Path) -> None:
        super().__init__(embedder)
        cast("dict[str, Any]", sys.modules)["openvino_telemetry"] = None  # it reports to an analytics host otherwise
        import openvino  # noqa: PLC0415 - only the worker of a larger build needs it

        core: Any = openvino.Core()
        if "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise RuntimeError("this processor has no instructions for bf16")
        cores = os.cpu_count() or 1
        options = {"INFERENCE_PRECISION_HINT": "bf16", "NUM_STREAMS": str(cores), "CPU_RUNTIME_CACHE_CAPACITY": "32"}
        model: Any = core.compile_model(str(model_dir / "model.onnx"), "CPU", options)
        self._inputs = {part.get_any_name() for part in model.inputs}
        self._queue: Any = openvino.AsyncInferQueue(model, cores)

    def compute(self, batches: Iterator[tuple[list[int], Features]]) -> Iterable[tuple[list[int], Vectors]]:
        """The vectors of batches, each under the rows that it came with, in any order."""
        done: list[tuple[list[int], Vectors]] = []

        def keep(request: Any, rows: list[int]) -> None:
            done.append((rows, request.get_output_tensor(0).data.copy()))

        self._queue.set_callback(keep)
        for rows, features in batches:
            self._queue.start_async({name: value for name, value in features.items() if name in self._inputs}, rows)
        self._queue.wait_all()
        return done


class GpuEmbedder(BulkEmbedder):
    """The original model on torch in bf16 on a GPU."""

    def __init__(self, embedder: Embedder, model_dir: Path) -> None:
        super().__init__(embedder)
        import torch  # noqa: PLC0415 - seconds
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        if not torch.cuda.is_available():
            raise RuntimeError("torch finds no GPU")
        self._torch: Any = torch
        self._model: Any = SentenceTransformer(
            origin(model_dir), device="cuda", model_kwargs={"dtype": torch.bfloat16}, local_files_only=True
        )

    def compute(self, batches: Iterator[tuple[list[int], Features]]) -> Iterable[tuple[list[int], Vectors]]:
        """The vectors of batches, each under the rows that it came with, in any order."""
        wanted = self._model.tokenizer.model_input_names
        with self._torch.inference_mode():
            for rows, features in batches:
                tensors = {name: self._torch.from_numpy(features[name]).cuda() for name in wanted}
                pooled = self._model(tensors)["sentence_embedding"].float()
                yield rows, self._torch.nn.functional.normalize(pooled, dim=-1).cpu().numpy()


def fastest(embedder: Embedder, model_dir: Path, count: int) -> Embeds:
    """What embeds `count` passages soonest and agrees with fp32; `embedder` itself when nothing else does."""
    if count < WORTH_LOADING:
        return embedder
    for engine in (GpuEmbedder, OpenVinoEmbedder) if NVIDIA.exists() else (OpenVinoEmbedder,):
        try:
            bulk = engine(embedder, model_dir)
            agreement = float((bulk.embed(PROBES) * reference(model_dir)).sum(axis=1).min())
        except Exception as error:  # whatever is wrong with a driver or a library here, fp32 still works
            _log.info("%s cannot be used: %r", engine.__name__, error)
            continue
        if agreement >= AGREEMENT:
            return bulk
        _log.warning("%s agrees with fp32 to %.4f only and is not used", engine.__name__, agreement)
    return embedder
