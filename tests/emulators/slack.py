"""Stands in for Slack at the socket: Web API, Socket Mode, signed HTTP delivery, and the people who write.

The Slack tests use it: slack_bolt and slack_sdk connect to it unchanged, with base_url=double.api_url.
Simpler than Slack: what is sent while no socket is open waits for the next one instead of being lost; an
envelope is sent again only when its socket closed before it was acknowledged, or when a test redelivers it.
"""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar
from urllib.parse import urlencode

from aiohttp import ClientSession, web

Json: TypeAlias = dict[str, Any]
T = TypeVar("T")

TEAM, APP, BOT_USER, BOT_ID = "T0DOUBLE", "A0DOUBLE", "U0BOT", "B0BOT"
HELP, ADA = "C0HELP", "U0ADA"
IDENTITY = {"url": "https://double.slack.test/", "team_id": TEAM, "user_id": BOT_USER, "bot_id": BOT_ID}
PEOPLE = {"U0ADA": "ada", "U0LIN": "lin", BOT_USER: "assistant"}
DIRECT = {"U0ADA": "D0ADA", "U0LIN": "D0LIN"}
CHANNELS = {"C0HELP": "help", "C0OPS": "ops", "D0ADA": "ada", "D0LIN": "lin"}
SCOPES: str = (
    "app_mentions:read assistant:write channels:history channels:read chat:write commands files:read files:write "
    "groups:history groups:read im:history im:read mpim:history mpim:read reactions:write users:read"
)

POST_TEXT, UPDATE_TEXT, MARKDOWN_TEXT, BLOCKS = 40_000, 4_000, 12_000, 50
BLOCK_TEXT = {"section": 3_000, "header": 150, "markdown": 12_000}
BURST, ACKNOWLEDGE_WITHIN, RESPONSES = 5, 3.0, 5
STREAM_BYTES = 11_000
A_MINUTE = {
    "chat.appendStream": 100,
    "chat.startStream": 20,
    "chat.stopStream": 20,
    "chat.update": 50,
    "conversations.history": 50,
    "conversations.replies": 50,
}


@dataclass
class Message:
    """A stored message; `edits` holds the texts that chat.update replaced, oldest first."""

    channel: str
    ts: str
    user: str
    text: str
    thread_ts: str | None = None
    blocks: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    edits: list[str] = field(default_factory=list)
    reactions: list[str] = field(default_factory=list)
    files: list[Json] = field(default_factory=list)
    tasks: dict[str, Json] = field(default_factory=dict)
    streaming: bool = False
    streamed: list[str] = field(default_factory=list)
    edited: str = ""
    deleted: bool = False

    def as_json(self) -> Json:
        shown: Json = {"type": "message", "user": self.user, "ts": self.ts, "text": self.text, "team": TEAM}
        optional = {"thread_ts": self.thread_ts, "blocks": self.blocks, "metadata": self.metadata, "files": self.files}
        optional |= {"edited": {"user": self.user, "ts": self.edited} if self.edited else None}
        shown |= {name: value for name, value in optional.items() if value}
        return shown | ({"bot_id": BOT_ID, "app_id": APP} if self.user == BOT_USER else {})


@dataclass(frozen=True)
class Act:
    """What a person did, with the payloads that tell the app of it."""

    ts: str
    channel: str
    payloads: tuple[Json, ...] = field(default=(), repr=False)

    @property
    def event_ids(self) -> tuple[str, ...]:
        return tuple(payload["event_id"] for payload in self.payloads if "event_id" in payload)


@dataclass
class Call:
    """A call of the Web API; `at` is the monotonic time."""

    method: str
    arguments: Json
    at: float
    error: str | None = None


class Ephemeral(NamedTuple):
    channel: str
    user: str
    text: str
    blocks: list[Json]
    thread_ts: str | None


class Status(NamedTuple):
    channel: str
    thread_ts: str
    status: str


class HttpAnswer(NamedTuple):
    status: int
    body: str


@dataclass
class Envelope:
    """One Socket Mode delivery; `abandoned` once its socket closed and another envelope took its place."""

    kind: str
    payload: Json
    attempt: int = 0
    envelope_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    socket: web.WebSocketResponse | None = field(default=None, repr=False)
    sent_at: float = 0.0
    acks: list[float] = field(default_factory=list)
    abandoned: bool = False

    def as_json(self) -> Json:
        wire: Json = {"envelope_id": self.envelope_id, "type": self.kind, "payload": self.payload}
        if self.kind == "events_api":
            wire |= {"retry_attempt": self.attempt, "retry_reason": "timeout" if self.attempt else ""}
        return wire | {"accepts_response_payload": self.kind == "slash_commands"}

    def late(self) -> bool:
        waited_until = self.acks[0] if self.acks else self.sent_at if self.abandoned else time.monotonic()
        return self.socket is not None and waited_until - self.sent_at > ACKNOWLEDGE_WITHIN


