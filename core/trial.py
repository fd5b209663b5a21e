"""Measures retrieval over any folders, in a place of its own that is thrown away.

Comes in: settings, folders of pages and a file of questions. Goes out: progress, then how each question fared. The
owner's database and index are not opened; the packaged embedding model is used where it stands. Called by the command.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from core.bootstrap import open_services, prepare
from core.domain.knowledge import IndexVersion, Progress, RefreshRun
from core.errors import InputError, RefreshFailed
from core.knowledge.evaluation.golden import read_questions
from core.knowledge.evaluation.scoring import Outcome
from core.knowledge.gathering.folder import readable
from core.knowledge.index.package import is_packaged
from core.settings import Settings


@dataclass(frozen=True)
class Tried:
    """How the questions fared over the folders; `asked` counts those of the file, answered or left out."""

    version: IndexVersion
    outcomes: list[Outcome]
    asked: int
    problems: int


async def try_folders(
    settings: Settings, questions: Path, folders: Sequence[Path], say: Callable[[str], None]
) -> AsyncGenerator[Progress | Tried]:
    """Builds an index over the folders and asks it the questions: progress as it comes, then what came of it.

    A page is named by its path below its folder. Raises InputError for files that cannot be used.
    """
    asked = len(read_questions(questions))
    with TemporaryDirectory(prefix="mlops-assistant-trial-", ignore_cleanup_errors=True) as place:
        pages = await asyncio.to_thread(_one_folder, folders, Path(place) / "pages")
        trial = _trial_settings(settings, Path(place), pages)
        await asyncio.to_thread(prepare, trial, say)
        async with open_services(trial) as services:
            run: RefreshRun | None = None
            async with aclosing(services.refresher.refresh("trial")) as news:
                async for item in news:
                    if isinstance(item, Progress):
                        yield item
                    else:
                        run = item
            if run is None or run.version is None:
                raise RefreshFailed("The index over the folders was not built.")
            yield Progress("asking", 0, asked, unit="questions")
            outcomes = await services.evaluator.measure(run.version, questions)
            yield Tried(run.version, outcomes, asked, run.problems)


def _one_folder(folders: Sequence[Path], target: Path) -> Path:
    """The folder itself when there is one, else a copy of all of them under their common names."""
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder. Name a folder of pages; nothing was evaluated.")
    if len(folders) == 1:
        return folders[0].resolve()
    for folder in folders:
        for page in _pages(folder):
            copy = target / page.relative_to(folder)
            if copy.exists():
                raise InputError(f"{page.relative_to(folder)} is in more than one of the folders. Rename one of them.")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(page, copy)
    return target


def _pages(folder: Path) -> list[Path]:
    found: list[Path] = []
    for where, below, files in os.walk(folder):
        below[:] = [name for name in below if not name.startswith(".")]
        found += [Path(where, name) for name in files if readable(name)]
    return found


def _trial_settings(settings: Settings, place: Path, pages: Path) -> Settings:
    """Settings that lead to nothing of the owner's: no source but the pages, no gate, no other database."""
    trial = settings.elsewhere(
        var_dir=place / "var",
        knowledge_dir=pages,
        sources_file=place / "no-sources.toml",
        golden_file=place / "no-questions.jsonl",
        database_url=None,
        chroma_url=None,
    )
    trial.model_dir.parent.mkdir(parents=True, exist_ok=True)
    if is_packaged(settings.model_dir, settings.embedding_model):
        trial.model_dir.symlink_to(settings.model_dir.resolve())
    return trial
