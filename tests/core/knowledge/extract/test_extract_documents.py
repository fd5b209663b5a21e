"""reStructuredText, notebooks and PDF."""

import io
import json

import pytest
from pypdf import PdfReader, PdfWriter

from core.errors import Unreadable
from core.knowledge.extract import Extracted, extract

RST = """
=========
The title
=========

See :ref:`the start <start>`, :py:class:`~foo.Bar`, :func:`run` and ``x_y``. |release|

.. note:: Mind the gap.

.. toctree::
   :maxdepth: 2

   secret-page

.. automodule:: foo.bar
   :members:

Using it
========

.. code-block:: python
   :linenos:
   :emphasize-lines: 2

   def f():

       return "`x`"

.. versionadded:: 1.2
   The flag.

.. tab-set::

   .. tab-item:: Linux

      Run it.

.. include:: /etc/passwd

.. raw:: html

   <script>no</script>

Then::

  plain

===  ===
a    b
===  ===
1    2
===  ===

term
  Meaning.

.. |release| replace:: 2.0
"""


def rst(page: str) -> Extracted:
    return extract(page.encode(), name="a.rst")


def test_rst_of_sphinx_becomes_markdown_without_complaints() -> None:
    found = rst(RST)
    assert found.title == "The title"
    assert found.text.split("\n\n") == [
        "# The title",
        "See the start, `Bar`, `run` and `x_y`. 2.0",
        "**Note**",
        "Mind the gap.",
        "`foo.bar`",
        "## Using it",
        "```python\ndef f():",
        '    return "`x`"\n```',
        "**Added in version 1.2**",
        "The flag.",
        "**Linux**",
        "Run it.",
        "Then:",
        "```\nplain\n```",
        "| a | b |\n| --- | --- |\n| 1 | 2 |",
        "**term**",
        "Meaning.",
    ]


def test_rst_with_mistakes_keeps_its_words() -> None:
    found = rst("Title\n===\n\nA *broken thing, :nosuchrole:`kept` and `nowhere`_.\n\n.. nosuch:: said\n\n   Inside.\n")
    for word in ("broken thing", "kept", "nowhere", "said", "Inside."):
        assert word in found.text
    assert "System Message" not in found.text
    assert "Unknown" not in found.text


def notebook(*cells: dict[str, object], **metadata: object) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}).encode()


def cell(kind: str, source: str | list[str], **more: object) -> dict[str, object]:
    extra = {"outputs": [], "execution_count": None} if kind == "code" else {}
    return (
        {"cell_type": kind, "id": f"c{abs(hash(str(source))) % 10**8}", "metadata": {}, "source": source} | extra | more
    )


def test_notebook_keeps_texts_code_and_short_outputs() -> None:
    log = {
        "output_type": "stream",
        "name": "stdout",
        "text": ["\x1b[31mepoch 1\x1b[0m\n"] + [f"{n}\n" for n in range(99)],
    }
    value = {"output_type": "execute_result", "metadata": {}, "execution_count": 1, "data": {"text/plain": "0.93"}}
    raw = notebook(
        cell("markdown", ["# Train\n", "\n", "Some *words*. ![plot](data:image/png;base64,AAAA)"]),
        cell("code", "fit()\n\nscore()", outputs=[value]),
        cell("code", "log()", outputs=[log]),
        cell("raw", "nothing"),
        kernelspec={"language": "R", "name": "ir", "display_name": "R"},
    )
    found = extract(raw, name="a.ipynb")
    assert found.title == "Train"
    assert found.text.startswith(
        "# Train\n\nSome *words*. plot\n\n```R\nfit()\n\nscore()\n```\n\n```text\n0.93\n```\n\n"
    )
    assert "```text\nepoch 1\n0\n" in found.text
    assert found.text.endswith("10\n...\n```")


@pytest.mark.parametrize("raw", [b"{", b'{"cells": 3, "nbformat": 4, "metadata": {}}', b'"text"', b"{}"])
def test_broken_notebook_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="notebook is broken"):
        extract(raw, name="a.ipynb")


def pdf(*pages: list[str], title: str = "") -> bytes:
    """A PDF with lines of text on its pages, written by hand."""
    count = len(pages)
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(count))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {count} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, lines in enumerate(pages):
        shown = " ".join(f"({line}) Tj 0 -20 Td" for line in lines)
        stream = f"BT /F1 12 Tf 50 700 Td {shown} ET"
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< /Title ({title}) >>")
    out = bytearray(b"%PDF-1.4\n")
    places: list[int] = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    size = len(objects) + 1
    start = len(out)
    out += f"xref\n0 {size}\n0000000000 65535 f \n{table}".encode()
    out += f"trailer\n<< /Size {size} /Root 1 0 R /Info {size - 1} 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)


def test_pdf_is_read_without_what_repeats_on_its_pages() -> None:
    body = ["with a deploy-", "ment of it,", "which takes", "state-of-the-art care"]
    pages = [["The handbook", f"{word} begins", *body, "", f"Page {n} of 4"] for n, word in enumerate("abcd", 1)]
    found = extract(pdf(*pages, title="Handbook"), name="a", media_type="application/pdf")
    assert found.title == "Handbook"
    first, *_ = found.text.split("\n\n")
    assert first == "a begins\nwith a deployment of it,\nwhich takes"


def test_pdf_served_as_something_else_is_still_a_pdf_and_named_by_its_first_line() -> None:
    found = extract(pdf(["A paper", "and its text."]), name="a.html", media_type="text/html")
    assert (found.title, found.text) == ("A paper", "A paper\nand its text.")


def test_long_pdf_says_how_much_of_it_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.knowledge.extract.pdf.MAX_PAGES", 2)
    found = extract(pdf(["one"], ["two"], ["three"]), name="a.pdf")
    assert found.text == "one\n\ntwo\n\nOnly the first 2 of 3 pages of this document were read."


@pytest.mark.parametrize("raw", [b"%PDF-1.7\n", b"%PDF-1.4\n" + b"\x93\x8c garbage" * 50, pdf(["a b"])[:300]])
def test_corrupt_pdf_is_refused(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="corrupt"):
        extract(raw, name="a.pdf")


def test_pdf_of_pictures_is_refused() -> None:
    with pytest.raises(Unreadable, match="looks scanned"):
        extract(pdf([], []), name="a.pdf")


def test_protected_pdf_is_refused() -> None:
    writer = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(["secret"]))))
    writer.encrypt("password", algorithm="RC4-128")
    out = io.BytesIO()
    writer.write(out)
    with pytest.raises(Unreadable, match="protected with a password"):
        extract(out.getvalue(), name="a.pdf")
