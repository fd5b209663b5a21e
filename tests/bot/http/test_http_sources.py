"""Sources over HTTP: added, changed, checked, read, uploaded to and removed."""

from pathlib import Path
from typing import Any

import pytest

from core.knowledge.curate import UPLOAD_BYTES
from tests.emulators.site import Site

HTML = "<html><head><title>Brew</title></head><body><main><h1>Brew with Beanloop</h1>{}</main></body></html>"
PARAGRAPH = "<p>Beanloop brews coffee for the whole team with the command <code>bean brew</code> every day.</p>"
NOTE = b"# Gribblex\n\nGribblex is started with `gribble up`.\n"


@pytest.fixture
def site() -> Any:
    opened = Site()
    opened.put("/robots.txt", "User-agent: *\nAllow: /\n")
    with opened.open():
        yield opened


async def add(caller: Any, name: str, **fields: Any) -> Any:
    return await caller.post("/sources", json={"name": name, **fields})


async def test_shipped_folder_is_a_source_with_its_pages(caller: Any) -> None:
    [source] = (await caller.get("/sources")).json()
    pages = (await caller.get("/sources/knowledge/pages")).json()

    assert (source["name"], source["kind"], source["pages"], source["problem"]) == ("knowledge", "folder", 3, "")
    assert [page["path"] for page in pages] == ["drumline.md", "monitoring/gaugeworks.md", "quillstore.md"]
    assert {page["status"] for page in pages} == {"live"}
    assert (await caller.get("/sources/knowledge/pages?status=failed")).json() == []


async def test_site_is_added_checked_fetched_found_and_removed(caller: Any, site: Site) -> None:
    address = site.put("/brew.html", HTML.format(PARAGRAPH * 3))
    missing = f"{site.url}/gone.html"
    added = await add(caller, "beans", location=f"{address} {missing}", product="Beanloop", internal=True)
    checked = (await caller.post("/sources/beans/check")).json()
    refreshed = (await caller.post("/index-docs")).json()
    found = (await caller.get("/search", params={"q": "bean brew", "source": "beans"})).json()
    pages = {page["location"]: page for page in (await caller.get("/sources/beans/pages")).json()}

    assert (added.status_code, added.json()["kind"]) == (201, "page")
    assert checked["ok"]
    assert "2 pages; the first is “Brew”" in checked["said"]
    assert (refreshed["status"], refreshed["change"]["added"]) == ("updated", 1)
    assert {passage["address"] for passage in found["passages"]} == {address}
    assert found["passages"][0]["product"] == "Beanloop"
    assert pages[address]["status"] == "live"
    assert pages[missing]["status"] == "gone"
    assert pages[missing]["reason"]

    removed = (await caller.delete("/sources/beans")).json()
    refreshed = (await caller.post("/index-docs")).json()
    assert removed == {"name": "beans", "pages": 1}
    assert (refreshed["status"], refreshed["change"]["removed"]) == ("updated", 1)
    assert (await caller.get("/sources/beans")).status_code == 404


@pytest.mark.parametrize("taken", ["beans", "monitoring"], ids=["by a source", "by a folder of pages"])
async def test_name_that_is_taken(caller: Any, taken: str) -> None:
    await add(caller, "beans", location="https://x.test")
    reply = await add(caller, taken, location="https://y.test")

    assert reply.status_code == 409
    assert "Choose another name" in reply.json()["detail"]


REFUSED = {
    "capitals in the name": ({"name": "Beans", "location": "https://x.test"}, "is no name for a source"),
    "name of the shipped folder": ({"name": "knowledge", "location": "https://x.test"}, "is no name for a source"),
    "no location": ({"name": "beans", "kind": "page"}, "needs a location"),
    "not of the web": ({"name": "beans", "kind": "page", "location": "file:///etc/passwd"}, "is no web address"),
    "unknown kind": ({"name": "beans", "kind": "ftp", "location": "x"}, "kind"),
    "no pages at all": ({"name": "beans", "location": "https://x.test", "max_pages": 0}, "max_pages"),
    "unknown field": ({"name": "beans", "location": "https://x.test", "colour": 1}, "colour"),
}


@pytest.mark.parametrize(("body", "said"), REFUSED.values(), ids=REFUSED.keys())
async def test_source_that_cannot_be_added(caller: Any, body: dict[str, Any], said: str) -> None:
    reply = await caller.post("/sources", json=body)

    assert reply.status_code == 422
    assert said in reply.json()["detail"]
    assert len((await caller.get("/sources")).json()) == 1


