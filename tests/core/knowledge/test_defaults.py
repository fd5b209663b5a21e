"""The sources to begin with, and the check that every source goes through."""

from pathlib import Path
from typing import Any

import pytest

from core.domain.knowledge import Source, SourceKind
from core.errors import ConfigurationError, InputError
from core.knowledge.defaults import MOST_PAGES, default_sources, make_source
from core.settings import ROOT

FOLDER = Path("/pages")
SHIPPED = Source("knowledge", SourceKind.FOLDER, "/pages", max_pages=MOST_PAGES)


def written(tmp_path: Path, text: str | bytes) -> Path:
    file = tmp_path / "sources.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_sources_of_the_file_follow_the_folder_that_ships(tmp_path: Path) -> None:
    file = written(
        tmp_path,
        """
        [mlflow]
        kind = "sitemap"
        location = " https://mlflow.org/sitemap.xml "
        product = "MLflow"
        include = ["*/docs/*"]

        [dvc]
        kind = "git"
        location = "https://github.com/iterative/dvc.org"
        ref = "main"
        folder = "content/docs"
        max_pages = 7
        enabled = false
        """,
    )
    assert default_sources(file, FOLDER) == [
        SHIPPED,
        Source("mlflow", SourceKind.SITEMAP, "https://mlflow.org/sitemap.xml", "MLflow", include=("*/docs/*",)),
        Source(
            "dvc",
            SourceKind.GIT,
            "https://github.com/iterative/dvc.org",
            ref="main",
            folder="content/docs",
            max_pages=7,
            enabled=False,
        ),
    ]


def test_no_file_leaves_the_folder_that_ships(tmp_path: Path) -> None:
    assert default_sources(tmp_path / "none.toml", FOLDER) == [SHIPPED]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[mlflow", "cannot be read"),
        (b'[a]\nkind = "caf\xe9"', "cannot be read"),
        ('kind = "page"', "kind stands outside of a table"),
        ('[a]\nkind = "ftp"\nlocation = "x"', "Source 'a': kind"),
        ('[knowledge]\nkind = "folder"\nlocation = "x"', "'knowledge' is no name for a source"),
    ],
)
def test_file_that_cannot_be_used_names_itself_and_the_mistake(tmp_path: Path, text: str | bytes, told: str) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigurationError, match=told) as error:
        default_sources(file, FOLDER)
    assert str(file) in error.value.said


def page(**fields: Any) -> Source:
    return make_source("docs", {"kind": "page", "location": "https://example.org", **fields})


@pytest.mark.parametrize("name", ["", "-a", "Docs", "do cs", "a/b", "dócs", "x" * 64, "knowledge"])
def test_name_that_cannot_stand_in_an_address_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is no name for a source"):
        make_source(name, {"kind": "upload"})


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"kind": "ftp"}, "kind: Input should be 'page'"),
        ({"colour": "red"}, "colour is unknown. Use enabled, folder"),
        ({"location": " "}, "needs a location"),
        ({"location": "example.org"}, "example.org is no web address. Begin with https://"),
        ({"location": "https://example.org file:///etc/passwd"}, "file:///etc/passwd is no web address"),
        ({"max_pages": 0}, "max_pages must be between 1"),
        ({"max_pages": MOST_PAGES + 1}, "max_pages must be between 1"),
        ({"max_pages": "many"}, "max_pages: Input should be a valid integer"),
        ({"include": "*"}, "include: Input should be a valid tuple"),
        ({"ref": "r" * 201}, "ref is too long"),
        ({"product": "a\0b"}, "a text is too long or not readable"),
    ],
)
def test_field_that_cannot_be_used_is_named(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match="Source 'docs'") as error:
        page(**fields)
    assert told in error.value.said


def test_kind_must_be_said() -> None:
    with pytest.raises(InputError, match="kind: Field required"):
        make_source("docs", {"location": "https://example.org"})


@pytest.mark.parametrize(
    ("kind", "location"),
    [
        ("upload", ""),
        ("folder", "notes"),
        ("git", "https://example.org/repository.git"),
        ("page", "https://example.org/a https://example.org/b"),
        ("llms_txt", "https://example.org/llms.txt"),
    ],
)
def test_source_of_every_kind_is_taken(kind: str, location: str) -> None:
    source = make_source("docs", {"kind": kind, "location": location})
    assert (source.kind, source.location, source.enabled) == (SourceKind(kind), location, True)


def test_sources_that_ship_can_be_used() -> None:
    assert default_sources(ROOT / "data" / "sources.toml", FOLDER)[0] == SHIPPED
