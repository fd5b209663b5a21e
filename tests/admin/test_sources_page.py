from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from nicegui import ui
from nicegui.testing import User

from core.bootstrap import Services
from core.domain.knowledge import Source, SourceKind
from tests.emulators.site import Site

PATIENCE = 200

TIDE = "<html><head><title>Tidewatch</title></head><body><main><h1>Tidewatch</h1><p>{}</p></main></body></html>"


@pytest.fixture
def site() -> Iterator[Site]:
    """A site with two pages and a sitemap."""
    tide = Site()
    pages = [tide.put(f"/docs/{name}", TIDE.format(f"{name} tells how far features drift with the tide. " * 9))
             for name in ("start", "drift")]  # fmt: skip
    listed = "".join(f"<url><loc>{address}</loc></url>" for address in pages)
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    tide.put("/sitemap.xml", f'<urlset xmlns="{space}">{listed}</urlset>', Content_Type="application/xml")
    with tide.open():
        yield tide


def field(owner: User, label: str) -> ui.input:
    """A field of the form by its label."""
    kinds = (ui.input, ui.textarea)
    found = [e for kind in kinds for e in owner.find(kind=kind).elements if e.props.get("label") == label]
    assert found, f"no field {label}"
    return found[0]


def choose(owner: User, kind: SourceKind) -> None:
    select = next(iter(owner.find(kind=ui.select).elements))
    select.set_value(kind)


def press(owner: User, button: str) -> None:
    """Presses the button that says just this."""
    found = [e for e in owner.find(kind=ui.button).elements if e.text == button]
    owner.find(kind=ui.button, content=button)
    interaction = owner.find(kind=ui.button)
    interaction.elements = set(found)
    interaction.click()


def press_labelled(owner: User, label: str) -> None:
    """Presses the button or switch that is known by its label alone."""
    for kind in (ui.button, ui.switch):
        try:
            interaction = owner.find(kind=kind)
        except AssertionError:
            continue
        interaction.elements = {e for e in interaction.elements if e.props.get("aria-label") == label}
        if interaction.elements:
            interaction.click()
            return
    raise AssertionError(label)


async def open_form(owner: User) -> None:
    await owner.open("/sources")
    press(owner, "Add a source")
    await owner.should_see("Addresses, one a line")


async def test_shipped_folder_is_listed_and_can_only_be_switched_off(owner: User, console_services: Services) -> None:
    await owner.open("/sources")

    for text in ("knowledge", "folder", "3 pages", "last look", "All that the sources gave is in the index."):
        await owner.should_see(text)
    labels = {element.props.get("aria-label") for element in owner.find(kind=ui.button).elements}
    assert not {"Remove knowledge", "Change knowledge"} & labels

    press_labelled(owner, "Look at knowledge")

    await owner.should_see("“knowledge” is not looked at any more. Its pages stay in the index as they are.")
    await owner.should_see("off")
    assert (await console_services.sources.get("knowledge")).enabled is False


async def test_site_is_checked_added_and_indexed(owner: User, console_services: Services, site: Site) -> None:
    await open_form(owner)
    field(owner, "Name").set_value("tide")
    choose(owner, SourceKind.SITEMAP)
    await owner.should_see("Pages at most")
    field(owner, "Address of the sitemap").set_value(f" {site.url}/sitemap.xml ")
    field(owner, "Product").set_value("Tidewatch")

    press(owner, "Check")
    await owner.should_see("an address of a private network. Mark the source as internal", retries=PATIENCE)
    owner.find("Internal source").click()
    press(owner, "Check")
    await owner.should_see("It can be read: 2 pages; the first is “Tidewatch”", retries=PATIENCE)
    assert await console_services.sources.page_counts() == {"knowledge": 3}
    press(owner, "Add")

    await owner.should_see("“tide” was added. Re-index to read its pages.")
    await owner.should_see("Not indexed yet: “tide” has not been read since added or changed.")
    press(owner, "Re-index now")
    await owner.should_see("2 added", retries=PATIENCE)
    await owner.should_see("2 pages")
    await owner.should_see("All that the sources gave is in the index.")
    added = await console_services.sources.get("tide")
    assert (added.location, added.product, added.internal) == (f"{site.url}/sitemap.xml", "Tidewatch", True)


