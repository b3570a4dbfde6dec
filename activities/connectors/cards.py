"""Texts on a card, and texts that may go into a request: what every connector needs of them."""

from __future__ import annotations

import unicodedata


def plain(value: object, limit: int = 100) -> str:
    """`value` as one line of visible text of at most `limit` characters; empty for what is no text.

    Records are written by strangers: control and direction-override characters must not reshape a card.
    """
    if not isinstance(value, str):
        return ""
    visible = "".join(" " if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else c for c in value)
    line = " ".join(visible.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def printable(value: str) -> str:
    """Text without control characters and halves of characters; lines may break. Raises ValueError."""
    if any((ord(c) < 32 and c not in "\n\t") or ord(c) == 127 or 0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise ValueError("control characters are not allowed")
    return value


def listed(names: list[str], most: int = 5) -> str:
    """Names in a sentence: "a, b and c"; what is beyond `most` is counted."""
    if len(names) > most:
        names = [*names[: most - 1], f"{len(names) - most + 1} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
