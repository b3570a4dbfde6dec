"""Keys with odd characters: carried byte for byte where they can be, refused with the reason where they cannot.

No provider here takes a key in an address's query or by Basic: keys are bearer tokens, a header's, a password in the
protocol's own sign-in, or what a signature is made with.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import logging
from collections.abc import AsyncIterator

import pytest

from activities.connectors.registry import connector
from coco.gateway_protocol import Credential
from sandbox.gateway.delivery.addresses import AddressPolicy
from sandbox.gateway.delivery.opening import open_link
from tests.gateway.harness import Provider, Refused, Stage, answer
from tests.gateway.test_checks import CONTACTS, Sandbox
from tests.hermes.test_key_rotation import ODD

VISIBLE = "".join(chr(code) for code in range(33, 127))
"""All that a header carries as it is: RFC 9110, section 5.5."""
APOLLO = answer(200, {"pagination": {"page": 1, "per_page": 1, "total_entries": 0, "total_pages": 0}, "contacts": []})
POLICY = AddressPolicy(private=True)


@pytest.fixture(scope="module")
async def sandbox(stage: Stage) -> Sandbox:
    """One user with several connections: a user's listener takes a second to stop."""
    return await Sandbox.of_somebody(stage)


@pytest.mark.parametrize("secret", [VISIBLE, "x" * 8192, "Bearer abc", "\"';--", "="], ids=lambda text: text[:8])
@pytest.mark.parametrize(
    ("name", "header", "page"),
    [("hubspot", "authorization: Bearer ", CONTACTS), ("apollo", "x-api-key: ", APOLLO)],
    ids=["bearer", "header"],
)
async def test_what_a_header_carries_goes_byte_for_byte(
    sandbox: Sandbox, provider: Provider, name: str, header: str, page: bytes, secret: str
) -> None:
    given = Credential(scheme=connector(name).auth.scheme, secret=secret.replace(" ", ""))
    provider.answers = [page]
    _, attempt = await sandbox.give(provider.url, given, connector=name)
    assert await sandbox.check(attempt, given) == "works"
    [seen] = provider.seen
    lines = seen.head.decode("ascii").split("\r\n")
    assert [line for line in lines if line.lower().startswith(header.lower())] == [header + given.secret]


@pytest.mark.parametrize(
    "secret",
    [
        "MARKER\r\nx-injected: 1",
        "MARKER\nx-injected: 1",
        "MARKER\r",
        "MARKER\x7f",
        "MARKER\ttab",
        " MARKER",
        "MARKER ",
        "MAR KER",
        "MARKER\u00fc",
        "MARKER\u00a0",
        "\ufeffMARKER",
        "MARKER\u2028x",
        "MARKER\u0085",
    ],
)
@pytest.mark.parametrize("name", ["hubspot", "apollo"])
async def test_what_no_header_carries_is_refused_and_reaches_nobody(
    sandbox: Sandbox,
    provider: Provider,
    caplog: pytest.LogCaptureFixture,
    name: str,
    secret: str,
    room: None,
) -> None:
    caplog.set_level(logging.DEBUG)
    given = Credential(scheme=connector(name).auth.scheme, secret=secret)
    # Past the page that would have refused it, as a sandbox might bring it.
    connection_id, attempt = await sandbox.give(provider.url, given, connector=name)
    assert await sandbox.check(attempt, given) == "refused"
    row = await sandbox.connection(connection_id)
    assert "control characters" in row.reason or "no header carries" in row.reason
    assert (provider.seen, provider.connections) == ([], 0)
    assert "MARKER" not in row.reason + caplog.text


async def test_a_key_with_nul_is_no_message_at_all(sandbox: Sandbox, provider: Provider, room: None) -> None:
    given = Credential(scheme="bearer", secret="MARKER\0")
    _, attempt = await sandbox.give(provider.url, given)
    with pytest.raises(Refused) as caught:
        await sandbox.check(attempt, given)
    assert (caught.value.code, caught.value.text) == ("invalid", "malformed")
    assert provider.connections == 0


@pytest.fixture
def room(sandbox: Sandbox) -> None:
    """Nobody has room for that many connections: those before are retired."""
    with sandbox.person.stage.postgres.connect() as owner:
        owner.execute("UPDATE connections SET state = 'revoked' WHERE user_id = %s", (sandbox.person.user_id,))


