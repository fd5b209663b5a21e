"""What people type about a source: guessed kinds, and changes that keep what is not named."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.domain.knowledge import Source, SourceKind
from core.errors import InputError
from core.knowledge.curate import amend, guess_kind, propose

LOOKED_AT = datetime(2026, 11, 23, tzinfo=UTC)
BEANS = Source(
    "beans", SourceKind.GIT, "https://x.test/a.git", "Beanloop", "main", "docs", ("*.md",), refreshed_at=LOOKED_AT
)


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        ("", SourceKind.UPLOAD),
        ("https://x.test/docs/", SourceKind.PAGE),
        ("https://x.test/a https://x.test/b", SourceKind.PAGE),
        ("https://x.test/sitemap.xml", SourceKind.SITEMAP),
        ("https://x.test/sitemap_index.xml.gz", SourceKind.SITEMAP),
        ("https://x.test/Sitemap?lang=en", SourceKind.SITEMAP),
        ("https://x.test/llms.txt", SourceKind.LLMS_TXT),
        ("https://x.test/team/docs.git", SourceKind.GIT),
        ("git@x.test:team/docs.git", SourceKind.GIT),
        ("https://github.com/treeverse/dvc.org", SourceKind.GIT),
        ("https://gitlab.com/team/docs/", SourceKind.GIT),
        ("https://github.com/treeverse/dvc.org/blob/main/README.md", SourceKind.PAGE),
        ("https://github.com/treeverse", SourceKind.PAGE),
        ("docs/handbook", SourceKind.FOLDER),
    ],
)
def test_kind_is_guessed_from_the_location(location: str, kind: SourceKind) -> None:
    assert guess_kind(location) is kind


def test_file_of_this_machine_is_an_upload(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("note")

    assert guess_kind(str(tmp_path / "note.md")) is SourceKind.UPLOAD
    assert guess_kind(str(tmp_path)) is SourceKind.FOLDER


def test_kind_that_is_named_is_not_guessed() -> None:
    assert propose("beans", {"location": "https://x.test/sitemap.xml", "kind": "page"}).kind is SourceKind.PAGE


def test_change_keeps_what_is_not_named_and_what_was_seen() -> None:
    assert amend(BEANS, {"product": "Beans", "include": []}) == replace(BEANS, product="Beans", include=())
    assert amend(BEANS, {"product": None}) == BEANS


def test_change_is_checked_as_a_new_source_is() -> None:
    with pytest.raises(InputError, match="is no web address"):
        amend(BEANS, {"kind": "sitemap", "location": "ftp://x.test"})


def test_shipped_folder_keeps_its_place() -> None:
    shipped = Source("knowledge", SourceKind.FOLDER, "/pages")

    assert amend(shipped, {"enabled": False}) == replace(shipped, enabled=False)
    with pytest.raises(InputError, match="its kind, location cannot be changed"):
        amend(shipped, {"location": "/etc", "kind": "page"})
