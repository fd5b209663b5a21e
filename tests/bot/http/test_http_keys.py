"""Keys that were made in the console: each may do what its scopes say, until it ends."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from bot.http.access import check_key
from core.domain.people import KeyScope
from core.operations.keys import BEGINNING

FULL = "a long random key"

ROUTES = {
    KeyScope.ASK: [("POST", "/chat"), ("POST", "/crew-chat"), ("DELETE", "/chat/mine")],
    KeyScope.READ: [("GET", "/history/mine"), ("GET", "/sources"), ("GET", "/sources/x"), ("GET", "/sources/x/pages"),
                    ("GET", "/index/versions"), ("GET", "/index/changes"), ("GET", "/search?q=drift")],
    KeyScope.MANAGE: [("DELETE", "/history/mine"), ("POST", "/index-docs"), ("POST", "/index/rollback"),
                      ("POST", "/index/versions/x/promote"), ("POST", "/index/evaluate"), ("POST", "/sources"),
                      ("POST", "/sources/check"), ("PATCH", "/sources/x"), ("DELETE", "/sources/x"),
                      ("POST", "/sources/x/check"), ("POST", "/sources/x/upload")],
}  # fmt: skip
BOTH = ("POST", "/messages/x/replay")


async def headers(caller: Any, *scopes: KeyScope, name: str = "ci") -> dict[str, str]:
    _, said = await caller.services.keys.make(name, scopes, 1)
    return {"Authorization": f"Bearer {said}"}


def test_every_route_names_what_a_key_needs_for_it() -> None:
    from bot.http import index_routes, routes, source_routes  # noqa: PLC0415

    listed = {(method, re.sub(r"\?.*", "", path)) for each in ROUTES.values() for method, path in each} | {BOTH}
    named = 0
    for router in (routes.routes, index_routes.routes, source_routes.routes):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            needs = [each for each in route.dependencies if each.dependency is check_key]
            assert needs, route.path
            assert all(each.scopes for each in needs), route.path  # type: ignore[attr-defined]
            named += 1
    assert named == len(listed)


@pytest.mark.parametrize("held", list(KeyScope))
async def test_key_opens_what_its_scope_says_and_nothing_else(calling: Any, held: KeyScope) -> None:
    async with calling(api_key=FULL) as caller:
        sent = await headers(caller, held)
        for scope, routes in ROUTES.items():
            for method, path in routes:
                reply = await caller.request(method, path, json=[], headers=sent)
                assert (reply.status_code == 403) is (scope is not held), (method, path, reply.text)
                if scope is not held:
                    assert f"lacks the scope {scope}" in reply.json()["detail"]
        assert (await caller.request(*BOTH, headers=sent)).status_code == 403


async def test_replay_needs_to_ask_and_to_read(calling: Any) -> None:
    async with calling(api_key=FULL) as caller:
        sent = await headers(caller, KeyScope.ASK, KeyScope.READ)
        assert (await caller.request(*BOTH, headers=sent)).status_code not in {401, 403}


@pytest.mark.parametrize("key", [None, FULL], ids=["open", "with API_KEY"])
async def test_key_that_ended_is_refused_in_words(calling: Any, key: str | None) -> None:
    async with calling(api_key=key) as caller:
        sent = await headers(caller, KeyScope.READ)
        assert (await caller.get("/sources", headers=sent)).status_code == 200
        await caller.services.keys.revoke((await caller.services.keys.all())[0].id)

        for wrong in (sent["Authorization"], f"Bearer {BEGINNING}12345678guessed"):
            reply = await caller.get("/sources", headers={"Authorization": wrong})
            assert reply.status_code == 401
            assert reply.headers["www-authenticate"] == "Bearer"
            assert "neither revoked nor has expired" in reply.json()["detail"]


async def test_key_is_taken_in_the_other_header_too_and_its_use_is_noted(calling: Any) -> None:
    async with calling(api_key=FULL) as caller:
        sent = await headers(caller, KeyScope.READ)
        said = sent["Authorization"].removeprefix("Bearer ")

        assert (await caller.get("/sources", headers={"X-API-Key": said})).status_code == 200
        assert (await caller.services.keys.all())[0].used_at is not None


async def test_changes_are_on_record_under_the_name_of_the_key(calling: Any) -> None:
    async with calling(api_key=FULL) as caller:
        sent = await headers(caller, KeyScope.MANAGE)
        added = {"name": "guide", "location": "https://x.test/guide"}
        await caller.post("/sources", json=added, headers=sent)
        await caller.patch("/sources/guide", json={"product": "X"}, headers={"X-API-Key": FULL})
        changes = await caller.services.audit.latest(2)

    assert [(change.who, change.action, change.subject) for change in changes] == [
        ("API_KEY", "source.change", "guide"),
        ("key ci", "source.add", "guide"),
    ]
    assert (changes[0].before, changes[0].after) == ({"product": ""}, {"product": "X"})


async def test_without_any_key_it_is_http_that_acts(caller: Any) -> None:
    await caller.post("/sources", json={"name": "guide", "location": "https://x.test/guide"})

    assert [change.who for change in await caller.services.audit.latest(5)] == ["http"]