@pytest.mark.parametrize("secret", [text for text in ODD if len(text) < 1000] + ["NUL-free \u0085\u2028 end "])
async def test_a_signature_is_made_with_exactly_the_secret(secret: str, provider: Provider) -> None:
    from coco.requests import PreparedRequest

    provider.answers = [answer(200, {})]
    given = Credential(scheme="signature", secret=secret * 3)
    request = PreparedRequest(
        protocol="http", method="POST", target="/", headers=(("coco-delivery", "d1"),), body='{"a":1}'
    )
    link = await open_link(connector("webhook"), provider.url, given, POLICY, 5)
    await link.send(request, 5)
    await link.close()
    [seen] = provider.seen
    signed = f"{seen.headers['coco-timestamp']}.d1.".encode() + seen.body
    wanted = "sha256=" + hmac.new((secret * 3).encode(), signed, hashlib.sha256).hexdigest()
    assert wanted in seen.headers.values()


class SignIns:
    """A mail server that takes every password, and notes it."""

    def __init__(self, protocol: str) -> None:
        self.protocol = protocol
        self.heard: list[bytes] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        smtp = self.protocol == "smtp"
        writer.write(b"220 mail ESMTP\r\n" if smtp else b"* OK mail\r\n")
        with contextlib.suppress(OSError):
            while line := (await reader.readline()).rstrip(b"\r\n"):
                words = line.split(b" ")
                if smtp and words[0].upper() == b"EHLO":
                    writer.write(b"250-mail\r\n250 AUTH PLAIN\r\n")
                elif smtp:
                    self.heard.append(base64.b64decode(words[-1]))
                    writer.write(b"235 2.7.0 yes\r\n")
                elif words[1] == b"CAPABILITY":
                    writer.write(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n" + words[0] + b" OK done\r\n")
                elif words[1] == b"AUTHENTICATE":
                    writer.write(b"+ \r\n")
                    self.heard.append(base64.b64decode((await reader.readline()).strip()))
                    writer.write(words[0] + b" OK in\r\n")
        writer.close()


@pytest.fixture(params=["smtp", "imap"])
async def mail(request: pytest.FixtureRequest) -> AsyncIterator[SignIns]:
    made = SignIns(request.param)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=1 << 20)
    made.url = f"{request.param}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield made
    server.close()


@pytest.mark.parametrize("secret", [*ODD, " ", "\u00e4" * 4000, "a:b@c/d?e#f%00"], ids=lambda text: ascii(text)[:12])
async def test_a_password_goes_to_a_mail_server_byte_for_byte(mail: SignIns, secret: str) -> None:
    given = Credential(scheme="password", username="ada:\u00fc@engine.example", secret=secret)
    link = await open_link(connector(mail.protocol), mail.url, given, POLICY, 5)
    await link.close()
    assert mail.heard == [b"\0".join((b"", given.username.encode(), secret.encode()))]


@pytest.mark.parametrize("secret", ["a\0b", "a\r\nMAIL FROM:<eve@x>", "a\tb"])
async def test_a_password_with_control_characters_reaches_no_mail_server(mail: SignIns, secret: str) -> None:
    for given in (
        Credential(scheme="password", username="ada", secret=secret),
        Credential(scheme="password", username=secret, secret="p"),
    ):
        with pytest.raises(Exception, match="control characters"):
            await open_link(connector(mail.protocol), mail.url, given, POLICY, 5)
    assert mail.heard == []


async def test_a_key_that_a_provider_repeats_is_blotted_out_however_it_is_spelled(provider: Provider) -> None:
    from coco.requests import PreparedRequest

    given = Credential(scheme="bearer", secret='k"e/y\\1+2=%&')
    spelled = [given.secret, 'k\\"e\\/y\\\\1+2=%&', "k%22e%2Fy%5C1%2B2%3D%25%26"]
    provider.answers = [answer(200, " ".join(spelled).encode(), f"etag: {given.secret}\r\n")]
    link = await open_link(connector("hubspot"), provider.url, given, POLICY, 5)
    told = await link.exchange(PreparedRequest(protocol="http", method="GET", target="/x"), 5)  # type: ignore[attr-defined]
    await link.close()
    assert told.body == b"*** *** ***"
    assert dict(told.headers)["etag"] == "***"
