"""How often something happened in each of the last weeks, as small bars; read out as numbers."""

from collections.abc import Sequence

from nicegui import ui


def weeks_view(weeks: Sequence[int]) -> None:
    """One bar a week, the present one last."""
    most = max([1, *weeks])
    said = f"Asked in each of the last {len(weeks)} weeks: {', '.join(map(str, weeks))}"
    with ui.element("div").classes("weeks") as bars:
        bars.props["role"], bars.props["aria-label"], bars.props["title"] = "img", said, said
        for number in weeks:
            ui.element("span").style(f"height: {max(8, round(100 * number / most))}%").classes("" if number else "none")
