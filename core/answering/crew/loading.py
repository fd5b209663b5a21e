"""Loads CrewAI on the first question: once, confined to VAR_DIR, and without holding up the event loop.

Comes in: the folder that CrewAI may write in. Goes out: what lets CrewAI work. Called by the agent, in
the threads of the crews.
"""

import gc
import threading
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

_loading = threading.Lock()
"""CrewAI's modules import each other; of two threads that began at once, one would see half of it."""


def load(folder: Path) -> Callable[..., None]:
    """`team.work`. The first call takes seconds and 150 MB."""
    with _loading:
        return _loaded(folder)


@cache
def _loaded(folder: Path) -> Callable[..., None]:
    _confine(folder)
    gc.disable()  # collecting what an import brings stops all threads for 0.3 s, and finds nothing
    try:
        from core.answering.crew.team import work  # noqa: PLC0415 - see above
    finally:
        gc.freeze()
        gc.enable()
    return work


def _confine(folder: Path) -> None:
    """Moves what no setting of CrewAI's moves: its settings, locks and keys."""
    from crewai_core import lock_store, settings, token_manager  # noqa: PLC0415 - see above

    folder.mkdir(parents=True, exist_ok=True)
    settings.DEFAULT_CONFIG_PATH = folder / "settings.json"
    locks: Any = lock_store
    locks.tempfile = SimpleNamespace(gettempdir=lambda: str(folder))
    manager: Any = token_manager.TokenManager
    manager._get_secure_storage_path = staticmethod(lambda: folder)  # noqa: SLF001 - there is no other way
