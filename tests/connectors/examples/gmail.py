"""Gmail."""

from __future__ import annotations

import base64
from typing import Any
from uuid import UUID

from activities.connectors.base import ConnectionInfo
from coco.requests import ProviderResponse
from tests.connectors.examples import Example, Examples, answer


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


MESSAGE: dict[str, Any] = {
    "id": "18c0ffee",
    "threadId": "18c0ff00",
    "labelIds": ["INBOX", "UNREAD"],
    "snippet": "Shall we talk?",
    "historyId": "12345",
    "internalDate": "1767225600000",
    "sizeEstimate": 2048,
    "payload": {
        "partId": "",
        "mimeType": "multipart/alternative",
        "filename": "",
        "headers": [
            {"name": "From", "value": "Ada <ada@engine.example>"},
            {"name": "To", "value": "sales@acme.example"},
            {"name": "Subject", "value": "Pilot"},
            {"name": "Message-ID", "value": "<1.2@engine.example>"},
        ],
        "body": {"size": 0},
        "parts": [
            {
                "partId": "0",
                "mimeType": "text/plain",
                "filename": "",
                "headers": [{"name": "Content-Type", "value": 'text/plain; charset="UTF-8"'}],
                "body": {"size": 22, "data": encoded("Shall we talk?\r\nGrüße\r\n")},
            },
            {"partId": "1", "mimeType": "text/html", "filename": "", "body": {"size": 3, "data": encoded("<p>")}},
        ],
    },
}
THREAD: dict[str, Any] = {"id": "18c0ff00", "historyId": "12345", "messages": [MESSAGE]}
DRAFT: dict[str, Any] = {"id": "r-51", "message": {**MESSAGE, "labelIds": ["DRAFT"]}}
MAIL: dict[str, Any] = {
    "to": ["ada@engine.example", "grace@navy.example"],
    "cc": ["bo@engine.example"],
    "subject": "Re: Pilot",
    "body": "Hello Ada,\n\nyes: Tuesday?\n",
    "reply_to": "desk@acme.example",
    "in_reply_to": "<1.2@engine.example>",
    "thread_id": "18c0ff00",
    "key": "run:1",
}
PLAIN = {"to": ["ada@engine.example"], "subject": "Pilot", "body": "Hello", "key": "run:2"}
SENT = answer({"id": "18c0ffff", "threadId": "18c0ff00", "labelIds": ["SENT"]})
SAVED = answer({"id": "r-52", "message": {"id": "18c0fffe", "threadId": "18c0ff00", "labelIds": ["DRAFT"]}})
KEY = frozenset({"key"})
_LISTED = {"id": "18c0ffee", "threadId": "18c0ff00"}

EXAMPLES = Examples(
    ConnectionInfo(
        id=UUID(int=5),
        connector="gmail",
        title="Mailbox",
        settings={"from_address": "sales@acme.example", "from_name": "Ada Ünal, Acme"},
    ),
    {
        "messages.search": (
            Example(
                {"query": "from:ada newer_than:7d", "labels": ["INBOX", "UNREAD"], "after": "0123"},
                answer({"messages": [_LISTED], "nextPageToken": "4567", "resultSizeEstimate": 1}),
            ),
            Example({}, answer({"resultSizeEstimate": 0})),
        ),
        "messages.get": (
            Example({"id": "18c0ffee"}, answer(MESSAGE)),
            Example({"id": "18c0ffee", "detail": "metadata"}, answer({**_LISTED, "labelIds": []})),
        ),
        "threads.get": (Example({"id": "18c0ff00"}, answer(THREAD)),),
        "drafts.list": (
            Example(
                {"query": "pilot", "after": "0123"},
                answer({"drafts": [{"id": "r-51", "message": _LISTED}], "nextPageToken": "4567"}),
            ),
        ),
        "drafts.get": (Example({"id": "r-51"}, answer(DRAFT)),),
        "drafts.create": (Example(MAIL, SAVED, unshown=KEY), Example(PLAIN, SAVED, unshown=KEY)),
        "drafts.delete": (Example({"id": "r-51"}, ProviderResponse.of(204, [], b""), prior=answer(DRAFT)),),
        "email.send": (
            Example(MAIL, SENT, prior=answer(THREAD), unshown=KEY),
            Example(PLAIN, SENT, unshown=KEY),
        ),
    },
)
