"""Provider credentials travel encrypted, to the provider that the connection names, or not at all."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import socket
import ssl
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from coco.errors import Code
from coco.errors import Refused as RefusedByRule
from sandbox.gateway.delivery.addresses import AddressPolicy, Unreachable, parse_base
from sandbox.gateway.delivery.http_link import HttpLink
from sandbox.gateway.delivery.link import tls_context
from sandbox.gateway.delivery.smtp_link import SmtpLink
from tests.gateway.harness import BEARER, Provider, Refused, Stage, answer, contact
from tests.gateway.test_mail import PASSWORD, MailServer
from tests.gateway.test_reads import GET, reading

ANYWHERE = AddressPolicy(private=True)
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")


class Authority:
    """A certificate for 127.0.0.1, signed by itself."""

    def __init__(self, folder: Path, name: str = "127.0.0.1") -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.datetime.now(datetime.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), critical=False)
            .sign(key, hashes.SHA256())
        )
        self.file = folder / f"{name}.pem"
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + pem)

    def server(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.file)
        return context


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """An authority that this machine trusts."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    tls_context.cache_clear()
    yield authority
    tls_context.cache_clear()


@asynccontextmanager
async def https(authority: Authority) -> AsyncIterator[tuple[Provider, str]]:
    provider = Provider()
    provider.hold.set()
    provider.answers = [answer(200, contact())]
    server = await asyncio.start_server(provider._serve, "127.0.0.1", 0, ssl=authority.server())
    try:
        yield provider, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def test_a_trusted_certificate_for_the_right_name(stage: Stage, trusted: Authority) -> None:
    person = await stage.person()
    async with https(trusted) as (provider, url):
        connection = await person.connect("hubspot", url)
        run = await person.run(connection)
        assert (await person.ask("Read", reading(run, connection)))["response"]["status"] == 200
        assert provider.seen[0].headers["authorization"] == f"Bearer {BEARER.secret}"


async def test_a_certificate_that_nobody_vouches_for(stage: Stage, tmp_path: Path) -> None:
    person = await stage.person()
    async with https(Authority(tmp_path)) as (provider, url):
        connection = await person.connect("hubspot", url)
        run = await person.run(connection)
        with pytest.raises(Refused) as caught:
            await person.ask("Read", reading(run, connection, GET))
        assert caught.value.code == "unavailable"
        assert provider.seen == []


async def test_a_certificate_for_another_name(stage: Stage, trusted: Authority) -> None:
    person = await stage.person()
    async with https(trusted) as (provider, url):
        connection = await person.connect("hubspot", url.replace("127.0.0.1", "localhost"))
        run = await person.run(connection)
        with pytest.raises(Refused) as caught:
            await person.ask("Read", reading(run, connection))
        assert caught.value.code == "unavailable"
        assert provider.seen == []


async def test_a_server_that_speaks_no_encryption_at_an_https_address(provider: Provider) -> None:
    base = parse_base(provider.url.replace("http://", "https://"), "http")
    with pytest.raises((Unreachable, TimeoutError)):
        async with asyncio.timeout(3):
            await HttpLink.open(base, BEARER, ANYWHERE)
    assert provider.seen == []


# -- mail ------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def mail_server(host: str, **options: Any) -> AsyncIterator[tuple[MailServer, int]]:
    mail = MailServer()
    loop = asyncio.get_running_loop()
    implicit = options.pop("implicit", None)

    def session() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return SMTP(mail, authenticator=mail.authenticate, auth_required=True, loop=loop, **options)

    server = await loop.create_server(session, host, 0, ssl=implicit)
    try:
        yield mail, server.sockets[0].getsockname()[1]
    finally:
        server.close()


def own_address() -> str:
    """An address of this machine that is not loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only chooses a source address
            address = str(probe.getsockname()[0])
        except OSError:
            address = "127.0.0.1"
    if ipaddress.ip_address(address).is_loopback:
        pytest.skip("this machine has no address besides loopback")
    return address


async def test_a_password_is_not_sent_in_the_clear_to_another_machine() -> None:
    host = own_address()
    async with mail_server(host, auth_require_tls=False) as (mail, port):
        with pytest.raises(RefusedByRule) as caught:
            await SmtpLink.open(parse_base(f"smtp://{host}:{port}", "smtp"), PASSWORD, ANYWHERE, 5)
        assert caught.value.code is Code.CONNECTION_UNUSABLE
        assert mail.sign_ins == 0


async def test_where_encryption_is_offered_it_is_used(trusted: Authority) -> None:
    async with mail_server("127.0.0.1", tls_context=trusted.server(), require_starttls=True) as (mail, port):
        link = await SmtpLink.open(parse_base(f"smtp://127.0.0.1:{port}", "smtp"), PASSWORD, ANYWHERE, 5)
        await link.close()
        assert mail.sign_ins == 1


async def test_a_mail_server_that_nobody_vouches_for_gets_no_password(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with mail_server("127.0.0.1", tls_context=authority.server(), require_starttls=True) as (mail, port):
        with pytest.raises(Unreachable):
            await SmtpLink.open(parse_base(f"smtp://127.0.0.1:{port}", "smtp"), PASSWORD, ANYWHERE, 5)
        assert mail.sign_ins == 0
    async with mail_server("127.0.0.1", implicit=authority.server(), auth_require_tls=False) as (mail, port):
        with pytest.raises(Unreachable):
            await SmtpLink.open(parse_base(f"smtps://127.0.0.1:{port}", "smtp"), PASSWORD, ANYWHERE, 5)
        assert mail.sign_ins == 0


async def test_encrypted_from_the_first_byte(trusted: Authority) -> None:
    async with mail_server("127.0.0.1", implicit=trusted.server(), auth_require_tls=False) as (mail, port):
        link = await SmtpLink.open(parse_base(f"smtps://127.0.0.1:{port}", "smtp"), PASSWORD, ANYWHERE, 5)
        await link.close()
        assert mail.sign_ins == 1
