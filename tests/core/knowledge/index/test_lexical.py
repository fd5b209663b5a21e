"""The lexical side of a version: identifiers and their parts are found, and changes show at once when committed."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.domain.knowledge import Passage
from core.errors import IndexCorrupt
from core.knowledge.index.lexical import LexicalIndex, subject, terms


def passage(name: str, text: str, title: str = "", source: str = "docs", product: str = "Tool") -> Passage:
    return Passage(name, "a.md", title, (), "/a", text, product, source)


@pytest.fixture
def index() -> LexicalIndex:
    return LexicalIndex.create(None)


def filled(index: LexicalIndex, *passages: Passage) -> LexicalIndex:
    index.add(passages)
    index.commit()
    return index


def found(index: LexicalIndex, question: str, **scope: list[str]) -> list[str]:
    return [name for name, _ in index.search(question, 10, **scope)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Run it.", ["run", "it"]),
        ("log_model", ["log_model", "log", "model"]),
        ("HTTPServer", ["httpserver", "http", "server"]),
        ("dvc.yaml", ["dvc.yaml", "dvc", "yaml"]),
        ("--set-default", ["set-default", "set", "default"]),
        ("", []),
        ("… — ✓", []),
        ("数据 漂移", ["数据", "漂移"]),
    ],
)
def test_words_come_with_the_parts_of_identifiers(text: str, expected: list[str]) -> None:
    assert list(terms(text)) == expected


def test_dotted_identifier_gives_every_level_of_its_parts() -> None:
    names = {"mlflowclient.log_model", "mlflowclient", "mlflow", "client", "log_model", "log", "model"}
    assert set(terms("MlflowClient.log_model")) == names


def test_subject_leaves_common_words_out_unless_nothing_else_is_there() -> None:
    assert subject("How do I roll the model back?") == ["roll", "model", "back"]
    assert subject("How do I?") == ["how", "do", "i"]


@pytest.mark.parametrize("question", ["log_model", "LOG_MODEL", "logging a model", "MlflowClient.log_model", "mlflow"])
def test_identifier_is_found_by_its_name_and_by_its_parts(index: LexicalIndex, question: str) -> None:
    filled(index, passage("1", "Call `MlflowClient.log_model` once."), passage("2", "Bake bread."))
    assert found(index, question) == ["1"]


def test_rare_words_count_for_more_and_headings_for_less_than_text(index: LexicalIndex) -> None:
    common = [passage(str(n), "pipeline step") for n in range(5)]
    filled(index, *common, passage("rare", "pipeline canary"), passage("heading", "other words", "canary"))
    assert found(index, "pipeline canary")[:2] == ["rare", "heading"]


def test_search_keeps_to_sources_and_products(index: LexicalIndex) -> None:
    filled(
        index,
        passage("1", "canary", source="a b", product="X"),
        passage("2", "canary", source="a b", product="Y Z"),
        passage("3", "canary", source="c", product="X"),
    )
    assert set(found(index, "canary", sources=["a b"])) == {"1", "2"}
    assert set(found(index, "canary", products=["X"])) == {"1", "3"}
    assert found(index, "canary", sources=["a b"], products=["Y Z"]) == ["2"]
    assert found(index, "canary", sources=["a"]) == []


def test_changes_show_when_they_are_committed_and_not_before(index: LexicalIndex) -> None:
    filled(index, passage("1", "canary"))
    index.remove(["1"])
    index.add([passage("2", "canary")])
    assert found(index, "canary") == ["1"]
    index.commit()
    assert (found(index, "canary"), index.count()) == (["2"], 1)


def test_page_that_is_removed_and_added_in_one_go_stands_there_once(index: LexicalIndex) -> None:
    page = passage("a.md", "canary")
    filled(index, page)
    index.remove(["a.md"])
    filled(index, replace(page, text="rollout"))
    assert (index.count(), found(index, "rollout"), found(index, "canary")) == (1, ["a.md"], [])


@pytest.mark.parametrize("question", ["", "???", '"AND (', "text:x^2 OR *", "a" * 500, "\0"])
def test_any_question_can_be_asked(index: LexicalIndex, question: str) -> None:
    filled(index, passage("1", "canary"))
    assert found(index, question) == []


def test_frequencies_count_passages_whose_text_has_the_stem(index: LexicalIndex) -> None:
    filled(index, passage("1", "models modelling"), passage("2", "a model"), passage("3", "other", "model"))
    assert index.frequencies(["models", "model", "absent"]) == [("model", 2), ("absent", 0)]


def test_index_in_a_folder_is_opened_again(tmp_path: Path) -> None:
    filled(LexicalIndex.create(tmp_path / "lexical"), passage("1", "canary"))
    opened = LexicalIndex.open(tmp_path / "lexical")
    assert (opened.count(), found(opened, "canary")) == (1, ["1"])
    assert LexicalIndex.create(tmp_path / "lexical").count() == 0


def test_index_that_is_missing_or_damaged_is_told(tmp_path: Path) -> None:
    with pytest.raises(IndexCorrupt):
        LexicalIndex.open(tmp_path / "none")
    filled(LexicalIndex.create(tmp_path / "lexical"), passage("1", "canary"))
    (tmp_path / "lexical" / "meta.json").write_text("{cut")
    with pytest.raises(IndexCorrupt):
        LexicalIndex.open(tmp_path / "lexical")
