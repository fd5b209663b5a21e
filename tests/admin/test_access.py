import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from admin.auth import FAILURES, WINDOW, Throttle, console_access
from core.errors import ConfigurationError
from core.operations.passwords import fits
from core.settings import Settings, load_settings


@pytest.fixture
def settings_in(tmp_path: Path) -> Callable[..., Settings]:
    return lambda **overrides: load_settings(var_dir=tmp_path / "var", **overrides)


def test_first_start_makes_up_a_password_and_later_starts_keep_it(settings_in: Callable[..., Settings]) -> None:
    first = console_access(settings_in())
    later = console_access(settings_in())

    assert first.generated
    assert fits(first.generated, first.password_hash)
    assert later.generated is None
    assert (later.password_hash, later.cookie_secret) == (first.password_hash, first.cookie_secret)


def test_only_the_hash_is_kept_and_only_the_owner_may_read_it(settings_in: Callable[..., Settings]) -> None:
    access = console_access(settings_in())
    kept = settings_in().var_dir / "console.json"

    assert access.generated not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [path.name for path in kept.parent.iterdir()] == ["console.json"]


def test_password_from_the_settings_wins_and_is_not_kept(settings_in: Callable[..., Settings]) -> None:
    access = console_access(settings_in(admin_password="from the settings"))

    assert access.generated is None
    assert fits("from the settings", access.password_hash)
    assert "from the settings" not in (settings_in().var_dir / "console.json").read_text()


def test_sessions_outlive_a_restart_but_not_a_new_password(settings_in: Callable[..., Settings]) -> None:
    secrets = [console_access(settings_in(admin_password=p)).cookie_secret for p in ("one", "one", "two")]

    assert secrets[0] == secrets[1] != secrets[2]


def test_password_is_made_up_when_the_one_from_the_settings_goes(settings_in: Callable[..., Settings]) -> None:
    console_access(settings_in(admin_password="for now"))

    assert console_access(settings_in()).generated


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"cookie_secret": "short"}', '{"cookie_secret": 5}', "\x00",
     '{"cookie_secret": "' + "s" * 40 + '", "password_hash": "plain"}'],
)  # fmt: skip
def test_damaged_file_is_explained_in_a_sentence(settings_in: Callable[..., Settings], content: str) -> None:
    path = settings_in().var_dir / "console.json"
    path.parent.mkdir()
    path.write_text(content)

    with pytest.raises(ConfigurationError, match="delete it and start again") as caught:
        console_access(settings_in())

    assert str(path) in caught.value.said
    assert "\n" not in caught.value.said
    assert path.read_text() == content


def test_folder_that_cannot_be_written_is_explained(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(ConfigurationError, match=r"cannot be (written|read)"):
        console_access(load_settings(var_dir=tmp_path / "file" / "var"))


def test_throttle_makes_one_address_wait_until_its_window_has_passed() -> None:
    now = 0.0
    throttle = Throttle(lambda: now)
    waits = [throttle.wait("203.0.113.9") for _ in range(FAILURES + 1)]

    assert waits == [0.0] * FAILURES + [WINDOW]
    assert throttle.wait("203.0.113.10") == 0.0
    now = WINDOW
    assert throttle.wait("203.0.113.9") == 0.0


def test_throttle_forgives_who_knows_the_password() -> None:
    throttle = Throttle(lambda: 0.0)
    for _ in range(FAILURES - 1):
        throttle.wait("203.0.113.9")
    throttle.forgive("203.0.113.9")

    assert [throttle.wait("203.0.113.9") for _ in range(FAILURES)] == [0.0] * FAILURES
