"""Sending mail: signed in before the grant is spent, everybody or nobody, the very message, once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from activities.connectors.base import ConnectionInfo
from coco.actions import Action
from coco.gateway_protocol import Credential
from coco.requests import PreparedRequest
from sandbox.gateway.delivery.smtp_link import envelope
from store.tables import ActionRow
from tests.gateway.harness import PASSWORD, Person, Refused, Stage, altered

MAIL = {
    "to": ["grace@example.com", "hedy@example.com"],
    "subject": "Grüße",
    "body": "First line\n.hidden dot\n..two\n" + "word " * 60 + "\nEnd",
    "key": "mail-1",
}


class MailServer:
    """A real SMTP server that notes what it is sent and can misbehave at a chosen command."""

    def __init__(self) -> None:
        self.messages: list[Envelope] = []
        self.commands: list[str] = []
        self.sign_ins = 0
        self.refuse: set[str] = set()
        self.after_message: Callable[[SMTP], Any] | None = None
        self.port = 0

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        self.commands.append("MAIL")
        if address in self.refuse:
            return "550 no"
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: Any) -> str:
        self.commands.append("RCPT")
        if address in self.refuse:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("RSET")
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.commands.append("DATA")
        self.messages.append(envelope)
        if "DATA" in self.refuse:
            return "554 spam"
        if self.after_message is not None:
            answer = self.after_message(server)
            return str(await answer if asyncio.iscoroutine(answer) else answer)
        return "250 queued"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any
    ) -> AuthResult:
        self.sign_ins += 1
        right = isinstance(given, LoginPassword) and (given.login, given.password) == (b"ada", b"mail-secret-123")
        return AuthResult(success=right, handled=right)

    @classmethod
    @contextlib.asynccontextmanager
    async def serving(cls) -> AsyncIterator[MailServer]:
        mail = cls()
        loop = asyncio.get_running_loop()

        def session() -> SMTP:
            return SMTP(mail, authenticator=mail.authenticate, auth_required=True, auth_require_tls=False, loop=loop)

        server = await loop.create_server(session, "127.0.0.1", 0)
        mail.port = server.sockets[0].getsockname()[1]
        try:
            yield mail
        finally:
            server.close()


@pytest.fixture
async def mail() -> AsyncIterator[MailServer]:
    async with MailServer.serving() as made:
        yield made


pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


async def mailbox(person: Person, port: int, **more: Any) -> ConnectionInfo:
    settings = {"from_address": "ada@example.com", "from_name": "Ada Lovelace"}
    return await person.connect("smtp", f"smtp://127.0.0.1:{port}", settings, **more)


async def approved(person: Person, port: int, arguments: dict[str, Any] = MAIL, **more: Any) -> tuple[ActionRow, str]:
    connection = await mailbox(person, port, **more)
    run = await person.run(connection)
    row = await person.propose(run, connection, "email.send", arguments)
    await person.set_run(run.id, state="working")
    return row, await person.grant(row)


async def test_the_very_message_goes_to_exactly_its_recipients_once(stage: Stage, mail: MailServer) -> None:
    person = await stage.person()
    row, grant = await approved(person, mail.port)
    message = person.sending(row, grant, PASSWORD)
    reply = await person.ask("Send", message)
    assert reply["state"] == "done"
    assert (await person.ask("Send", message)) == reply
    [sent] = mail.messages
    assert sent.mail_from == "ada@example.com"
    assert sent.rcpt_tos == MAIL["to"]
    assert sent.content == Action.model_validate(row.body).request.body_bytes()
    headers = dict(reply["response"]["headers"])
    assert headers["message-id"] in sent.content.decode()
    assert PASSWORD.secret not in str((await person.effect(row)).response)  # type: ignore[union-attr]


async def test_one_refused_recipient_means_nobody_is_sent_to(stage: Stage, mail: MailServer) -> None:
    person = await stage.person()
    mail.refuse = {"hedy@example.com"}
    row, grant = await approved(person, mail.port)
    assert (await person.ask("Send", person.sending(row, grant, PASSWORD)))["state"] == "failed"
    assert mail.messages == []
    assert mail.commands == ["MAIL", "RCPT", "RCPT", "RSET"]


@pytest.mark.parametrize("where", ["ada@example.com", "DATA"])
async def test_a_refused_sender_or_message_certainly_failed(stage: Stage, mail: MailServer, where: str) -> None:
    person = await stage.person()
    mail.refuse = {where}
    row, grant = await approved(person, mail.port)
    message = person.sending(row, grant, PASSWORD)
    assert (await person.ask("Send", message))["state"] == "failed"
    mail.refuse = set()
    assert (await person.ask("Send", message))["state"] == "failed"
    assert len(mail.messages) == (1 if where == "DATA" else 0)


def hang_up(server: SMTP) -> str:
    server.transport.abort()
    return "250 never heard"


async def stay_silent(server: SMTP) -> str:
    await asyncio.sleep(5)
    return "250 too late"


@pytest.mark.parametrize("misbehave", [hang_up, stay_silent])
async def test_without_a_reply_to_the_message_nobody_knows(
    stage: Stage, mail: MailServer, misbehave: Callable[[SMTP], Any]
) -> None:
    person = await stage.person()
    mail.after_message = misbehave
    row, grant = await approved(person, mail.port)
    message = person.sending(row, grant, PASSWORD)
    assert (await person.ask("Send", message))["state"] == "unknown"
    mail.after_message = None
    assert (await person.ask("Send", message))["state"] == "unknown"
    assert len(mail.messages) == 1


async def test_a_wrong_password_spends_nothing(stage: Stage, mail: MailServer) -> None:
    person = await stage.person()
    wrong = Credential(scheme="password", username="ada", secret="wrong-secret")
    row, grant = await approved(person, mail.port, credential=wrong)
    with pytest.raises(Refused) as caught:
        await person.ask("Send", person.sending(row, grant, wrong))
    assert caught.value.code == "connection_unusable"
    assert mail.sign_ins >= 1
    assert not await person.spent(row)
    assert mail.messages == []


async def test_a_server_that_is_away_spends_nothing(stage: Stage, mail: MailServer) -> None:
    person = await stage.person()
    row, grant = await approved(person, 9)
    with pytest.raises(Refused) as caught:
        await person.ask("Send", person.sending(row, grant, PASSWORD))
    assert caught.value.code == "unavailable"
    assert not await person.spent(row)


async def test_a_message_with_another_recipient_or_text_is_refused_before_any_connection(
    stage: Stage, mail: MailServer
) -> None:
    person = await stage.person()
    row, grant = await approved(person, mail.port)
    request = row.body["request"]
    more = [*request["headers"], ["rcpt-to", "eve@example.com"]]
    for changed in (
        {"headers": more},
        {"headers": request["headers"][:-1]},
        {"headers": [["mail-from", "eve@example.com"], *request["headers"][1:]]},
        {"headers": list(reversed(request["headers"]))},
        {"body": request["body"].replace("First", "Last")},
    ):
        with pytest.raises(Refused) as caught:
            await person.ask("Send", person.sending(row, grant, PASSWORD, request=altered(request, **changed)))
        assert caught.value.code == "grant_mismatch"
    assert mail.commands == []
    assert mail.sign_ins == 0


async def test_mail_is_never_a_read(stage: Stage, mail: MailServer) -> None:
    person = await stage.person()
    connection = await mailbox(person, mail.port)
    run = await person.run(connection)
    row = await person.propose(run, connection, "email.send", MAIL)
    message = {
        "run_id": str(run.id),
        "connection_id": str(connection.id),
        "request": row.body["request"],
        "credential": PASSWORD.model_dump(mode="json"),
    }
    with pytest.raises(Refused) as caught:
        await person.ask("Read", message)
    assert caught.value.code == "grant_missing"
    assert mail.sign_ins == 0


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ((), "x\r\n"),
        ((("mail-from", "a@b.test"),), "x\r\n"),
        ((("rcpt-to", "a@b.test"),), "x\r\n"),
        ((("mail-from", "a@b.test"), ("mail-from", "c@b.test"), ("rcpt-to", "a@b.test")), "x\r\n"),
        ((("mail-from", "a@b.test"), ("rcpt-to", "a@b.test> NOTIFY=SUCCESS")), "x\r\n"),
        ((("mail-from", "a@b.test"), ("rcpt-to", "a@b.test,c@d.test")), "x\r\n"),
        ((("mail-from", "a@b.test"), ("rcpt-to", "Ada <a@b.test>")), "x\r\n"),
        ((("mail-from", "a@b.test"), ("rcpt-to", "a@b.test")), "x\n.\nMAIL FROM:<e@v.il>\r\n"),
        ((("mail-from", "a@b.test"), ("rcpt-to", "a@b.test")), "x\r.\r\r\n"),
        ((("mail-from", "a@b.test"), ("rcpt-to", "a@b.test")), "no line end"),
    ],
)
def test_a_message_that_smtp_would_not_carry_as_it_is(headers: tuple[tuple[str, str], ...], body: str) -> None:
    from coco.errors import InvalidInput

    request = PreparedRequest(protocol="smtp", method="SEND", target="/message", headers=headers, body=body)
    with pytest.raises(InvalidInput):
        envelope(request)
