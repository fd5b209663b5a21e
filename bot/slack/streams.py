"""Answers that Slack shows while they are written, by its own streaming.

Comes in: questions and events of their answers. Goes out: `chat.startStream`, `chat.appendStream`, `chat.stopStream`.
A stream only grows, holds some ten kilobytes and dies after five minutes, so it is never the last word: the finished
answer is put in its place with `chat.update`, which Slack allows once the stream has ended.

Sources of the limits: Slack's documentation of text streaming; the five minutes and the size are from bug reports
against its SDKs.
"""

import logging
import re
import time
from dataclasses import dataclass, field
from typing import Any

from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.web.async_chat_stream import AsyncChatStream

from bot.rendering import WAITING, activity
from bot.slack.failures import OUT_OF_REACH, reason_of
from bot.slack.renderer import defused, render_stop
from bot.slack.workspaces import Workspace
from core.domain.conversation import Question
from core.domain.events import AnswerEvent, Completed, Queued, Step, TextDelta

STREAM_BYTES = 10_000
"""Of text, in UTF-8; what comes after it is shown with the finished answer."""

STREAM_SECONDS = 270.0
"""After this long the answer goes on by edits."""

APPEND_SECONDS = 0.7
"""Least time between two appends to one stream, while there is one; with more of them, times their number."""

TITLE = 200
"""Characters of a task's title."""

CLOSED = {"message_not_in_streaming_state", "message_not_found"}
"""What Slack says of a stream that has ended already."""

UNABLE = {"access_denied", "feature_not_enabled", "missing_scope", "not_allowed_token_type", "unknown_method"}
"""What Slack says where it streams no answer at all; any other refusal is of this one answer."""

_LAST_WORD = re.compile(r"\S+$")

_log = logging.getLogger(__name__)


@dataclass
class _Stream:
    chat: AsyncChatStream
    workspace: Workspace
    started: float = field(default_factory=time.monotonic)
    appended: float = 0.0
    sent: str = ""
    task: tuple[str, str] = ("task-0", WAITING.strip("_"))
    tasks: int = 1
    alive: bool = True


class Streams:
    """The streams of this process, by the `ts` of their messages."""

    def __init__(self) -> None:
        self._open: dict[str, _Stream] = {}

    async def open(self, workspace: Workspace, question: Question) -> str | None:
        """Begins a stream with a sign of life; gives the message's `ts`. None where Slack cannot stream (now).

        Raises what is in `OUT_OF_REACH` when it cannot be known whether one was begun.
        """
        session = question.session
        if not (workspace.streams and session.thread and question.author and workspace.pace.left("chat.startStream")):
            return None
        await workspace.pace.turn("chat.startStream")
        chat = await workspace.client.chat_stream(
            channel=session.channel,
            thread_ts=session.thread,
            recipient_team_id=session.workspace,
            recipient_user_id=question.author,
            buffer_size=1,
            task_display_mode="plan" if question.mode == "crew" else "timeline",
        )
        stream = _Stream(chat, workspace)
        try:
            await chat.append(chunks=[_task(*stream.task, "in_progress"), _blocks(render_stop(question.event_id))])
        except SlackApiError as error:
            reason = reason_of(error)
            workspace.streams = reason not in UNABLE
            _log.warning("Slack does not stream this answer (%s); it is shown by edits", reason)
            return None
        if not chat.ts:
            return None
        self._open[chat.ts] = stream
        return chat.ts

    async def show(self, ts: str, event: AnswerEvent, text: str) -> bool:
        """Shows what happened, if its time has come; `text` is all that was written so far.

        False: there is no such stream (any more), so that progress has to be shown by edits.
        """
        stream = self._open.get(ts)
        if stream is None:
            return False
        if stream.alive and time.monotonic() - stream.started > STREAM_SECONDS:
            await self.close(ts)
            return False
        if not stream.alive or isinstance(event, Completed):
            return stream.alive
        text = text if isinstance(event, TextDelta) else ""
        grown = _growth(stream.sent, text)
        step = isinstance(event, Step | Queued)
        if (not grown and not step) or not self._is_due(stream, first=bool(grown) and not stream.sent):
            return True
        await self._append(stream, grown, activity(event) if step else "")
        return True

    async def close(self, ts: str) -> None:
        """Ends a stream, if it is one of ours, so that its message can be edited."""
        if stream := self._open.pop(ts, None):
            stream.alive = False
            await stream.workspace.pace.turn("chat.stopStream")
            try:
                await stream.chat.stop(chunks=[_task(*stream.task, "complete")])
            except (SlackApiError, SlackRequestError, *OUT_OF_REACH) as error:
                _log.info("a stream had ended before: %s", error)

    def _is_due(self, stream: _Stream, *, first: bool) -> bool:
        """Whether an append may go: the first words of an answer at once, the rest so that all get their share."""
        left = stream.workspace.pace.left("chat.appendStream")
        beginning = sum(not other.sent for other in self._open.values() if other.workspace is stream.workspace)
        if first:
            return left > 0
        rest = time.monotonic() - stream.appended
        return left > beginning and rest >= APPEND_SECONDS * max(1, len(self._open))

    async def _append(self, stream: _Stream, grown: str, doing: str) -> None:
        await stream.workspace.pace.turn("chat.appendStream")
        chunks: list[dict[str, Any]] = []
        if doing or not stream.sent:
            chunks.append(_task(*stream.task, "complete"))
        if doing:
            stream.task = (f"task-{stream.tasks}", doing[:TITLE])
            stream.tasks += 1
            chunks.append(_task(*stream.task, "in_progress"))
        if grown:
            chunks.append({"type": "markdown_text", "text": grown})
        stream.appended = time.monotonic()
        try:
            await stream.chat.append(chunks=chunks)
            stream.sent += grown
        except (SlackApiError, *OUT_OF_REACH) as error:
            stream.alive = isinstance(error, OUT_OF_REACH)
            _log.info("a stream does not take more: %s", error)


def _growth(sent: str, text: str) -> str:
    """What is to be appended: whole words, within what a stream holds, harmless as a whole."""
    shown = defused(_LAST_WORD.sub("", text))
    if not shown.startswith(sent) or len(shown.encode()) > STREAM_BYTES:
        return ""
    return shown[len(sent) :]


def _task(task_id: str, title: str, status: str) -> dict[str, Any]:
    return {"type": "task_update", "id": task_id, "title": title, "status": status}


def _blocks(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "blocks", "blocks": blocks}
