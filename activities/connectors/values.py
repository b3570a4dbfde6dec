"""Types of arguments that several connectors share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from activities.connectors.cards import plain


def _one_line(value: str) -> str:
    """Raises ValueError for text that a card would show otherwise than it is sent."""
    if plain(value, 10_000) != value:
        raise ValueError("give one line of visible text, with single spaces")
    return value


Line = Annotated[str, StringConstraints(min_length=1, max_length=300, strict=True), AfterValidator(_one_line)]
"""One line of visible text."""
Email = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}$")]
Token = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""A provider's id of a record, where it is not digits alone."""
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,80}$")]
"""Idempotency key, unique per proposal: two that say the same are still two."""
Page = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,5}$|^$")]
"""A page's number as text; empty for the first."""
