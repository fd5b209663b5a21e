"""What this installation consists of, as the page of its health shows it.

Comes in: `Stock`. Goes out: queues, plans, disk and versions, a section each.
"""

from nicegui import ui

from admin.components.moments import count, moment
from admin.theme import section
from core.operations.inventory import Disk, Planned, Queue, Stock

UNITS = ("B", "kB", "MB", "GB", "TB")
THOUSAND = 1000


def stock_view(stock: Stock) -> None:
    """All sections."""
    with section("Questions now"), ui.element("div").classes("rows"):
        for queue in stock.queues:
            _queue(queue)
    with section("Planned"), ui.element("div").classes("rows"):
        for planned in stock.planned:
            _planned(planned)
        if not stock.planned:
            ui.label("Nothing: REFRESH_CRON is off, or another process keeps the time.").classes("entry muted")
    with section("Disk"):
        _disk(stock.disk)
    with section("Versions"), ui.element("div").classes("facts"):
        for name, version in stock.software.items():
            ui.label(f"{name} {version}")


def size(number: float) -> str:
    """Bytes for people, such as `1.4 GB`."""
    for unit in UNITS[:-1]:
        if number < THOUSAND:
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= THOUSAND
    return f"{number:.1f} {UNITS[-1]}"


def _queue(queue: Queue) -> None:
    with ui.element("div").classes("entry"), ui.element("div").classes("row-head told"):
        ui.label(queue.mode.value.capitalize()).classes("row-title")
        ui.label(f"{count(queue.running, 'question')} being answered, {queue.waiting} waiting").classes("muted")


def _planned(planned: Planned) -> None:
    with ui.element("div").classes("entry"), ui.element("div").classes("row-head told"):
        ui.label(f"Refresh of {planned.what}").classes("row-title")
        ui.label(moment(planned.at)).classes("muted")


def _disk(disk: Disk) -> None:
    with ui.element("div").classes("facts"):
        ui.label(f"{size(disk.free)} of {size(disk.total)} free")
        if disk.narrow:
            ui.label("Make room: the index and the database need it to go on").classes("badge bad")
        for name, used in disk.used.items():
            ui.label(f"{name} {size(used)}")
