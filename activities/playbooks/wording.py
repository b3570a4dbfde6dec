"""Strangers' text on its way into a message: kept only where it is plainly a name."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime

from activities.connectors.cards import plain

_LINK = re.compile(r"://|www\.|@|\b[a-z0-9-]+\.(com|net|org|io|biz|info|xyz|ru|top)\b", re.IGNORECASE)


def person_name(text: str | None) -> str:
    """A first name fit for a greeting, or empty: letters, marks, spaces, apostrophes, hyphens and dots only."""
    name = plain(text)
    fits = len(name) <= 40 and all(unicodedata.category(c)[0] in "LM" or c in " '’-." for c in name)
    return name if fits and not _LINK.search(name) else ""


def thing_name(text: str | None) -> str:
    """A deal's or company's name fit for a message, or empty: one short line without links or addresses."""
    raw, name = text or "", plain(text)
    if "\n" in raw or len(raw) > 90 or _LINK.search(name):
        return ""
    return name


def day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"


def counted(count: int, one: str, many: str | None = None) -> str:
    """ "1 deal", "2 deals"."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def moment_of(text: str | None) -> datetime | None:
    """A provider's time (ISO 8601, or milliseconds since 1970); None where there is none that can be read."""
    if not text:
        return None
    try:
        if text.isascii() and text.isdigit():
            return datetime.fromtimestamp(int(text) / 1000, tz=UTC)
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
