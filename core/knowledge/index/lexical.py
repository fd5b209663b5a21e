"""The lexical side of an index version: BM25 over words, identifiers and the parts of identifiers, with tantivy.

Comes in: passages from the build and from changes in place. Goes out: ids of the passages that share the rarest words
with a question, best first.
"""

import functools
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import tantivy

from core.domain.knowledge import Passage
from core.errors import IndexCorrupt

CONFIGURATION = {"lexical": "BM25 of English stems, identifiers and their parts; headings beside the text; 1"}

HEAP = 30_000_000
"""Bytes that tantivy's writer may hold before it writes a segment."""

LONGEST = 100
"""Bytes from which a word is not indexed."""

REMEMBERED = 2_000
"""Texts whose words are kept; about 10 KB each."""

HEADING_WEIGHT = 0.5
"""Of a word in the title or a heading, beside one in the text."""

_WORD = re.compile(r"[^\W_](?:[\w.\-]*\w)?|_+\w[\w.\-]*\w")
_JOINT = re.compile(r"[._\-]+")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ANALYZER = "terms"

_COMMON_WORDS = """
a about an and any are as at be been but by can could did do does for from get had has have how i if in into is it its
just like me my need no not of on or our please should so some than that the their them then there these they this to
want was we what when where which who why will with would you your
"""
COMMON = frozenset(_COMMON_WORDS.split())
"""Words of a question that say nothing about its subject."""


def terms(text: str) -> Iterator[str]:
    """The words of a text, lower case; an identifier gives itself and its parts.

    `MlflowClient.log_model` gives mlflowclient.log_model, mlflowclient, mlflow, client, log_model, log, model.
    """
    for found in _WORD.finditer(text):
        word = found.group()
        yield word.lower()
        names = _JOINT.split(word)
        humps = [hump for name in names for hump in _HUMP.split(name) if hump]
        if len(humps) > 1 or humps[:1] != [word]:
            whole = dict.fromkeys([*word.split("."), *names, *humps])
            yield from (part.lower() for part in whole if part and part != word)


def subject(question: str) -> list[str]:
    """The distinct terms of a question without its common words; all of them when nothing else is left."""
    words = list(dict.fromkeys(terms(question)))
    return [word for word in words if word not in COMMON] or words