async def test_change_keeps_what_is_not_named(caller: Any) -> None:
    await add(caller, "beans", location="https://x.test", product="Beanloop", include=["*/docs/*"], max_pages=7)
    changed = (await caller.patch("/sources/beans", json={"enabled": False, "include": []})).json()
    refused = await caller.patch("/sources/beans", json={"location": "ftp://x.test"})

    assert (changed["enabled"], changed["include"]) == (False, [])
    assert (changed["product"], changed["max_pages"], changed["kind"]) == ("Beanloop", 7, "page")
    assert refused.status_code == 422
    assert (await caller.get("/sources/beans")).json() == changed


async def test_shipped_folder_can_be_switched_off_but_not_moved(caller: Any) -> None:
    moved = await caller.patch("/sources/knowledge", json={"location": "/etc"})
    switched = await caller.patch("/sources/knowledge", json={"enabled": False})

    assert moved.status_code == 422
    assert "KNOWLEDGE_DIR" in moved.json()["detail"]
    assert (switched.json()["enabled"], switched.json()["pages"]) == (False, 3)


async def test_check_of_what_is_not_added_stores_nothing(caller: Any, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "note.md").write_bytes(NOTE)
    good = (await caller.post("/sources/check", json={"location": str(tmp_path / "docs")})).json()
    private = (await caller.post("/sources/check", json={"location": "http://169.254.169.254/latest"})).json()
    nothing = await caller.post("/sources/check", json={})

    assert (good["ok"], good["kind"]) == (True, "folder")
    assert "Gribblex" in good["said"]
    assert private["ok"] is False
    assert "169.254.169.254" in private["said"]
    assert nothing.json()["kind"] == "upload"
    assert len((await caller.get("/sources")).json()) == 1


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sources/nobody"), ("PATCH", "/sources/nobody"), ("DELETE", "/sources/nobody"),
        ("POST", "/sources/nobody/check"), ("GET", "/sources/nobody/pages"), ("POST", "/sources/nobody/upload"),
    ],
)  # fmt: skip
async def test_unknown_source(caller: Any, method: str, path: str) -> None:
    reply = await caller.request(method, path, json={} if method == "PATCH" else None)

    assert reply.status_code == 404
    assert "nobody" in reply.json()["detail"]


async def test_uploaded_files_are_found_after_a_refresh(caller: Any) -> None:
    assert (await add(caller, "files")).json()["kind"] == "upload"
    sent = [("files", ("gribblex.md", NOTE)), ("files", ("../../broken.pdf", b"%PDF-1.7 nothing"))]
    taken, broken = (await caller.post("/sources/files/upload", files=sent)).json()["files"]
    await caller.post("/index-docs")
    found = (await caller.get("/search", params={"q": "gribble up", "count": 1})).json()["passages"]

    assert taken == {
        "name": "gribblex.md",
        "read": True,
        "path": "files/gribblex.md",
        "title": "Gribblex",
        "reason": "",
    }
    assert broken["read"] is False
    assert broken["reason"]
    assert [passage["page"] for passage in found] == ["files/gribblex.md"]


async def test_file_that_is_too_large_is_refused_and_the_others_are_taken(caller: Any) -> None:
    await add(caller, "files")
    sent = [("files", ("big.txt", b"x" * (UPLOAD_BYTES + 1))), ("files", ("gribblex.md", NOTE))]
    big, small = (await caller.post("/sources/files/upload", files=sent)).json()["files"]

    assert (big["read"], small["read"]) == (False, True)
    assert "20 MB" in big["reason"]


async def test_flood_is_refused_before_it_is_read(caller: Any) -> None:
    await add(caller, "files")
    declared = {"Content-Length": str(2**40), "Content-Type": "multipart/form-data; boundary=x"}
    flood = await caller.post("/sources/files/upload", content=b"", headers=declared)

    async def endless() -> Any:
        yield b"--x"

    unknown = await caller.post(
        "/sources/files/upload", content=endless(), headers={"Content-Type": declared["Content-Type"]}
    )

    assert (flood.status_code, unknown.status_code) == (413, 411)


async def test_upload_without_a_file_or_into_another_kind(caller: Any) -> None:
    await add(caller, "files")
    empty = await caller.post("/sources/files/upload", data={"a": "b"})
    folder = await caller.post("/sources/knowledge/upload", files=[("files", ("gribblex.md", NOTE))])

    assert (empty.status_code, folder.status_code) == (422, 422)
    assert "`files`" in empty.json()["detail"]
    assert "kind folder" in folder.json()["detail"]
