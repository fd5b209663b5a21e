"""Two processes and one VAR_DIR: the second is refused, and told where the first one answers."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.errors import ConfigurationError, IndexInUse
from core.operations.ownership import own_folder, owner_address
from core.settings import ROOT, Settings, child_environment

MakeSettings = Callable[..., Settings]
ADDRESS = "http://127.0.0.1:8000"

OWNER = """
import sys
from core.operations.ownership import own_folder
from core.settings import load_settings
with own_folder(load_settings(var_dir=sys.argv[1]), address=sys.argv[2] or None):
    print("owns it", flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_owner(folder: Path, address: str = ADDRESS) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder until its input ends."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", OWNER, str(folder), address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=child_environment(),
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "owns it\n"
        yield process


def test_second_process_is_refused_and_told_whom_to_ask(make_settings: MakeSettings) -> None:
    settings = make_settings()
    with another_owner(settings.var_dir):
        with pytest.raises(IndexInUse, match=r"Another process already uses .*CHROMA_URL"), own_folder(settings):
            pass
        assert owner_address(settings) == ADDRESS
    assert owner_address(settings) is None
    with own_folder(settings):
        pass


def test_owner_that_answers_nobody_has_no_address(make_settings: MakeSettings) -> None:
    settings = make_settings()
    with another_owner(settings.var_dir, address=""):
        assert owner_address(settings) is None
        with pytest.raises(IndexInUse), own_folder(settings):
            pass


def test_folder_of_a_killed_owner_is_free(make_settings: MakeSettings) -> None:
    settings = make_settings()
    with another_owner(settings.var_dir) as process:
        process.kill()
        process.wait()
        assert owner_address(settings) is None
        with own_folder(settings, address="http://127.0.0.1:9"):
            note = json.loads((settings.var_dir / "owner.json").read_text())
    assert note == {"address": "http://127.0.0.1:9", "pid": os.getpid()}


def test_address_of_a_killed_owner_is_not_taken_for_that_of_the_next(make_settings: MakeSettings) -> None:
    settings = make_settings()
    with another_owner(settings.var_dir) as process:
        process.kill()
        process.wait()
    with another_owner(settings.var_dir, address=""):
        assert owner_address(settings) is None


def test_owner_makes_the_folder_and_leaves_no_note(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings(var_dir=tmp_path / "new" / "folder")
    with own_folder(settings, address=ADDRESS):
        assert (settings.var_dir / "owner.json").is_file()
    assert not (settings.var_dir / "owner.json").exists()


def test_folder_is_free_again_after_its_owner_failed(make_settings: MakeSettings) -> None:
    settings = make_settings()
    with pytest.raises(RuntimeError, match="broke"), own_folder(settings, address=ADDRESS):
        raise RuntimeError("broke")
    with own_folder(settings):
        pass


def test_processes_that_share_a_chroma_server_share_the_folder(make_settings: MakeSettings) -> None:
    settings = make_settings(chroma_url="http://chroma:8000")
    with another_owner(settings.var_dir), own_folder(settings):
        assert owner_address(settings) is None


@pytest.mark.parametrize("chroma_url", [None, "http://chroma:8000"], ids=["embedded", "server"])
def test_failure_of_the_owner_is_not_blamed_on_the_folder(make_settings: MakeSettings, chroma_url: str | None) -> None:
    settings = make_settings(chroma_url=chroma_url)
    with pytest.raises(ConnectionRefusedError), own_folder(settings):
        raise ConnectionRefusedError("something else")


def test_nobody_owns_a_folder_that_is_not_there(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings()
    missing = settings.model_copy(update={"var_dir": tmp_path / "missing"})
    assert owner_address(missing) is None
    assert not missing.var_dir.exists()


def test_folder_that_cannot_be_made_is_told(make_settings: MakeSettings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = make_settings().model_copy(update={"var_dir": tmp_path / "file" / "var"})
    with pytest.raises(ConfigurationError, match="Correct VAR_DIR"), own_folder(settings):
        pass
