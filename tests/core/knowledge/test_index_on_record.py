"""What people do to the index is on record under their name; what the schedule does is not."""

from core.bootstrap import Services
from core.domain.people import acting_as


async def test_refresh_and_rollback_of_a_person_are_on_record(services: Services) -> None:
    await services.refresher.finished("schedule")
    with acting_as("ada"):
        await services.refresher.finished("console", rebuild=True)
        await services.refresher.roll_back()

    back, refresh = await services.audit.latest(5)
    assert [(each.who, each.action) for each in (back, refresh)] == [
        ("ada", "index.rollback"),
        ("ada", "index.refresh"),
    ]
    assert refresh.after["status"] == "promoted"
    assert back.before["live"] != back.after["live"] == back.subject
