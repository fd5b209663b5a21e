"""Secrets of an installation, as files."""

from pathlib import Path
from stat import S_IMODE

import pytest

from core.errors import ConfigurationError
from core.operations.secret_files import MADE, make_secrets


def test_each_is_random_long_and_readable_by_whom_it_is_for(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert make_secrets(folder) == [*MADE]
    kept = {file.name: file.read_text() for file in folder.iterdir()}
    assert len(set(kept.values())) == len(MADE)
    assert all(len(secret) == 32 for secret in kept.values())
    modes = {file.name: S_IMODE(file.stat().st_mode) for file in folder.iterdir()}
    assert (modes["api_key"], modes["admin_password"], modes["database_password"]) == (0o400, 0o400, 0o444)


def test_what_is_there_stays_and_what_is_missing_comes(tmp_path: Path) -> None:
    (tmp_path / "api_key").write_text("chosen by hand")
    (tmp_path / ".metrics_token").write_text("half a se")  # left behind by a start that was cut off
    assert "api_key" not in make_secrets(tmp_path)
    assert make_secrets(tmp_path) == []
    assert (tmp_path / "api_key").read_text() == "chosen by hand"
    assert {file.name for file in tmp_path.iterdir()} == {*MADE}


def test_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="make it writable"):
        make_secrets(tmp_path / "file")
