"""Makes up the secrets of an installation and keeps each as a file, where settings, Postgres and Grafana read them.

Comes in: a folder. Goes out: the names of the files that were made; those that are there are never touched. Called by
the command `secrets`, which a compose stack runs before everything else.
"""

import os
import secrets
from pathlib import Path

from core.errors import ConfigurationError

PRIVATE, SHARED = 0o400, 0o444

MADE: dict[str, int] = {
    "api_key": PRIVATE,
    "admin_password": PRIVATE,
    "database_password": SHARED,
    "metrics_token": SHARED,
    "grafana_password": SHARED,
}
"""Files by name with their mode: Postgres, Prometheus and Grafana read theirs as users of their own."""

LENGTH = 24
"""Random bytes in each."""


def make_secrets(folder: Path) -> list[str]:
    """Writes what is missing and gives its names. Raises ConfigurationError when the folder cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = [name for name in MADE if not (folder / name).exists()]
        for name in missing:
            _write(folder / name, MADE[name])
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} for secrets cannot be written: {error.strerror}. Those that it held are untouched; "
            "make it writable for this user."
        ) from error
    return missing


def _write(file: Path, mode: int) -> None:
    """The whole file or none: a start that is cut off leaves no half secret behind."""
    staging = file.with_name(f".{file.name}")
    staging.unlink(missing_ok=True)
    handle = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    with os.fdopen(handle, "w") as stream:
        stream.write(secrets.token_urlsafe(LENGTH))
        stream.flush()
        os.fchmod(stream.fileno(), mode)
        os.fsync(stream.fileno())
    staging.rename(file)
