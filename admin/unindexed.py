"""Tells what changed in the sources since the index was last brought up to date.

Comes in: services, and the names of sources that somebody just added or changed. Goes out: one sentence, or nothing.
What was changed by hand is remembered by this process alone; pages that differ are compared each time.
"""

from datetime import datetime

from admin.components.moments import count
from core.bootstrap import Services
from core.domain.knowledge import Source, SourceKind, Stage
from core.storage.ids import now


class Unindexed:
    """One for all pages of the console."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._touched: dict[str, datetime] = {}

    def touch(self, name: str) -> None:
        """Remembers that a source was changed."""
        self._touched[name] = now()

    async def sentence(self) -> str:
        """What the index does not have yet; empty when there is nothing."""
        parts = [*self._unread(await self._services.sources.all()), *await self._differing()]
        if not parts:
            return ""
        waiting = any(version.stage is Stage.STAGING for version in await self._services.versions.all())
        hint = " A version in Staging waits to be promoted on the page Knowledge." if waiting else ""
        return f"Not indexed yet: {' and '.join(parts)}.{hint}"

    def _unread(self, sources: list[Source]) -> list[str]:
        names = [f"“{source.name}”" for source in sources if source.enabled and self._is_unread(source)]
        if not names:
            return []
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004
        return [f"{shown} {'has' if len(names) == 1 else 'have'} not been read since added or changed"]

    def _is_unread(self, source: Source) -> bool:
        if source.kind in {SourceKind.UPLOAD, SourceKind.CARDS}:
            return False
        touched = self._touched.get(source.name)
        return source.refreshed_at is None or (touched is not None and touched > source.refreshed_at)

    async def _differing(self) -> list[str]:
        live = await self._services.versions.production()
        held = await self._services.library.held()
        indexed = await self._services.versions.held(live.id) if live else {}
        number = sum(held.get(path) != indexed.get(path) for path in held.keys() | indexed.keys())
        verb = "differs" if number == 1 else "differ"
        return [f"{count(number, 'page')} {verb} from the live index"] if number else []
