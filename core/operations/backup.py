"""Backups of everything that cannot be made again, and the way back.

Comes in: settings and a place. Goes out: one archive: the rows of all tables from one snapshot, pages and uploads among
them, and the vectors of texts that were embedded. The index is no part of it: it says what the pages say, and is built
from them and these vectors at the end of a restore. So a backup fits together however much is answered and refreshed
meanwhile, and comes back on SQLite, Postgres, embedded Chroma or a server alike. Called by `backup` and `restore`.
"""

import hashlib
import json
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from core.errors import AssistantError, ConfigurationError, InputError, StorageError
from core.operations.backup_places import BUCKET, place_of
from core.settings import Settings
from core.storage.dump import dump, is_empty, is_in_use, load
from core.storage.migrate import knows
from core.version import VERSION

FORMAT = 1
BEGINNING, ENDING = "assistant-", ".tar.gz"
MANIFEST, VECTORS = "manifest.json", "vectors.db"


@dataclass(frozen=True)
class Manifest:
    """What an archive holds: rows by table, and the SHA-256 of each file."""

    format: int
    version: str
    revision: str
    made_at: str
    rows: dict[str, int]
    files: dict[str, str]


def make_backup(settings: Settings, destination: str, keep: int | None = None) -> tuple[str, Manifest]:
    """Makes a backup in a folder or bucket; gives its name and what is in it. Blocks; the service may run.

    Of those that are there the `keep` newest stay, this one included. Raises StorageError; nothing is left then.
    """
    place = place_of(destination)
    made = datetime.now(UTC)
    with _workroom(settings) as room:
        inside = room / "backup"
        inside.mkdir()
        revision, rows = dump(settings.sqlalchemy_url, inside)
        _copy_vectors(settings, inside / VECTORS)
        files = {path.name: _digest(path) for path in sorted(inside.iterdir())}
        manifest = Manifest(FORMAT, VERSION, revision, made.isoformat(timespec="seconds"), rows, files)
        (inside / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1), encoding="utf-8")
        archive = room / f"{BEGINNING}{made:%Y%m%dT%H%M%S%f}Z{ENDING}"
        with tarfile.open(archive, "w:gz", compresslevel=3) as tar:
            for path in [inside / MANIFEST, *(inside / name for name in files)]:
                tar.add(path, path.name)
        place.put(archive)
    if keep:
        for old in backups(destination)[:-keep]:
            place.remove(old)
    return archive.name, manifest


def backups(place: str) -> list[str]:
    """The names of the backups in a folder or bucket, oldest first. Raises StorageError."""
    return [name for name in place_of(place).names() if name.startswith(BEGINNING) and name.endswith(ENDING)]


def restore_backup(settings: Settings, source: str, *, force: bool) -> tuple[Manifest, str]:
    """Brings a backup back: the named archive, or the newest one of a folder or bucket. Blocks; no process may run.

    Gives what came back, and the name of the backup that was made of what was there (in VAR_DIR/backups). Raises
    InputError when the archive is damaged or newer than this version, or when the database holds something and there is
    no `force`; nothing was changed then. Raises StorageError, which says what is left, when the rows cannot be loaded.
    """
    with _workroom(settings) as room:
        archive = _fetched(source, room)
        inside = room / "backup"
        manifest = _opened(archive, inside)
        kept = ""
        if not _fresh(settings):
            if not force:
                raise InputError(
                    "The database holds conversations or pages already. Nothing was changed. Restore into an empty "
                    "one, or add --force: what is there is backed up first."
                )
            _refuse_company(settings)
            kept, _ = make_backup(settings, str(settings.var_dir / "backups"))
        try:
            _bring_back(settings, inside, manifest)
        except (AssistantError, OSError) as error:
            raise StorageError(f"The backup could not be brought back: {error}. {_left(settings, kept)}") from error
    return manifest, kept


