"""Remembers the vectors of texts, so that no text is embedded twice by the same model.

Comes in: texts and vectors from the build. Goes out: the vectors that are known. One SQLite file in VAR_DIR, used by
the worker process alone; deleting it costs time and nothing else.
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Self

import numpy as np

from core.knowledge.index.embed import Vectors

KEPT_SECONDS = 60 * 24 * 3600
"""Vectors that no build asked for in this time are dropped."""

LOOKED_UP = 500
"""Keys a statement; SQLite takes up to 32,766."""

_TABLE = """
CREATE TABLE IF NOT EXISTS vectors (
    model TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL, used_at REAL NOT NULL, PRIMARY KEY (model, text)
) WITHOUT ROWID
"""


class VectorCache:
    """The vectors of one model, by the SHA-256 of the text."""

    def __init__(self, file: Path, model: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._model = model
        self._file = file
        self._db = self._open()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(sqlite3.DatabaseError):
            self._db.execute("DELETE FROM vectors WHERE used_at < ?", (time.time() - KEPT_SECONDS,))
            self._db.commit()
        self._db.close()

    def get(self, texts: Iterable[str]) -> dict[str, Vectors]:
        """The known vectors, shape (dimensions,), by text; none from a file that is damaged."""
        try:
            return self._look_up(texts)
        except sqlite3.DatabaseError:
            return {}

    def put(self, texts: list[str], vectors: Vectors) -> None:
        """Remembers vectors, shape (n, dimensions), of `texts`, unless the file is damaged."""
        rows = [(self._model, _key(text), row.tobytes(), time.time()) for text, row in zip(texts, vectors, strict=True)]
        with suppress(sqlite3.DatabaseError):
            self._db.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?, ?)", rows)
            self._db.commit()

    def _look_up(self, texts: Iterable[str]) -> dict[str, Vectors]:
        keys = {_key(text): text for text in texts}
        found: dict[str, Vectors] = {}
        names = list(keys)
        for start in range(0, len(names), LOOKED_UP):
            part = names[start : start + LOOKED_UP]
            marks = ",".join("?" * len(part))
            same = f"model = ? AND text IN ({marks})"
            rows = self._db.execute(f"SELECT text, vector FROM vectors WHERE {same}", (self._model, *part))  # noqa: S608
            found |= {keys[key]: np.frombuffer(vector, dtype=np.float32) for key, vector in rows}
            self._db.execute(f"UPDATE vectors SET used_at = ? WHERE {same}", (time.time(), self._model, *part))  # noqa: S608
        return found

    def _open(self) -> sqlite3.Connection:
        try:
            return _connect(self._file)
        except sqlite3.DatabaseError:  # damaged: it holds nothing that cannot be computed again
            self._file.unlink(missing_ok=True)
            return _connect(self._file)


def _connect(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=30, check_same_thread=False)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")
    db.execute(_TABLE)
    return db


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
