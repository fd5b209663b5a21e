"""The stack, built and started once for all tests, and taken away with its volumes at the end."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import free_port
from tests.stack.stack import ROOT, Stack

CONTAINERS = Path(os.environ.get("CONTAINERS") or ROOT.parent / "shared" / "containers")


@pytest.fixture(scope="session")
def scripts() -> Path:
    """The folder of scripts that build and run a compose project on this machine."""
    if not (CONTAINERS / "compose-up.sh").is_file():
        pytest.skip(f"no scripts that run containers in {CONTAINERS}; CONTAINERS names another folder")
    if os.geteuid() != 0:
        pytest.skip("running containers needs root here")
    return CONTAINERS


@pytest.fixture(scope="session")
def stack(scripts: Path) -> Iterator[Stack]:
    started = Stack(scripts, "mlops-assistant-tests", free_port(), "docker-compose.yml", "tests/stack/compose.yml")
    try:
        started.up()
        yield started
    finally:
        started.compose("down", "-v", "--remove-orphans")


@pytest.fixture(scope="session")
def single(scripts: Path) -> Iterator[Stack]:
    """The single container."""
    started = Stack(
        scripts, "mlops-assistant-single", free_port(), "deploy/compose.slim.yml", "tests/stack/compose.slim.yml"
    )
    try:
        started.up()
        yield started
    finally:
        started.compose("down", "-v")


@pytest.fixture(scope="session")
def parts(scripts: Path) -> Iterator[Stack]:
    """A service for each part, one replica each."""
    files = ("docker-compose.yml", "deploy/compose.scale.yml", "tests/stack/compose.yml")
    started = Stack(scripts, "mlops-assistant-parts", free_port(), *files)
    try:
        started.up()
        yield started
    finally:
        started.compose("down", "-v", "--remove-orphans")
