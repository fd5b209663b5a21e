"""The doors around the questions: health, keys, index, documentation."""

import re
import shutil
from typing import Any

import pytest

KEY = "a long random key"
PUSH = "How do I push a model to Quillstore?"

CLOSED = [
    ("POST", "/chat", {"message": PUSH}),
    ("POST", "/crew-chat", {"message": PUSH}),
    ("GET", "/history/mine", None),
    ("DELETE", "/history/mine", None),
    ("POST", "/index-docs", None),
    ("GET", "/sources", None),
    ("POST", "/sources", {"name": "more", "location": "https://x.test"}),
    ("DELETE", "/sources/nobody", None),
    ("POST", "/sources/nobody/upload", None),
    ("GET", "/index/versions", None),
    ("GET", "/index/changes", None),
    ("POST", "/index/versions/abcd/promote", None),
    ("GET", "/search?q=drift", None),
]


async def test_welcome_says_where_to_go(caller: Any) -> None:
    reply = await caller.get("/")

    assert reply.status_code == 200
    assert reply.json()["docs"] == "/docs"
    assert reply.json()["health"] == "/health"
    assert reply.json()["console"].endswith("/admin")


async def test_health_shows_every_part(caller: Any) -> None:
    reply = await caller.get("/health")
    health = reply.json()

    assert (reply.status_code, health["ok"]) == (200, True)
    assert list(health["parts"]) == ["database", "index", "embedding model", "language model", "scheduler"]
    assert {name for name, part in health["parts"].items() if part["needed"]} == {
        "database", "index", "embedding model",
    }  # fmt: skip
    assert {part["state"] for part in health["parts"].values()} == {"up", "off"}
    assert "passages of 3 pages" in health["parts"]["index"]["detail"]


async def test_model_that_is_away_is_shown_but_does_not_make_the_service_unavailable(calling: Any) -> None:
    async with calling(llm_base_url="http://127.0.0.1:1/v1") as caller:
        reply = await caller.get("/health")

    assert reply.status_code == 200
    assert reply.json()["parts"]["language model"]["state"] == "down"
    assert "LLM_BASE_URL" in reply.json()["parts"]["language model"]["detail"]


async def remove_database(caller: Any) -> None:
    for part in caller.services.settings.var_dir.glob("assistant.db*"):
        part.unlink()


async def remove_index(caller: Any) -> None:
    shutil.rmtree(caller.services.settings.index_dir)


@pytest.mark.parametrize("used", [False, True], ids=["before the first question", "after a question"])
@pytest.mark.parametrize(("part", "destroy"), [("database", remove_database), ("index", remove_index)])
async def test_health_names_the_needed_part_that_is_down(caller: Any, part: str, destroy: Any, used: bool) -> None:
    if used:
        assert (await caller.post("/chat", json={"message": PUSH})).status_code == 200
    await destroy(caller)
    reply = await caller.get("/health")

    assert (reply.status_code, reply.json()["ok"]) == (503, False)
    assert reply.json()["parts"][part]["state"] == "down"
    assert reply.json()["parts"][part]["detail"]


async def test_question_without_an_index_says_how_to_rebuild_it(caller: Any) -> None:
    await remove_index(caller)
    reply = await caller.post("/chat", json={"message": PUSH})

    assert reply.status_code == 503
    assert "refresh --rebuild" in reply.json()["detail"]


async def test_index_is_rebuilt_over_http_when_its_files_are_gone(caller: Any) -> None:
    await remove_index(caller)
    rebuilt = await caller.post("/index-docs", json={"rebuild": True})

    assert (rebuilt.status_code, rebuilt.json()["status"]) == (200, "promoted")
    assert (await caller.get("/health")).status_code == 200
    assert "quill push" in (await caller.post("/chat", json={"message": PUSH})).json()["response"]


async def test_index_that_is_up_to_date_is_left_alone(caller: Any) -> None:
    reply = await caller.post("/index-docs")

    assert reply.status_code == 200
    assert reply.json()["status"] == "unchanged"
    assert reply.json()["run_id"]


async def test_rebuild_shows_its_progress(caller: Any) -> None:
    events = await caller.events("/index-docs", {"rebuild": True})

    assert {event.name for event in events[:-1]} == {"progress"}
    assert events[-1].name == "finished"
    assert events[-1].data["status"] == "promoted"
    assert events[-1].data["documents"] == 3
    assert any(0 < event.data["done"] <= event.data["total"] for event in events[:-1])
    wanted = {"stage", "done", "total", "unit", "seconds", "rate", "seconds_left"}
    assert all(event.data.keys() == wanted for event in events[:-1])


