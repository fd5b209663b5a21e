"""Index versions: one is live, changes are on record and can be undone, on SQLite and on Postgres."""

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import UTC

import pytest
from sqlalchemy import select

from core.domain.knowledge import IndexVersion, Stage
from core.errors import InputError, UnknownVersion
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.library_models import ChangedPageRow, IndexVersionRow
from core.storage.versions import ChangedPage, IndexedPage, Versions

ADDED = ChangedPage("new.md", "docs", "", "n1")
CHANGED = ChangedPage("a.md", "docs", "a1", "a2")
REMOVED = ChangedPage("b.md", "docs", "b1", "")
PAGES = [IndexedPage("a.md", "a1", ("p1", "p2")), IndexedPage("b.md", "b1", ("p2", "p3"))]


def version(configuration: str = "f", stage: Stage = Stage.STAGING) -> IndexVersion:
    return IndexVersion(new_id(), stage, configuration, 2, 3, 1.25, now())


async def add(versions: Versions, configuration: str = "f", pages: list[IndexedPage] = PAGES) -> IndexVersion:
    built = version(configuration)
    await versions.add(built, {"max_tokens": 220}, pages)
    return built


async def promoted(versions: Versions, configuration: str = "f") -> IndexVersion:
    built = await add(versions, configuration)
    await versions.promote(built.id, [])
    return await live(versions)


async def live(versions: Versions) -> IndexVersion:
    version = await versions.production()
    assert version is not None
    return version


async def stages(versions: Versions) -> list[Stage]:
    return [entry.stage for entry in await versions.all()]


async def undone(versions: Versions) -> list[bool]:
    """The oldest change first."""
    return [change.undone_at is not None for change in reversed(await versions.changes())]


async def test_nothing_is_live_before_the_first_build(versions: Versions) -> None:
    assert await versions.production() is None
    assert await versions.all() == []
    with pytest.raises(InputError, match="nothing to roll back"):
        await versions.last_change()


async def test_built_version_waits_in_its_stage_as_it_was_measured(versions: Versions, database: Database) -> None:
    built = await add(versions, "abc")
    assert await versions.production() is None
    stored = await versions.get(built.id)
    assert (stored.stage, stored.configuration, stored.revision, stored.reason) == (Stage.STAGING, "abc", 0, "")
    assert (stored.documents, stored.passages, stored.seconds) == (2, 3, 1.25)
    assert stored.created_at.tzinfo is UTC
    assert [page async for page in versions.contents(built.id)] == PAGES
    assert await versions.held(built.id) == {"a.md": "a1", "b.md": "b1"}
    async with database.begin() as db:
        assert (await db.scalars(select(IndexVersionRow.configuration))).one() == {"max_tokens": 220}


async def test_promotion_archives_what_was_live_and_is_on_record(versions: Versions) -> None:
    first, second = await add(versions), await add(versions)
    born = await versions.promote(first.id, [ADDED])
    change = await versions.promote(second.id, [ADDED, CHANGED, REMOVED])
    assert (born.version_id, born.before_id, born.in_place) == (first.id, None, False)
    assert (change.version_id, change.before_id, change.in_place) == (second.id, first.id, False)
    assert (change.added, change.changed, change.removed) == (("new.md",), ("a.md",), ("b.md",))
    assert await stages(versions) == [Stage.PRODUCTION, Stage.ARCHIVED]
    assert (await live(versions)).id == second.id
    assert [entry.id for entry in await versions.changes()] == [change.id, born.id]
    assert (await versions.changes(limit=1))[0] == replace(change, created_at=(await versions.changes())[0].created_at)


async def test_promotions_at_once_leave_one_version_live(versions: Versions) -> None:
    await promoted(versions)
    candidates = [await add(versions) for _ in range(5)]
    await asyncio.gather(*(versions.promote(candidate.id, []) for candidate in candidates))
    assert Counter(await stages(versions)) == {Stage.PRODUCTION: 1, Stage.ARCHIVED: 5}


async def test_promotion_of_a_version_that_is_gone_leaves_the_live_one(versions: Versions) -> None:
    before = await promoted(versions)
    with pytest.raises(UnknownVersion):
        await versions.promote(new_id(), [])
    assert await versions.all() == [before]


async def test_version_is_found_by_the_end_of_its_id(versions: Versions) -> None:
    first, _ = await add(versions), await add(versions)
    assert (await versions.get(f" {first.id[-8:].upper()} ")).id == first.id
    for unknown in ("", " ", "zzz"):
        with pytest.raises(UnknownVersion, match="mlops-assistant versions"):
            await versions.get(unknown)


async def test_id_that_fits_two_versions_is_refused(versions: Versions) -> None:
    common = version()
    for start in "ab":
        await versions.add(replace(common, id=start + common.id[1:]), {}, [])
    with pytest.raises(UnknownVersion):
        await versions.get(common.id[-8:])


async def test_change_in_place_moves_the_revision_and_the_pages_at_once(versions: Versions) -> None:
    before = await promoted(versions)
    pages = [IndexedPage("a.md", "a2", ("p1", "p4")), IndexedPage("new.md", "n1", ())]
    after, change = await versions.apply(before, pages, [CHANGED, REMOVED, ADDED])
    assert await live(versions) == after
    assert (after.id, after.revision, after.documents, after.passages) == (before.id, 1, 2, 2)
    assert await versions.held(before.id) == {"a.md": "a2", "new.md": "n1"}
    assert (change.in_place, change.undone_at) == (True, None)
    assert (change.added, change.changed, change.removed) == (("new.md",), ("a.md",), ("b.md",))
    latest, recorded = await versions.last_change()
    assert latest.id == change.id
    assert {page.path: page for page in recorded} == {page.path: page for page in (CHANGED, REMOVED, ADDED)}


