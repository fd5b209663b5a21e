"""The index over HTTP: versions, changes, rollback, promotion, evaluation and search."""

import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.domain.knowledge import Stage

PAGES = Path(__file__).parents[2] / "pages"
TUBA = "# Tubaform\n\nTubaform blows models into shape with `tuba blow`.\n"

QUESTIONS = [
    {"id": "push", "question": "How do I push a model to Quillstore?", "gold": ["quillstore.md"]},
    {"id": "drift", "question": "How does Gaugeworks measure drift?", "gold": ["monitoring/gaugeworks.md"]},
    {"id": "elsewhere", "question": "What does Tubaform blow?", "gold": ["tubaform.md"]},
    {"id": "chess", "question": "Who won the chess championship of 1972?", "gold": []},
]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    return shutil.copytree(PAGES, tmp_path / "pages")


@pytest.fixture
async def keeper(calling: Any, pages: Path, tmp_path: Path) -> AsyncIterator[Any]:
    """A caller of a service with pages and golden questions of the test's own."""
    questions = tmp_path / "questions.jsonl"
    questions.write_text("".join(json.dumps(question) + "\n" for question in QUESTIONS))
    async with calling(knowledge_dir=pages, golden_file=questions) as caller:
        yield caller


async def versions(caller: Any) -> list[Any]:
    return (await caller.get("/index/versions")).json()


async def test_change_in_place_is_told_undone_and_told_again(keeper: Any, pages: Path) -> None:
    (pages / "tubaform.md").write_text(TUBA)
    refreshed = (await keeper.post("/index-docs")).json()
    live = (await keeper.post("/index/rollback")).json()
    undoing, undone, first = (await keeper.get("/index/changes")).json()

    assert (refreshed["status"], refreshed["problems"], refreshed["reason"]) == ("updated", 0, "")
    assert refreshed["change"]["pages"] == [{"path": "tubaform.md", "what": "added"}]
    assert (live["documents"], live["revision"], live["stage"]) == (3, 2, "Production")
    assert (undone["added"], undone["in_place"]) == (1, True)
    assert undone["undone_at"]
    assert (undoing["removed"], first["before"]) == (1, None)
    assert (await keeper.post("/index-docs")).json()["status"] == "unchanged"


async def test_rebuilt_index_can_be_gone_back_from(keeper: Any) -> None:
    [before] = await versions(keeper)
    await keeper.post("/index-docs", json={"rebuild": True})
    live = (await keeper.post("/index/rollback", json={"version": before["id"][-8:]})).json()
    newer, older = await versions(keeper)

    assert (live["id"], older["stage"], newer["stage"]) == (before["id"], "Production", "Archived")
    assert "Rolled back" in newer["reason"]


async def test_version_in_staging_is_promoted_by_hand(keeper: Any) -> None:
    [before] = await versions(keeper)
    await keeper.post("/index-docs", json={"rebuild": True})
    await keeper.services.versions.set_stage(before["id"], Stage.STAGING, "It waits.")
    promoted = await keeper.post(f"/index/versions/{before['id'][-8:]}/promote")
    again = await keeper.post(f"/index/versions/{before['id'][-8:]}/promote")

    assert (promoted.status_code, promoted.json()["stage"]) == (200, "Production")
    assert again.status_code == 404
    assert "only one in Staging can be promoted" in again.json()["detail"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/index/rollback", {"version": "abcdabcd"}, 404),
        ("/index/rollback", {"version": "the last one"}, 422),
        ("/index/rollback", {"revision": 1}, 422),
        ("/index/rollback", None, 422),
        ("/index/versions/abcdabcd/promote", None, 404),
        ("/index/evaluate", {"version": "abcdabcd"}, 404),
        ("/index/evaluate", {"questions": "/etc/passwd"}, 422),
    ],
    ids=["unknown", "no id", "unknown field", "first index", "unknown to promote", "unknown to ask", "no files"],
)
async def test_what_cannot_be_done(keeper: Any, path: str, body: Any, status: int) -> None:
    reply = await keeper.post(path, json=body)

    assert reply.status_code == status
    assert reply.json()["detail"]


async def test_rollback_is_refused_while_a_refresh_is_under_way(keeper: Any) -> None:
    refresh = keeper.services.refresher.refresh("test", rebuild=True)
    await anext(refresh)
    reply = await keeper.post("/index/rollback")

    assert reply.status_code == 409
    assert "A refresh is under way" in reply.json()["detail"]
    assert [item async for item in refresh][-1].status == "promoted"


async def test_evaluation_is_measured_and_stored_with_its_version(keeper: Any) -> None:
    found = (await keeper.post("/index/evaluate")).json()
    [version] = await versions(keeper)

    assert [outcome["id"] for outcome in found["outcomes"]] == ["push", "drift", "chess"], "others have no page here"
    assert found["outcomes"][0]["pages"][0] == "quillstore.md"
    assert (found["outcomes"][0]["rank"], found["outcomes"][2]["rank"]) == (1, None)
    assert found["metrics"]["recall@1"] == {"value": 1.0, "low": 1.0, "high": 1.0, "count": 2}
    assert found["comparison"] is None
    assert version["metrics"] == found["metrics"]


async def test_versions_are_compared_question_by_question(keeper: Any, pages: Path) -> None:
    [before] = await versions(keeper)
    (pages / "quillstore.md").unlink()
    await keeper.post("/sources/knowledge/check")
    await keeper.post("/index-docs", json={"rebuild": True})
    found = (await keeper.post("/index/evaluate", json={"compare": before["id"][-8:]})).json()

    assert found["comparison"]["version"] == before["id"]
    assert found["comparison"]["differences"]["recall@1"]["value"] == 0
    assert found["comparison"]["questions"] == []


async def test_evaluation_without_a_fitting_question(calling: Any, tmp_path: Path) -> None:
    async with calling(golden_file=tmp_path / "none.jsonl") as caller:
        reply = await caller.post("/index/evaluate")

    assert reply.status_code == 422
    assert "GOLDEN_FILE" in reply.json()["detail"]


async def test_search_is_kept_to_products_and_sources(keeper: Any) -> None:
    async def pages_of(**asked: Any) -> set[str]:
        reply = await keeper.get("/search", params={"q": "push a model", "count": 10, **asked})
        return {passage["page"] for passage in reply.json()["passages"]}

    assert "quillstore.md" in await pages_of()
    assert await pages_of(product="Drumline") == {"drumline.md"}
    assert await pages_of(product=["Drumline", "Quillstore"]) == {"drumline.md", "quillstore.md"}
    assert await pages_of(source="knowledge") == await pages_of()
    assert await pages_of(source="nobody") == set()


async def test_found_passage_tells_where_it_is_from(keeper: Any) -> None:
    [passage] = (await keeper.get("/search?q=How do I push a model to Quillstore?&count=1")).json()["passages"]

    assert (passage["page"], passage["product"], passage["source"]) == ("quillstore.md", "Quillstore", "knowledge")
    assert passage["heading_path"]
    assert passage["address"].endswith("/admin/knowledge/quillstore.md")
    assert 0.5 <= passage["score"] <= 1
    assert "quill push" in passage["text"]


@pytest.mark.parametrize("query", ["", "?q=", "?q=drift&count=0", "?q=drift&count=51", f"?q={'x' * 9000}"])
async def test_search_that_cannot_be_understood(caller: Any, query: str) -> None:
    assert (await caller.get(f"/search{query}")).status_code == 422