def _bring_back(settings: Settings, inside: Path, manifest: Manifest) -> None:
    """Loads the rows: of a SQLite into a file beside it, which takes its place once it is whole."""
    file = settings.database_file
    beside = file.with_name(f"{file.name}.restoring") if file else None
    rows = load(f"sqlite+aiosqlite:///{beside}" if beside else settings.sqlalchemy_url, inside, manifest.revision)
    if rows != manifest.rows:
        raise StorageError(f"not all rows came back ({_difference(manifest.rows, rows)})")
    if file and beside:
        for log in ("-wal", "-shm"):  # of the file that goes
            file.with_name(f"{file.name}{log}").unlink(missing_ok=True)
        beside.replace(file)
    _forget_derived(settings)
    if (inside / VECTORS).is_file():
        settings.model_dir.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(inside / VECTORS, settings.model_dir.parent / VECTORS)


def _left(settings: Settings, kept: str) -> str:
    """What there is after a restore that failed."""
    if settings.database_file:
        settings.database_file.with_name(f"{settings.database_file.name}.restoring").unlink(missing_ok=True)
        return "The database is as it was."
    was = f"restore {settings.var_dir / 'backups' / kept} to have what was there" if kept else "restore again"
    return f"The database may be empty now: {was}."


@contextmanager
def _workroom(settings: Settings) -> Generator[Path]:
    """A folder for files on their way, on the disk of VAR_DIR."""
    try:
        settings.var_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="backup-", dir=settings.var_dir) as folder:
            yield Path(folder)
    except OSError as error:
        raise ConfigurationError(
            f"{settings.var_dir} cannot hold the files of a backup: {error.strerror or error}. Nothing was changed."
        ) from error


def _copy_vectors(settings: Settings, path: Path) -> None:
    """As they are at one moment; builds may go on."""
    there = settings.model_dir.parent / VECTORS
    if there.is_file():
        with closing(sqlite3.connect(there)) as old, closing(sqlite3.connect(path)) as new:
            old.backup(new)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fetched(source: str, room: Path) -> Path:
    """The archive that is meant, on this machine."""
    named = source.endswith(ENDING)
    folder, _, name = source.rpartition("/") if named else (source, "", "")
    if named and not folder:
        folder = "/" if source.startswith("/") else "."
    if not named:
        there = backups(folder)
        if not there:
            raise InputError(f"There is no backup in {source}. Nothing was changed.")
        name = there[-1]
    if not folder.startswith(BUCKET) and not (Path(folder).expanduser() / name).is_file():
        raise InputError(f"There is no backup {name} in {folder}. Nothing was changed.")
    place_of(folder).get(name, room / name)
    return room / name


def _opened(archive: Path, inside: Path) -> Manifest:
    """Unpacks an archive and checks all of it."""
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(inside, filter="data")
        manifest = TypeAdapter(Manifest).validate_json((inside / MANIFEST).read_bytes())
        whole = all(_digest(inside / name) == digest for name, digest in manifest.files.items())
    except (tarfile.TarError, EOFError, OSError, ValidationError) as error:
        raise InputError(f"{archive.name} is no backup, or is damaged: {error}. Nothing was changed.") from error
    if not whole:
        raise InputError(f"{archive.name} is damaged: a file in it is not what was backed up. Nothing was changed.")
    if manifest.format > FORMAT or not knows(manifest.revision):
        raise InputError(
            f"{archive.name} was made by version {manifest.version}, in a form that {VERSION} does not know. Nothing "
            "was changed: restore it with that version or a newer one."
        )
    return manifest


def _fresh(settings: Settings) -> bool:
    """Whether there is nothing that a restore would take away."""
    if settings.database_file and not settings.database_file.is_file():
        return True
    return is_empty(settings.sqlalchemy_url)


def _refuse_company(settings: Settings) -> None:
    """Raises InputError while other processes are at work in a Postgres; that of a SQLite holds VAR_DIR."""
    if is_in_use(settings.sqlalchemy_url):
        raise InputError("Other processes use the database. Stop them all, then restore. Nothing was changed.")


def _forget_derived(settings: Settings) -> None:
    """Removes what speaks of the rows that go: the index, and the ledger of turns on SQLite."""
    shutil.rmtree(settings.index_dir, ignore_errors=True)
    if settings.database_file:
        for path in settings.database_file.parent.glob("turns.db*"):
            path.unlink()


def _difference(wanted: dict[str, int], found: dict[str, int]) -> str:
    return ", ".join(
        f"{name} {found.get(name, 0)} of {count}" for name, count in wanted.items() if found.get(name) != count
    )
