"""A disk that a test fills: a few megabytes of memory where that may be mounted, or else a limit set to one process."""

import resource
import subprocess
from errno import ENOSPC
from pathlib import Path

SIZE = "24m"
LIMIT = resource.RLIMIT_FSIZE


class TightDisk:
    """Mounted at `folder`, if we may; otherwise the process that is to suffer can write to no file beyond its start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.mounted = run("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))
        self._ballast = folder / "ballast"

    def fill(self, pid: int) -> None:
        if self.mounted:
            fill_up(self._ballast)
        else:
            resource.prlimit(pid, LIMIT, (1, resource.RLIM_INFINITY))

    def make_room(self, pid: int) -> None:
        if self.mounted:
            self._ballast.unlink()
        else:
            resource.prlimit(pid, LIMIT, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def remove(self) -> None:
        if self.mounted:
            assert run("umount", "--lazy", str(self.folder))


def fill_up(file: Path) -> None:
    with file.open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(4096))
        except OSError as error:
            if error.errno != ENOSPC:
                raise


def run(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603 - ours
    except FileNotFoundError:
        return False
