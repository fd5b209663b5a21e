"""The people who may log in to the console.

Comes in: names, hashes and what changes. Goes out: `User`s, and the hash of a password where one is checked. Called by
`core.operations.people`.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.exc import IntegrityError

from core.domain.people import Role, User
from core.errors import InputError, NameTaken
from core.storage.engine import Database
from core.storage.ids import new_id
from core.storage.people_models import UserRow

LAST_OWNER = "This is the last owner who can log in. Make somebody else an owner first; nothing was changed."


class Users:
    """The repository of people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[User]:
        """Everybody, by name."""
        async with self._database.read() as db:
            return [user_of(row) for row in await db.scalars(select(UserRow).order_by(UserRow.name))]

    async def find(self, user_id: str) -> User | None:
        """One person."""
        return await self._one(UserRow.id == user_id)

    async def named(self, name: str) -> User | None:
        """The person with this name."""
        return await self._one(UserRow.name == name)

    async def known(self, subject: str, email: str) -> User | None:
        """The person whom an identity provider means: sent before, or expected under an address and not yet come."""
        if found := await self._one(UserRow.subject == subject):
            return found
        return await self._one(UserRow.email == email, UserRow.subject.is_(None)) if email else None

    async def password_hash(self, user_id: str) -> str:
        """The hash of somebody's password; empty when there is none."""
        async with self._database.read() as db:
            return await db.scalar(select(UserRow.password_hash).where(UserRow.id == user_id)) or ""

    async def add(self, name: str, role: Role, **values: Any) -> User:
        """Stores somebody new. Raises NameTaken."""
        row = UserRow(id=new_id(), name=name, role=role, **values)
        try:
            async with self._database.begin() as db:
                db.add(row)
        except IntegrityError as error:
            raise NameTaken(f"There is a person called {name!r}, or with this address, already.") from error
        return user_of(row)

    async def change(self, user_id: str, *, end_sessions: bool, **values: Any) -> None:
        """Stores other values. Raises InputError, and nothing is changed, when no owner would be left."""
        if end_sessions:
            values["epoch"] = UserRow.epoch + 1
        owners = (UserRow.role == Role.OWNER, UserRow.disabled_at.is_(None))
        async with self._database.begin() as db:
            had = (await db.scalars(select(UserRow.id).where(*owners).with_for_update())).all()
            await db.execute(update(UserRow).where(UserRow.id == user_id).values(**values))
            if had and not await db.scalar(select(func.count()).select_from(UserRow).where(*owners)):
                raise InputError(LAST_OWNER)

    async def seen(self, user_id: str, when: datetime) -> None:
        """Notes that somebody was here."""
        async with self._database.begin() as db:
            await db.execute(update(UserRow).where(UserRow.id == user_id).values(seen_at=when))

    async def _one(self, *where: ColumnElement[bool]) -> User | None:
        async with self._database.read() as db:
            row = await db.scalar(select(UserRow).where(*where))
            return user_of(row) if row else None


def user_of(row: UserRow) -> User:
    """The person whom a row stores."""
    return User(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        email=row.email or "",
        subject=row.subject or "",
        by_password=bool(row.password_hash),
        temporary=row.temporary,
        epoch=row.epoch,
        disabled_at=row.disabled_at,
        seen_at=row.seen_at,
    )