@pytest.mark.parametrize(
    ("name", "location", "said"),
    [
        ("tide", "ftp://tide.example/", "ftp://tide.example/ is no web address. Begin with https://"),
        ("tide", "", "needs a location"),
        ("Tide Pool", "https://tide.example/", "'Tide Pool' is no name for a source."),
        ("", "https://tide.example/", "is no name for a source."),
        ("knowledge", "https://tide.example/", "and not 'knowledge'"),
        ("taken", "https://tide.example/", "There is a source 'taken' already. Choose another name."),
    ],
)
async def test_refused_source_says_why_and_keeps_what_was_typed(
    owner: User, console_services: Services, name: str, location: str, said: str
) -> None:
    await console_services.sources.add(Source("taken", SourceKind.UPLOAD))
    await open_form(owner)
    field(owner, "Name").set_value(name)
    field(owner, "Addresses, one a line").set_value(location)
    field(owner, "Product").set_value("Tidewatch")

    press(owner, "Add")

    await owner.should_see(said)
    typed = [field(owner, label).value for label in ("Name", "Addresses, one a line", "Product")]
    assert typed == [name, location, "Tidewatch"]
    assert [source.name for source in await console_services.sources.all()] == ["knowledge", "taken"]


async def test_check_of_a_site_that_is_down_says_so(owner: User, site: Site) -> None:
    site.put("/docs/start", status=404)
    await open_form(owner)
    field(owner, "Name").set_value("tide")
    field(owner, "Addresses, one a line").set_value(f"{site.url}/docs/start")
    owner.find("Internal source").click()

    press(owner, "Check")

    await owner.should_see("404", retries=PATIENCE)
    assert not owner.find(kind=ui.button, content="Check").elements.pop().props.get("loading")


async def test_form_shows_the_fields_of_the_kind(owner: User) -> None:
    await open_form(owner)
    await owner.should_not_see("Branch or tag")

    choose(owner, SourceKind.GIT)
    await owner.should_see("Branch or tag")
    await owner.should_see("Only pages that match, one pattern a line")

    choose(owner, SourceKind.UPLOAD)
    for text in ("Branch or tag", "Internal source", "Address of the repository", "Only pages that match"):
        await owner.should_not_see(text)
    press(owner, "Cancel")
    await owner.should_not_see("Product")


async def test_source_is_changed(owner: User, console_services: Services, tmp_path: Path) -> None:
    notes = Source("notes", SourceKind.FOLDER, str(tmp_path), include=("*.md",), enabled=False)
    await console_services.sources.add(notes)
    await owner.open("/sources")

    press_labelled(owner, "Change notes")
    await owner.should_see("Change “notes”")
    assert not field(owner, "Name").enabled
    field(owner, "Product").set_value("Notes")
    field(owner, "Only pages that match, one pattern a line").set_value("*.md\n\n a/*.txt ")
    press(owner, "Save")

    await owner.should_see("“notes” was changed.")
    changed = await console_services.sources.get("notes")
    assert changed == replace(notes, product="Notes", include=("*.md", "a/*.txt"))


async def test_source_that_was_removed_meanwhile_cannot_be_changed(owner: User, console_services: Services) -> None:
    await console_services.sources.add(Source("notes", SourceKind.UPLOAD))
    await owner.open("/sources")
    press_labelled(owner, "Change notes")
    await owner.should_see("Change “notes”")
    await console_services.sources.remove("notes")

    press(owner, "Save")

    await owner.should_see("There is no source 'notes'.")


async def test_source_is_removed_and_its_pages_leave_with_the_next_refresh(
    owner: User, console_services: Services, tmp_path: Path
) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "tide.md").write_text("# Tidewatch\n\nTidewatch measures how far features drift with the tide.\n")
    await console_services.sources.add(Source("notes", SourceKind.FOLDER, str(folder)))
    await console_services.refresher.finished("test")
    await owner.open("/sources")

    press_labelled(owner, "Remove notes")
    await owner.should_see("At the next refresh 1 page of it will leave the index.")
    owner.find(marker="decline").click()
    await owner.should_not_see("Remove “notes”?")
    press_labelled(owner, "Remove notes")
    await owner.should_see("Remove “notes”?")
    owner.find(marker="agree").click()

    await owner.should_see("“notes” was removed.")
    await owner.should_see("Not indexed yet: 1 page differs from the live index.")
    press(owner, "Re-index now")
    await owner.should_see("The live index was updated in place: 1 removed.", retries=PATIENCE)


async def test_problem_stands_beside_its_source(owner: User, console_services: Services, site: Site) -> None:
    site.put("/docs/drift", status=404)
    pages = Source("tide", SourceKind.PAGE, f"{site.url}/docs/start {site.url}/docs/none", internal=True)
    await console_services.sources.add(pages)
    await console_services.sources.add(Source("lost", SourceKind.FOLDER, "/nowhere/at/all"))
    await console_services.refresher.finished("test")

    await owner.open("/sources")

    await owner.should_see("/nowhere/at/all")
    lost = await console_services.sources.get("lost")
    assert lost.problem
    await owner.should_see(lost.problem)
