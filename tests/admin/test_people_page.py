"""People and keys in the console: added, changed and sent away by an owner, secrets shown once, names shown as text."""

from collections.abc import Awaitable, Callable

import httpx
from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services
from core.domain.people import BUILT_IN, KeyScope, Role

LogIn = Callable[..., Awaitable[httpx.Response]]

HOSTILE = "<img/src=x/onerror=alert(1)>"


def secret_of(user: User) -> str:
    label = next(iter(user.find(marker="secret", kind=ui.label).elements))
    return label.text


async def add_person(owner: User, name: str, role: Role = Role.VIEWER) -> None:
    owner.find(marker="add").click()
    await owner.should_see(marker="person-name")
    owner.find(marker="person-name", kind=ui.input).type(name)
    next(iter(owner.find(marker="person-role", kind=ui.select).elements)).set_value(role)
    owner.find(marker="save-person").click()


async def test_person_who_was_added_logs_in_with_the_password_that_was_shown(
    owner: User, visitor: User, log_in: LogIn, console_services: Services
) -> None:
    await owner.open("/people")
    await owner.should_see("built in")
    await add_person(owner, "Ada", Role.EDITOR)
    await owner.should_see("Password of “ada”", retries=20)
    password = secret_of(owner)
    owner.find(marker="kept").click()

    assert (await log_in(visitor, password, name="ada")).status_code == 303
    ada = next(user for user in await console_services.people.all() if user.name == "ada")
    assert (ada.role, ada.temporary) == (Role.EDITOR, True)
    assert password not in (await owner.http_client.get("/people")).text


async def test_name_that_cannot_be_is_refused_and_the_form_stays(owner: User, console_services: Services) -> None:
    await owner.open("/people")
    await add_person(owner, BUILT_IN)

    await owner.should_see("cannot be a name")
    assert len(await console_services.people.all()) == 1


async def test_hostile_name_is_text(owner: User, console_services: Services) -> None:
    ada, _ = await console_services.people.add(HOSTILE, Role.OWNER)
    await console_services.keys.make(HOSTILE, [KeyScope.ASK], 1)
    await console_services.people.give_role(ada.id, Role.VIEWER)

    for path in ("/people", "/people/changes"):
        await owner.open(path)
        await owner.should_see(HOSTILE)
        assert not [e for e in owner.client.elements.values() if isinstance(e, ui.html) and HOSTILE in e.content]
        assert HOSTILE not in (await owner.http_client.get(path)).text


async def test_role_is_changed_by_choosing_another(owner: User, console_services: Services) -> None:
    await console_services.people.add("ada", Role.VIEWER)
    await owner.open("/people")
    next(iter(owner.find(marker="role-ada", kind=ui.select).elements)).set_value(Role.EDITOR)

    await owner.should_see("“ada” is editor from now on.")
    change = (await console_services.audit.latest(1))[0]
    assert (change.who, change.action, change.after) == (BUILT_IN, "user.role", {"role": "editor"})


async def test_password_is_reset_and_shown_once(
    owner: User, visitor: User, log_in: LogIn, console_services: Services
) -> None:
    _, old = await console_services.people.add("ada", Role.VIEWER)
    await owner.open("/people")
    owner.find(marker="key-ada").click()
    await owner.should_see("Reset the password of “ada”?")
    owner.find(marker="agree").click()
    await owner.should_see("Password of “ada”", retries=20)
    new = secret_of(owner)

    assert (await log_in(visitor, old, name="ada")).status_code == 401
    assert (await log_in(visitor, new, name="ada")).status_code == 303


async def test_person_is_disabled_and_let_in_again(owner: User, console_services: Services) -> None:
    ada, _ = await console_services.people.add("ada", Role.VIEWER)
    await owner.open("/people")
    owner.find(marker="person_off-ada").click()
    await owner.should_see("Disable “ada”?")
    owner.find(marker="agree").click()
    await owner.should_see("“ada” was disabled.")
    owner.find(marker="person-ada").click()
    await owner.should_see("“ada” may log in again.")

    user = await console_services.people.find(ada.id)
    assert user is not None
    assert user.disabled_at is None


async def test_last_owner_is_kept_and_the_reason_said(owner: User) -> None:
    await owner.open("/people")
    owner.find(marker=f"person_off-{BUILT_IN}").click()
    await owner.should_see("Disable “owner”?")
    owner.find(marker="agree").click()

    await owner.should_see("This is the last owner who can log in.")


async def test_key_is_made_shown_once_and_revoked(owner: User, console_services: Services) -> None:
    await owner.open("/people")
    await owner.should_see("No key yet")
    owner.find(marker="make").click()
    await owner.should_see(marker="key-name")
    owner.find(marker="key-name", kind=ui.input).type("ci")
    owner.find(marker="scope-read", kind=ui.checkbox).click()
    owner.find(marker="save-key").click()
    await owner.should_see("The key “ci”")
    said = secret_of(owner)
    owner.find(marker="kept").click()

    key = await console_services.keys.check(said)
    assert key is not None
    assert key.scopes == {KeyScope.ASK, KeyScope.READ}
    assert said not in (await owner.http_client.get("/people")).text
    await owner.open("/people")
    owner.find(marker="revoke-ci").click()
    await owner.should_see("Revoke “ci”?")
    owner.find(marker="agree").click()
    await owner.should_see("The key “ci” was revoked.")
    assert await console_services.keys.check(said) is None
    assert [change.action for change in await console_services.audit.latest(5)] == ["key.revoke", "key.create"]


async def test_key_for_nothing_is_not_made(owner: User, console_services: Services) -> None:
    await owner.open("/people")
    owner.find(marker="make").click()
    await owner.should_see(marker="key-name")
    owner.find(marker="key-name", kind=ui.input).type("ci")
    owner.find(marker="scope-ask", kind=ui.checkbox).click()
    owner.find(marker="save-key").click()

    await owner.should_see("Say what the key may be used for")
    assert await console_services.keys.all() == []
