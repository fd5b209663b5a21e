"""What those ask who watch the service: its health and its metrics. The only endpoints of a process without `http`."""

from fastapi import APIRouter, Response, WebSocket, status
from prometheus_client import CONTENT_TYPE_LATEST

from bot.http.access import METRICS, Core
from bot.http.schemas import HealthReply, Problem
from core.version import VERSION

routes = APIRouter(tags=["service"])


@routes.get("/health", responses={503: {"model": HealthReply}})
async def health(services: Core, response: Response) -> HealthReply:
    """The state and latency of every part; 503 when one that is needed is down."""
    measured = await services.health.measure()
    if not measured.ready:
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return HealthReply.of(measured, VERSION)


@routes.websocket("/health")
async def passage(socket: WebSocket) -> None:
    """Opens and ends: whoever came here knows that no proxy on the way strips WebSockets."""
    await socket.accept()
    await socket.close()


@routes.get("/metrics", dependencies=[METRICS], responses={401: {"model": Problem}, 403: {"model": Problem}})
async def metrics(services: Core) -> Response:
    """Figures for a Prometheus, in its text format; `docs/operate.md` names them."""
    return Response(await services.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)
