"""Going back: the last change is taken back, then the one before it; what was taken back stays so until it changes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from core.bootstrap import Services, open_services
from core.domain.knowledge import RunStatus, Source, SourceKind, Stage
from core.errors import InputError, UnknownVersion
from core.knowledge.index.chunk import CONFIGURATION
from core.settings import Settings
from core.storage.migrate import migrate
from core.storage.versions import ChangedPage
from tests.core.knowledge.inspection import (
    BREWING,
    GARDEN,
    NEW_COMMAND,
    OLD_COMMAND,
    is_whole,
    live,
    said_by_index,
)

MakeSettings = Callable[..., Settings]


async def test_changes_are_taken_back_one_by_one_and_come_back_when_their_page_changes(
    built: Services, own_pages: Path
) -> None:
    page = own_pages / "quillstore.md"
    page.write_text(page.read_text().replace(OLD_COMMAND, NEW_COMMAND))
    await built.refresher.finished("test")
    (own_pages / "beanloop.md").write_text(BREWING)
    await built.refresher.finished("test")

    once = await built.refresher.roll_back()
    said = await said_by_index(built)
    assert "bean brew" not in said
    assert NEW_COMMAND in said
    twice = await built.refresher.roll_back()
    said = await said_by_index(built)
    assert OLD_COMMAND in said
    assert NEW_COMMAND not in said
    assert (twice.id, twice.revision) == (once.id, once.revision + 1)
    assert (await built.library.document("quillstore.md")) is not None
    assert await built.library.document("beanloop.md") is None
    with pytest.raises(InputError, match="the first index that was built"):
        await built.refresher.roll_back()

    assert (await built.refresher.finished("test")).status is RunStatus.UNCHANGED
    assert await said_by_index(built) == said
    (own_pages / "beanloop.md").write_text(BREWING.replace("bean brew", "bean pour"))
    assert (await built.refresher.finished("test")).status is RunStatus.UPDATED
    said = await said_by_index(built)
    assert "bean pour" in said
    assert OLD_COMMAND in said
    assert await is_whole(built)


async def test_promotion_is_taken_back_and_its_pages_say_what_they_said(built: Services, own_pages: Path) -> None:
    before, said = await live(built), await said_by_index(built)
    (own_pages / "quillstore.md").write_text(GARDEN)
    (own_pages / "beanloop.md").write_text(BREWING)
    run = await built.refresher.finished("test", rebuild=True)
    assert run.status is RunStatus.PROMOTED
    left = await live(built)

    back = await built.refresher.roll_back()
    assert (back.id, back.stage) == (before.id, Stage.PRODUCTION)
    assert await said_by_index(built) == said
    assert await built.library.document("beanloop.md") is None
    assert (await built.versions.get(left.id)).reason == f"Rolled back to version {before.id[-8:]}."
    assert (await built.refresher.finished("test")).status is RunStatus.UNCHANGED

    forward = await built.refresher.roll_back(left.id[-8:])
    assert forward.id == left.id
    assert "Tomatoes" in await said_by_index(built)
    assert (await built.refresher.finished("test")).status is RunStatus.UNCHANGED
    assert (await built.refresher.roll_back()).id == before.id
    assert await is_whole(built)

    with pytest.raises(InputError, match="is in Production; one can go back to an archived one"):
        await built.refresher.roll_back(before.id)
    with pytest.raises(UnknownVersion, match="only one in Staging can be promoted"):
        await built.refresher.promote(left.id)
    files = built.settings.index_dir / left.id / "chroma.sqlite3"
    files.write_bytes(files.read_bytes()[:5000])
    with pytest.raises(UnknownVersion, match="are damaged; nothing was changed"):
        await built.refresher.roll_back(left.id)
    files.unlink()
    with pytest.raises(UnknownVersion, match="are gone; nothing was changed"):
        await built.refresher.roll_back(left.id)
    assert (await live(built)).id == before.id
    assert await said_by_index(built) == said


async def test_nothing_to_go_back_to_is_told(built: Services) -> None:
    before = await live(built)
    with pytest.raises(InputError, match="nothing to roll back: this is the first index"):
        await built.refresher.roll_back()
    with pytest.raises(UnknownVersion, match="no index version 'none'"):
        await built.refresher.roll_back("none")
    assert await live(built) == before


async def test_nothing_was_built_yet_is_told(make_settings: MakeSettings) -> None:
    settings = make_settings()
    await asyncio.to_thread(migrate, settings.sqlalchemy_url)
    async with open_services(settings) as services:
        with pytest.raises(InputError, match="nothing to roll back"):
            await services.refresher.roll_back()


async def test_pages_of_a_source_that_was_removed_come_back_and_stay(built: Services, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "brewing.md").write_text(BREWING)
    await built.sources.add(Source("notes", SourceKind.FOLDER, str(tmp_path / "notes")))
    await built.refresher.finished("test")
    await built.sources.remove("notes")
    run = await built.refresher.finished("test")
    assert run.change is not None
    assert run.change.removed == ("notes/brewing.md",)
    assert "bean brew" not in await said_by_index(built)

    await built.refresher.roll_back()
    assert "bean brew" in await said_by_index(built)
    assert (await built.sources.get("notes")).kind is SourceKind.UPLOAD
    assert (await built.refresher.finished("test")).status is RunStatus.UNCHANGED
    assert (await built.retriever.search("How do I brew coffee?", 1))[0].source == "notes"


async def test_change_of_an_index_of_another_configuration_is_not_taken_back_in_place(
    ready_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ready_settings()
    monkeypatch.setitem(CONFIGURATION, "chunking", "another one")
    async with open_services(settings) as services:
        before = await live(services)
        held = await services.library.held()
        await services.versions.apply(
            before, [], [ChangedPage("quillstore.md", "knowledge", "", held["quillstore.md"])]
        )
        with pytest.raises(InputError, match="another configuration"):
            await services.refresher.roll_back()
        assert await services.library.held() == held
