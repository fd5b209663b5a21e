"""Posts to Slack and edits what it posted.

Comes in: questions and rendered messages. Goes out: calls of Slack's Web API, paced below its rates. Posting is
repeated only when Slack said that it refused (429); an edit can be repeated safely, so it is after 5xx and lost
connections too. What is posted for a question says so in its metadata, so that after a crash it is found instead of
posted again; and before each post it is asked whether it is still ours to answer.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.rendering import WAITING
from bot.slack.failures import OUT_OF_REACH, is_passing, reason_of
from bot.slack.reader import read_stamp
from bot.slack.renderer import FILE_NAME, STOP_ACTION, Post, render_progress, render_working
from bot.slack.streams import Streams
from bot.slack.workspaces import Workspace, Workspaces
from bot.work import Keeps, TakenOver
from core.domain.conversation import Question, SessionKey
from core.domain.events import AnswerEvent

EDIT_SECONDS = 1.5
"""Least time between two edits of a message that only show progress."""

KEPT_EDITS = 15
"""Edits a minute that progress leaves to finished answers."""

UPDATE_TEXT = 3_000
"""Characters of the plain text beside blocks, for notifications; `chat.update` takes 4,000."""

METADATA = "assistant_answer"
"""The event type of our messages' metadata."""

LOOKED_THROUGH = 200
"""Messages since the question among which earlier posts are looked for."""

STREAMING = "streaming_state_conflict"
"""Slack does not let a message be edited whose stream has not ended: that of a process that is gone."""

GONE = {"message_not_found", "cant_update_message", "edit_window_closed"}
"""Slack's reasons why a message can no longer be edited; the answer is posted anew then."""

PATIENCE = (1, 3, 9)
"""Seconds before a finished answer that Slack did not take for the moment is offered again."""

NOTHING_POSTED: Mapping[int, str] = MappingProxyType({})

_log = logging.getLogger(__name__)


