"""The way to a Postgres, over which a test decides: while it is closed, connections break and new ones are refused."""

import asyncio
from contextlib import suppress

from sqlalchemy import make_url

from tests.serving import free_port


class Gate:
    """Stands at a port of its own before the server of `url`, which listens at a Unix socket."""

    def __init__(self, url: str) -> None:
        server = make_url(url)
        self._socket = f"{server.query['host']}/.s.PGSQL.{server.port or 5432}"
        self._port = free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self._port}/{server.database}"
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._let_in, "127.0.0.1", self._port)

    def close(self) -> None:
        if self._server:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _let_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(self._socket)
        ends = {writer, server_writer}
        self._writers |= ends
        await asyncio.gather(carry(reader, server_writer), carry(server_reader, writer))
        self._writers -= ends


async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Passes on what comes, until either end is gone; then the other one is closed too."""
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()
