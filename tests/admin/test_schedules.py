"""Schedules of sources in the console: said in words while they are typed, kept, refused in words."""

from datetime import UTC, datetime

import pytest
from nicegui import ui
from nicegui.testing import User

from admin.components.schedule import times_in_words
from core.bootstrap import Services
from core.domain.knowledge import RunStatus, Source, SourceKind

PATIENCE = 200
MONDAY = datetime(2026, 12, 28, 5, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("", "Without one it is read when all others are."),
        ("0 6 * * *", "Next: today 06:00, tomorrow 06:00, Wed 30 Dec 06:00 UTC"),
        ("0 0 1 * *", "Next: Fri 1 Jan 2027 00:00, Mon 1 Feb 2027 00:00, Mon 1 Mar 2027 00:00 UTC"),
        ("0 6 31 2 *", "It never comes: no such day is left."),
    ],
)
def test_next_times_are_said_in_words(cron: str, said: str) -> None:
    assert times_in_words(cron, MONDAY) == said


async def test_schedule_is_explained_while_it_is_typed_and_kept(
    owner: User, console_services: Services, source: Source
) -> None:
    await owner.open(f"/sources/{source.name}")
    _press(owner, f"Change {source.name}")
    await owner.should_see(marker="schedule")

    owner.find(marker="schedule").type("soon")
    await owner.should_see("'soon' is no schedule")
    owner.find(marker="schedule").clear().type("0 6 * * *")
    await owner.should_see("Next: ")
    owner.find(kind=ui.button, content="Save").click()

    await owner.should_see("was changed")
    assert (await console_services.sources.get(source.name)).schedule == "0 6 * * *"


async def test_source_is_read_alone(owner: User, console_services: Services, source: Source) -> None:
    await owner.open(f"/sources/{source.name}")
    owner.find(kind=ui.button, content="Read it now").click()

    await owner.should_see("1 added", retries=PATIENCE)
    [latest, *_] = await console_services.runs.latest()
    assert (latest.trigger, latest.status) == ("console", RunStatus.UPDATED)
    shipped = await console_services.sources.get("knowledge")
    alone = await console_services.sources.get(source.name)
    assert shipped.refreshed_at is not None
    assert alone.refreshed_at is not None
    assert alone.refreshed_at > shipped.refreshed_at


async def test_refresh_is_cancelled_and_the_live_index_stays(owner: User, console_services: Services) -> None:
    live = await console_services.versions.production()
    await owner.open("/knowledge")
    owner.find(kind=ui.checkbox, content="Rebuild even if nothing changed").click()
    owner.find(kind=ui.button, content="Re-index now").click()
    await owner.should_see(kind=ui.button, content="Cancel")
    owner.find(kind=ui.button, content="Cancel").click()

    await owner.should_see("Somebody cancelled it before it ended. The live index was kept.", retries=PATIENCE)
    [latest, *_] = await console_services.runs.latest()
    assert latest.status is RunStatus.FAILED
    assert await console_services.versions.production() == live
    assert not console_services.refresher.running


@pytest.fixture
async def source(console_services: Services, tmp_path_factory: pytest.TempPathFactory) -> Source:
    """A folder with one page."""
    folder = tmp_path_factory.mktemp("notes")
    (folder / "tide.md").write_text("# Tidewatch\n\nTidewatch measures how far features drift with the tide.\n")
    return await console_services.curator.add("notes", {"kind": SourceKind.FOLDER, "location": str(folder)})


def _press(owner: User, label: str) -> None:
    interaction = owner.find(kind=ui.button)
    interaction.elements = {e for e in interaction.elements if e.props.get("aria-label") == label}
    interaction.click()
