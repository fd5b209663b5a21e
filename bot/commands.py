"""The work of `ask` and `refresh`: through the service that runs, or on the spot when none does.

Comes in: settings and what was typed. Goes out: text in the terminal.
"""

from contextlib import aclosing

from rich.console import Console

from bot.calling import commander
from bot.remote import ask_service, refresh_service
from bot.terminal import show_answer, show_refresh
from core.bootstrap import Services, open_services
from core.domain.conversation import Mode, Question, SessionKey
from core.domain.people import acting_as
from core.errors import IndexMissing
from core.operations.ownership import own_folder, owner_address
from core.settings import Settings
from core.storage.ids import new_id


async def ask(settings: Settings, text: str, mode: str, session: str | None, console: Console) -> None:
    """Asks a question and shows the answer. Raises AssistantError."""
    session_id = session or new_id()
    if address := owner_address(settings):
        async with aclosing(ask_service(address, settings, text, session_id, Mode(mode))) as events:
            await show_answer(events, console)
        return
    with own_folder(settings):
        async with open_services(settings) as services:
            await _ensure_index(services, console)
            question = Question(SessionKey.http(session_id), text, event_id=f"command:{new_id()}", mode=Mode(mode))
            async with aclosing(services.answering.ask(question)) as events:
                await show_answer(events, console)


async def refresh(settings: Settings, console: Console, *, rebuild: bool) -> None:
    """Refreshes the index and shows its progress. Raises AssistantError."""
    if address := owner_address(settings):
        async with aclosing(refresh_service(address, settings, rebuild=rebuild)) as events:
            await show_refresh(events, console)
        return
    with own_folder(settings), acting_as(commander()):
        async with open_services(settings) as services, services.worker.beside(keeps_time=False):
            await show_refresh(services.refresher.refresh("command", rebuild=rebuild), console)


async def _ensure_index(services: Services, console: Console) -> None:
    try:
        await services.retriever.check()
    except IndexMissing:
        async with services.worker.beside(keeps_time=False):
            await show_refresh(services.refresher.refresh("command"), console)
