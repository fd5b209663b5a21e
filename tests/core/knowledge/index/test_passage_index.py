"""One index version in embedded Chroma: what goes in comes out, and damage is noticed when it is opened."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.domain.knowledge import Passage
from core.errors import IndexCorrupt
from core.knowledge.index.dense import IndexPlace, PassageIndex
from core.knowledge.index.embed import DIMENSIONS, Vectors

COUNT = 130
"""More than one batch of writing."""


@pytest.fixture
def place(tmp_path: Path) -> IndexPlace:
    return IndexPlace(tmp_path / "index")


def passage(number: int) -> Passage:
    return Passage(
        id=f"id-{number}",
        document="tools/ünï.md",
        title="Tïtle",
        heading_path=("Tïtle", 'with "quotes"', f"part {number}"),
        address=f"/admin/knowledge/a.md#part-{number}",
        text=f"text {number} — “ü” 😀",
        product="Tool",
    )


def axis(number: int) -> list[float]:
    """A vector that is at right angles to those of all other numbers."""
    vector = [0.0] * DIMENSIONS
    vector[number] = 1.0
    return vector


def vectors(count: int) -> Vectors:
    return np.asarray([axis(number) for number in range(count)], dtype=np.float32)


def build(place: IndexPlace, version_id: str = "v1", count: int = COUNT) -> None:
    index = PassageIndex.create(place, version_id)
    index.add([passage(number) for number in range(count)], vectors(count))
    index.close()


def test_passages_come_back_as_they_went_in(place: IndexPlace) -> None:
    build(place)
    index = PassageIndex.open(place, "v1", passages=COUNT)
    [best] = index.query(axis(101), 1)
    assert index.count() == COUNT
    assert best == Passage(**{**vars(passage(101)), "score": 1.0})
    index.close()


def test_score_is_the_cosine_and_the_best_comes_first(place: IndexPlace) -> None:
    build(place)
    index = PassageIndex.open(place, "v1", passages=COUNT)
    asked = [3.0, 0.0, -4.0, *[0.0] * (DIMENSIONS - 3)]
    found = index.query(asked, COUNT)
    assert (found[0].id, found[0].score) == ("id-0", 0.6)
    assert (found[-1].id, found[-1].score) == ("id-2", -0.8)
    assert [entry.score for entry in found] == sorted((entry.score for entry in found), reverse=True)
    index.close()


def test_more_passages_asked_for_than_held_gives_all(place: IndexPlace) -> None:
    build(place, count=3)
    index = PassageIndex.open(place, "v1", passages=3)
    assert {entry.id for entry in index.query(axis(0), 10)} == {"id-0", "id-1", "id-2"}
    index.close()


def test_empty_version_can_be_opened_and_finds_nothing(place: IndexPlace) -> None:
    build(place, count=0)
    index = PassageIndex.open(place, "v1", passages=0)
    assert index.query(axis(0), 5) == []
    index.close()


def test_versions_side_by_side_do_not_mix(place: IndexPlace) -> None:
    build(place, "v1", 2)
    build(place, "v2", 3)
    first, second = (PassageIndex.open(place, name, passages=n) for name, n in (("v1", 2), ("v2", 3)))
    assert (first.count(), second.count()) == (2, 3)
    first.close()
    assert len(second.query(axis(0), 5)) == 3
    second.close()


def test_version_that_was_never_built_is_corrupt_and_stays_unmade(place: IndexPlace) -> None:
    with pytest.raises(IndexCorrupt, match="refresh --rebuild"):
        PassageIndex.open(place, "v1", passages=3)
    assert not place.folder.exists()


@pytest.mark.parametrize("expected", [COUNT - 1, COUNT + 1])
def test_version_with_another_number_of_passages_is_corrupt(place: IndexPlace, expected: int) -> None:
    build(place)
    with pytest.raises(IndexCorrupt, match="refresh --rebuild") as told:
        PassageIndex.open(place, "v1", passages=expected)
    assert told.value.detail == f"{COUNT} passages instead of {expected}"


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def overwrite(path: Path) -> None:
    path.write_bytes(b"\xa5" * path.stat().st_size)


def overwrite_after_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100] + b"\xa5" * (path.stat().st_size - 100))


@pytest.mark.parametrize("damage", [truncate, empty, overwrite, overwrite_after_header])
def test_damaged_file_is_corrupt(place: IndexPlace, damage: Callable[[Path], None]) -> None:
    build(place)
    damage(place.folder / "v1" / "chroma.sqlite3")
    with pytest.raises(IndexCorrupt, match="conversations are untouched") as told:
        PassageIndex.open(place, "v1", passages=COUNT)
    assert "\n" not in told.value.said


def test_removed_version_is_gone_and_may_be_removed_again(place: IndexPlace) -> None:
    build(place, "v1", 1)
    build(place, "v2", 1)
    place.remove("v1")
    place.remove("v1")
    assert [entry.name for entry in place.folder.iterdir()] == ["v2"]


def test_leftovers_are_the_folders_that_nobody_knows(place: IndexPlace) -> None:
    assert place.leftovers(set()) == []
    for name in ("known", "left"):
        (place.folder / name).mkdir(parents=True)
    (place.folder / "file").touch()
    assert place.leftovers({"known"}) == ["left"]
    assert IndexPlace(place.folder, "http://chroma:8000").leftovers(set()) == []


def test_embedded_chroma_always_answers(place: IndexPlace) -> None:
    place.ping()
    assert not place.folder.exists()
