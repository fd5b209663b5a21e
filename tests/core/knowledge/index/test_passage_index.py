"""The dense side of a version in embedded Chroma: what goes in comes out, and damage is noticed when it is opened."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.domain.knowledge import Passage
from core.errors import IndexCorrupt
from core.knowledge.index.dense import IndexPlace, PassageIndex
from core.knowledge.index.embed import Vectors

COUNT = 130
"""More than two batches of writing."""

DIMENSIONS = 160


@pytest.fixture
def place(tmp_path: Path) -> IndexPlace:
    return IndexPlace(tmp_path / "index")


def passage(number: int, source: str = "docs", product: str = "Tool") -> Passage:
    return Passage(
        id=f"id-{number}",
        document="tools/ünï.md",
        title="Tïtle",
        heading_path=("Tïtle", 'with "quotes"', f"part {number}"),
        address=f"/admin/knowledge/a.md#part-{number}",
        text=f"text {number} — “ü” 😀",
        product=product,
        source=source,
    )


def axis(number: int) -> Vectors:
    """A vector that is at right angles to those of all other numbers."""
    vector = np.zeros(DIMENSIONS, dtype=np.float32)
    vector[number] = 1.0
    return vector


def rows(*numbers: int) -> Vectors:
    return np.stack([axis(number) for number in numbers])


def build(place: IndexPlace, version_id: str = "v1", count: int = COUNT) -> None:
    index = PassageIndex.create(place, version_id)
    index.fill([passage(number) for number in range(count)], [rows(number) for number in range(count)])
    index.close()


@pytest.fixture
def index(place: IndexPlace) -> PassageIndex:
    return PassageIndex.create(place, "v1")


def test_passages_come_back_as_they_went_in(place: IndexPlace) -> None:
    build(place)
    index = PassageIndex.open(place, "v1", passages=COUNT)
    assert index.count() == COUNT
    assert index.get(["id-101", "id-7", "missing"]) == {"id-101": passage(101), "id-7": passage(7)}
    assert index.nearest(axis(101), 1) == {"id-101": 1.0}
    assert index.ids() == {f"id-{number}" for number in range(COUNT)}
    index.close()


def test_the_nearest_come_first_with_their_cosine(place: IndexPlace) -> None:
    build(place)
    index = PassageIndex.open(place, "v1", passages=COUNT)
    found = index.nearest(0.6 * axis(0) - 0.8 * axis(2), COUNT)
    assert next(iter(found)) == "id-0"
    assert list(found)[-1] == "id-2"
    assert (found["id-0"], found["id-2"]) == (0.6, -0.8)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    index.close()


def test_more_than_is_held_gives_all(place: IndexPlace) -> None:
    build(place, count=3)
    index = PassageIndex.open(place, "v1", passages=3)
    assert set(index.nearest(axis(0), 10)) == {"id-0", "id-1", "id-2"}
    index.close()


def test_empty_version_can_be_opened_and_finds_nothing(place: IndexPlace) -> None:
    build(place, count=0)
    index = PassageIndex.open(place, "v1", passages=0)
    assert index.nearest(axis(0), 5) == {}
    index.close()


def test_long_passage_is_found_by_each_of_its_vectors_and_counts_once(index: PassageIndex) -> None:
    index.fill([passage(0), passage(1)], [rows(0, 5, 6), rows(1)])
    assert index.count() == 4
    assert index.ids() == {"id-0", "id-1"}
    for number in (0, 5, 6):
        assert index.nearest(axis(number), 1) == {"id-0": 1.0}
    assert index.nearest(0.6 * axis(5) + 0.8 * axis(6), 4)["id-0"] == 0.8
    assert index.get(["id-0"]) == {"id-0": passage(0)}


def test_removed_passage_goes_with_all_its_vectors_and_may_be_removed_again(index: PassageIndex) -> None:
    index.fill([passage(0), passage(1)], [rows(0, 5, 6), rows(1)])
    for _ in range(2):
        index.remove(["id-0"])
    assert index.count() == 1
    assert set(index.nearest(axis(5), 4)) == {"id-1"}


def test_passage_that_is_added_again_stands_there_once(index: PassageIndex) -> None:
    for text in ("first", "second"):
        index.put([replace(passage(0), text=text)], [rows(0)])
    assert index.count() == 1
    assert index.get(["id-0"])["id-0"].text == "second"


def test_search_keeps_to_sources_and_products(index: PassageIndex) -> None:
    index.fill(
        [passage(0, "a", "X"), passage(1, "a", "Y"), passage(2, "b", "X")],
        [rows(0), rows(1, 7), rows(2)],
    )
    assert set(index.nearest(axis(7), 9, sources=["a"])) == {"id-0", "id-1"}
    assert set(index.nearest(axis(7), 9, products=["X"])) == {"id-0", "id-2"}
    assert set(index.nearest(axis(7), 9, sources=["a", "b"], products=["Y"])) == {"id-1"}
    assert index.nearest(axis(7), 9, sources=["none"]) == {}


def test_versions_side_by_side_do_not_mix(place: IndexPlace) -> None:
    build(place, "v1", 2)
    build(place, "v2", 3)
    first, second = (PassageIndex.open(place, name, passages=n) for name, n in (("v1", 2), ("v2", 3)))
    assert (first.count(), second.count()) == (2, 3)
    first.close()
    assert len(second.nearest(axis(0), 5)) == 3
    second.close()


def test_version_that_was_never_built_is_corrupt_and_stays_unmade(place: IndexPlace) -> None:
    with pytest.raises(IndexCorrupt, match="refresh --rebuild"):
        PassageIndex.open(place, "v1", passages=3)
    assert not place.folder.exists()


def test_version_with_fewer_passages_than_expected_is_corrupt(place: IndexPlace) -> None:
    build(place, count=3)
    with pytest.raises(IndexCorrupt, match="refresh --rebuild") as told:
        PassageIndex.open(place, "v1", passages=4)
    assert told.value.detail == "3 vectors for 4 passages"


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
