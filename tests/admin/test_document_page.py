from datetime import timedelta

import pytest
from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services
from core.domain.knowledge import Document, Look, PageNews, Source, SourceKind
from tests.emulators.site import Site

PATIENCE = 200


async def test_document_is_shown_with_product_reference_and_anchors(owner: User) -> None:
    await owner.open("/knowledge")
    targets = [link.props["href"] for link in owner.find(kind=ui.link).elements]
    assert "/knowledge/quillstore.md" in targets
    await owner.open("/knowledge/quillstore.md")

    for text in ("Quillstore keeps trained models", "quillstore.md", "looked at"):
        await owner.should_see(text)
    links = {link.text: link.props["href"] for link in owner.find(kind=ui.link).elements}
    assert links["Reference ↗"] == "https://example.org/quillstore"
    assert links["Source knowledge"] == "/sources/knowledge"
    html = next(iter(owner.find(kind=ui.html).elements)).props["innerHTML"]
    assert 'id="push-a-model-to-quillstore"' in html
    assert "<h1" not in html


async def test_every_passage_links_to_an_anchor_that_exists(owner: User, console_services: Services) -> None:
    live = await console_services.retriever.live()
    addresses = {passage.address for passage in live.get(list(live.contents.places)) if "#" in passage.address}
    assert addresses

    for address in addresses:
        path, _, fragment = address.removeprefix("/admin").partition("#")
        await owner.open(path)
        html = next(iter(owner.find(kind=ui.html).elements)).props["innerHTML"]
        assert f'id="{fragment}"' in html


@pytest.mark.parametrize("path", ["missing.md", "../../../etc/passwd", "%2e%2e/settings.py", "monitoring/"])
async def test_unknown_page_says_so(owner: User, path: str) -> None:
    reply = await owner.http_client.get(f"/knowledge/{path}")

    assert reply.status_code == 404


async def test_page_of_a_site_shows_its_address_and_that_it_is_gone(owner: User, console_services: Services) -> None:
    source = Source("tide", SourceKind.PAGE, "https://tide.example/start")
    await console_services.sources.add(source)
    document = Document(
        path="tide/tide.example/start",
        title="Tidewatch",
        product="Tidewatch",
        address="https://tide.example/start",
        reference="",
        text="Tidewatch measures drift.",
        content_hash="f" * 64,
        source="tide",
        language="en",
    )
    news = PageNews(document.address, document.path, Look.FRESH, document)
    gone = PageNews(document.address, document.path, Look.GONE, reason="The site says 404.")
    for look in (news, gone):
        await console_services.library.record("tide", [look], grace=timedelta(days=7))

    await owner.open("/knowledge/tide/tide.example/start")

    for text in ("language en", "Gone at its source", "The site says 404. What is shown is the last copy."):
        await owner.should_see(text)
    link = next(iter(owner.find(kind=ui.link, content="https://tide.example/start ↗").elements))
    assert (link.props["href"], link.props["target"]) == ("https://tide.example/start", "_blank")


async def test_passages_of_a_page_are_shown_in_reading_order(owner: User, console_services: Services) -> None:
    passages = await console_services.retriever.passages_of("quillstore.md")
    assert passages
    await owner.open("/knowledge/quillstore.md?view=passages")

    await owner.should_see(f"{len(passages)} passage")
    for passage in passages:
        await owner.should_see(passage.text)


async def test_page_that_is_not_indexed_says_so(owner: User, console_services: Services) -> None:
    await console_services.sources.add(Source("notes", SourceKind.UPLOAD))
    source = await console_services.sources.get("notes")
    await console_services.curator.upload(source.name, "tide.md", b"# Tidewatch\n\nTidewatch measures drift.\n")
    await owner.open("/knowledge/notes/tide.md?view=passages")
    await owner.should_see("Not indexed")

    await owner.open("/knowledge/notes/tide.md?view=original")
    await owner.should_see("Uploaded files are not kept, only what was read in them.")


async def test_original_stands_beside_what_was_read(owner: User) -> None:
    await owner.open("/knowledge/quillstore.md?view=original")

    await owner.should_see("As it was read")
    await owner.should_see("title: Store mod")  # the head of the file itself, which is not read


async def test_original_of_a_hostile_page_runs_nothing(owner: User, console_services: Services) -> None:
    hostile = "<script>parent.document.title = 'taken'</script>"
    said = "Tidewatch measures how far features drift with the tide. " * 9
    site = Site()
    address = site.put("/tide", f"<!doctype html><title>Tide</title><main><h1>Tide</h1><p>{said}</p>{hostile}</main>")
    with site.open():
        fields = {"kind": SourceKind.PAGE, "location": address, "internal": True}
        await console_services.curator.add("tide", fields)
        await console_services.refresher.finished("test")
        [page] = await console_services.library.pages("tide")
        await owner.open(f"/knowledge/{page.path}?view=original")
        await owner.should_see(marker="original", retries=PATIENCE)

    [shown] = owner.find(marker="original").elements
    assert hostile in shown.props["srcdoc"]
    assert shown.props["sandbox"] == "", "nothing is allowed in it"
