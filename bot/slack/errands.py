"""Does in Slack what was decided in the console: answers questions anew, and carries out decisions on drafts.

Comes in: errands, from the core. Goes out: turns through the actions and messages through the delivery, each once
however often it is tried. Run by the channel as long as it is connected.
"""

import logging

from slack_sdk.errors import SlackApiError

from bot.slack.actions import Actions
from bot.slack.delivery import Delivery
from bot.slack.failures import OUT_OF_REACH, is_passing, reason_of
from bot.slack.reader import PLATFORM
from core.answering.aftercare import Aftercare
from core.answering.errands import ErrandDesk
from core.domain.gaps import Errand, ErrandKind
from core.errors import AssistantError, StorageError

_log = logging.getLogger(__name__)


class ErrandActions:
    """The work behind the decisions."""

    def __init__(self, desk: ErrandDesk, aftercare: Aftercare, actions: Actions, delivery: Delivery) -> None:
        self._desk = desk
        self._aftercare = aftercare
        self._actions = actions
        self._delivery = delivery

    async def run(self) -> None:
        """Does errands as they come, for ever. What Slack or the database refuses for the moment is tried again."""
        async for errand in self._desk.taken(PLATFORM):
            try:
                await self._attend(errand)
            except (StorageError, SlackApiError, *OUT_OF_REACH) as error:
                _log.warning("errand %s is tried again later: %s", errand.id, error)
            except Exception:  # the boundary of a background task: further errands are none the worse for it
                _log.exception("errand %s is tried again later", errand.id)

    async def _attend(self, errand: Errand) -> None:
        problem = ""
        try:
            await self._do(errand)
        except StorageError:
            raise
        except AssistantError as error:
            problem = error.said
        except SlackApiError as error:
            if is_passing(error):
                raise
            problem = f"Slack did not take it ({reason_of(error)})."
        await self._desk.end(errand, problem)

    async def _do(self, errand: Errand) -> None:
        if errand.kind is ErrandKind.ANSWER:
            await self._actions.answer(await self._desk.question(errand))
            return
        told = await self._aftercare.told(errand.message_id)
        if draft := await self._aftercare.draft_of(told.message_id):
            await self._delivery.settle(told, draft, errand.asked_by)
