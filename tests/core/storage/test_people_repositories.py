"""People and keys in the database: names are unique, an owner stays, hashes do not come along."""

import asyncio

import pytest

from core.domain.people import KeyScope, Role
from core.errors import InputError, NameTaken
from core.storage.api_keys import ApiKeys
from core.storage.engine import Database
from core.storage.ids import now
from core.storage.users import Users

ASK = frozenset({KeyScope.ASK})


async def test_person_is_found_by_id_name_subject_and_address(database: Database) -> None:
    users = Users(database)
    ada = await users.add("ada", Role.EDITOR, password_hash="hash", email="ada@example.org")

    assert (await users.find(ada.id), await users.named("ada")) == (ada, ada)
    assert await users.known("issuer 1", "ada@example.org") == ada
    assert (ada.by_password, ada.epoch, ada.seen_at) == (True, 0, None)
    assert await users.password_hash(ada.id) == "hash"
    assert (await users.find("nobody"), await users.named("nobody"), await users.known("issuer 1", "")) == (None,) * 3


async def test_address_counts_until_the_provider_has_sent_somebody(database: Database) -> None:
    users = Users(database)
    ada = await users.add("ada", Role.EDITOR, email="ada@example.org")
    await users.change(ada.id, end_sessions=False, subject="issuer 1")

    assert await users.known("issuer 2", "ada@example.org") is None
    found = await users.known("issuer 1", "somewhere@example.org")
    assert found is not None
    assert found.id == ada.id


@pytest.mark.parametrize("values", [{}, {"email": "ada@example.org"}])
async def test_name_and_address_belong_to_one_person(database: Database, values: dict[str, str]) -> None:
    users = Users(database)
    await users.add("ada", Role.VIEWER, email="ada@example.org")

    with pytest.raises(NameTaken):
        await users.add("ada" if not values else "other", Role.VIEWER, **values)
    assert len(await users.all()) == 1


async def owner(users: Users) -> str:
    return (await users.add("first", Role.OWNER)).id


async def test_last_owner_cannot_be_taken_away(database: Database) -> None:
    users = Users(database)
    first = await owner(users)
    await users.add("viewer", Role.VIEWER)

    for values in ({"role": Role.EDITOR}, {"disabled_at": now()}):
        with pytest.raises(InputError, match="last owner"):
            await users.change(first, end_sessions=True, **values)
    left = await users.find(first)
    assert left is not None
    assert (left.role, left.disabled_at, left.epoch) == (Role.OWNER, None, 0)


async def test_two_owners_who_send_each_other_away_leave_one(database: Database) -> None:
    users = Users(database)
    both = [await owner(users), (await users.add("second", Role.OWNER)).id]

    outcomes = await asyncio.gather(
        *(users.change(each, end_sessions=True, disabled_at=now()) for each in both), return_exceptions=True
    )

    assert sorted(isinstance(outcome, InputError) for outcome in outcomes) == [False, True]
    assert [user.disabled_at for user in await users.all()].count(None) == 1


async def test_change_that_ends_sessions_counts_on(database: Database) -> None:
    users = Users(database)
    first = await owner(users)
    await users.change(first, end_sessions=True)
    await users.change(first, end_sessions=True, password_hash="other")
    await users.seen(first, now())

    user = await users.find(first)
    assert user is not None
    assert user.epoch == 2
    assert user.seen_at is not None


async def test_key_is_found_by_its_beginning_until_and_after_it_is_revoked(database: Database) -> None:
    keys = ApiKeys(database)
    key = await keys.add("ci", "mla_12345678", "digest", ASK, now())
    await keys.used(key.id, now())
    revoked = await keys.revoke(key.id)

    found = await keys.find("mla_12345678")
    assert found is not None
    assert (found[0], found[1]) == (revoked, "digest")
    assert revoked is not None
    assert (revoked.scopes, revoked.valid(now())) == (ASK, False)
    assert (await keys.revoke(key.id), await keys.revoke("none"), await keys.find("mla_other")) == (None, None, None)


async def test_name_of_a_revoked_key_is_not_given_again(database: Database) -> None:
    keys = ApiKeys(database)
    await keys.revoke((await keys.add("ci", "mla_1", "digest", ASK, None)).id)

    with pytest.raises(NameTaken):
        await keys.add("ci", "mla_2", "digest", ASK, None)
    assert [key.prefix for key in await keys.all()] == ["mla_1"]