class LexicalIndex:
    """The words of one version. Safe for readers while one writer adds and removes."""

    def __init__(self, index: tantivy.Index) -> None:
        self._index = index
        self._analyzer = _analyzer()
        self._index.register_tokenizer(_ANALYZER, _analyzer())
        self._writer: Any = None

    @classmethod
    def create(cls, folder: Path | None) -> Self:
        """An empty index in `folder`, where it replaces what is there; in memory without one."""
        if folder is None:
            return cls(tantivy.Index(_schema()))
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return cls(tantivy.Index(_schema(), path=str(folder)))

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The index in `folder`. Raises IndexCorrupt when it cannot be read."""
        try:
            return cls(tantivy.Index.open(str(folder)))
        except Exception as error:  # tantivy raises bare ValueErrors and OSErrors of many kinds for damaged files
            raise IndexCorrupt("The lexical index cannot be read.", detail=repr(error)) from error

    def count(self) -> int:
        """Number of passages held."""
        return self._index.searcher().num_docs

    def add(self, passages: Iterable[Passage]) -> None:
        """Adds passages; `commit` makes them visible."""
        writer = self._open_writer()
        for passage in passages:
            headings = " ".join(dict.fromkeys((passage.title, *passage.heading_path)))
            writer.add_document(
                tantivy.Document(
                    id=passage.id,
                    product=passage.product,
                    source=passage.source,
                    headings=" ".join(terms(headings)),
                    text=" ".join(_analysed(part) for part in passage.text.split("\n\n")),
                )
            )

    def remove(self, ids: Iterable[str]) -> None:
        """Removes passages; `commit` makes them vanish."""
        writer = self._open_writer()
        for passage_id in ids:
            writer.delete_documents_by_term("id", passage_id)

    def commit(self) -> None:
        """Makes everything since the last commit visible to readers, at once, and gives the writer's memory back."""
        if self._writer is not None:
            self._writer.commit()
            self._writer.wait_merging_threads()
            self._writer = None
        self._index.reload()

    def search(
        self, question: str, count: int, *, sources: Sequence[str] = (), products: Sequence[str] = ()
    ) -> list[tuple[str, float]]:
        """Ids and BM25 scores of the `count` passages that match best, best first."""
        stems = dict.fromkeys(self.stems(subject(question)))
        if not stems:
            return []
        clauses = [(tantivy.Occur.Must, tantivy.Query.boolean_query([c for s in stems for c in self._about(s)]))]
        clauses += [(tantivy.Occur.Must, self._one_of("source", sources))] if sources else []
        clauses += [(tantivy.Occur.Must, self._one_of("product", products))] if products else []
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.boolean_query(clauses), count).hits
        return [(str(searcher.doc(address)["id"][0]), float(score)) for score, address in hits]

    def stems(self, words: Iterable[str]) -> list[str]:
        """Words as they are indexed."""
        return [stem for word in words for stem in self._analyzer.analyze(word)]

    def frequencies(self, words: Iterable[str]) -> list[tuple[str, int]]:
        """The distinct stems of words, each with the number of passages whose text has it."""
        searcher = self._index.searcher()
        return [(stem, searcher.doc_freq("text", stem)) for stem in dict.fromkeys(self.stems(words))]

    def _about(self, stem: str) -> list[tuple[tantivy.Occur, tantivy.Query]]:
        text = tantivy.Query.term_query(self._index.schema, "text", stem)
        headings = tantivy.Query.term_query(self._index.schema, "headings", stem)
        return [
            (tantivy.Occur.Should, text),
            (tantivy.Occur.Should, tantivy.Query.boost_query(headings, HEADING_WEIGHT)),
        ]

    def _one_of(self, field: str, values: Sequence[str]) -> tantivy.Query:
        return tantivy.Query.term_set_query(self._index.schema, field, list(values))

    def _open_writer(self) -> Any:
        if self._writer is None:
            self._writer = self._index.writer(heap_size=HEAP, num_threads=1)
        return self._writer


def stemmed(words: Iterable[str]) -> dict[str, str]:
    """English stems by word, as they are indexed; words are lower case and without white space."""
    distinct = [word for word in dict.fromkeys(words) if len(word) < LONGEST // 4 or len(word.encode()) < LONGEST]
    return dict(zip(distinct, _shared_analyzer().analyze(" ".join(distinct)), strict=True))


@functools.lru_cache(REMEMBERED)
def words_of(text: str) -> frozenset[str]:
    """The distinct terms of a passage's text; what is found today is found again tomorrow."""
    return frozenset(terms(text))


@functools.lru_cache(REMEMBERED)
def stems_of(text: str) -> frozenset[str]:
    """The distinct stems of a passage's text."""
    return frozenset(stemmed(terms(text)).values())


@functools.lru_cache(10_000)
def _analysed(paragraph: str) -> str:
    """The terms of a paragraph; each is needed twice, for its passage and for its page."""
    return " ".join(terms(paragraph))


@functools.cache
def _shared_analyzer() -> tantivy.TextAnalyzer:
    return _analyzer()


def _analyzer() -> tantivy.TextAnalyzer:
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace())
    return builder.filter(tantivy.Filter.remove_long(LONGEST)).filter(tantivy.Filter.stemmer("english")).build()


def _schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("id", stored=True, tokenizer_name="raw")
    for field in ("source", "product"):
        builder.add_text_field(field, stored=False, tokenizer_name="raw")
    for field in ("headings", "text"):
        builder.add_text_field(field, stored=False, tokenizer_name=_ANALYZER)
    return builder.build()
