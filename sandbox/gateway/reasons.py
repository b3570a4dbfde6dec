"""Texts about errors that are safe to keep: never a body, a credential or another party's words."""

from __future__ import annotations

import traceback

from coco.errors import CocoError


def safe_reason(error: CocoError) -> str:
    """The error's own text, bounded and on one line. Ours are fixed phrases; they quote no input but field names."""
    return one_line(error.message)[:300]


def one_line(text: str) -> str:
    """`text` with nothing in it that could begin a line of its own in a log."""
    return "".join(c if c.isprintable() else " " for c in text)


def where(error: BaseException) -> str:
    """`file:line in function` of the innermost own frames: an exception's text may quote what it choked on."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    return " < ".join(f"{frame.filename.rsplit('/', 2)[-1]}:{frame.lineno} {frame.name}" for frame in reversed(frames))