class Refusal(Exception):
    """Slack's {"ok": false}; with `violation` when a well-behaved app never makes such a call."""

    def __init__(self, error: str, violation: str = "") -> None:
        super().__init__(error)
        self.error, self.violation = error, violation


class Workspace:
    """What has happened so far, for the tests to read."""

    def __init__(self) -> None:
        self.address = ""
        self.streams = True
        self.scopes: list[str] = [*SCOPES.split()]
        self.stored: list[Message] = []
        self.calls: list[Call] = []
        self.violations: list[str] = []
        self.ephemerals: list[Ephemeral] = []
        self.statuses: list[Status] = []
        self.titles: list[str] = []
        self.prompts: list[Json] = []
        self.views: list[Json] = []
        self.uploads: dict[str, Json] = {}
        self.downloads: dict[str, bytes] = {}
        self.admins: set[str] = set()
        self.envelopes: list[Envelope] = []
        self.response_urls: dict[str, list[Json]] = {}
        self._changed = asyncio.Condition()
        self._last_ts = 0

    def messages(self, channel: str | None = None, thread_ts: str | None = None) -> list[Message]:
        """Oldest first; with thread_ts, the thread's first message and its replies. Deleted ones too."""
        found = [m for m in self.stored if channel in (None, m.channel)]
        return [m for m in found if thread_ts is None or thread_ts in (m.ts, m.thread_ts)]

    def bot_messages(self, channel: str | None = None, thread_ts: str | None = None) -> list[Message]:
        """What the bot posted and did not delete."""
        return [m for m in self.messages(channel, thread_ts) if m.user == BOT_USER and not m.deleted]

    def late_acknowledgements(self) -> list[Envelope]:
        """Envelopes acknowledged after more than three seconds, or still not acknowledged after them."""
        return [envelope for envelope in self.envelopes if envelope.late()]

    async def wait_for(self, predicate: Callable[[Self], T], timeout: float = 60.0) -> T:  # noqa: ASYNC109
        """The predicate's first true value; it is asked again after every change."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                return await self._changed.wait_for(lambda: predicate(self))
        except TimeoutError:
            raise AssertionError(f"not within {timeout} s\n{self._story()}") from None

    async def _announce(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _story(self) -> str:
        waiting = [envelope for envelope in self.envelopes if not envelope.acks]
        told = {"message": self.stored, "ephemeral": self.ephemerals, "call": self.calls}
        told |= {"violation": self.violations, "not acknowledged": waiting}
        return "\n".join(f"{name}: {entry}" for name, entries in told.items() for entry in entries)

    def _next_ts(self) -> str:
        self._last_ts = max(self._last_ts + 1, time.time_ns() // 1000)
        return f"{self._last_ts // 10**6}.{self._last_ts % 10**6:06d}"

    def _store(self, channel: str, user: str, text: str, thread_ts: str | None, **more: Any) -> Message:
        roots = [m for m in self.messages(channel) if m.ts == thread_ts and m.thread_ts in (None, m.ts)]
        if thread_ts and not roots:
            self.violations.append(f"{channel}: no thread starts at thread_ts {thread_ts}")
        message = Message(channel, self._next_ts(), user, text, thread_ts, **more)
        self.stored.append(message)
        return message

    def _new_response_url(self) -> str:
        url = f"http://{self.address}/response/{uuid.uuid4().hex}"
        self.response_urls[url] = []
        return url

    def _record_response(self, url: str, body: Json) -> None:
        self.response_urls[url].append(body)
        if len(self.response_urls[url]) > RESPONSES:
            self.violations.append(f"{url} used more than {RESPONSES} times")


class SocketMode(Workspace):
    """Tickets, open sockets, envelopes on their way and their acknowledgements."""

    def __init__(self) -> None:
        super().__init__()
        self.sockets: deque[web.WebSocketResponse] = deque()
        self._waiting: deque[Envelope] = deque()
        self._tickets: set[str] = set()

    async def disconnect_sockets(self) -> None:
        """Slack's refresh: the app is told to open a new connection, and this one closes."""
        closing = list(self.sockets)
        self.sockets.clear()
        for socket in closing:
            with suppress(ConnectionError):
                await socket.send_json({"type": "disconnect", "reason": "refresh_requested"})
            await socket.close()

    def _open_connection(self, _: Json) -> Json:
        ticket = uuid.uuid4().hex
        self._tickets.add(ticket)
        return {"url": f"ws://{self.address}/link/?ticket={ticket}&app_id={APP}"}

    def _enqueue(self, kind: str, payload: Json, attempt: int = 0) -> None:
        self.envelopes.append(Envelope(kind, payload, attempt))
        self._waiting.append(self.envelopes[-1])

    async def _flush(self) -> None:
        while self._waiting and self.sockets:
            envelope = self._waiting.popleft()
            self.sockets.rotate()
            envelope.socket, envelope.sent_at = self.sockets[0], time.monotonic()
            with suppress(ConnectionError):
                await envelope.socket.send_json(envelope.as_json())
        await self._announce()

    async def _serve_socket(self, request: web.Request) -> web.StreamResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=404, text="this ticket was used before or never issued")
        self._tickets.remove(ticket)
        socket = web.WebSocketResponse(timeout=1.0)
        await socket.prepare(request)
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": APP}})
        self.sockets.append(socket)
        try:
            await self._flush()
            async for frame in socket:
                self._acknowledge(json.loads(frame.data))
                await self._announce()
        finally:
            self._leave(socket)
        return socket

    def _leave(self, socket: web.WebSocketResponse) -> None:
        with suppress(ValueError):
            self.sockets.remove(socket)
        for lost in [e for e in self.envelopes if e.socket is socket and not e.acks]:
            if lost.late():
                self.violations.append(f"{lost.kind} {lost.envelope_id} was never acknowledged")
            lost.abandoned = True
            self._enqueue(lost.kind, lost.payload, lost.attempt + 1)

    def _acknowledge(self, body: Json) -> None:
        found = [e for e in self.envelopes if e.envelope_id == body.get("envelope_id")]
        if not found:
            self.violations.append(f"acknowledged an unknown envelope: {body}")
            return
        envelope = found[0]
        envelope.acks.append(time.monotonic())
        if len(envelope.acks) > 1:
            self.violations.append(f"{envelope.kind} {envelope.envelope_id} was acknowledged twice")
        elif envelope.late():
            self.violations.append(f"{envelope.kind} {envelope.envelope_id} was acknowledged late")
        if body.get("payload") and "response_url" in envelope.payload:
            self._record_response(envelope.payload["response_url"], body["payload"])


