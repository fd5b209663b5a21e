"""Deploys of the project's own image and compose file: a first one, and next versions that do not come to an answer."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.deploy.conftest import Row
from tests.deploy.host import ROOT, Host, Sshd, free_port

NEXT = Path(__file__).parent / "next"
IMAGE = os.environ.get("ASSISTANT_IMAGE", "mlops-assistant:local")

pytestmark = [pytest.mark.exhaustive, pytest.mark.timeout(400)]


@pytest.fixture(scope="session")
def base(docker: dict[str, str]) -> str:
    """The digest of the project's image."""
    command = ["docker", "image", "inspect", "--format", "{{.Id}}", IMAGE]
    found = subprocess.run(command, env=os.environ | docker, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip(f"no image {IMAGE}: docker compose build makes it")
    return found.stdout.strip()


@pytest.fixture(scope="session")
def following(docker: dict[str, str]) -> Callable[[str], str]:
    """Gives the digest of a next version, by its name in the Dockerfile."""

    def build(target: str) -> str:
        command = ["docker", "build", "--quiet", "--target", target, "--build-arg", f"BASE={IMAGE}", NEXT]
        return subprocess.run(
            command, env=os.environ | docker, capture_output=True, text=True, check=True
        ).stdout.strip()

    return build


@pytest.fixture
def stack(tmp_path: Path, sshd: Sshd, docker: dict[str, str]) -> Iterator[Host]:
    """A host for the project's compose file."""
    place = Host(tmp_path, sshd, docker)
    place.use(ROOT / "docker-compose.yml")
    place.environment["OPENROUTER_API_KEY"] = ""
    database, chroma = free_port(), free_port()
    place.settings |= {
        "COMPOSE_FILE": f"docker-compose.yml:{NEXT / 'host-network.yml'}",
        "DATABASE_PORT": str(database), "DATABASE_URL": f"postgresql://assistant@127.0.0.1:{database}/assistant",
        "CHROMA_PORT": str(chroma), "CHROMA_URL": f"http://127.0.0.1:{chroma}",
        "DEPLOY_PATIENCE": "200", "BACKUP_TO": "off",
        "KNOWLEDGE_DIR": "/app/data/knowledge/experiment-tracking",
    }  # fmt: skip
    yield place
    place.remove()


def test_version_that_fails_gives_way_to_the_one_before_on_the_schema_that_it_left(
    stack: Host, base: str, following: Callable[[str], str], table: Callable[[Row], None]
) -> None:
    status, output = stack.deploy(base, "first")
    table(Row("own image: first", status, stack.current, output.splitlines()[-1][9:]))
    assert (status, stack.current) == (0, "first"), output
    assert "smoke question answered" in output
    for behaviour, reason in (
        ("failing-migration", "The migration failed."),
        ("unhealthy", "The new release did not become healthy."),
    ):
        status, output = stack.deploy(following(behaviour), behaviour)
        table(Row(f"own image: {behaviour}", status, stack.current, output.splitlines()[-1][9:]))
        assert (status, stack.current) == (1, "first"), output
        assert f"{reason} The previous release, first, is back and answers." in output
