"""One process a run-time folder: embedded Chroma must never be opened by two.

Comes in: settings. Goes out: a lock that is held while the block runs, and for others the address at which its holder
can be asked instead. With a Chroma server there is nothing to own.
"""

import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import ConfigurationError, IndexInUse
from core.settings import Settings


@contextmanager
def own_folder(settings: Settings, *, address: str | None = None) -> Generator[None]:
    """Holds VAR_DIR; `address` is where this process answers others. Raises IndexInUse when another one holds it."""
    folder = settings.var_dir
    lock = FileLock(folder / "owner.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not settings.chroma_url:
            lock.acquire(timeout=0)
            _note(folder).unlink(missing_ok=True)  # of an owner that was killed
    except Timeout as error:
        raise IndexInUse(
            f"Another process already uses {folder}. Stop it, or give this one a VAR_DIR of its own "
            "(several processes can share a Chroma server: CHROMA_URL)."
        ) from error
    except OSError as error:
        raise ConfigurationError(f"The folder {folder} cannot be written: {error}. Correct VAR_DIR.") from error
    try:
        if address and lock.is_locked:
            _note(folder).write_text(json.dumps({"address": address, "pid": os.getpid()}))
        yield
    finally:
        if lock.is_locked:
            _note(folder).unlink(missing_ok=True)
            lock.release()


def owner_address(settings: Settings) -> str | None:
    """Where the process that holds VAR_DIR answers; None when nobody holds it, or it answers nobody."""
    lock = FileLock(settings.var_dir / "owner.lock")
    try:
        if settings.chroma_url or not (settings.var_dir / "owner.lock").is_file():
            return None
        lock.acquire(timeout=0)
    except Timeout:
        try:
            return json.loads(_note(settings.var_dir).read_text())["address"]
        except (OSError, ValueError, KeyError):
            return None
    lock.release()
    return None


def _note(folder: Path) -> Path:
    return folder / "owner.json"
