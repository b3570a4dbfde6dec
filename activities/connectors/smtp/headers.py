"""Header lines that a reader decodes to exactly the text that was given.

The standard library's folding of a mixed ASCII and non-ASCII text may lose or add a space between two encoded words
(RFC 2047, section 6.2). Here a text that needs encoding is encoded whole.
"""

from __future__ import annotations

from email.header import Header
from email.headerregistry import AddressHeader
from email.policy import EmailPolicy
from typing import Any


class ExactHeaders(EmailPolicy):
    """The SMTP policy, with Subject and a named sender encoded whole wherever they need encoding at all."""

    def fold(self, name: str, value: Any) -> str:
        text = str(value)
        if name.lower() == "subject":
            return f"{name}: {_encoded(text, len(name) + 2)}\r\n"
        if name.lower() == "from" and isinstance(value, AddressHeader) and not text.isascii():
            [mailbox] = value.addresses
            phrase = _encoded(mailbox.display_name, len(name) + 2)
            return f"{name}: {phrase}\r\n <{mailbox.addr_spec}>\r\n"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        return self.fold(name, value).encode("ascii")


def _encoded(text: str, taken: int) -> str:
    """`text` as header value, folded; `taken` characters of the first line are used."""
    plain = text.isascii() and "=?" not in text
    if plain and len(text) + taken <= 78:
        return text
    # A long plain text is encoded too: where its only spaces are far apart, plain folding has no place to fold.
    return Header(text, "utf-8", maxlinelen=76, header_name="x" * (taken - 2)).encode(linesep="\r\n")
