"""Where backups are kept: a folder, or a bucket of S3.

Comes in: files. Goes out: the same files, later. What S3 needs to know besides the address it takes from where AWS's
own tools do: AWS_REGION, AWS_ENDPOINT_URL, keys in the environment or the role of the machine. Used by `backup`.
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from core.errors import InputError, StorageError

BUCKET = "s3://"
PIECE = 8 * 1024 * 1024
"""Bytes that are fetched at a time."""


class Place(Protocol):
    """Keeps files by name."""

    def names(self) -> list[str]:
        """What is there, in the order of names. Raises StorageError."""
        ...

    def put(self, path: Path) -> None:
        """Keeps a file; it is there whole or not at all. Raises StorageError."""
        ...

    def get(self, name: str, path: Path) -> None:
        """Brings a file back. Raises StorageError."""
        ...

    def remove(self, name: str) -> None:
        """Forgets a file. Raises StorageError."""
        ...


def place_of(address: str) -> Place:
    """The folder or the bucket of an address."""
    return Bucket(address) if address.startswith(BUCKET) else Folder(Path(address).expanduser().absolute())


class Folder:
    """A folder, which is made when something is put into it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def names(self) -> list[str]:
        """The files in it."""
        return sorted(path.name for path in self._folder.glob("*") if path.is_file())

    def put(self, path: Path) -> None:
        """Copies a file, for its owner's eyes alone."""
        partial = self._folder / f".{path.name}.partial"
        with _told(str(self._folder)):
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                partial.touch(mode=0o600)
                shutil.copyfile(path, partial)
                partial.replace(self._folder / path.name)
            finally:
                partial.unlink(missing_ok=True)

    def get(self, name: str, path: Path) -> None:
        """Copies it back."""
        with _told(str(self._folder)):
            shutil.copyfile(self._folder / name, path)

    def remove(self, name: str) -> None:
        """Deletes it."""
        with _told(str(self._folder)):
            (self._folder / name).unlink(missing_ok=True)


class Bucket:
    """A bucket of S3, or what speaks like one, below a prefix: s3://bucket/prefix."""

    def __init__(self, address: str) -> None:
        from obstore.store import S3Store  # noqa: PLC0415 - 12 MB, for those who have a bucket

        if not address.removeprefix(BUCKET).strip("/"):
            raise InputError(f"{address} names no bucket: write s3://bucket/prefix.")
        self._address = address
        with _told(address):
            self._store = S3Store.from_url(address)

    def names(self) -> list[str]:
        """The files below the prefix."""
        with _told(self._address):
            return sorted(item["path"] for batch in self._store.list() for item in batch)

    def put(self, path: Path) -> None:
        """Sends it, in parts when it is large."""
        with _told(self._address):
            self._store.put(path.name, path)

    def get(self, name: str, path: Path) -> None:
        """Fetches it."""
        with _told(self._address), path.open("wb") as file:
            for piece in self._store.get(name).stream(min_chunk_size=PIECE):
                file.write(piece)

    def remove(self, name: str) -> None:
        """Deletes it."""
        with _told(self._address):
            self._store.delete(name)


@contextmanager
def _told(place: str) -> Generator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise StorageError(f"{place} has no such folder, bucket or backup. Nothing was changed.") from error
    except Exception as error:  # the boundary to disks and to S3, whose errors have no parent of their own
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        raise StorageError(f"{place} cannot be used for backups: {reason}. Nothing was changed.") from error
