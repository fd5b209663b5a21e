"""An open version: what the database does not name is invisible, and a lost lexical side is made again."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.domain.knowledge import IndexVersion, Passage, Stage
from core.errors import IndexCorrupt
from core.knowledge.index.dense import IndexPlace
from core.knowledge.index.embed import Embedder
from core.knowledge.index.opened import Contents, OpenVersion
from core.knowledge.index.sinks import VersionSink
from core.storage.ids import now

VERSION = IndexVersion("v1", Stage.PRODUCTION, "f", 2, 3, 1.0, now())
PAGES = {"a.md": ("a1", "a2"), "b.md": ("b1",)}


def passage(name: str) -> Passage:
    return Passage(name, f"{name[0]}.md", "Title", ("Part",), "/", f"canary {name}", "Tool", "docs")


def row(number: int) -> np.ndarray:
    return np.eye(8, dtype=np.float32)[number : number + 1]


@pytest.fixture
def place(tmp_path: Path) -> IndexPlace:
    """A built version with two pages."""
    place = IndexPlace(tmp_path / "index")
    sink = VersionSink(place, "v1")
    for ids in PAGES.values():
        sink.add_page([passage(name) for name in ids])
    sink.add([passage(name) for name in ("a1", "a2", "b1")], [row(0), row(1), row(2)])
    sink.close()
    return place


@pytest.fixture
def open_it(place: IndexPlace, embedder: Embedder) -> Iterator[Callable[..., OpenVersion]]:
    """Opens the version as it is then; all are closed at the end."""
    opened: list[OpenVersion] = []

    def make(version: IndexVersion = VERSION, pages: dict[str, tuple[str, ...]] = PAGES) -> OpenVersion:
        opened.append(OpenVersion.open(place, version, Contents.of(pages), embedder))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def state(opened: OpenVersion) -> tuple[set[str], int, int]:
    return opened.dense.ids(), opened.passages.count(), opened.pages.count()


def test_version_opens_as_it_was_built(open_it: Callable[..., OpenVersion]) -> None:
    opened = open_it()
    assert state(opened) == ({"a1", "a2", "b1"}, 3, 2)
    assert opened.get(["b1", "a2"]) == [passage("b1"), passage("a2")]
    assert opened.contents.places["a2"] == ("a.md", 1)
    with pytest.raises(IndexCorrupt) as told:
        opened.get(["a1", "none"])
    assert told.value.detail == "1 passages are missing"


def test_change_shows_itself_and_takes_what_it_replaced_away(
    open_it: Callable[..., OpenVersion], place: IndexPlace
) -> None:
    opened, after = open_it(), replace(VERSION, revision=1)
    opened.add([passage("a3")], [row(3)])
    assert opened.contents.pages == PAGES
    opened.show(after, {"a.md": ("a1", "a3"), "b.md": (), "c.md": ()}, place)
    assert opened.version == after
    assert opened.contents.pages == {"a.md": ("a1", "a3")}
    assert state(opened) == ({"a1", "a3"}, 2, 1)
    again = open_it(after, {"a.md": ("a1", "a3")})
    assert state(again) == ({"a1", "a3"}, 2, 1)


def test_passage_that_is_written_again_after_a_failure_stands_there_once(
    open_it: Callable[..., OpenVersion],
) -> None:
    opened = open_it()
    for _ in range(2):
        opened.add([passage("a3")], [row(3)])
    assert state(opened) == ({"a1", "a2", "a3", "b1"}, 4, 2)
    opened.tidy()
    assert state(opened) == ({"a1", "a2", "b1"}, 3, 2)


@pytest.mark.parametrize("lost", ["revision.json", "passages/meta.json", "pages/meta.json"])
def test_lexical_side_that_is_lost_is_made_again(
    open_it: Callable[..., OpenVersion], place: IndexPlace, lost: str
) -> None:
    (place.folder / "v1" / "lexical" / lost).unlink()
    assert state(open_it()) == ({"a1", "a2", "b1"}, 3, 2)


def test_lexical_side_that_is_behind_is_made_again_from_what_counts(open_it: Callable[..., OpenVersion]) -> None:
    opened = open_it(replace(VERSION, revision=5), {"a.md": ("a2",), "empty.md": ()})
    assert (opened.passages.count(), opened.pages.count()) == (1, 1)
    assert [name for name, _ in opened.passages.search("canary", 5)] == ["a2"]
