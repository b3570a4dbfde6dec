"""A mailbox over IMAP."""

from __future__ import annotations

from uuid import UUID

from activities.connectors.base import ConnectionInfo
from coco.requests import ProviderResponse
from tests.connectors.examples import Example, Examples, answer

HEADER = (
    "From: =?utf-8?q?Ada_=C3=9Cnal?= <ada@engine.example>\r\n"
    "To: Sales <sales@acme.example>, bo@acme.example\r\n"
    "Subject: Re: Next step\r\n"
    "Date: Mon, 05 Jan 2026 10:00:00 +0100\r\n"
    "Message-ID: <2@engine.example>\r\n"
    "In-Reply-To: <1@acme.example>\r\n"
    "References: <0@acme.example> <1@acme.example>\r\n\r\n"
)
MESSAGE = (
    HEADER.rstrip("\r\n")
    + "\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    + "--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nYes, let us.\r\n"
    + '--b\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename="offer.pdf"\r\n'
    + "Content-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n"
).encode()


def raw(message: bytes = MESSAGE, status: int = 200) -> ProviderResponse:
    """A message as the gateway hands it on."""
    return ProviderResponse.of(status, [("content-type", "message/rfc822")], message)


_FOUND = answer(
    {
        "uidvalidity": 1700000000,
        "total": 3,
        "messages": [{"uid": 9, "flags": ["\\Seen"], "size": 812, "header": HEADER}],
    }
)

EXAMPLES = Examples(
    ConnectionInfo(id=UUID(int=8), connector="imap", title="Inbox"),
    {
        "mailboxes.list": (
            Example({}, answer({"mailboxes": [{"name": "[Gmail]/Überall", "delimiter": "/", "flags": ["\\All"]}]})),
        ),
        "messages.search": (
            Example(
                {
                    "mailbox": "[Gmail]/Überall",
                    "sender": "ada@engine.example",
                    "subject": 'next "step"',
                    "text": "Grüße",
                    "message_id": "<2@engine.example>",
                    "since": "2026-01-01",
                    "until": "2026-02-01",
                    "unseen": True,
                    "limit": 1,
                    "after": "1700000000:10",
                },
                _FOUND,
            ),
            Example({}, _FOUND),
        ),
        "messages.get": (
            Example({"mailbox": "INBOX", "id": "9", "uidvalidity": "1700000000"}, raw()),
            Example({"id": "9"}, raw(status=206)),
        ),
    },
)
