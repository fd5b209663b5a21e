"""The sources to begin with: those of the products that this assistant is about, at addresses that can be read."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from core.domain.knowledge import Source, SourceKind
from core.knowledge.defaults import SHIPPED, default_sources, make_source
from core.settings import ROOT

PRODUCTS = {
    "MLflow", "DVC", "Kubeflow", "KServe", "LangGraph", "CrewAI", "FastAPI", "ChromaDB", "GitHub Actions", "Evidently",
    "Docker",
}  # fmt: skip


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return default_sources(ROOT / "data" / "sources.toml", Path("/pages"))


def test_shipped_folder_comes_first_and_every_product_has_an_enabled_source(sources: list[Source]) -> None:
    assert (sources[0].name, sources[0].location) == (SHIPPED, "/pages")
    assert {source.product for source in sources[1:] if source.enabled} == PRODUCTS


def test_twenty_pages_or_more_at_public_addresses(sources: list[Source]) -> None:
    pages = [address for source in sources if source.kind is SourceKind.PAGE for address in source.location.split()]

    assert len(pages) >= 22
    assert len(set(pages)) == len(pages)
    assert all(urlsplit(address).scheme == "https" and urlsplit(address).hostname for address in pages)
    assert not any(source.internal for source in sources)


def test_names_do_not_meet_the_folders_of_the_shipped_pages(sources: list[Source]) -> None:
    folders = {entry.name for entry in (ROOT / "data" / "knowledge").iterdir()}

    assert not folders & {source.name for source in sources}


def test_examples_of_other_kinds_are_off(sources: list[Source]) -> None:
    others = {source.kind for source in sources[1:] if not source.enabled}

    assert {SourceKind.GIT, SourceKind.LLMS_TXT} <= others


def test_each_passes_the_check_of_a_source_that_is_typed(sources: list[Source]) -> None:
    for source in sources[1:]:
        fields = {"kind": source.kind, "location": source.location, "include": source.include}
        assert make_source(source.name, fields).location == source.location
