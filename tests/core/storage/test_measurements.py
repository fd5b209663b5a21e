"""What was measured over time, of versions that are kept and of those that are gone, on SQLite and on Postgres."""

from datetime import UTC

import pytest

from core.domain.knowledge import IndexVersion, Stage
from core.storage import versions as storage
from core.storage.engine import Database
from core.storage.ids import new_id, now
from core.storage.measurements import Measurements
from core.storage.versions import Versions


@pytest.fixture
def measurements(database: Database) -> Measurements:
    return Measurements(database)


async def built(versions: Versions) -> IndexVersion:
    version = IndexVersion(new_id(), Stage.STAGING, "f", 2, 3, 1.25, now())
    await versions.add(version, {}, [])
    return version


async def test_measurements_are_listed_the_newest_first_and_outlive_their_version(
    versions: Versions, measurements: Measurements
) -> None:
    first, second = await built(versions), await built(versions)
    for version in (first, second):
        await versions.add_evaluation(version, "questions", {"mrr": 0.5}, [{"id": "q"}])
    await versions.forget(first.id)
    assert [entry.version_id for entry in await measurements.latest(5)] == [second.id, first.id]
    [latest] = await measurements.latest(1)
    assert [entry.version_id for entry in await measurements.latest(5, before=latest.id)] == [first.id]
    stored = await measurements.get(latest.id)
    assert stored is not None
    assert (stored.outcomes, stored.scores, stored.created_at.tzinfo) == ([{"id": "q"}], latest.scores, UTC)
    assert await measurements.get("none") is None


async def test_oldest_measurements_are_forgotten(
    versions: Versions, measurements: Measurements, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "KEPT_EVALUATIONS", 2)
    version = await built(versions)
    for questions in "abcd":
        await versions.add_evaluation(version, questions, {}, [])
    assert [entry.questions for entry in await measurements.latest(5)] == ["d", "c"]
