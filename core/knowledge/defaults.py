"""The sources to begin with: the folder that ships, and those of `data/sources.toml`.

Comes in: a TOML file. Goes out: `Source`s, checked. A source that people add goes through the same check.
"""

import re
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter, ValidationError

from core.domain.gaps import CARDS
from core.domain.knowledge import Source, SourceKind
from core.errors import ConfigurationError, InputError
from core.knowledge.timetable import cron_trigger

SHIPPED = "knowledge"
"""The name of the source that reads KNOWLEDGE_DIR."""

SHIPPED_PAGES = 100_000
"""The folder is the owner's own: there is no stranger's site to be bounded."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_FIELDS = {"kind", "location", "product", "ref", "folder", "include", "internal", "enabled", "max_pages", "schedule"}
_SOURCE = TypeAdapter(Source)
_LIMITS = {"location": 20_000, "product": 64, "ref": 200, "folder": 500, "schedule": 100}

MOST_PAGES = 100_000
"""As many as a sitemap and its parts are read for."""


def default_sources(file: Path, knowledge_dir: Path) -> list[Source]:
    """The shipped folder, then the sources of the file. Raises ConfigurationError naming the mistake."""
    shipped = Source(SHIPPED, SourceKind.FOLDER, str(knowledge_dir), max_pages=SHIPPED_PAGES)
    if not file.is_file():
        return [shipped]
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"The file of sources, {file}, cannot be read: {error}. Mend it.") from error
    loose = [name for name, fields in tables.items() if not isinstance(fields, dict)]
    if loose:
        raise ConfigurationError(
            f"{file}: {', '.join(loose)} stands outside of a table. Begin each source with [name]."
        )
    try:
        return [shipped, *(make_source(name, fields) for name, fields in tables.items())]
    except InputError as error:
        raise ConfigurationError(f"{file}: {error.said}") from error


def make_source(name: str, fields: dict[str, Any]) -> Source:
    """A source from what was written down or typed. Raises InputError naming the mistake."""
    if not _NAME.fullmatch(name) or name in {SHIPPED, CARDS}:
        raise InputError(
            f"{name!r} is no name for a source. Use small letters, digits and hyphens, and not {SHIPPED!r}, {CARDS!r}."
        )
    unknown = fields.keys() - _FIELDS
    if unknown:
        raise InputError(f"Source {name!r}: {', '.join(sorted(unknown))} is unknown. Use {', '.join(sorted(_FIELDS))}.")
    try:
        source = _SOURCE.validate_python({**fields, "name": name})
        source = replace(source, location=source.location.strip(), schedule=" ".join(source.schedule.split()))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in problem["loc"])
        raise InputError(f"Source {name!r}: {field}: {problem['msg']}.") from error
    _check(source)
    return source


def _check(source: Source) -> None:
    too_long = [name for name, limit in _LIMITS.items() if len(getattr(source, name)) > limit]
    if too_long or "\0" in "".join((source.location, source.product, source.ref, source.folder, *source.include)):
        raise InputError(f"Source {source.name!r}: {', '.join(too_long) or 'a text'} is too long or not readable.")
    if not 1 <= source.max_pages <= MOST_PAGES:
        raise InputError(f"Source {source.name!r}: max_pages must be between 1 and {MOST_PAGES}.")
    if source.schedule:
        _check_schedule(source)
    if source.kind is SourceKind.CARDS:
        raise InputError(f"Source {source.name!r}: cards are written in the console; add a source of another kind.")
    if source.kind is SourceKind.UPLOAD:
        return
    if not source.location:
        raise InputError(f"Source {source.name!r} needs a location: an address, or a folder.")
    if source.kind.remote and source.kind is not SourceKind.GIT:
        for address in source.location.split():
            if urlsplit(address).scheme not in {"http", "https"}:
                raise InputError(
                    f"Source {source.name!r}: {address} is no web address. Begin with https://, or "
                    "use the kind `folder`."
                )


def _check_schedule(source: Source) -> None:
    try:
        cron_trigger(source.schedule)
    except InputError as error:
        raise InputError(f"Source {source.name!r}: {error.said}") from error