async def test_refresh_that_fails_says_why_and_keeps_the_index(caller: Any) -> None:
    assert (await caller.delete("/sources/knowledge")).json() == {"name": "knowledge", "pages": 3}
    reply = await caller.post("/index-docs")
    events = await caller.events("/index-docs")
    asked = await caller.post("/chat", json={"message": PUSH})

    assert reply.status_code == 503
    assert "There is no page to index" in reply.json()["detail"]
    assert events[-1].name == "error"
    assert "There is no page to index" in events[-1].data["detail"]
    assert asked.status_code == 200


@pytest.mark.parametrize("body", [b'{"rebuild": "perhaps"}', b'{"rebuilt": true}', b"{", b"[]"])
async def test_index_request_that_cannot_be_understood(caller: Any, body: bytes) -> None:
    reply = await caller.post("/index-docs", content=body, headers={"Content-Type": "application/json"})

    assert reply.status_code == 422


# the key


@pytest.mark.parametrize(("method", "path", "body"), CLOSED, ids=lambda value: value if isinstance(value, str) else "")
async def test_doors_that_want_the_key(calling: Any, method: str, path: str, body: Any) -> None:
    async with calling(api_key=KEY) as caller:
        refusals = [
            await caller.request(method, path, json=body, headers=headers)
            for headers in (
                {},
                {"Authorization": "Bearer wrong"},
                {"X-API-Key": "wrong"},
                {"Authorization": f"Basic {KEY}"},
            )
        ]
        allowed = [
            await caller.request(method, path, json=body, headers=headers)
            for headers in ({"Authorization": f"Bearer {KEY}"}, {"X-API-Key": KEY})
        ]

    assert [reply.status_code for reply in refusals] == [401] * 4
    assert all("Authorization: Bearer" in reply.json()["detail"] for reply in refusals)
    assert all(reply.headers["www-authenticate"] == "Bearer" for reply in refusals)
    assert {reply.status_code for reply in allowed} <= {200, 201, 404, 409}


@pytest.mark.parametrize(
    ("key", "site", "status"), [(None, "cross-site", 403), (None, "none", 200), (KEY, "cross-site", 200)]
)
async def test_page_of_another_site_may_ask_only_with_the_key(calling: Any, key: Any, site: str, status: int) -> None:
    async with calling(api_key=key) as caller:
        reply = await caller.get("/sources", headers={"Sec-Fetch-Site": site, "X-API-Key": KEY})

    assert reply.status_code == status


@pytest.mark.parametrize("path", ["/", "/health"])
async def test_doors_that_are_open(calling: Any, path: str) -> None:
    async with calling(api_key=KEY) as caller:
        assert (await caller.get(path)).status_code == 200


async def test_no_key_is_told_before_the_body_is_read(calling: Any) -> None:
    async with calling(api_key=KEY) as caller:
        reply = await caller.post("/chat", json={"message": ""})

    assert reply.status_code == 401


# the documentation


async def test_api_document_tells_every_endpoint_and_is_whole(caller: Any) -> None:
    document = (await caller.get("/openapi.json")).json()
    references = set(re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', (await caller.get("/openapi.json")).text))

    assert document["openapi"].startswith("3.")
    assert set(document["paths"]) == {
        "/", "/health", "/metrics", "/chat", "/chat/{turn_id}", "/crew-chat", "/history/{session_id}",
        "/messages/{message_id}/replay", "/index-docs", "/search",
        "/sources", "/sources/check", "/sources/{name}", "/sources/{name}/check", "/sources/{name}/pages",
        "/sources/{name}/upload", "/index/versions", "/index/versions/{version}/promote", "/index/changes",
        "/index/rollback", "/index/evaluate",
    }  # fmt: skip
    upload = document["paths"]["/sources/{name}/upload"]["post"]["requestBody"]["content"]
    assert upload["multipart/form-data"]["schema"]["properties"]["files"]["type"] == "array"
    assert references <= document["components"]["schemas"].keys()
    assert set(document["paths"]["/history/{session_id}"]) == {"get", "delete"}
    assert set(document["paths"]["/chat/{turn_id}"]) == {"delete"}
    assert "text/event-stream" in document["paths"]["/chat"]["post"]["responses"]["200"]["content"]
    described = document["paths"]["/chat"]["post"]["responses"]
    assert {"200", "401", "422", "503"} <= described.keys()
    assert described["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
    operations = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert len(operations) == len(set(operations))


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_documentation_comes_from_this_machine(caller: Any, path: str) -> None:
    page = await caller.get(path)
    loaded = re.findall(r"""(?:src|href)=["']([^"']+)["']""", page.text)

    assert page.status_code == 200
    assert loaded
    assert [address for address in loaded if "://" in address or address.startswith("//")] == []
    for address in loaded:
        assert (await caller.get(address)).status_code == 200, address
