"""The mail server: accepts messages from its one account and keeps them; delivers nothing anywhere."""

from __future__ import annotations

import asyncio
import hmac
import logging
import warnings
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from demo.catalogue import DEALS
from demo.clock import now, stamp
from demo.faults import Faults
from demo.storage import Storage

USER = "demo"
MAX_MESSAGE_BYTES = 2_000_000


class Mailbox:
    """aiosmtpd handler: notes the message, works the faults asked for, keeps it."""

    def __init__(self, storage: Storage, faults: Faults) -> None:
        self._storage, self._faults = storage, faults

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.content or b""
        data = (content if isinstance(content, bytes) else content.encode()).decode("utf-8", "backslashreplace")
        recipients = [str(address) for address in envelope.rcpt_tos]
        noted = self._storage.record_request("SEND", "/message", "", data, is_write=True)
        faults = self._faults.take("SEND", "/message", is_write=True)
        for fault in faults:
            if fault.do == "status":
                status, reply = (451, "4.3.0 Try again later") if fault.status >= 500 else (554, "5.7.1 Refused")
                self._storage.record_status(noted, status)
                return f"{status} {reply}"
            if fault.when == "before" and fault.do == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.when == "before":
                return _hang_up(server)
        self._storage.record_message(envelope.mail_from or "", recipients, data)
        self._log_activity(recipients)
        for fault in faults:
            if fault.when == "after" and fault.do == "delay":
                await asyncio.sleep(fault.seconds)
            elif fault.when == "after":
                return _hang_up(server)
        self._storage.record_status(noted, 250)
        return "250 2.0.0 Accepted"

    def _log_activity(self, recipients: list[str]) -> None:
        """The CRM's timeline: a mail to a contact counts as activity on the contact's deals."""
        when = {"notes_last_contacted": stamp(now()), "notes_last_updated": stamp(now())}
        for address in recipients:
            contact = self._storage.contact_by_email(address)
            if contact is None:
                continue
            self._storage.update(contact, when)
            for deal_id in self._storage.associated("contacts", contact.id, "deals"):
                deal = self._storage.get(DEALS, str(deal_id))
                if deal is not None:
                    self._storage.update(deal, when)


def _hang_up(server: SMTP) -> str:
    transport: Any = server.transport
    transport.abort()
    return "421 4.3.2 Closing"


async def listen(storage: Storage, faults: Faults, password: str, host: str, port: int) -> asyncio.Server:
    """A listening server. One account (`demo`), AUTH required; PLAIN and LOGIN without TLS, for loopback only."""
    mailbox = Mailbox(storage, faults)

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        right = (
            isinstance(given, LoginPassword)
            and hmac.compare_digest(given.login, USER.encode())
            and hmac.compare_digest(given.password, password.encode())
        )
        return AuthResult(success=right, handled=right)

    def session() -> SMTP:
        return SMTP(
            mailbox,
            hostname="demo.example",
            ident="Demo workspace",
            data_size_limit=MAX_MESSAGE_BYTES,
            authenticator=authenticate,
            auth_required=True,
            auth_require_tls=False,
            loop=loop,
        )

    loop = asyncio.get_running_loop()
    # It warns at each session that a password may cross the network in the clear; this one listens on loopback.
    warnings.filterwarnings("ignore", message="Requiring AUTH while not requiring TLS", category=UserWarning)
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    return await loop.create_server(session, host, port)