class Messenger:
    """The voice of the bot, in all workspaces."""

    def __init__(self, workspaces: Workspaces, keeps: Keeps) -> None:
        self._workspaces = workspaces
        self._keeps = keeps
        self._streams = Streams()
        self._edited: dict[str, float] = {}
        self._writing: set[str] = set()

    async def hold(self, question: Question) -> None:
        """Raises TakenOver when it is no more for this process to speak about a question."""
        if not await self._keeps(question):
            raise TakenOver(f"question {question.event_id} is answered by another process")

    async def open(self, question: Question) -> str:
        """Gives a sign of life, with a button that stops the answer; gives the message's `ts`. Raises TakenOver."""
        await self.hold(question)
        workspace = await self._of(question.session)
        if ts := await self._streams.open(workspace, question):
            return ts
        return await self._post(question, 0, Post(WAITING, render_working(WAITING, question.event_id)))

    async def reopen(self, question: Question, ts: str) -> None:
        """Shows that a question is looked into again, where its answer stands."""
        await self._streams.close(ts)
        await self.edit(question.session, ts, Post(WAITING, render_working(WAITING, question.event_id)))

    async def post(self, question: Question, post: Post, part: int = 0) -> str:
        """Posts into the thread of a question; gives the message's `ts`. `part` counts the messages of an answer."""
        return await self._post(question, part, post)

    async def posted(self, question: Question) -> dict[int, str]:
        """What stands in the thread for a question already: the `ts` of each part.

        A message of ours without metadata is a stream that a stopped process had just begun: its button names the
        question, where Slack shows it.
        """
        session = question.session
        workspace = await self._of(session)
        options: dict[str, Any] = {"channel": session.channel, "include_all_metadata": True, "limit": LOOKED_THROUGH}
        options |= {"oldest": asked_at} if (asked_at := read_stamp(question)) else {}
        try:
            if session.thread:
                reply: Any = await workspace.editor.conversations_replies(ts=session.thread, **options)
            else:
                reply = await workspace.editor.conversations_history(**options)
        except SlackApiError as error:
            _log.warning("it cannot be seen what was posted before: %s", reason_of(error))
            return {}
        me, found = await self._me(workspace), dict[int, str]()
        for message in reply["messages"]:
            metadata: dict[str, Any] = message.get("metadata") or {}
            payload: dict[str, Any] = metadata.get("event_payload", {})
            if payload.get("question") == question.event_id:
                found[int(payload["part"])] = str(message["ts"])
            elif message.get("bot_id") == me and not metadata and _may_be_of(message, question):
                found.setdefault(0, str(message["ts"]))
        return found

    async def announce(self, session: SessionKey, markdown: str) -> str:
        """Posts into a channel itself, to open a thread; gives the message's `ts`."""
        workspace = await self._of(session)
        await workspace.pace.post(session.channel)
        reply: Any = await workspace.client.chat_postMessage(
            channel=session.channel, markdown_text=markdown, metadata=_mark("", 0), unfurl_links=False
        )
        return str(reply["ts"])

    async def say(self, session: SessionKey, post: Post, channel: str = "") -> str:
        """Posts what answers no question, into a conversation or another channel; gives the message's `ts`."""
        workspace = await self._of(session)
        where = channel or session.channel
        await workspace.pace.post(where)
        reply: Any = await workspace.client.chat_postMessage(
            channel=where,
            thread_ts=None if channel else session.thread or None,
            text=post.text[:UPDATE_TEXT],
            blocks=post.blocks,
            metadata=_mark("", 0),
            unfurl_links=False,
            unfurl_media=False,
        )
        return str(reply["ts"])

    async def whisper(self, session: SessionKey, person: str, post: Post) -> None:
        """Says something in a conversation that one person alone sees."""
        workspace = await self._of(session)
        await workspace.client.chat_postEphemeral(
            channel=session.channel,
            user=person,
            thread_ts=session.thread or None,
            text=post.text[:UPDATE_TEXT],
            blocks=post.blocks,
        )

    async def react(self, session: SessionKey, ts: str, emoji: str) -> None:
        """Reacts to a message; that it was done before is fine."""
        workspace = await self._of(session)
        await workspace.pace.turn("reactions.add")
        try:
            await workspace.editor.reactions_add(channel=session.channel, timestamp=ts, name=emoji)
        except SlackApiError as error:
            _log.debug("no reaction to %s: %s", ts, reason_of(error))

    async def show_progress(self, question: Question, ts: str, event: AnswerEvent, text: str) -> None:
        """Shows what happens, if its time has come, the first words at once; otherwise leaves it for the next event.

        Raises TakenOver.
        """
        if await self._streams.show(ts, event, text):
            return
        workspace = await self._of(question.session)
        due = time.monotonic() - self._edited.get(ts, 0.0) >= EDIT_SECONDS
        first_words = bool(text.strip()) and ts not in self._writing
        if not (due or first_words) or workspace.pace.left("chat.update") <= KEPT_EDITS:
            return
        await self.hold(question)
        self._edited[ts] = time.monotonic()
        if first_words:
            self._writing.add(ts)
        shown = render_progress(event, text)
        try:
            await self.edit(question.session, ts, Post(shown, render_working(shown, question.event_id)))
        except (SlackApiError, *OUT_OF_REACH) as error:
            _log.debug("progress was not shown: %s", error)

    async def finish(
        self, question: Question, ts: str, posts: Sequence[Post], posted: Mapping[int, str] = NOTHING_POSTED
    ) -> list[str]:
        """Puts the final text where the progress was, if anywhere; further parts follow as messages of their own.

        `posted` are the parts that stand there already; those that are left over are deleted. Gives the `ts` of all.
        """
        self._edited.pop(ts, None)
        self._writing.discard(ts)
        await self._streams.close(ts)
        places: list[str] = []
        for number, post in enumerate(posts):
            place = posted.get(number) or (ts if number == 0 else "")
            if not (place and await self._put(question, place, post, number)):
                place = await self._post_once(question, number, post)
            places.append(place)
            if post.file and not await self._upload(question.session, post.file):
                places += [await self._post(question, number + n, more) for n, more in enumerate(post.rest, 1)]
        for number, place in posted.items():
            if number >= len(posts):
                await self.delete(question.session, place)
        return places

    async def edit(self, session: SessionKey, ts: str, post: Post, mark: dict[str, Any] | None = None) -> None:
        """Edits a message with blocks: without any, Slack may leave those that stand there, with the button."""
        workspace = await self._of(session)
        await workspace.pace.turn("chat.update")
        content: dict[str, Any] = {"channel": session.channel, "ts": ts, "text": post.text[:UPDATE_TEXT]}
        content |= {"blocks": post.blocks} | ({"metadata": mark} if mark else {})
        try:
            await workspace.editor.chat_update(**content)
        except SlackApiError as error:
            if reason_of(error) != STREAMING:
                raise
            await self._end_stream(workspace, session.channel, ts)
            await workspace.editor.chat_update(**content)

    async def delete(self, session: SessionKey, ts: str) -> None:
        """Deletes a message of ours; that it is gone is fine."""
        workspace = await self._of(session)
        await self._streams.close(ts)
        try:
            await workspace.editor.chat_delete(channel=session.channel, ts=ts)
        except SlackApiError as error:
            if reason_of(error) != "message_not_found":
                raise

    async def link(self, session: SessionKey, ts: str) -> str:
        """The address of a message; empty when Slack does not say."""
        workspace = await self._of(session)
        try:
            reply: Any = await workspace.editor.chat_getPermalink(channel=session.channel, message_ts=ts)
        except (SlackApiError, *OUT_OF_REACH):
            return ""
        return str(reply["permalink"])

    async def is_member(self, session: SessionKey) -> bool:
        """Whether we are a member of the channel of a conversation, and so may post there."""
        workspace = await self._of(session)
        try:
            reply: Any = await workspace.editor.conversations_info(channel=session.channel)
        except SlackApiError as error:
            _log.info("channel %s is hidden from us: %s", session.channel, reason_of(error))
            return False
        channel: dict[str, Any] = reply["channel"]
        return bool(channel.get("is_member") or channel.get("is_im"))

    async def workspace(self, team: str) -> Workspace:
        """The workspace of a team, with its address. Raises ChannelError where the app is not installed."""
        workspace = await self._workspaces.of(team)
        await self._me(workspace)
        return workspace

    async def _post(self, question: Question, part: int, post: Post) -> str:
        session = question.session
        workspace = await self._of(session)
        await workspace.pace.post(session.channel)
        await self.hold(question)
        reply: Any = await workspace.client.chat_postMessage(
            channel=session.channel,
            thread_ts=session.thread or None,
            metadata=_mark(question.event_id, part),
            unfurl_links=False,
            unfurl_media=False,
            text=post.text[:UPDATE_TEXT],
            blocks=post.blocks,
        )
        return str(reply["ts"])

    async def _post_once(self, question: Question, number: int, post: Post) -> str:
        """Posts a part of an answer; when it cannot be known whether that was done, we look before we post again."""
        for seconds in PATIENCE:
            try:
                return await self._post(question, number, post)
            except (SlackApiError, *OUT_OF_REACH) as error:
                if isinstance(error, SlackApiError) and not is_passing(error):
                    raise
                _log.info("Slack did not take part %d of an answer (%s); again in %d s", number, error, seconds)
            await asyncio.sleep(seconds)
            if place := (await self.posted(question)).get(number):
                return place
        return await self._post(question, number, post)

    async def _put(self, question: Question, ts: str, post: Post, number: int) -> bool:
        """Whether a message could be edited; what Slack refuses for the moment is tried again."""
        for seconds in (*PATIENCE, None):
            try:
                await self.edit(question.session, ts, post, _mark(question.event_id, number))
            except SlackApiError as error:
                if reason_of(error) in GONE:
                    return False
                if seconds is None or not is_passing(error):
                    raise
                _log.info("Slack does not take an answer yet (%s); again in %d s", reason_of(error), seconds)
                await asyncio.sleep(seconds)
            else:
                return True
        return False

    async def _upload(self, session: SessionKey, text: str) -> bool:
        """Whether a long answer could be sent as a file."""
        workspace = await self._of(session)
        try:
            await workspace.client.files_upload_v2(
                channel=session.channel,
                thread_ts=session.thread or None,
                filename=FILE_NAME,
                title=FILE_NAME,
                content=text,
            )
        except SlackApiError as error:
            _log.warning("a long answer could not be sent as a file: %s", reason_of(error))
            return False
        return True

    async def _end_stream(self, workspace: Workspace, channel: str, ts: str) -> None:
        await workspace.pace.turn("chat.stopStream")
        try:
            await workspace.editor.chat_stopStream(channel=channel, ts=ts)
        except SlackApiError as error:
            _log.info("the stream of a stopped process had ended: %s", reason_of(error))

    async def _me(self, workspace: Workspace) -> str:
        if not workspace.bot_id:
            reply: Any = await workspace.editor.auth_test()
            workspace.bot_id, workspace.url = str(reply["bot_id"]), str(reply["url"])
        return workspace.bot_id

    async def _of(self, session: SessionKey) -> Workspace:
        return await self._workspaces.of(session.workspace)


def _may_be_of(message: dict[str, Any], question: Question) -> bool:
    """Whether a stream may have been begun for a question."""
    blocks: list[dict[str, Any]] = message.get("blocks") or []
    buttons = [element for block in blocks if block["type"] == "actions" for element in block["elements"]]
    named = [button["value"] for button in buttons if button.get("action_id") == STOP_ACTION]
    return not blocks or question.event_id in named


def _mark(event_id: str, part: int) -> dict[str, Any]:
    return {"event_type": METADATA, "event_payload": {"question": event_id, "part": part}}
