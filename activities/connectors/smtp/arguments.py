"""The arguments of a message: bare addresses, a one-line subject, plain text. The sender is the connection's."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from activities.connectors.base import Arguments
from activities.connectors.values import Key

_MISLEADING = frozenset(
    "\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # direction marks, overrides, isolates
)


def checked_address(value: str) -> str:
    """The address in the form it is sent: ASCII, domain in lower case. Raises ValueError.

    Bare addresses only: a display name is text that could name somebody else than the address does.
    """
    try:
        found = validate_email(value, check_deliverability=False, allow_smtputf8=False, allow_quoted_local=False)
    except EmailNotValidError as error:
        raise ValueError(f"{value!r} is not an e-mail address: {error}") from error
    return f"{found.ascii_local_part}@{found.ascii_domain}"


def one_line(value: str) -> str:
    """Text that is safe in a header: one visible line. Raises ValueError."""
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} or c in _MISLEADING for c in value):
        raise ValueError("line breaks, control and text-direction characters are not allowed")
    if value != " ".join(value.split()):
        raise ValueError("only single ordinary spaces between words are allowed")
    return value


def text_lines(value: str) -> str:
    """Plain text with line feeds as line ends. Raises ValueError."""
    value = value.replace("\r\n", "\n").replace("\r", "\n")
    if any((unicodedata.category(c) in {"Cc", "Cs"} and c not in "\n\t") or c in _MISLEADING for c in value):
        raise ValueError("control and text-direction characters are not allowed")
    return value


Address = Annotated[str, StringConstraints(max_length=254), AfterValidator(checked_address)]
MessageId = Annotated[
    str, StringConstraints(pattern=r"^<[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,120}@[A-Za-z0-9.-]{1,120}>$")
]
Subject = Annotated[str, StringConstraints(min_length=1, max_length=250), AfterValidator(one_line)]
Body = Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(text_lines)]


class SendArguments(Arguments):
    """One message. The sender is not among the arguments: it is the connection's own address."""

    to: Annotated[tuple[Address, ...], Field(min_length=1, max_length=50)]
    cc: Annotated[tuple[Address, ...], Field(max_length=50)] = ()
    subject: Subject
    body: Body
    reply_to: Address | None = None
    in_reply_to: MessageId | None = None
    key: Key
    """Idempotency key, unique per proposal: two messages that say the same are still two messages."""

    @model_validator(mode="after")
    def _each_once(self) -> SendArguments:
        seen: set[str] = set()
        for address in (*self.to, *self.cc):
            if address.lower() in seen:
                raise ValueError(f"{address} is named twice")
            seen.add(address.lower())
        return self
