"""SMTP to a mail server: signed in before the grant is spent, all recipients or none, one message."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable

import aiosmtplib
from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPDataError,
    SMTPException,
    SMTPRecipientRefused,
    SMTPResponseException,
    SMTPSenderRefused,
)

from activities.connectors.smtp.message import message_id_of
from coco.errors import Code, InvalidInput, Refused
from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest, ProviderResponse
from sandbox.gateway.delivery.addresses import AddressPolicy, Base, Unreachable, connect, is_loopback
from sandbox.gateway.delivery.link import CredentialRefused, Delivery, tls_context, without

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
MAX_RECIPIENTS = 100


class SmtpLink:
    """A mail session after EHLO and AUTH."""

    def __init__(self, client: aiosmtplib.SMTP, credential: Credential) -> None:
        self._client = client
        self._credential = credential
        self.written: Callable[[], Awaitable[None]] | None = None

    @classmethod
    async def open(cls, base: Base, credential: Credential, policy: AddressPolicy, seconds: float) -> SmtpLink:
        """Raises Unreachable, or Refused where the server turns the credential down or would have it in the clear."""
        sock = await connect(base, policy)
        clear_is_fine = is_loopback(sock)
        client = aiosmtplib.SMTP(
            hostname=base.host,
            sock=sock,
            use_tls=base.tls,
            start_tls=False,
            tls_context=tls_context(),
            local_hostname="coco",
            timeout=seconds,
        )
        try:
            await client.connect()
            await client.ehlo()
            if not base.tls and client.supports_extension("starttls"):
                await client.starttls()
                await client.ehlo()
            elif not base.tls and not clear_is_fine:
                raise Refused("the mail server offers no encryption for the password", code=Code.CONNECTION_UNUSABLE)
            await client.login(credential.username, credential.secret)
        except SMTPAuthenticationError as error:
            client.close()
            if error.code < 500:
                raise Unreachable("the mail server takes no sign-in right now") from error
            raise CredentialRefused("the mail server turned the credential down") from error
        except (SMTPException, OSError, ValueError) as error:
            client.close()
            raise Unreachable("no session with the mail server came about") from error
        except BaseException:
            client.close()
            raise
        return cls(client, credential)

    async def send(self, request: PreparedRequest, seconds: float) -> Delivery:
        progress = _Progress()
        try:
            async with asyncio.timeout(seconds):
                return await self._send(request, progress)
        except SMTPSenderRefused as error:
            return self._refused("the sender was refused", error)
        except SMTPRecipientRefused as error:
            return self._refused("a recipient was refused, so nobody was sent to", error)
        except SMTPDataError as error:
            return self._refused("the message was refused", error)
        except (SMTPException, OSError, TimeoutError) as error:
            problem = "no answer in time" if isinstance(error, TimeoutError) else "the connection was lost"
            if progress.in_data:
                return Delivery("unknown", None, {"problem": problem, "sent": True})
            return Delivery("failed", None, {"problem": problem, "sent": False})

    async def _send(self, request: PreparedRequest, progress: _Progress) -> Delivery:
        sender, recipients, message = envelope(request)
        await self._client.mail(sender)
        try:
            for recipient in recipients:
                await self._client.rcpt(recipient)
        except SMTPRecipientRefused:
            with contextlib.suppress(SMTPException, OSError):
                await self._client.rset()
            raise
        progress.in_data = True
        reply = await self._client.data(message)
        headers = []
        with contextlib.suppress(InvalidInput):
            headers.append(("message-id", message_id_of(request)))
        return Delivery("done", self._response(reply.code, reply.message, headers), {})

    def _refused(self, problem: str, error: SMTPResponseException) -> Delivery:
        # A reply of 4xx or 5xx at any step is a promise that the message was not taken (RFC 5321, section 4.2.1).
        if 400 <= error.code < 600:
            return Delivery("failed", self._response(error.code, error.message), {"problem": problem})
        return Delivery("unknown", self._response(error.code, error.message), {"problem": problem})

    def _response(self, code: int, text: str, headers: list[tuple[str, str]] | None = None) -> ProviderResponse:
        body = without(self._credential.secret, text[:2000].encode("utf-8", "replace"))
        return ProviderResponse.of(code, headers or [], body)

    async def close(self) -> None:
        self._client.close()


class _Progress:
    """How far a sending came."""

    in_data = False


def envelope(request: PreparedRequest) -> tuple[str, tuple[str, ...], bytes]:
    """Sender, recipients and message of an SMTP request.

    Raises InvalidInput where the library below would not carry it exactly as it is: call it before a grant is spent.
    """
    senders, recipients = request.header_values("mail-from"), request.header_values("rcpt-to")
    if len(senders) != 1 or not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise InvalidInput("a message has one sender and between 1 and 100 recipients")
    if not all(_ADDRESS.fullmatch(address) for address in (*senders, *recipients)):
        raise InvalidInput("an envelope address is not plain")
    message = request.body_bytes()
    if _BARE.search(message) or not message.endswith(b"\r\n"):
        raise InvalidInput("a message's lines end with CRLF")
    return senders[0], recipients, message