class WebApi(SocketMode):
    """The Web API; a method takes the call's arguments and answers what goes with "ok": true."""

    bot_token, app_token = "xoxb-double", "xapp-double"

    def __init__(self) -> None:
        super().__init__()
        self.withheld: list[Call] = []
        self._faults: defaultdict[str, deque[tuple[str, int]]] = defaultdict(deque)
        self._withholding: list[tuple[str, Callable[[Json], object]]] = []
        self._given_out = asyncio.Event()
        self._post_allowance: defaultdict[str, float] = defaultdict(float)
        self._methods: dict[str, Callable[[Json], Json]] = {
            "auth.test": lambda _: IDENTITY,
            "apps.connections.open": self._open_connection,
            "oauth.v2.access": self._grant,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.startStream": self._start_stream,
            "chat.appendStream": self._append_stream,
            "chat.stopStream": self._stop_stream,
            "chat.getPermalink": lambda a: {
                "permalink": f"{IDENTITY['url']}archives/{a['channel']}/p{a['message_ts']}"
            },
            "files.getUploadURLExternal": self._upload_address,
            "files.completeUploadExternal": self._complete_upload,
            "users.conversations": lambda _: {"channels": [self._described(channel) for channel in CHANNELS]},
            "views.open": lambda a: self._show_view(a["view"]),
            "views.publish": lambda a: self._show_view(a["view"] | {"user": a["user_id"]}),
            "chat.postEphemeral": self._post_ephemeral,
            "reactions.add": lambda a: self._react(a, wanted=True),
            "reactions.remove": lambda a: self._react(a, wanted=False),
            "conversations.replies": self._replies,
            "conversations.history": self._history,
            "conversations.info": lambda a: self._conversation(self._channel(a)),
            "conversations.open": lambda a: self._conversation(DIRECT[self._person(a, "users")]),
            "users.info": self._user,
            "assistant.threads.setStatus": self._set_status,
            "assistant.threads.setTitle": self._arrange_thread,
            "assistant.threads.setSuggestedPrompts": self._suggest,
        }

    def fail(self, method: str, error: str = "ratelimited", times: int = 1, retry_after: int = 1) -> None:
        """The next calls fail: "ratelimited" is a 429, "http_500" a 500, anything else Slack's own error.

        With "lost", the call is carried out and the connection breaks before the reply.
        """
        self._faults[method].extend([(error, retry_after)] * times)

    def withhold(self, method: str, when: Callable[[Json], object] = bool) -> None:
        """Carries out the next call whose arguments are so, and keeps the reply until `give_out`; see `withheld`."""
        self._withholding.append((method, when))
        self._given_out.clear()

    def give_out(self) -> None:
        """Sends the replies that were withheld, if anybody still waits for them."""
        self._given_out.set()

    async def _serve_api(self, request: web.Request) -> web.Response:
        call = Call(request.match_info["method"], await read_arguments(request), time.monotonic())
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.calls.append(call)
        self._count(call)
        planned = self._faults[call.method]
        lost = bool(planned) and planned[0][0] == "lost"
        fault = planned.popleft() if planned else None
        response = self._failure(call, *fault) if fault and not lost else self._answer(call, token)
        if lost and request.transport:
            request.transport.abort()
        await self._withhold(call)
        await self._flush()
        return response

    async def _withhold(self, call: Call) -> None:
        wanted = next((w for w in self._withholding if w[0] == call.method and w[1](call.arguments)), None)
        if wanted:
            self._withholding.remove(wanted)
            self.withheld.append(call)
            await self._flush()
            await self._given_out.wait()

    def _count(self, call: Call) -> None:
        most = A_MINUTE.get(call.method, 1_000)
        if len([c for c in self.calls if c.method == call.method and c.at > call.at - 60]) > most:
            self.violations.append(f"{call.method}: more than {most} within a minute")

    def _failure(self, call: Call, error: str, retry_after: int) -> web.Response:
        call.error = error
        if error == "http_500":
            return web.Response(status=500, text="Internal Server Error")
        limited = error == "ratelimited"
        headers = {"Retry-After": str(retry_after)} if limited else None
        return web.json_response({"ok": False, "error": error}, status=429 if limited else 200, headers=headers)

    def _answer(self, call: Call, token: str) -> web.Response:
        try:
            body = {"ok": True} | self._method(call.method, token)(call.arguments)
        except Refusal as refusal:
            call.error = refusal.error
            body = {"ok": False, "error": refusal.error}
            if refusal.violation:
                self.violations.append(f"{call.method}: {refusal.violation}")
        return web.json_response(body, headers={"x-oauth-scopes": ",".join(self.scopes)})

    def _method(self, name: str, token: str) -> Callable[[Json], Json]:
        if name not in self._methods:
            raise Refusal("unknown_method", "the double has no such method")
        if name == "oauth.v2.access":
            return self._methods[name]
        if token not in (self.bot_token, self.app_token):
            raise Refusal("invalid_auth" if token else "not_authed")
        if (token == self.app_token) != (name == "apps.connections.open"):
            raise Refusal("not_allowed_token_type")
        return self._methods[name]

    def _post_message(self, a: Json) -> Json:
        channel = self._channel(a)
        text, blocks = read_content(a)
        if len(text) > POST_TEXT:
            self.violations.append(f"chat.postMessage: text of {len(text)} characters, truncated")
        self._spend_allowance(channel)
        more = {"blocks": blocks, "metadata": a.get("metadata")}
        message = self._store(channel, BOT_USER, text[:POST_TEXT], a.get("thread_ts"), **more)
        self._enqueue("events_api", event_payload(message.as_json(), channel, message.ts))
        return {"channel": channel, "ts": message.ts, "message": message.as_json()}

    def _spend_allowance(self, channel: str) -> None:
        now = time.monotonic()
        self._post_allowance[channel] = max(self._post_allowance[channel], now) + 1
        if self._post_allowance[channel] - now > BURST:
            self.violations.append(f"chat.postMessage: more than one a second in {channel}")

    def _update(self, a: Json) -> Json:
        message = self._own_message(a, "cant_update_message")
        text, blocks = read_content(a)
        if message.blocks and not (a.get("text") or blocks):
            self.violations.append("chat.update: without text or blocks, the blocks of a message stay")
        if len(a.get("text") or "") > UPDATE_TEXT:
            raise Refusal("msg_too_long", f"text of {len(text)} characters")
        if message.streaming:
            raise Refusal("streaming_state_conflict")
        event = {"type": "message", "subtype": "message_changed", "previous_message": message.as_json()}
        message.edits.append(message.text)
        message.text, message.blocks = text, blocks
        message.metadata = a.get("metadata") or message.metadata
        event |= {"message": message.as_json(), "hidden": True}
        self._enqueue("events_api", event_payload(event, message.channel, self._next_ts()))
        return {"channel": message.channel, "ts": message.ts, "text": text, "message": message.as_json()}

    def _start_stream(self, a: Json) -> Json:
        if not self.streams:
            raise Refusal("unknown_method")
        channel = self._channel(a)
        if not a.get("thread_ts"):
            raise Refusal("invalid_arguments", "a stream without a thread")
        if not channel.startswith("D") and not (a.get("recipient_team_id") and a.get("recipient_user_id")):
            raise Refusal("missing_recipient_user_id", "a stream in a channel for nobody")
        message = self._store(channel, BOT_USER, "", a["thread_ts"], streaming=True)
        self._enqueue("events_api", event_payload(message.as_json(), channel, message.ts))
        self._grow(message, a)
        return {"channel": channel, "ts": message.ts}

    def _append_stream(self, a: Json) -> Json:
        message = self._streaming(a)
        if not a.get("chunks"):
            raise Refusal("no_text", "an append of nothing")
        self._grow(message, a)
        return {"channel": message.channel, "ts": message.ts}

    def _stop_stream(self, a: Json) -> Json:
        message = self._streaming(a)
        self._grow(message, a)
        message.streaming = False
        message.metadata = a.get("metadata") or message.metadata
        return {"channel": message.channel, "ts": message.ts, "message": message.as_json()}

    def _streaming(self, a: Json) -> Message:
        message = self._own_message(a, "message_not_owned_by_app")
        if not message.streaming:
            raise Refusal("message_not_in_streaming_state")
        return message

    def _grow(self, message: Message, a: Json) -> None:
        for chunk in a.get("chunks") or []:
            match chunk["type"]:
                case "markdown_text":
                    message.text += chunk["text"]
                    message.streamed.append(chunk["text"])
                case "task_update":
                    message.tasks.setdefault(chunk["id"], {}).update(chunk)
                case "blocks":
                    if wrong := "; ".join(block_faults(chunk["blocks"])):
                        raise Refusal("invalid_blocks", wrong)
                    message.blocks += chunk["blocks"]
                case kind:
                    raise Refusal("invalid_chunks", f"a chunk of the type {kind}")
        if len(message.text.encode()) > STREAM_BYTES:
            raise Refusal("msg_too_long", "a stream grew too long")

    def break_streams(self) -> None:
        """All streams die, as Slack's do after five minutes."""
        for message in self.stored:
            message.streaming = False

    def _upload_address(self, a: Json) -> Json:
        file = f"F{len(self.uploads)}"
        self.uploads[file] = {"name": a["filename"], "length": int(a["length"])}
        return {"upload_url": f"http://{self.address}/upload/{file}", "file_id": file}

    def _complete_upload(self, a: Json) -> Json:
        files = [self.uploads[file["id"]] | {"id": file["id"]} for file in a["files"]]
        if a.get("channel_id"):
            self._store(a["channel_id"], BOT_USER, "", a.get("thread_ts"), files=files)
        return {"files": files}

    async def _serve_upload(self, request: web.Request) -> web.Response:
        form = await request.post() if request.content_type == "multipart/form-data" else None
        part = next(iter(form.values())) if form else None
        body = part.file.read() if isinstance(part, web.FileField) else await request.read()
        self.uploads[request.match_info["file"]]["content"] = body.decode()
        return web.Response(text="OK")

    async def _serve_file(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Bearer {self.bot_token}":
            return web.Response(status=403, text="sign in to see this file")
        return web.Response(body=self.downloads[request.match_info["name"]])

    def _grant(self, a: Json) -> Json:
        if a.get("code") != "code-double":
            raise Refusal("invalid_code")
        granted = {"access_token": self.bot_token, "token_type": "bot", "scope": ",".join(self.scopes), "app_id": APP}
        return granted | {"bot_user_id": BOT_USER, "team": {"id": TEAM, "name": "double"}, "authed_user": {"id": ADA}}

    def _show_view(self, view: Json) -> Json:
        if wrong := "; ".join(block_faults(view.get("blocks") or [])):
            raise Refusal("invalid_arguments", wrong)
        self.views.append(view | {"id": f"V{len(self.views)}"})
        return {"view": self.views[-1]}

    def _suggest(self, a: Json) -> Json:
        self._channel(a, "channel_id")
        if not 1 <= len(a["prompts"]) <= 4:
            raise Refusal("invalid_arguments", "one to four prompts can be suggested")
        self.prompts.append(a)
        return {}

    def _delete(self, a: Json) -> Json:
        message = self._own_message(a, "cant_delete_message")
        message.deleted = True
        return {"channel": message.channel, "ts": message.ts}

    def _post_ephemeral(self, a: Json) -> Json:
        shown = Ephemeral(self._channel(a), self._person(a), *read_content(a), a.get("thread_ts"))
        self.ephemerals.append(shown)
        return {"message_ts": self._next_ts()}

    def _react(self, a: Json, wanted: bool) -> Json:
        message, name = self._find(a, "timestamp"), a["name"]
        if (name in message.reactions) is wanted:
            raise Refusal("already_reacted" if wanted else "no_reaction")
        (message.reactions.append if wanted else message.reactions.remove)(name)
        return {}

    def _replies(self, a: Json) -> Json:
        thread = self.messages(self._channel(a), str(a.get("ts")))
        if not thread:
            raise Refusal("thread_not_found")
        return page(thread, a)

    def _history(self, a: Json) -> Json:
        found = self.messages(self._channel(a))
        return page([m for m in reversed(found) if m.thread_ts in (None, m.ts)], a)

    def _conversation(self, channel: str) -> Json:
        return {"channel": self._described(channel)}

    def _described(self, channel: str) -> Json:
        direct = channel.startswith("D")
        kind = {"is_im": direct, "is_channel": not direct, "is_member": not direct, "is_private": direct}
        return {"id": channel, "name": CHANNELS[channel]} | kind

    def _user(self, a: Json) -> Json:
        person = self._person(a)
        names = {"display_name": PEOPLE[person], "real_name": PEOPLE[person].title()}
        known = {"id": person, "name": PEOPLE[person], "is_bot": person == BOT_USER, "is_admin": person in self.admins}
        return {"user": known | {"profile": names}}

    def _set_status(self, a: Json) -> Json:
        self.statuses.append(Status(self._channel(a, "channel_id"), a["thread_ts"], a.get("status", "")))
        return {}

    def _arrange_thread(self, a: Json) -> Json:
        self._channel(a, "channel_id")
        self.titles.append(a["title"])
        return {}

    def _channel(self, a: Json, name: str = "channel") -> str:
        if a.get(name) not in CHANNELS:
            raise Refusal("channel_not_found")
        return a[name]

    def _person(self, a: Json, name: str = "user") -> str:
        if a.get(name) not in PEOPLE:
            raise Refusal("user_not_found")
        return a[name]

    def _find(self, a: Json, name: str = "ts") -> Message:
        found = [m for m in self.messages(self._channel(a)) if m.ts == str(a.get(name)) and not m.deleted]
        if not found:
            raise Refusal("message_not_found")
        return found[0]

    def _own_message(self, a: Json, otherwise: str) -> Message:
        message = self._find(a)
        if message.user != BOT_USER:
            raise Refusal(otherwise)
        return message


class SlackDouble(WebApi):
    """The double a test opens, `async with SlackDouble() as slack`, and what people do in it."""

    signing_secret = "signing-secret-double"

    def __init__(self) -> None:
        super().__init__()
        app = web.Application(client_max_size=16 * 2**20)
        app.router.add_route("*", "/api/{method}", self._serve_api)
        app.router.add_get("/link/", self._serve_socket)
        app.router.add_post("/response/{token}", self._serve_response)
        app.router.add_post("/upload/{file}", self._serve_upload)
        app.router.add_get("/files/{name}", self._serve_file)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.address = "{}:{}".format(*self._runner.addresses[0])
        return self

    async def __aexit__(self, *_: object) -> None:
        self.give_out()
        await self.disconnect_sockets()
        await self._runner.cleanup()

    @property
    def api_url(self) -> str:
        return f"http://{self.address}/api/"

    async def mention(self, text: str, channel: str = HELP, user: str = ADA, thread_ts: str | None = None) -> Act:
        """A message to the bot in a channel; Slack sends an app_mention event and a message event."""
        return await self.say(f"<@{BOT_USER}> {text}", channel, user, thread_ts)

    async def say(
        self,
        text: str,
        channel: str = HELP,
        user: str = ADA,
        thread_ts: str | None = None,
        files: dict[str, bytes] | None = None,
    ) -> Act:
        message = self._store(
            channel, user, text, thread_ts, files=[self._file(*file) for file in (files or {}).items()]
        )
        event = message.as_json() | {"client_msg_id": str(uuid.uuid4())}
        event |= {"subtype": "file_share"} if files else {}
        mentioned = f"<@{BOT_USER}>" in text and channel not in DIRECT.values()
        events = [event | {"type": "app_mention"}, event] if mentioned else [event]
        payloads = [event_payload(event, channel, message.ts) for event in events]
        return await self._deliver("events_api", message.ts, channel, payloads)

    def _file(self, name: str, content: bytes) -> Json:
        self.downloads[name] = content
        address = f"http://{self.address}/files/{name}"
        return {"id": f"F{name}", "name": name, "size": len(content), "mimetype": "", "url_private_download": address}

    async def reword(self, act: Act, text: str, after: float = 5.0) -> Act:
        """Somebody edits a message, so many seconds after it was sent."""
        message = next(m for m in self.stored if m.ts == act.ts)
        before = message.as_json()
        message.text, message.edited = text, f"{float(act.ts) + after:.6f}"
        event = {"type": "message", "subtype": "message_changed", "message": message.as_json(), "hidden": True}
        return await self.event(event | {"previous_message": before}, message.channel)

    async def erase(self, act: Act) -> Act:
        """Somebody deletes a message."""
        message = next(m for m in self.stored if m.ts == act.ts)
        message.deleted = True
        event = {"type": "message", "subtype": "message_deleted", "deleted_ts": act.ts, "hidden": True}
        return await self.event(event | {"previous_message": message.as_json()}, message.channel)

    async def submit(self, view: Json, values: Json, user: str = ADA) -> Act:
        """A person sends a dialog; `values` by block and action, as Slack has them."""
        payload = {"type": "view_submission", "team": {"id": TEAM}, "user": {"id": user, "name": PEOPLE[user]}}
        payload |= {"api_app_id": APP, "view": view | {"state": {"values": values}}}
        return await self._deliver("interactive", self._next_ts(), HELP, [payload])

    async def shortcut(self, callback: str, message: Message, user: str = ADA) -> Act:
        """A person uses a shortcut on a message."""
        payload = {"type": "message_action", "callback_id": callback, "team": {"id": TEAM}, "user": {"id": user}}
        payload |= {"api_app_id": APP, "channel": {"id": message.channel}, "message": message.as_json()}
        payload |= {"trigger_id": uuid.uuid4().hex, "response_url": self._new_response_url()}
        return await self._deliver("interactive", self._next_ts(), message.channel, [payload])

    async def direct_message(self, text: str, user: str = ADA, thread_ts: str | None = None) -> Act:
        return await self.say(text, DIRECT[user], user, thread_ts)

    async def event(self, event: Json, channel: str = HELP) -> Act:
        """Any other event, such as assistant_thread_started or app_home_opened."""
        ts = self._next_ts()
        return await self._deliver("events_api", ts, channel, [event_payload(event, channel, ts)])

    async def slash(self, command: str, text: str = "", channel: str = HELP, user: str = ADA) -> Act:
        payload = self.slash_payload(command, text, channel, user)
        return await self._deliver("slash_commands", self._next_ts(), channel, [payload])

    async def click(self, action_id: str, message: Message, value: str = "", user: str = ADA) -> Act:
        """A press on the button with this action_id; with `value`, on that one of its feedback buttons."""
        element = next(part for part in walk(message.blocks) if part.get("action_id") == action_id)
        action = {"type": element["type"], "action_id": action_id, "value": value or element.get("value")}
        where = {"type": "message", "message_ts": message.ts, "channel_id": message.channel}
        payload: Json = {"type": "block_actions", "api_app_id": APP, "actions": [action], "container": where}
        payload |= {"trigger_id": uuid.uuid4().hex}
        payload |= {
            "team": {"id": TEAM},
            "user": {"id": user, "name": PEOPLE[user]},
            "channel": {"id": message.channel},
        }
        payload |= {"message": message.as_json(), "response_url": self._new_response_url()}
        return await self._deliver("interactive", self._next_ts(), message.channel, [payload])

    async def redeliver(self, act: Act, new_event_id: bool = False) -> Act:
        """Slack's retry of the act's events; with new_event_id, the same message under other event ids."""
        payloads = [p | ({"event_id": uuid.uuid4().hex} if new_event_id else {}) for p in act.payloads]
        return await self._deliver("events_api", act.ts, act.channel, payloads, attempt=1)

    async def post_event(self, url: str, payload: Json, *, secret: str = "", sent_at: int = 0) -> HttpAnswer:
        """Signed delivery over HTTP; with another secret or time, one that the product must refuse."""
        return await self._post(url, json.dumps(payload), "application/json", secret, sent_at)

    async def verify_url(self, url: str, challenge: str = "challenge-double") -> HttpAnswer:
        return await self.post_event(url, {"type": "url_verification", "challenge": challenge})

    async def post_slash(
        self, url: str, command: str, text: str = "", channel: str = HELP, user: str = ADA
    ) -> HttpAnswer:
        form = urlencode(self.slash_payload(command, text, channel, user))
        return await self._post(url, form, "application/x-www-form-urlencoded")

    def slash_payload(self, command: str, text: str, channel: str, user: str) -> Json:
        payload = {"team_id": TEAM, "api_app_id": APP, "command": command, "text": text}
        payload |= {"channel_id": channel, "channel_name": CHANNELS[channel]}
        payload |= {"user_id": user, "user_name": PEOPLE[user], "trigger_id": uuid.uuid4().hex}
        return payload | {"response_url": self._new_response_url()}

    async def _deliver(self, kind: str, ts: str, channel: str, payloads: list[Json], attempt: int = 0) -> Act:
        for payload in payloads:
            self._enqueue(kind, payload, attempt)
        await self._flush()
        return Act(ts, channel, tuple(payloads))

    async def _post(self, url: str, body: str, kind: str, secret: str = "", sent_at: int = 0) -> HttpAnswer:
        stamp = sent_at or int(time.time())
        key = (secret or self.signing_secret).encode()
        signature = hmac.new(key, f"v0:{stamp}:{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"X-Slack-Request-Timestamp": str(stamp), "X-Slack-Signature": f"v0={signature}"}
        headers["Content-Type"] = kind
        async with ClientSession() as http, http.post(url, data=body.encode(), headers=headers) as response:
            return HttpAnswer(response.status, await response.text())

    async def _serve_response(self, request: web.Request) -> web.Response:
        if str(request.url) not in self.response_urls:
            return web.json_response({"ok": False, "error": "expired_url"}, status=404)
        self._record_response(str(request.url), await request.json())
        await self._announce()
        return web.json_response({"ok": True})


def event_payload(event: Json, channel: str, ts: str) -> Json:
    kind = {"channel_type": "im" if channel in DIRECT.values() else "channel"}
    placed = {"channel": channel, "event_ts": ts} | (kind if event["type"] == "message" else {}) | event
    authorization: Json = {"team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "enterprise_id": None}
    payload: Json = {"type": "event_callback", "team_id": TEAM, "api_app_id": APP, "event": placed}
    payload |= {"event_id": uuid.uuid4().hex, "event_time": int(float(ts))}
    return payload | {"authorizations": [authorization]}


async def read_arguments(request: web.Request) -> Json:
    """Query, form or JSON; a form carries its structured arguments as JSON text."""
    if request.content_type == "application/json":
        return dict(request.query) | await request.json()
    given: Json = dict(request.query) | dict(await request.post())
    structured = {name for name in ("blocks", "metadata", "prompts", "attachments", "view", "files") if name in given}
    return given | {name: json.loads(given[name]) for name in structured}


def read_content(a: Json) -> tuple[str, list[Json]]:
    """The text to show and the blocks of a message, once they are within Slack's limits."""
    text, markdown, blocks = a.get("text") or "", a.get("markdown_text") or "", a.get("blocks") or []
    if markdown and (text or blocks):
        raise Refusal("markdown_text_conflict", "markdown_text together with text or blocks")
    if len(markdown) > MARKDOWN_TEXT:
        raise Refusal("msg_too_long", f"markdown_text of {len(markdown)} characters")
    if wrong := "; ".join(block_faults(blocks)):
        raise Refusal("invalid_blocks", wrong)
    if not (text or markdown or blocks):
        raise Refusal("no_text", "nothing to show")
    return flatten(blocks) or text or markdown, blocks


def block_faults(blocks: list[Json]) -> Iterator[str]:
    if len(blocks) > BLOCKS:
        yield f"{len(blocks)} blocks"
    for block in blocks:
        kind, text = block.get("type", "untyped"), block.get("text", "")
        length = len(text.get("text", "") if isinstance(text, dict) else text)
        if length > BLOCK_TEXT.get(kind, length):
            yield f"{kind} text of {length} characters"


def walk(tree: Any) -> Iterator[Json]:
    """Every object in a tree of blocks, outermost first."""
    if isinstance(tree, dict):
        yield tree
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from walk(child)


def flatten(blocks: list[Json]) -> str:
    """The text a reader sees in the blocks, without the labels of buttons."""
    shown = [block for block in blocks if block.get("type") not in ("actions", "context_actions")]
    return "\n".join(part["text"] for part in walk(shown) if isinstance(part.get("text"), str))


def page(found: list[Message], a: Json) -> Json:
    """One page of history; the cursor is the position to go on from."""
    oldest, latest = str(a.get("oldest") or ""), str(a.get("latest") or "9")
    shown = [m.as_json() for m in found if not m.deleted and oldest < m.ts < latest]
    start = int(a.get("cursor") or 0)
    end = start + int(a.get("limit") or 100)
    cursor = str(end) if end < len(shown) else ""
    return {
        "messages": shown[start:end],
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }
