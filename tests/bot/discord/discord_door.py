"""The door of Discord at a socket: who is let in, and with which intents. What happens inside, simcord shows."""

import asyncio
import json

from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

TOKEN, BOT_ID = "test-token", "9001"
MESSAGE_CONTENT = 1 << 15
SERVER = {
    "name": "Server",
    "owner_id": "1",
    "member_count": 1,
    "roles": [],
    "channels": [],
    "members": [],
    "threads": [],
}


class DiscordDoor:
    """Takes one token; refuses the message content intent when `content_approved` is False."""

    def __init__(self) -> None:
        self.content_approved = True
        self.away = 0
        self.identified: list[int] = []
        self.guilds: list[int] = []
        self.commands: list[str] = []
        self.commands_told = asyncio.Event()
        app = web.Application()
        app.router.add_get("/gateway-here", self._gateway)
        app.router.add_route("*", "/api/v10/{path:.*}", self._rest)
        self.server = TestServer(app)

    @property
    def api_url(self) -> str:
        return str(self.server.make_url("/api/v10"))

    async def _rest(self, request: web.Request) -> web.Response:
        if self.away:
            self.away -= 1
            return answer({"message": "no backend"}, status=503)
        if request.headers["Authorization"] != f"Bot {TOKEN}":
            return answer({"message": "401: Unauthorized", "code": 0}, status=401)
        path = request.match_info["path"]
        if path in {"gateway", "gateway/bot"}:
            limits = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
            url = str(self.server.make_url("/gateway-here")).replace("http", "ws", 1)
            return answer({"url": url, "shards": 1, "session_start_limit": limits})
        if path.endswith("/commands"):
            self.commands = sorted(command["name"] for command in await request.json())
            self.commands_told.set()
            return answer([])
        user = {"id": BOT_ID, "username": "assistant", "discriminator": "0", "avatar": None, "bot": True}
        application = {"name": "assistant", "icon": None, "description": "", "bot_public": True, "verify_key": "0"}
        return answer(user | application | {"bot_require_code_grant": False, "flags": 0, "owner": user})

    async def _gateway(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"op": 10, "d": {"heartbeat_interval": 40_000}, "s": None, "t": None})
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                continue
            said = json.loads(message.data)
            if said["op"] == 2:
                self.identified.append(said["d"]["intents"])
                if said["d"]["intents"] & MESSAGE_CONTENT and not self.content_approved:
                    await socket.close(code=4014)
                    break
                shard, count = said["d"]["shard"]
                guilds = [{"id": str(guild)} for guild in self.guilds if (guild >> 22) % count == shard]
                await socket.send_json({"op": 0, "t": "READY", "s": 1, "d": self._ready(request, shard, count, guilds)})
                for sequence, guild in enumerate(guilds, 2):
                    await socket.send_json({"op": 0, "t": "GUILD_CREATE", "s": sequence, "d": {**guild, **SERVER}})
        return socket

    def _ready(self, request: web.Request, shard: int, count: int, guilds: list[dict[str, str]]) -> dict[str, object]:
        user = {"id": BOT_ID, "username": "assistant", "discriminator": "0", "avatar": None, "bot": True}
        return {
            "v": 10,
            "user": user,
            "guilds": [{**guild, "unavailable": True} for guild in guilds],
            "shard": [shard, count],
            "session_id": "session",
            "resume_gateway_url": str(request.url).replace("http", "ws", 1),
            "application": {"id": BOT_ID, "flags": 0},
        }


def answer(body: object, *, status: int = 200) -> web.Response:
    """JSON as Discord sends it: discord.py reads no other content type."""
    return web.Response(body=json.dumps(body), status=status, headers={"Content-Type": "application/json"})
