"""Hosts to deploy to, images to deploy, and the table of what went wrong and what came of it."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.deploy.host import ROOT, STACK, Host, Sshd

CONTAINERS = Path(os.environ.get("CONTAINERS", ROOT.parent / "shared" / "containers"))
"""A folder with the environment of a Docker engine, for machines whose own has none."""


@pytest.fixture(scope="session")
def docker() -> dict[str, str]:
    """What the environment must say for `docker` to reach an engine."""
    if not shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin"):
        pytest.skip("no sshd on this machine: install openssh-server")
    names = ("PATH", "DOCKER_HOST", "DOCKER_CONFIG")
    if shutil.which("docker") and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0:
        return {name: os.environ[name] for name in names if name in os.environ}
    shown = "; ".join(f"printenv {name} || echo" for name in names)
    script = f". {shlex.quote(str(CONTAINERS / 'env.sh'))} && docker info >&2 && {{ {shown}; }}"
    found = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("no Docker engine runs on this machine")
    return dict(zip(names, found.stdout.splitlines(), strict=True))


@pytest.fixture(scope="session")
def sshd(docker: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    server = Sshd(tmp_path_factory.mktemp("sshd"), docker)
    yield server
    server.stop()


@pytest.fixture
def host(tmp_path: Path, sshd: Sshd, docker: dict[str, str]) -> Iterator[Host]:
    place = Host(tmp_path, sshd, docker)
    yield place
    place.remove()


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory, sshd: Sshd, docker: dict[str, str], image: Callable[[str], str]
) -> Iterator[Host]:
    """A host where a release runs; what tests deploy to it, they name anew."""
    place = Host(tmp_path_factory.mktemp("running"), sshd, docker)
    status, output = place.deploy(image("good"), "first")
    assert status == 0, output
    yield place
    place.remove()


@pytest.fixture(scope="session")
def image(docker: dict[str, str]) -> Callable[[str], str]:
    """Gives the digest of the small image that behaves so."""

    def build(behaviour: str) -> str:
        command = ["docker", "build", "--quiet", "--build-arg", f"BEHAVIOUR={behaviour}", STACK]
        return subprocess.run(
            command, env=os.environ | docker, capture_output=True, text=True, check=True
        ).stdout.strip()

    return build


class Row(NamedTuple):
    """A line of the table."""

    deploy: str
    exit: int
    running: str
    told: str


ROWS = "deploys"


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Callable[[Row], None]:
    """Keeps a row for the table; it reaches the process that prints it with the test's report."""
    return lambda row: request.node.user_properties.append((ROWS, list(row)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table of deploys."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    rows = [Row(*value) for report in reports for name, value in report.user_properties if name == ROWS]
    if rows:
        terminalreporter.write_sep("-", "deploys")
        terminalreporter.write_line(f"{'deploy':<28} {'exit':>4}  {'then runs':<10} told")
    for row in rows:
        terminalreporter.write_line(f"{row.deploy:<28} {row.exit:>4}  {row.running:<10} {row.told}")
