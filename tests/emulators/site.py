"""Stands in for a web site: pages, validators, redirects, failures and floods as a test sets them.

The tests of fetching and gathering use it, over real connections to this machine.
"""

import gzip
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Answer:
    """`pieces` are sent as they come, for bodies larger than memory or without a length; `drip` never ends."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    pieces: Iterator[bytes] | None = None
    declared: int | None = None
    drip: bool = False
    hang_up: bool = False


@dataclass(frozen=True)
class Request:
    path: str
    headers: dict[str, str]


class Site:
    """`site.pages["/a"] = Answer(...)`, or a list of answers, of which the last one stays."""

    def __init__(self) -> None:
        self.pages: dict[str, Answer | list[Answer]] = {}
        self.requests: list[Request] = []
        self.stopped = threading.Event()
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site._serve(self)

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """Says nothing of clients that went away in the middle, as they do in these tests."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> list[str]:
        """The paths that were asked for, robots.txt aside."""
        return [request.path for request in self.requests if request.path != "/robots.txt"]

    def put(self, path: str, body: bytes | str = b"", status: int = 200, **headers: str) -> str:
        """Sets a page; gives its address. Header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body.encode() if isinstance(body, str) else body
        self.pages[path] = Answer(raw, status, {"Content-Type": "text/html; charset=utf-8", **named})
        return self.url + path

    def redirect(self, path: str, target: str, status: int = 302) -> str:
        return self.put(path, status=status, Location=target)

    def secure(self, context: Any) -> None:
        """Speaks TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http://", "https://")

    @contextmanager
    def open(self) -> Iterator["Site"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stopped.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _next(self, path: str) -> Answer:
        answer = self.pages.get(path, Answer(b"not here", 404))
        if isinstance(answer, Answer):
            return answer
        return answer.pop(0) if len(answer) > 1 else answer[0]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append(Request(handler.path, dict(handler.headers.items())))
        answer = self._next(handler.path)
        etag = answer.headers.get("ETag")
        if answer.hang_up:
            handler.close_connection = True
            return
        if etag and handler.headers.get("If-None-Match") == etag:
            answer = Answer(status=304, headers={"ETag": etag})
        try:
            self._send(handler, answer)
        except (BrokenPipeError, ConnectionResetError):
            handler.close_connection = True

    def _send(self, handler: BaseHTTPRequestHandler, answer: Answer) -> None:
        handler.send_response(answer.status)
        for name, value in answer.headers.items():
            handler.send_header(name, value)
        if answer.pieces is None and not answer.drip:
            length = len(answer.body) if answer.declared is None else answer.declared
            if answer.status != 304:
                handler.send_header("Content-Length", str(length))
        else:
            handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(answer.body)
        for piece in answer.pieces or ():
            handler.wfile.write(piece)
        while answer.drip and not self.stopped.wait(0.02):
            handler.wfile.write(b"x")


def bomb(unpacked: int, encoding: str = "gzip") -> bytes:
    """Zeros that unpack to so many bytes."""
    if encoding == "gzip":
        return gzip.compress(bytes(unpacked))
    return zlib.compress(bytes(unpacked))
