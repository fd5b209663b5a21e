"""Keys of the HTTP service: told once, kept as a hash, ended by time or by hand."""

from datetime import UTC, datetime, timedelta

import pytest

from core.domain.people import KeyScope, acting_as
from core.errors import InputError
from core.operations import keys as module
from core.operations.keys import Keys
from core.storage.api_keys import ApiKeys
from core.storage.audit import Audit
from core.storage.engine import Database


@pytest.fixture
def keys(database: Database) -> Keys:
    return Keys(ApiKeys(database), Audit(database))


async def test_key_is_recognised_and_only_its_hash_is_kept(keys: Keys, database: Database) -> None:
    key, said = await keys.make(" ci ", [KeyScope.READ, KeyScope.ASK], 30)

    assert said.startswith(key.prefix)
    recognised = await keys.check(said)
    assert recognised is not None
    assert (recognised.id, recognised.name, recognised.scopes) == (key.id, "ci", {KeyScope.ASK, KeyScope.READ})
    found = await ApiKeys(database).find(key.prefix)
    assert found is not None
    assert said not in found[1]


@pytest.mark.parametrize("change", [lambda s: s + "x", lambda s: s[:-1], lambda s: s[:12], lambda _: "", str.upper])
async def test_what_is_nearly_a_key_is_none(keys: Keys, change: object) -> None:
    _, said = await keys.make("ci", [KeyScope.ASK], None)

    assert callable(change)
    assert await keys.check(change(said)) is None


async def test_key_ends_with_its_time(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = await keys.make("ci", [KeyScope.ASK], 1)
    monkeypatch.setattr(module, "now", lambda: datetime.now(UTC) + timedelta(days=2))

    assert await keys.check(said) is None


async def test_revoked_key_is_refused_at_once_and_both_are_on_record(keys: Keys, database: Database) -> None:
    with acting_as("grace"):
        key, said = await keys.make("ci", [KeyScope.MANAGE], None)
        await keys.revoke(key.id)

    assert await keys.check(said) is None
    with pytest.raises(InputError, match="already"):
        await keys.revoke(key.id)
    changes = await Audit(database).latest(10)
    assert [(change.who, change.action, change.subject) for change in changes] == [
        ("grace", "key.revoke", "ci"),
        ("grace", "key.create", "ci"),
    ]
    assert changes[1].after == {"scopes": ["manage"], "expires": "never"}
    assert said not in str(changes)


async def test_last_use_is_written_once_a_minute(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    _, said = await keys.make("ci", [KeyScope.ASK], None)
    start = datetime.now(UTC)
    used: list[datetime | None] = []
    for seconds in (0, 30, 61):
        monkeypatch.setattr(module, "now", lambda at=start + timedelta(seconds=seconds): at)
        await keys.check(said)
        used.append((await keys.all())[0].used_at)

    assert used == [start, start, start + timedelta(seconds=61)]


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [("", [KeyScope.ASK], 1), ("x" * 65, [KeyScope.ASK], 1), ("a\nb", [KeyScope.ASK], 1), ("ci", [], 1),
     ("ci", [KeyScope.ASK], 0), ("ci", [KeyScope.ASK], 99_999)],
)  # fmt: skip
async def test_key_that_makes_no_sense_is_not_made(keys: Keys, name: str, scopes: list[KeyScope], days: int) -> None:
    with pytest.raises(InputError):
        await keys.make(name, scopes, days)
    assert await keys.all() == []
