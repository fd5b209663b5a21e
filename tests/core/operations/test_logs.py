"""Lines of the log: with their turn wherever the work goes, and without what nobody may read."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterator

import pytest

from core.domain.conversation import Question, SessionKey
from core.domain.turn_context import working_on
from core.operations.logs import JsonLines, TextLines, secrets_of
from core.settings import Settings

QUESTION = Question(SessionKey("discord", "G1", "C2", "T3"), "How?", "discord:42")
SECRET = "a fine console password"


class Written(logging.Handler):
    """What was logged, as a formatter writes it."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def written(request: pytest.FixtureRequest) -> Iterator[Written]:
    handler = Written(request.param)
    logging.getLogger("worked").addHandler(handler)
    yield handler
    logging.getLogger("worked").removeHandler(handler)


@pytest.mark.parametrize("written", [JsonLines()], indirect=True)
async def test_turn_is_told_in_tasks_and_threads_that_it_began(written: Written) -> None:
    log = logging.getLogger("worked")

    async def work() -> None:
        log.warning("in a task")
        await asyncio.to_thread(log.warning, "in a thread")

    with working_on(QUESTION):
        task = asyncio.create_task(work())
    log.warning("elsewhere")
    await task

    turn = {"turn": "discord:42", "platform": "discord", "session": "G1/C2/T3"}
    lines = {line["message"]: line for line in map(json.loads, written.lines)}
    assert lines["in a task"].items() >= turn.items()
    assert lines["in a thread"].items() >= turn.items()
    assert lines["elsewhere"].keys() == {"time", "level", "logger", "message"}


@pytest.mark.parametrize("written", [JsonLines((SECRET,)), TextLines((SECRET,))], indirect=True)
def test_no_secret_is_logged_neither_one_that_is_set_nor_one_that_looks_like_one(written: Written) -> None:
    log = logging.getLogger("worked")
    try:
        raise ValueError(f"refused {SECRET} and xoxb-1234567890-abcdefghij")  # noqa: TRY301 - as a library would
    except ValueError:
        log.exception("postgresql://me:pa55word@db failed with %s", SECRET)

    [line] = written.lines
    assert "refused" in line
    assert not [secret for secret in (SECRET, "xoxb-1234567890", "pa55word") if secret in line]


def test_every_secret_setting_is_known_to_the_log(make_settings: Callable[..., Settings]) -> None:
    fallback = '[{"base_url": "http://b/v1", "model": "m", "api_key": "second key"}]'
    settings = make_settings(api_key="first key", llm_base_url="http://a/v1", llm_fallbacks=fallback, llm_api_key="k")

    assert set(secrets_of(settings)) == {"first key", "second key"}, "a single letter is none"
