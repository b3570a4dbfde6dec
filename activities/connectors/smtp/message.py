"""The RFC 5322 message of some arguments: the same arguments always give the same bytes."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import getaddresses

from pydantic import ValidationError

from activities.connectors.base import ConnectionInfo
from activities.connectors.smtp.arguments import SendArguments, checked_address, one_line
from activities.connectors.smtp.headers import ExactHeaders
from coco.canonical import digest
from coco.errors import InvalidInput
from coco.requests import PreparedRequest

_WIRE = ExactHeaders(linesep="\r\n", cte_type="7bit", max_line_length=78)
# 7-bit: a server without 8BITMIME need not re-encode what was approved.


def sender(connection: ConnectionInfo) -> tuple[str, str]:
    """(name, address) that the connection sends as. Raises InvalidInput where its settings hold none that is valid."""
    address, name = connection.settings.get("from_address"), connection.settings.get("from_name", "")
    if not isinstance(address, str) or not isinstance(name, str) or len(name) > 100:
        raise InvalidInput(f"The mailbox {connection.title!r} has no usable from_address; set it in its settings.")
    try:
        return one_line(name), checked_address(address)
    except ValueError as error:
        raise InvalidInput(f"The mailbox {connection.title!r} cannot send as it is set up: {error}") from error


def shown_sender(connection: ConnectionInfo) -> str:
    """The sender as a card and a From header show it."""
    name, address = sender(connection)
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{address}>' if name else address


def message_id(connection: ConnectionInfo, arguments: SendArguments) -> str:
    """`<digest@sender's domain>`: the digest of the arguments and the connection, so a copy is known for one."""
    told = digest({"connection": str(connection.id), "arguments": arguments.model_dump(mode="json")})
    return f"<{told}@{sender(connection)[1].rpartition('@')[2]}>"


def message_of(connection: ConnectionInfo, arguments: SendArguments) -> EmailMessage:
    """The message. It carries no Date: the submission server adds one (RFC 6409, section 8.2)."""
    return composed(arguments, shown_sender(connection), message_id(connection, arguments))


def composed(arguments: SendArguments, from_: str | None, identity: str) -> EmailMessage:
    """The message from that sender (None: the provider fills it in) and with that Message-ID."""
    message = EmailMessage(policy=_WIRE)
    if from_ is not None:
        message["From"] = from_
    message["To"] = ", ".join(arguments.to)
    if arguments.cc:
        message["Cc"] = ", ".join(arguments.cc)
    if arguments.reply_to:
        message["Reply-To"] = arguments.reply_to
    message["Subject"] = arguments.subject
    message["Message-ID"] = identity
    if arguments.in_reply_to:
        message["In-Reply-To"] = arguments.in_reply_to
        message["References"] = arguments.in_reply_to
    message.set_content(arguments.body, subtype="plain", charset="utf-8", cte=_encoding(arguments.body))
    return message


def _encoding(body: str) -> str:
    """Readable where it can be, quoted-printable otherwise; never left to a heuristic that may change."""
    short = all(len(line) <= 78 for line in body.split("\n"))
    return "7bit" if body.isascii() and short else "quoted-printable"


def message_request(connection: ConnectionInfo, arguments: SendArguments) -> PreparedRequest:
    """Envelope and message bytes. Raises InvalidInput where the bytes would not say exactly what the arguments say."""
    try:
        data = message_of(connection, arguments).as_bytes()
        request = PreparedRequest(
            protocol="smtp",
            method="SEND",
            target="/message",
            headers=(
                ("mail-from", sender(connection)[1]),
                *(("rcpt-to", address) for address in (*arguments.to, *arguments.cc)),
            ),
            body=data.decode("ascii"),
        )
    except (ValidationError, MessageError, UnicodeError, ValueError) as error:
        raise InvalidInput(f"email.send: no message can be made of this: {error}") from error
    check_round_trip(data, sender(connection), arguments)
    return request


def check_round_trip(data: bytes, from_: tuple[str, str] | None, arguments: SendArguments) -> None:
    """What the card shows is what a reader's mail program will show, or it is not sent. Raises InvalidInput."""
    seen = message_from_bytes(data, policy=policy.SMTP)
    senders = getaddresses([str(value) for value in seen.get_all("From", [])])
    found = {
        "from": senders == ([] if from_ is None else [from_]),
        "subject": str(seen["Subject"]) == arguments.subject,
        "to": _addresses(seen, "To") == list(arguments.to),
        "cc": _addresses(seen, "Cc") == list(arguments.cc),
        "body": _text(seen) == arguments.body.rstrip("\n"),
    }
    wrong = [name for name, same in found.items() if not same]
    if wrong:
        raise InvalidInput(f"email.send: {', '.join(wrong)} cannot be carried by e-mail exactly as written")


def _addresses(message: EmailMessage, header: str) -> list[str]:
    return [address for _, address in getaddresses([str(value) for value in message.get_all(header, [])])]


def _text(message: EmailMessage) -> str:
    content = message.get_content()
    return content.replace("\r\n", "\n").rstrip("\n") if isinstance(content, str) else ""


def message_id_of(request: PreparedRequest) -> str:
    """The Message-ID inside a prepared request; for whoever delivers it and keeps the answer. Raises InvalidInput."""
    found = message_from_bytes(request.body_bytes(), policy=policy.SMTP)["Message-ID"]
    if found is None:
        raise InvalidInput("the message has no Message-ID")
    return str(found)
