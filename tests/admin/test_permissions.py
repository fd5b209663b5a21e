"""Roles hold at the server: every action refuses who may not do it, whatever the page shows."""

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import httpx
import pytest
from nicegui import ui
from nicegui.testing import User

import admin
from admin import permissions
from core.bootstrap import Services
from core.domain.people import Role

LogIn = Callable[..., Awaitable[httpx.Response]]
Guarded = tuple[str, Callable[..., Awaitable[Any]], Role]


def modules() -> Iterator[Any]:
    for found in pkgutil.walk_packages(admin.__path__, "admin."):
        yield importlib.import_module(found.name)


def guarded_methods() -> list[Guarded]:
    """Every method in admin/ that asks for a role."""
    found: dict[str, Guarded] = {}
    for module in modules():
        for _, cls in inspect.getmembers(module, inspect.isclass):
            for name, method in vars(cls).items():
                if role := getattr(method, "needs", None):
                    label = f"{cls.__module__}.{cls.__name__}.{name}"
                    found[label] = (label, method, role)
    return [found[label] for label in sorted(found)]


ACTIONS = guarded_methods()


async def state(services: Services) -> Any:
    """Everything that an action of the console could change."""
    places = await services.presence.places()
    return (
        await services.sources.all(),
        [(place, await services.presence.own(place)) for place in places],
        await services.versions.all(),
        await services.versions.changes(50),
        await services.runs.latest(50),
        [dataclasses.replace(user, seen_at=None) for user in await services.people.all()],
        await services.keys.all(),
        await services.sessions.list(),
        await services.audit.latest(50),
    )


def test_the_walk_knows_every_action() -> None:
    assert len(ACTIONS) >= 20
    assert {role for _, _, role in ACTIONS} == set(Role)


async def test_no_action_of_the_console_does_anything_for_a_viewer(
    person: Callable[..., Any], console_services: Services
) -> None:
    viewer: User = await person(Role.VIEWER)
    await viewer.open("/sources")
    before = await state(console_services)

    for label, method, role in ACTIONS:
        if not Role.VIEWER.may(role):
            with viewer:
                assert await method(None) is None, label  # it would fail on the arguments if it were let in
            assert viewer.notify.messages[-1] == permissions.REFUSED.format(role=role)

    assert await state(console_services) == before


async def test_no_action_for_owners_does_anything_for_an_editor(
    person: Callable[..., Any], console_services: Services
) -> None:
    editor: User = await person(Role.EDITOR)
    await editor.open("/sources")
    before = await state(console_services)

    for label, method, role in ACTIONS:
        if role is Role.OWNER:
            with editor:
                assert await method(None) is None, label

    assert await state(console_services) == before


async def test_role_that_is_taken_away_holds_for_the_next_click(
    person: Callable[..., Any], console_services: Services
) -> None:
    editor: User = await person(Role.EDITOR)
    await editor.open("/sources")
    await editor.should_see("Add a source")
    ada = next(user for user in await console_services.people.all() if user.name == "ada")
    await console_services.people.give_role(ada.id, Role.VIEWER)

    editor.find("Add a source").click()

    await editor.should_see(permissions.ENDED)
    await editor.should_not_see("Location")


async def test_role_that_goes_while_a_question_is_open_stops_the_deed(
    person: Callable[..., Any], console_services: Services
) -> None:
    editor: User = await person(Role.EDITOR)
    await console_services.curator.add("guide", {"location": "https://x.test/guide"})
    await editor.open("/sources/guide")
    remove = editor.find(kind=ui.button)
    remove.elements = {each for each in remove.elements if each.props.get("aria-label") == "Remove guide"}
    remove.click()
    await editor.should_see("Remove “guide”?")
    ada = next(user for user in await console_services.people.all() if user.name == "ada")
    await console_services.people.disable(ada.id)

    editor.find(marker="agree").click()

    await editor.should_see(permissions.ENDED)
    assert (await console_services.sources.get("guide")).name == "guide"


async def test_viewer_sees_pages_without_what_they_may_not_do(person: Callable[..., Any]) -> None:
    viewer: User = await person(Role.VIEWER)
    await viewer.open("/sources")
    await viewer.should_not_see("Add a source")
    await viewer.open("/knowledge")
    await viewer.should_not_see("Undo the last change")
    await viewer.should_not_see("Evaluate")
    await viewer.open("/channels/settings?platform=slack&workspace=T1")
    await viewer.should_not_see(marker="save")
    assert "/people" not in {link.props.get("href") for link in viewer.find(kind=ui.link).elements}


async def test_viewer_may_ask(person: Callable[..., Any]) -> None:
    viewer: User = await person(Role.VIEWER)
    await viewer.open("/playground")
    viewer.find("How do I register a model in MLflow?").click()
    await viewer.should_see("Nearest pages", retries=60)


@pytest.mark.parametrize("path", ["/people", "/people/changes"])
async def test_people_and_changes_are_for_owners(person: Callable[..., Any], owner: User, path: str) -> None:
    editor: User = await person(Role.EDITOR)
    reply = await editor.http_client.get(path)

    assert reply.status_code == 403
    assert "For owners" in reply.text
    await owner.open(path)
    await owner.should_not_see("For owners")
