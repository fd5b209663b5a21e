"""The keys of the HTTP service.

Comes in: names, prefixes and hashes. Goes out: `ApiKey`s, and the hash where one is checked. Called by
`core.operations.keys`.
"""

from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from core.domain.people import ApiKey, KeyScope
from core.errors import NameTaken
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.people_models import ApiKeyRow


class ApiKeys:
    """The repository of keys."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[ApiKey]:
        """Every key that ever was, the newest first."""
        async with self._database.read() as db:
            return [key_of(row) for row in await db.scalars(select(ApiKeyRow).order_by(ApiKeyRow.id.desc()))]

    async def find(self, prefix: str) -> tuple[ApiKey, str] | None:
        """The key that begins so, and its hash."""
        async with self._database.read() as db:
            row = await db.scalar(select(ApiKeyRow).where(ApiKeyRow.prefix == prefix))
            return (key_of(row), row.hash) if row else None

    async def add(
        self, name: str, prefix: str, digest: str, scopes: frozenset[KeyScope], expires_at: datetime | None
    ) -> ApiKey:
        """Stores a new key. Raises NameTaken: names of keys that were revoked are not given again."""
        row = ApiKeyRow(
            id=new_id(), name=name, prefix=prefix, hash=digest, scopes=sorted(scopes), expires_at=expires_at
        )
        try:
            async with self._database.begin() as db:
                db.add(row)
        except IntegrityError as error:
            raise NameTaken(f"There is or was a key called {name!r}. Choose another name.") from error
        return key_of(row)

    async def revoke(self, key_id: str) -> ApiKey | None:
        """Ends a key for good, and gives it; None when it had ended or never was."""
        held = (ApiKeyRow.id == key_id, ApiKeyRow.revoked_at.is_(None))
        async with self._database.begin() as db:
            row = await db.scalar(update(ApiKeyRow).where(*held).values(revoked_at=now()).returning(ApiKeyRow))
            return key_of(row) if row else None

    async def used(self, key_id: str, when: datetime) -> None:
        """Notes that a key was used."""
        async with self._database.begin() as db:
            await db.execute(update(ApiKeyRow).where(ApiKeyRow.id == key_id).values(used_at=when))


def key_of(row: ApiKeyRow) -> ApiKey:
    """The key that a row stores."""
    return ApiKey(
        id=row.id,
        name=row.name,
        prefix=row.prefix,
        scopes=frozenset(KeyScope(scope) for scope in row.scopes),
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        revoked_at=row.revoked_at,
    )
