"""Puts the name of each tab above its panel, and shows all panels.

Comes in: a tree of lxml, which is changed. Called by `cleaning`, before buttons and hidden parts go.
"""

from collections.abc import Iterator
from typing import Any, cast

from lxml import html

Element = Any

_HAS_CLASS = "contains(concat(' ', normalize-space(@class), ' '), ' {} ')"
_BLOCKS = f"./*[{_HAS_CLASS.format('tabbed-content')}]/*[{_HAS_CLASS.format('tabbed-block')}]"


def label_tabs(root: Element) -> None:
    """Makes tabs readable one below the other."""
    for panel, label in list(_labelled(root)):
        for hiding in ("hidden", "style", "aria-hidden"):
            panel.attrib.pop(hiding, None)
        if label:
            panel.insert(0, _bold(label))
            panel[0].tail, panel.text = panel.text, None
    for labels in root.xpath(f"//*[{_HAS_CLASS.format('tabbed-set')}]/*[contains(@class, 'tabbed-labels')]"):
        labels.drop_tree()
    for label in root.xpath(f"//label[{_HAS_CLASS.format('sd-tab-label')}]"):
        label.tag = "p"
        label.set("class", "tab-label")


def _labelled(root: Element) -> Iterator[tuple[Element, str]]:
    ids = {element.get("id"): element for element in root.xpath("//*[@role='tab'][@id] | //button[@id] | //a[@id]")}
    for panel in root.xpath("//*[@role='tabpanel']"):
        tab = ids.get(panel.get("aria-labelledby"))
        yield panel, _text(tab) if tab is not None else _label_by_order(panel)
    for group in root.xpath(f"//*[{_HAS_CLASS.format('tabbed-set')}]"):
        labels = [_text(label) for label in group.xpath("./label | ./*[contains(@class, 'tabbed-labels')]/label")]
        yield from zip(group.xpath(_BLOCKS), labels, strict=False)


def _label_by_order(panel: Element) -> str:
    """The name at the panel's position in the nearest list of tabs; "" when the numbers do not match."""
    for around in panel.iterancestors():
        lists = around.xpath(".//*[@role='tablist']")
        if lists:
            tabs = lists[0].xpath(".//*[@role='tab']") or lists[0].xpath("./button | ./li | ./a")
            panels = around.xpath(".//*[@role='tabpanel']")
            return _text(tabs[panels.index(panel)]) if len(tabs) == len(panels) else ""
    return ""


def _text(element: Element) -> str:
    return " ".join(element.text_content().split())


def _bold(label: str) -> Element:
    paragraph = cast("Element", html.Element("p"))
    paragraph.set("class", "tab-label")
    paragraph.text = label
    return paragraph
