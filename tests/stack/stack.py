"""The compose stack, built and run by scripts that run compose projects (`tests/stack/conftest.py` finds them).

Comes in: a port and a name. Goes out: a stack to ask, to look into, to kill parts of and to update.
"""

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0


class Stack:
    """One stack of the compose `files`; `name` keeps it apart from others of the same engine."""

    def __init__(self, scripts: Path, name: str, port: int, *files: str) -> None:
        self.scripts, self.name, self.port = scripts, name, port
        self.variables = {
            "STACK": name,
            "PORT": str(port),
            "FILES": " ".join(files),
            "ASSISTANT_IMAGE": os.environ.get("ASSISTANT_IMAGE", "mlops-assistant:local"),
            "PYTHON_VERSION": os.environ.get("PYTHON_VERSION", "3.11"),
            "WAIT": "240",
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api_key(self) -> str:
        return self.inside("app", 'cat "$SECRETS_DIR/api_key"').strip()

    def up(self, **variables: str) -> str:
        """Builds what has changed, starts what is not running, and waits until all of it is healthy."""
        self.variables |= variables
        return self.compose("up")

    def compose(self, *arguments: str) -> str:
        return self._run(self.scripts / "compose-up.sh", ROOT, *arguments)

    def docker(self, *arguments: str) -> str:
        return self._run("bash", "-c", f'. "{self.scripts}/env.sh" && exec docker "$@"', "docker", *arguments)

    def inside(self, service: str, script: str) -> str:
        """What a shell script prints that runs in the container of a service."""
        return self.compose("exec", "-T", service, "sh", "-c", script)

    def state(self, service: str) -> dict[str, Any]:
        """What the engine says of a service's container."""
        return json.loads(self.docker("inspect", f"{self.name}-{service}-1"))[0]

    def kill(self, service: str) -> None:
        """Kills the first process of a service as a crash would; `docker kill` would count as somebody's wish."""
        os.kill(self.state(service)["State"]["Pid"], signal.SIGKILL)

    def rows(self, query: str) -> list[list[str]]:
        """The rows of the database, as text."""
        said = self.compose("exec", "-T", "postgres", "psql", "-U", "assistant", "-AtF", "|", "-c", query)
        return [line.split("|") for line in said.splitlines()]

    async def ask(self, key: str, api_key: str) -> str:
        """Asks until there is an answer, as a caller does who sends its Idempotency-Key again; gives its id."""
        headers = {"X-API-Key": api_key, "Idempotency-Key": key}
        body = {"message": f"How do I store model {key} in Quillstore?", "session_id": key}
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as client:
            while True:
                try:
                    reply = await client.post(f"{self.url}/chat", json=body, headers=headers)
                except httpx.TransportError:
                    await asyncio.sleep(0.2)
                    continue
                if reply.is_success:
                    return reply.json()["message_id"]
                assert reply.status_code >= httpx.codes.INTERNAL_SERVER_ERROR, reply.text
                await asyncio.sleep(0.2)

    def _run(self, *command: Any) -> str:
        done = subprocess.run(  # noqa: S603 - ours
            [str(part) for part in command],
            capture_output=True,
            text=True,
            cwd=ROOT,
            env=os.environ | self.variables,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
        return done.stdout
