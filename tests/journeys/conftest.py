"""A `serve` process for each test that wants one, with a VAR_DIR whose index is built."""

import shutil
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.serving import Assistant


@pytest.fixture
async def make_assistant(tmp_path: Path, built_var: Path) -> AsyncIterator[Callable[..., Assistant]]:
    made: list[Assistant] = []

    def make(**settings: Any) -> Assistant:
        folder = tmp_path / f"assistant-{len(made)}"
        folder.mkdir()
        shutil.copytree(built_var, folder / "var", symlinks=True)
        made.append(Assistant(folder, **settings))
        return made[-1]

    yield make
    for assistant in made:
        if assistant.process and assistant.process.returncode is None:
            await assistant.stop(signal.SIGKILL)


@pytest.fixture
def assistant(make_assistant: Callable[..., Assistant]) -> Assistant:
    return make_assistant()
