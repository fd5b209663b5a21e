"""A host to deploy to: a real sshd on loopback with keys of its own, and the Docker engine of this machine.

`Host` is given by the fixture `host`; each has a folder, a port and a Compose project of its own.
"""

import getpass
import json
import os
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
STACK = Path(__file__).parent / "stack"

SECRET = 'sk-or-$HOME `id` "quoted"'
"""A key that a shell, or Compose, would change if either got to read it."""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def keypair(file: Path) -> str:
    """Makes a key and gives its public half."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file], check=True)
    return file.with_suffix(".pub").read_text().strip()


class Sshd:
    """An SSH server for the user that runs the tests."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.port = free_port()
        self.host_key = keypair(folder / "host")
        (folder / "authorized").write_text(keypair(folder / "client"))
        self.client_key = (folder / "client").read_text()
        given = " ".join(f'"{name}={value}"' for name, value in environment.items())
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nPasswordAuthentication no\nSetEnv {given}\n"
        )
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd of root wants it
        self._log = (folder / "log").open("wb")
        self._command = [shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin") or "sshd", "-D", "-e"]
        self._command += ["-f", str(folder / "config")]
        self.process = subprocess.Popen(self._command, stderr=self._log)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()
        self._log.close()


class Host:
    """Deploys to one place, as the runner does, and looks at what became of it."""

    def __init__(self, folder: Path, sshd: Sshd, docker: dict[str, str]) -> None:
        self.home, self.data, self.tree = folder / "opt", folder / "data", folder / "tree"
        for made in (self.home, self.data, self.tree):
            made.mkdir()
        self.port = free_port()
        self._sshd, self._docker = sshd, docker
        self.environment = {
            "PATH": os.environ["PATH"],
            "TMPDIR": str(folder),
            "ASSISTANT_HOME": str(self.home),
            "EC2_HOST": "127.0.0.1", "EC2_PORT": str(sshd.port), "EC2_USER": getpass.getuser(),
            "EC2_SSH_KEY": sshd.client_key, "EC2_HOST_KEY": sshd.host_key,
            "RETRY_SECONDS": "0.2",
            "OPENROUTER_API_KEY": SECRET,
        }  # fmt: skip
        self.settings = {
            "COMPOSE_PROJECT_NAME": f"deploy-{self.port}", "PORT": str(self.port), "DATA": str(self.data),
            "DEPLOY_SPACE": "1", "DEPLOY_PATIENCE": "60",
        }  # fmt: skip
        self.use(STACK / "docker-compose.yml")

    def use(self, compose: Path) -> None:
        """What is deployed from now on is this compose file, with the scripts of the project."""
        shutil.copy(compose, self.tree / "docker-compose.yml")
        shutil.copytree(ROOT / "deploy", self.tree / "deploy", dirs_exist_ok=True)

    @contextmanager
    def deploying(self, image: str, release: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
        """A deploy that is under way; its output is read by who waits for it."""
        environment = self.environment | {"RELEASE": release} | environment
        environment["ASSISTANT_SETTINGS"] = "\n".join(f"{name}={value}" for name, value in self.settings.items())
        command = [str(self.tree / "deploy" / "deploy.sh"), image]
        with subprocess.Popen(
            command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as process:
            yield process

    def deploy(self, image: str, release: str, **environment: str) -> tuple[int, str]:
        """Exit code and output."""
        with self.deploying(image, release, **environment) as process:
            output = process.communicate()[0]
        return process.returncode, output

    def script(self, command: str) -> subprocess.CompletedProcess[str]:
        """What a person does on the host."""
        return subprocess.run(
            [self.home / "current" / "deploy" / "host.sh", command],
            env={"HOME": str(Path.home()), **self._docker}, text=True, capture_output=True, check=False,
        )  # fmt: skip

    def cut_connections(self) -> None:
        """Ends what sshd runs for those who are connected."""
        sshd = self._sshd.process.pid
        children = Path(f"/proc/{sshd}/task/{sshd}/children").read_text().split()
        subprocess.run(["kill", *children], check=True)

    def answer(self) -> str:
        """What the service that runs now answers."""
        question = urllib.request.Request(f"http://127.0.0.1:{self.port}/chat", b"{}")
        with urllib.request.urlopen(question) as reply:
            return json.load(reply)["response"]

    @property
    def current(self) -> str:
        """The name of the release that counts as running."""
        return (self.home / "current").resolve().name

    @property
    def backups(self) -> int:
        """How many were made."""
        file = self.data / "backups"
        return file.read_text().count("\n") if file.exists() else 0

    def remove(self) -> None:
        """Takes away every container and volume of the project."""
        mine = f"--quiet --filter label=com.docker.compose.project={self.settings['COMPOSE_PROJECT_NAME']}"
        command = (
            f"docker ps --all {mine} | xargs --no-run-if-empty docker rm --force --volumes && "
            f"docker volume ls {mine} | xargs --no-run-if-empty docker volume rm"
        )
        subprocess.run(["bash", "-c", command], env=os.environ | self._docker, stdout=subprocess.DEVNULL, check=True)
