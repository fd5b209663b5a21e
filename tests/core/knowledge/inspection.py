"""What the tests of refreshes ask of services, and the pages that they write."""

import sqlite3

import psutil

from core.bootstrap import Services
from core.domain.knowledge import IndexVersion

BREWING = (
    "---\ntitle: Brew coffee with Beanloop\n---\n\n# Brew coffee with Beanloop\n\nBeanloop brews with `bean brew`.\n"
)
GARDEN = "# Garden\n\nTomatoes want sun, water and a stake.\n"
OLD_COMMAND = "quill label churn 3 live"
NEW_COMMAND = "quill restore churn 3"


async def live(services: Services) -> IndexVersion:
    """The live version."""
    version = await services.versions.production()
    assert version is not None
    return version


async def found(services: Services, query: str) -> str:
    """The text of the page that fits a query best."""
    best = (await services.retriever.search(query, 1))[0]
    document = await services.library.document(best.document)
    assert document is not None
    return document.text


async def said_by_index(services: Services) -> str:
    """All that the live index says, page by page."""
    opened = await services.retriever.live()
    pages = opened.contents.pages
    return "\n".join(passage.text for path in sorted(pages) if pages[path] for passage in opened.get(pages[path]))


async def is_whole(services: Services) -> bool:
    """Whether both sides of the live index hold just the passages of its pages, and nothing else stands beside it."""
    opened = await services.retriever.live()
    held = set(opened.contents.places)
    pages = [path for path, ids in opened.contents.pages.items() if ids]
    kept = {version.id for version in await services.versions.all()}
    return (
        opened.dense.ids() == held
        and opened.passages.count() == len(held)
        and opened.pages.count() == len(pages)
        and folders(services) == kept
    )


def folders(services: Services) -> set[str]:
    """The names of the index folders."""
    return {entry.name for entry in services.settings.index_dir.iterdir()}


def vectors(services: Services) -> int:
    """Number of texts whose vectors are remembered."""
    db = sqlite3.connect(services.settings.model_dir.parent / "vectors.db")
    try:
        return db.execute("SELECT count(*) FROM vectors").fetchone()[0]
    finally:
        db.close()


def workers() -> list[psutil.Process]:
    """The worker processes of this process."""
    return [child for child in psutil.Process().children() if "core.knowledge.index.build" in child.cmdline()]