async def test_change_of_a_version_that_moved_on_is_refused(versions: Versions) -> None:
    before = await promoted(versions)
    after, _ = await versions.apply(before, [], [])
    with pytest.raises(UnknownVersion, match="changed meanwhile"):
        await versions.apply(before, [], [REMOVED])
    assert await live(versions) == after
    assert len(await versions.held(before.id)) == 2
    await promoted(versions)
    with pytest.raises(UnknownVersion, match="changed meanwhile"):
        await versions.apply(after, [], [REMOVED])


async def test_of_two_changes_at_once_one_is_applied(versions: Versions) -> None:
    before = await promoted(versions)
    outcomes = await asyncio.gather(
        *(versions.apply(before, [], [page]) for page in (CHANGED, REMOVED)), return_exceptions=True
    )
    assert Counter(isinstance(outcome, UnknownVersion) for outcome in outcomes) == {True: 1, False: 1}
    assert (await live(versions)).revision == 1
    assert len(await versions.held(before.id)) == 1


async def test_change_that_was_taken_back_is_not_the_last_one_any_more(versions: Versions) -> None:
    before = await promoted(versions)
    once, first = await versions.apply(before, [], [CHANGED])
    twice, second = await versions.apply(once, [], [REMOVED])
    thrice, back = await versions.apply(
        twice, [], [replace(REMOVED, before_hash="", after_hash="b1")], undoes=second.id
    )
    assert back.undone_at is not None
    assert (await versions.last_change())[0].id == first.id
    await versions.apply(thrice, [], [replace(CHANGED, before_hash="a2", after_hash="a1")], undoes=first.id)
    assert (await versions.last_change())[0].before_id is None
    assert await undone(versions) == [False, True, True, True, True]


async def test_going_back_rejects_what_was_left_and_undoes_what_came_since(versions: Versions) -> None:
    first = await promoted(versions, "old")
    await versions.apply(first, [], [CHANGED])
    second = await promoted(versions, "new")
    await versions.apply(second, [], [CHANGED])
    await versions.go_back(first.id, "It found less.")
    assert (await live(versions)).id == first.id
    left = await versions.get(second.id)
    assert (left.stage, left.reason) == (Stage.ARCHIVED, "It found less.")
    assert await undone(versions) == [False, False, True, True]
    assert [await versions.is_rejected(name) for name in ("old", "new")] == [False, True]
    change, _ = await versions.last_change()
    assert (change.version_id, change.in_place) == (first.id, True)


async def test_version_that_was_rejected_can_be_gone_forward_to_and_back_from_again(versions: Versions) -> None:
    first = await promoted(versions, "old")
    await versions.apply(first, [], [CHANGED])
    second = await promoted(versions, "new")
    await versions.go_back(first.id, "")
    await versions.go_back(second.id, "")
    assert [await versions.is_rejected(name) for name in ("old", "new")] == [True, False]
    change, _ = await versions.last_change()
    assert (change.version_id, change.before_id) == (second.id, first.id)


async def test_stage_of_a_version_is_moved_with_its_reason(versions: Versions) -> None:
    built = await add(versions)
    await versions.set_stage(built.id, Stage.STAGING, "recall@1 fell")
    assert (await versions.get(built.id)).reason == "recall@1 fell"
    await versions.promote(built.id, [])
    assert (await live(versions)).reason == ""


async def test_forgotten_version_goes_with_its_pages_and_changes(versions: Versions, database: Database) -> None:
    first = await promoted(versions)
    await versions.apply(first, [], [CHANGED])
    await promoted(versions)
    await versions.forget(first.id)
    assert len(await versions.all()) == 1
    assert [change.before_id for change in await versions.changes()] == [first.id]
    assert await versions.held(first.id) == {}
    async with database.begin() as db:
        assert (await db.scalars(select(ChangedPageRow))).all() == []


async def test_records_of_the_latest_changes_are_kept(versions: Versions) -> None:
    current = await promoted(versions)
    for _ in range(4):
        current, _ = await versions.apply(current, [], [CHANGED])
    newest = await versions.changes()
    await versions.forget_changes(2)
    assert await versions.changes() == newest[:2]
    await versions.forget_changes(2)
    assert len(await versions.changes()) == 2


async def test_evaluation_of_a_state_is_replaced_and_of_another_one_added(versions: Versions) -> None:
    built = await promoted(versions)
    assert await versions.evaluation(built.id) is None
    for score in (0.1, 0.2):
        await versions.add_evaluation(built, "questions", {"mrr": score}, [{"id": "q"}])
    await versions.add_evaluation(built, "others", {"mrr": 0.9}, [])
    stored = await versions.evaluation(built.id, "questions")
    assert stored is not None
    assert (stored.scores, stored.outcomes, stored.revision) == ({"mrr": 0.2}, [{"id": "q"}], 0)
    latest = await versions.evaluation(built.id)
    assert latest is not None
    assert latest.questions == "others"
    after, _ = await versions.apply(built, [], [CHANGED])
    await versions.add_evaluation(after, "questions", {"mrr": 0.3}, [])
    again = await versions.evaluation(built.id, "questions")
    assert again is not None
    assert (again.scores, again.revision) == ({"mrr": 0.3}, 1)
