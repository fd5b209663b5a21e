"""Keeps CrewAI inside VAR_DIR: the places outside of it that no setting of CrewAI's moves.

Comes in: the folder. Called before CrewAI's first import, by the agent.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from crewai_core import lock_store, settings, token_manager


def confine(folder: Path) -> None:
    """Lets CrewAI write its settings, locks and keys in `folder`, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    settings.DEFAULT_CONFIG_PATH = folder / "settings.json"
    locks: Any = lock_store
    locks.tempfile = SimpleNamespace(gettempdir=lambda: str(folder))
    manager: Any = token_manager.TokenManager
    manager._get_secure_storage_path = staticmethod(lambda: folder)  # noqa: SLF001 - there is no other way to move it
