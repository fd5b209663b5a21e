"""The memory of vectors: each model has its own, and losing it costs time alone."""

import time
from pathlib import Path

import numpy as np
import pytest

from core.knowledge.index import vectors
from core.knowledge.index.vectors import LOOKED_UP, VectorCache


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "models" / "vectors.db"


def rows(count: int) -> np.ndarray:
    return np.arange(count * 4, dtype=np.float32).reshape(count, 4)


def test_vectors_are_known_again_by_their_text(file: Path) -> None:
    texts = [f"text {number} ü 😀" for number in range(LOOKED_UP + 5)]
    with VectorCache(file, "model") as cache:
        cache.put(texts, rows(len(texts)))
    with VectorCache(file, "model") as cache:
        known = cache.get([*texts, "new"])
        assert known.keys() == set(texts)
        assert all((known[text] == row).all() for text, row in zip(texts, rows(len(texts)), strict=True))
        assert cache.get([]) == {}


def test_models_do_not_share_vectors(file: Path) -> None:
    with VectorCache(file, "one") as cache:
        cache.put(["text"], rows(1))
    with VectorCache(file, "two") as cache:
        assert cache.get(["text"]) == {}
        cache.put(["text"], rows(1) + 1)
    with VectorCache(file, "one") as cache:
        assert (cache.get(["text"])["text"] == rows(1)[0]).all()


def test_vectors_that_nobody_asked_for_in_a_long_time_are_dropped(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VectorCache(file, "model") as cache:
        cache.put(["asked for", "forgotten"], rows(2))
    later = time.time() + vectors.KEPT_SECONDS + 1
    monkeypatch.setattr(vectors.time, "time", lambda: later)
    with VectorCache(file, "model") as cache:
        cache.get(["asked for"])
    with VectorCache(file, "model") as cache:
        assert cache.get(["asked for", "forgotten"]).keys() == {"asked for"}


def test_damaged_memory_is_begun_anew(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"\xa5" * 5000)
    with VectorCache(file, "model") as cache:
        assert cache.get(["text"]) == {}
        cache.put(["text"], rows(1))
        assert cache.get(["text"]).keys() == {"text"}
