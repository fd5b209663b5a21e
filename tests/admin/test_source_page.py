from collections.abc import Iterator
from datetime import timedelta

import pytest
from nicegui import ui
from nicegui.elements.upload_files import SmallFileUpload
from nicegui.testing import User

from admin.components import source_pages
from core.bootstrap import Services
from core.domain.knowledge import Source, SourceKind
from tests.emulators.site import Site

PATIENCE = 200


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().open() as opened:
        yield opened


@pytest.fixture
async def uploads(console_services: Services) -> Source:
    source = Source("handbook", SourceKind.UPLOAD)
    await console_services.sources.add(source)
    return source


async def upload(owner: User, *files: tuple[str, bytes]) -> None:
    field = next(iter(owner.find(kind=ui.upload).elements))
    with field:
        await field.handle_uploads([SmallFileUpload(name, "text/plain", raw) for name, raw in files])


async def test_each_uploaded_file_tells_whether_it_could_be_read(
    owner: User, console_services: Services, uploads: Source
) -> None:
    await owner.open(f"/sources/{uploads.name}")
    await owner.should_see("No page yet")

    await upload(owner, ("tide.md", b"# Tidewatch\n\nTidewatch measures drift.\n"), ("torn.pdf", b"%PDF-1.7 torn"))

    await owner.should_see("Read as “Tidewatch”.", retries=PATIENCE)
    await owner.should_see("torn.pdf", retries=PATIENCE)
    await owner.should_see("1 live")
    await owner.should_see("Not indexed yet: 1 page differs from the live index")
    owner.find(kind=ui.button, content="Re-index now").click()
    await owner.should_see("The live index was updated in place: 1 added.", retries=PATIENCE)
    document = await console_services.library.document("handbook/tide.md")
    assert document
    assert document.title == "Tidewatch"


async def test_upload_to_a_source_that_was_removed_meanwhile_says_so(
    owner: User, console_services: Services, uploads: Source
) -> None:
    await owner.open(f"/sources/{uploads.name}")
    await console_services.sources.remove(uploads.name)

    await upload(owner, ("tide.md", b"# Tidewatch\n\nTidewatch measures drift.\n"))

    await owner.should_see("There is no source", retries=PATIENCE)


async def test_uploaded_page_is_removed(owner: User, console_services: Services, uploads: Source) -> None:
    news = console_services.gatherer.read_upload(uploads, "tide.md", b"# Tidewatch\n\nTidewatch measures drift.\n")
    await console_services.library.record(uploads.name, [news], grace=timedelta(days=7))
    await owner.open(f"/sources/{uploads.name}")

    interaction = owner.find(kind=ui.button)
    interaction.elements = {e for e in interaction.elements if e.props.get("aria-label") == "Remove Tidewatch"}
    interaction.click()
    await owner.should_see("Remove “Tidewatch”?")
    owner.find(marker="agree").click()

    await owner.should_see("No page yet")
    assert await console_services.library.pages(uploads.name) == []


async def test_pages_are_shown_with_what_became_of_them(owner: User, console_services: Services, site: Site) -> None:
    prose = "Tidewatch tells how far features drift with the tide. " * 9
    site.put("/start", f"<html><head><title>Tidewatch</title></head><body><main><p>{prose}</p></main></body></html>")
    site.put("/empty", "<html><body></body></html>")
    addresses = " ".join(f"{site.url}/{name}" for name in ("start", "empty", "missing"))
    await console_services.sources.add(Source("tide", SourceKind.PAGE, addresses, internal=True))
    await console_services.refresher.finished("test")

    await owner.open("/sources/tide")

    pages = {page.location: page for page in await console_services.library.pages("tide")}
    for page in pages.values():
        await owner.should_see(page.status.value)
        if page.reason:
            await owner.should_see(page.reason)
    links = {link.text: link.props["href"] for link in owner.find(kind=ui.link).elements}
    assert links["Tidewatch"] == f"/knowledge/{pages[f'{site.url}/start'].path.replace(':', '%3A')}"
    await owner.open("/sources")
    await owner.should_see("could not be read")


async def test_long_list_of_pages_is_shown_in_parts(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_pages, "STEP", 2)
    await owner.open("/sources/knowledge")
    await owner.should_not_see("Store models with Quillstore")

    owner.find("Show more of 1 page").click()

    await owner.should_see("Store models with Quillstore")


async def test_removing_the_source_leads_back_to_all_sources(
    owner: User, console_services: Services, uploads: Source
) -> None:
    await owner.open(f"/sources/{uploads.name}")

    interaction = owner.find(kind=ui.button)
    interaction.elements = {e for e in interaction.elements if e.props.get("aria-label") == "Remove handbook"}
    interaction.click()
    await owner.should_see("It has no pages yet.")
    owner.find(marker="agree").click()

    await owner.should_see("Where the pages come from", retries=PATIENCE)
    assert [source.name for source in await console_services.sources.all()] == ["knowledge"]


async def test_unknown_source_says_so(owner: User) -> None:
    reply = await owner.http_client.get("/sources/nothing")

    assert reply.status_code == 404
    assert "No such source" in reply.text


@pytest.mark.parametrize("address", ["/sources", "/sources/knowledge", "/versions/a/b"])
async def test_visitors_are_sent_to_the_login(visitor: User, address: str) -> None:
    reply = await visitor.http_client.get(address)

    assert reply.status_code == 303
    assert "/login" in reply.headers["location"]
