"""Readable passages from ranked hits."""

from collections.abc import Sequence

from core.domain.knowledge import Passage
from core.knowledge.retrieval.assemble import MAX_CHARACTERS, SHORT, assemble

LONG = "Words that fill a passage so that it is no mere line. " * 7


class Book:
    """Pages of passages, made from their texts; a passage is named by its page and place."""

    def __init__(self, **pages: Sequence[str | tuple[str, str]]) -> None:
        self.passages: dict[str, Passage] = {}
        for page, texts in pages.items():
            for n, entry in enumerate(texts):
                heading, text = entry if isinstance(entry, tuple) else ("Part", entry)
                self.passages[f"{page}{n}"] = Passage(f"{page}{n}", page, page, (page, heading), f"/{page}", text)
        self.pages = {page: tuple(f"{page}{n}" for n in range(len(texts))) for page, texts in pages.items()}
        self.places = {name: (name[0], int(name[1:])) for name in self.passages}

    def assemble(self, *ranked: str, count: int = 5) -> list[Passage]:
        return assemble(ranked, count, self.pages, self.places, lambda ids: [self.passages[i] for i in ids])


def test_hits_come_in_their_order_up_to_the_count() -> None:
    book = Book(a=[LONG + "one"], b=[LONG[::-1]], c=["completely different " * 20])
    assert [passage.id for passage in book.assemble("b0", "a0", "c0", count=2)] == ["b0", "a0"]


def test_neighbours_that_were_both_found_become_one_passage_in_reading_order() -> None:
    book = Book(a=["First. " * 45, "Second. " * 45, "Third. " * 45])
    [only] = book.assemble("a1", "a0")
    assert only.id == "a1"
    assert only.text == f"{'First. ' * 45}\n\n{'Second. ' * 45}"


def test_a_heading_stands_between_joined_sections() -> None:
    book = Book(a=[("Install", "Run the installer. " * 15), ("Configure", "Set the bucket. " * 15)])
    [only] = book.assemble("a0", "a1")
    assert "\n\n**Configure**\n\nSet the bucket." in only.text
    assert only.heading_path == ("a", "Install")


def test_a_mere_line_takes_its_neighbour_along_though_only_it_was_found() -> None:
    book = Book(a=["A short line.", "The explanation that follows it. " * 12, LONG])
    [only] = book.assemble("a0")
    assert only.text.startswith("A short line.\n\nThe explanation")
    assert len("A short line.") < SHORT <= len(only.text)


def test_a_long_enough_hit_stays_alone() -> None:
    book = Book(a=[LONG, "Something else that was not found. " * 5])
    [only] = book.assemble("a0")
    assert only.text == LONG


def test_joined_passages_stay_readable_in_length() -> None:
    book = Book(a=[f"{n} {LONG}" for n in range(9)])
    found = book.assemble(*(f"a{n}" for n in range(9)))
    assert all(len(passage.text) <= MAX_CHARACTERS + 20 for passage in found)


def test_a_single_long_passage_is_kept_whole() -> None:
    book = Book(a=["code " * 2000])
    assert book.assemble("a0")[0].text == "code " * 2000


def test_the_same_text_on_two_pages_comes_once() -> None:
    book = Book(a=[LONG + "alpha"], b=[LONG + "alpha"], c=["Other matters entirely. " * 20])
    assert [passage.id for passage in book.assemble("a0", "b0", "c0")] == ["a0", "c0"]


def test_a_passage_joined_to_another_is_not_shown_again() -> None:
    book = Book(a=["First. " * 30, "Second. " * 30], b=[LONG])
    assert [passage.id for passage in book.assemble("a0", "b0", "a1")] == ["a0", "b0"]


def test_nothing_found_is_nothing_to_read() -> None:
    assert Book(a=[LONG]).assemble() == []
