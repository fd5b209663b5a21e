"""The pages that ship: complete, well formed, and with snippets that parse."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import frontmatter
import pytest
import yaml
from markdown_it import MarkdownIt

from core.domain.knowledge import Document, PageNews, Source, SourceKind
from core.knowledge.gathering.fetch import Fetcher
from core.knowledge.gathering.gather import Gatherer
from core.settings import ROOT

FOLDER = ROOT / "data" / "knowledge"
PATHS = sorted(FOLDER.rglob("*.md"))
NAMES = [path.relative_to(FOLDER).as_posix() for path in PATHS]
MARKDOWN = MarkdownIt("commonmark").enable("table")

TOPICS = {
    "agent-frameworks",
    "agents",
    "ci-cd",
    "data-versioning",
    "docker",
    "experiment-tracking",
    "fastapi",
    "fundamentals",
    "model-registry",
    "monitoring",
    "pipelines",
    "rag",
    "security",
    "serving",
}

REGISTRIES = re.compile(
    r"\b(docker\.io|ghcr\.io|quay\.io|gcr\.io|pkg\.dev|registry\.k8s\.io|nvcr\.io|mcr\.microsoft\.com|"
    r"public\.ecr\.aws|amazonaws\.com/ecr|pypi\.org/simple|files\.pythonhosted\.org|registry\.npmjs\.org)\b"
)
"""Hosts that a page would send its readers to for an image or a package."""


class ManyTags(yaml.SafeLoader):
    """YAML with tags such as `!Ref`, which are read as their plain values."""


ManyTags.add_multi_constructor("!", lambda loader, _, node: loader.construct_object(_untagged(node), deep=True))


def _untagged(node: yaml.Node) -> yaml.Node:
    kinds = {yaml.ScalarNode: "str", yaml.SequenceNode: "seq", yaml.MappingNode: "map"}
    node.tag = f"tag:yaml.org,2002:{kinds[type(node)]}"
    return node


def body(path: Path) -> str:
    return frontmatter.loads(path.read_text(encoding="utf-8")).content


def snippets(*languages: str) -> list[Any]:
    found = []
    for path, name in zip(PATHS, NAMES, strict=True):
        fences = [token for token in MARKDOWN.parse(body(path)) if token.type == "fence"]
        found += [
            pytest.param(token.content, id=f"{name}:{token.map[0] + 1}")
            for token in fences
            if token.map and token.info.split()[:1] in [[language] for language in languages]
        ]
    return found


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """The pages as the product reads them."""
    fetcher = Fetcher()
    news = Gatherer(fetcher, Path("unused")).look(Source("knowledge", SourceKind.FOLDER, str(FOLDER)), {})
    found = [item.document for item in news if isinstance(item, PageNews) and item.document]
    fetcher.close()
    return found


def test_there_are_pages_enough_on_every_topic() -> None:
    assert len(PATHS) >= 40
    assert sum(path.stat().st_size for path in PATHS) >= 300_000
    assert {path.parent.name for path in PATHS} == TOPICS
    assert all(len(list((FOLDER / topic).glob("*.md"))) >= 2 for topic in TOPICS)


def test_pages_are_read_by_the_product(documents: list[Document]) -> None:
    assert [document.path for document in documents] == NAMES


def test_titles_are_unlike_one_another(documents: list[Document]) -> None:
    titles = [document.title.casefold() for document in documents]
    assert sorted(title for title in set(titles) if titles.count(title) > 1) == []


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_front_matter_is_complete(path: Path) -> None:
    fields = frontmatter.loads(path.read_text(encoding="utf-8")).metadata
    assert {"title", "product", "reference"} <= fields.keys()
    assert all(str(fields[name]).strip() for name in ("title", "product", "reference"))
    assert str(fields["reference"]).startswith("https://")
    assert len(str(fields["title"])) <= 300
    assert len(str(fields["product"])) <= 64


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_title_is_the_only_first_heading(path: Path) -> None:
    page = frontmatter.loads(path.read_text(encoding="utf-8"))
    tokens = MARKDOWN.parse(page.content)
    headings = [(token.tag, tokens[i + 1].content) for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert [text for tag, text in headings if tag == "h1"] == [page["title"]]
    assert headings[0][0] == "h1"
    assert len([tag for tag, _ in headings if tag == "h2"]) >= 2


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_headings_of_a_page_lead_to_different_places(path: Path) -> None:
    tokens = MARKDOWN.parse(body(path))
    texts = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert sorted({text for text in texts if texts.count(text) > 1}) == []


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_fences_are_closed_and_name_their_language(path: Path) -> None:
    lines = body(path).splitlines()
    for token in MARKDOWN.parse("\n".join(lines)):
        if token.type == "fence":
            assert token.map is not None
            assert token.info.strip(), f"line {token.map[0] + 1} names no language"
            assert lines[token.map[1] - 1].strip() == token.markup, f"the fence of line {token.map[0] + 1} is open"


@pytest.mark.parametrize("snippet", snippets("python"))
def test_python_parses(snippet: str) -> None:
    assert ast.parse(snippet).body


@pytest.mark.parametrize("snippet", snippets("yaml", "yml"))
def test_yaml_parses(snippet: str) -> None:
    assert all(document is not None for document in yaml.load_all(snippet, ManyTags))


@pytest.mark.parametrize("snippet", snippets("json"))
def test_json_parses(snippet: str) -> None:
    assert json.loads(snippet)


@pytest.mark.parametrize("path", PATHS, ids=NAMES)
def test_no_registry_host_is_named(path: Path) -> None:
    assert REGISTRIES.findall(path.read_text(encoding="utf-8")) == []


def test_stages_of_mlflow_are_said_to_be_deprecated_for_aliases() -> None:
    for path in (FOLDER / "model-registry").glob("*.md"):
        text = body(path)
        if "stage" in text:
            assert "alias" in text, path.name
    saying = [
        sentence
        for path in (FOLDER / "model-registry").glob("*.md")
        for sentence in re.split(r"(?<=[.!?])\s", body(path))
        if "deprecated" in sentence and "stage" in sentence.lower()
    ]
    assert any("alias" in sentence for sentence in saying)


def test_stages_are_never_recommended() -> None:
    for path, name in zip(PATHS, NAMES, strict=True):
        if "transition_model_version_stage" in path.read_text(encoding="utf-8"):
            assert "deprecated" in path.read_text(encoding="utf-8"), name
