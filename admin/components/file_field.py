"""A field that files are dropped on, or chosen for, by mouse, keys or whatever reads the page.

Comes in: what it asks for, and who takes the files. Goes out: an upload as soon as a file is there.
"""

from typing import Any

from nicegui import ui

# Quasar's own head puts a field without a name into a button: nobody could say what either is.
HEAD = """
<div class="upload-head">
  <span>{asks}</span>
  <q-btn outline no-caps class="quiet" icon="upload_file" label="{chooses}" @click="props.pickFiles" />
  <label class="unseen">{chooses}<q-uploader-add-trigger /></label>
</div>
"""


def file_field(asks: str, chooses: str, *, largest: int, **handlers: Any) -> ui.upload:
    """The field. `largest` is in bytes; `handlers`, and `multiple`, are those of `ui.upload`."""
    field = ui.upload(auto_upload=True, max_file_size=largest, **handlers)
    field.classes("upload").props("flat bordered").add_slot("header", HEAD.format(asks=asks, chooses=chooses))
    return field
