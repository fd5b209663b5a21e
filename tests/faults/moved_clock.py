"""Comes to stand as `sitecustomize` before a service: its clock goes by what a file says, in seconds off the real one.

The time of day alone moves, as when a clock is set: `time.monotonic` goes on. UUIDv7 take their time from it too.
"""

import ctypes
import gc
import os
import time
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, cast

import uuid_utils

OFFSET = Path(os.environ["CLOCK_OFFSET_FILE"])
MILLISECOND, SECOND = 10**6, 10**9

_real, _real_uuid7, _from_timestamp = time.time_ns, uuid_utils.uuid7, datetime.fromtimestamp


def time_ns() -> int:
    return _real() + int(OFFSET.read_text()) * SECOND


def moved_time() -> float:
    return time_ns() / SECOND


def moved_now(_: type[datetime], tz: tzinfo | None = None) -> datetime:
    return _from_timestamp(moved_time(), tz)


def moved_uuid7() -> Any:
    seconds, nanoseconds = divmod(time_ns(), SECOND)
    return _real_uuid7(timestamp=seconds, nanos=nanoseconds)


time.time_ns, time.time = time_ns, moved_time
uuid_utils.uuid7 = cast("Any", moved_uuid7)
gc.get_referents(datetime.__dict__)[0]["now"] = classmethod(moved_now)  # its own dictionary: the class is written in C
ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime))
