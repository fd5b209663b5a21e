"""People are added, recognised and sent away, and each change is on record with who made it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from core.domain.people import BUILT_IN, Identity, Role, acting_as
from core.errors import InputError, NameTaken
from core.operations import passwords
from core.operations.people import People
from core.storage.audit import Audit
from core.storage.engine import Database
from core.storage.users import Users

CONSOLE = "the console's own password"
CHOSEN = "a password of my own"


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    hasher = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    monkeypatch.setattr(passwords, "HASHER", hasher)


@pytest.fixture
def console_hash(cheap_hashes: None) -> str:  # noqa: ARG001
    return passwords.hash_password(CONSOLE)


@pytest.fixture
async def audit(database: Database) -> Audit:
    return Audit(database)


@pytest.fixture
async def people(database: Database, audit: Audit) -> AsyncIterator[People]:
    desk = People(Users(database), audit)
    await desk.built_in()
    with acting_as("grace"):
        yield desk


async def recorded(audit: Audit) -> list[tuple[str, str, Any, Any]]:
    return [(change.action, change.subject, change.before, change.after) for change in await audit.latest(50)]


async def test_built_in_owner_logs_in_with_the_console_password_alone(people: People, console_hash: str) -> None:
    owner = await people.recognise(BUILT_IN, CONSOLE, console_hash)

    assert owner is not None
    assert (owner.name, owner.role) == (BUILT_IN, Role.OWNER)
    assert await people.recognise(BUILT_IN, "another one", console_hash) is None


async def test_person_logs_in_with_the_password_that_was_made_up(people: People, console_hash: str) -> None:
    ada, password = await people.add("  Ada ", Role.EDITOR)

    assert (ada.name, ada.temporary, len(password) >= 20) == ("ada", True, True)
    recognised = await people.recognise("ada", password, console_hash)
    assert recognised == ada
    for name, wrong in (("ada", CONSOLE), ("ada", ""), ("nobody", CONSOLE), ("nobody", password)):
        assert await people.recognise(name, wrong, console_hash) is None


async def test_person_without_a_password_is_not_let_in_by_any(people: People, console_hash: str) -> None:
    await people.add("ada", Role.OWNER, email="ada@example.org")

    assert await people.recognise("ada", CONSOLE, console_hash) is None
    assert await people.recognise("ada", "", console_hash) is None


@pytest.mark.parametrize(
    "name", ["", " ", "owner", "OWNER", "service", "command", "key ci", "slack:u1", "a\nb", "a\u202eb", "x" * 65]
)
async def test_name_that_would_deceive_is_refused(people: People, name: str) -> None:
    with pytest.raises(InputError):
        await people.add(name, Role.VIEWER)
    assert [user.name for user in await people.all()] == [BUILT_IN]


async def test_same_name_in_other_letters_is_taken(people: People) -> None:
    await people.add("ada", Role.VIEWER)

    with pytest.raises(NameTaken):
        await people.add("ＡＤＡ", Role.VIEWER)  # noqa: RUF001 - full-width letters


async def test_every_change_ends_the_sessions_and_is_on_record_without_secrets(people: People, audit: Audit) -> None:
    ada, password = await people.add("ada", Role.VIEWER)
    assert await people.find(ada.id) == ada
    epochs = [0]
    for change in (
        people.give_role(ada.id, Role.EDITOR),
        people.change_password(ada.id, password, CHOSEN),
        people.reset_password(ada.id),
        people.end_sessions(ada.id),
        people.disable(ada.id),
        people.enable(ada.id),
    ):
        await change
        now = await people.find(ada.id)
        assert now is not None
        epochs.append(now.epoch)

    assert epochs == [0, 1, 2, 3, 4, 5, 6]
    assert await recorded(audit) == [
        ("user.enable", "ada", {"enabled": False}, {"enabled": True}),
        ("user.disable", "ada", {"enabled": True}, {"enabled": False}),
        ("user.sessions", "ada", {}, {}),
        ("user.password", "ada", {}, {"temporary": True}),
        ("user.password", "ada", {}, {"temporary": False}),
        ("user.role", "ada", {"role": "viewer"}, {"role": "editor"}),
        ("user.add", "ada", {}, {"role": "viewer"}),
    ]
    assert {change.who for change in await audit.latest(50)} == {"grace"}
    assert password not in str(await recorded(audit))


@pytest.mark.parametrize("new", ["short", "x" * 201, "aaaaaaaaaaaaaaaa"])
async def test_password_that_is_easy_to_guess_is_refused(people: People, console_hash: str, new: str) -> None:
    ada, password = await people.add("ada", Role.VIEWER)

    with pytest.raises(InputError):
        await people.change_password(ada.id, password, new)
    assert await people.recognise("ada", password, console_hash) is not None


async def test_password_changes_for_who_knows_the_old_one(people: People, console_hash: str) -> None:
    ada, password = await people.add("ada", Role.VIEWER)

    with pytest.raises(InputError, match="not your password"):
        await people.change_password(ada.id, "guessed", CHOSEN)
    with pytest.raises(InputError, match="is the old one"):
        await people.change_password(ada.id, password, password)
    await people.change_password(ada.id, password, CHOSEN)

    assert await people.recognise("ada", password, console_hash) is None
    changed = await people.recognise("ada", CHOSEN, console_hash)
    assert changed is not None
    assert not changed.temporary


async def test_disabled_person_is_not_let_in(people: People, console_hash: str) -> None:
    ada, password = await people.add("ada", Role.VIEWER)
    await people.disable(ada.id)

    assert await people.recognise("ada", password, console_hash) is None


async def test_built_in_owner_keeps_role_and_password_and_may_be_disabled_beside_another(
    people: People, console_hash: str
) -> None:
    owner = await people.built_in()
    for refused in (
        people.give_role(owner.id, Role.VIEWER),
        people.reset_password(owner.id),
        people.change_password(owner.id, CONSOLE, CHOSEN),
        people.disable(owner.id),
    ):
        with pytest.raises(InputError):
            await refused
    await people.add("ada", Role.OWNER)
    await people.disable(owner.id)

    assert await people.recognise(BUILT_IN, CONSOLE, console_hash) is None


async def test_stranger_from_the_provider_needs_a_role(people: People, audit: Audit) -> None:
    stranger = Identity("issuer 7", "bo@example.org", "Bo Bright: <b>", None)
    assert await people.admit(stranger) is None

    bo = await people.admit(Identity(stranger.subject, stranger.email, stranger.name, Role.EDITOR))

    assert bo is not None
    assert (bo.name, bo.role, bo.by_password) == ("bo-bright--<b>", Role.EDITOR, False)
    assert (await recorded(audit))[0][:2] == ("user.add", "bo-bright--<b>")


async def test_known_person_is_bound_to_the_first_account_that_comes(people: People) -> None:
    ada, _ = await people.add("ada", Role.EDITOR, email="Ada@Example.org")
    first = await people.admit(Identity("issuer 1", "ada@example.org", "whoever"))
    second = await people.admit(Identity("issuer 2", "ada@example.org", "whoever"))
    again = await people.admit(Identity("issuer 1", "moved@example.org", "whoever"))

    assert first is not None
    assert again is not None
    assert (first.id, again.id, second) == (ada.id, ada.id, None)


async def test_role_of_the_provider_holds_from_the_next_login_on(people: People) -> None:
    bo = await people.admit(Identity("issuer 7", "", "bo", Role.OWNER))
    lowered = await people.admit(Identity("issuer 7", "", "bo", Role.VIEWER))

    assert bo is not None
    assert lowered is not None
    assert (lowered.id, lowered.role, lowered.epoch) == (bo.id, Role.VIEWER, 1)
    await people.disable(bo.id)
    assert await people.admit(Identity("issuer 7", "", "bo", Role.VIEWER)) is None


async def test_person_is_noted_as_seen_once_a_minute(people: People, database: Database) -> None:
    owner = await people.built_in()
    await people.seen(owner)
    first = await people.find(owner.id)
    assert first is not None
    await people.seen(first)

    assert (await Users(database).find(owner.id)) == first
