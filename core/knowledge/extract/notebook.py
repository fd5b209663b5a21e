"""Reads a Jupyter notebook: its texts, its code and the short of its outputs.

Comes in: the notebook's JSON. Goes out: `Extracted`. Called by `extract`.
"""

import re
from typing import Any, cast

import nbformat

from core.errors import Unreadable
from core.knowledge.extract.code_blocks import CodeBlock
from core.knowledge.extract.extracted import Extracted
from core.knowledge.extract.markdown_page import read_markdown
from core.knowledge.extract.writing import fence

OUTPUT_LINES = 12
"""Lines of an output that are kept; what is longer is a log or a table of data."""

_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_PICTURE = re.compile(r"!\[([^\]]*)\]\((?:attachment:|data:)[^)]*\)")


def read_notebook(text: str) -> Extracted:
    """The content of a notebook. Raises Unreadable when it is none."""
    try:
        notebook = cast("Any", nbformat.reads(text, as_version=4))
        language = str(_language(notebook.metadata))
        parts = [_cell(cell, language) for cell in notebook.cells]
    except RecursionError:
        raise
    except Exception as error:  # a broken notebook surfaces as whatever JSON, its schema or its upgrade make of it
        raise Unreadable("The notebook is broken: it is not the JSON of a notebook.", detail=repr(error)) from error
    markdown = "\n\n".join(part for part in parts if part)
    title = str(notebook.metadata.get("title") or "")
    return Extracted(title=title or read_markdown(markdown).title, text=markdown)


def _language(metadata: Any) -> str:
    return metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name") or "python"


def _cell(cell: Any, language: str) -> str:
    source = str(cell.source)
    if not source.strip():
        return ""
    if cell.cell_type == "markdown":
        return _PICTURE.sub(r"\1", read_markdown(source).text).strip("\n")
    if cell.cell_type != "code":
        return ""
    code = fence(CodeBlock(source.strip("\n"), language))
    outputs = "".join(_output(output) for output in cell.get("outputs", []))
    return f"{code}\n\n{_shortened(outputs)}" if outputs.strip() else code


def _output(output: Any) -> str:
    """The text of an output; pictures, widgets and tracebacks have none that helps."""
    if output.output_type == "stream":
        return _joined(output.text) if output.name == "stdout" else ""
    if output.output_type == "execute_result" and "text/html" not in output.data:
        return _joined(output.data.get("text/plain", ""))
    return ""


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else "".join(cast("list[str]", text))


def _shortened(text: str) -> str:
    lines = _COLOURS.sub("", text).strip("\n").split("\n")
    kept = [line[:200] for line in lines[:OUTPUT_LINES]] + ["..."] * (len(lines) > OUTPUT_LINES)
    return fence(CodeBlock("\n".join(kept), "text"))
