"""Which addresses a request may go to."""

from __future__ import annotations

import ipaddress
from uuid import uuid4

import pytest

from coco.errors import Code, Refused
from sandbox.gateway.delivery.addresses import AddressPolicy, connect, parse_base
from tests.conftest import Postgres
from tests.gateway.harness import Provider, answer, contact
from tests.gateway.harness import Refused as Turned
from tests.gateway.test_reads import planning, reading

PUBLIC, PRIVATE = AddressPolicy(private=False), AddressPolicy(private=True)


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.1.1",
        "100.100.100.200",
        "192.0.0.192",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "::",
        "fe80::1",
        "ff02::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_addresses_where_no_provider_is_are_never_called(address: str) -> None:
    assert not PRIVATE.allows(ipaddress.ip_address(address))
    assert not PUBLIC.allows(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "::1",
        "fc00::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
    ],
)
def test_private_addresses_are_called_where_the_setting_allows_it(address: str) -> None:
    assert not PUBLIC.allows(ipaddress.ip_address(address))
    assert PRIVATE.allows(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_public_addresses_are_called(address: str) -> None:
    assert PUBLIC.allows(ipaddress.ip_address(address))


@pytest.mark.parametrize("spelling", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"])
async def test_however_an_address_is_spelled_it_is_the_resolved_one_that_counts(spelling: str) -> None:
    base = parse_base(f"http://{spelling}:9", "http")
    with pytest.raises(Refused) as caught:
        await connect(base, PUBLIC)
    assert caught.value.code is Code.CONNECTION_UNUSABLE


@pytest.mark.parametrize(
    ("base_url", "protocol"),
    [
        ("ftp://example.test", "http"),
        ("file:///etc/passwd", "http"),
        ("smtp://example.test:25", "http"),
        ("http://example.test", "smtp"),
        ("http://user@example.test", "http"),
        ("http://user:pass@example.test", "http"),
        ("http://example.test?x=1", "http"),
        ("http://example.test#x", "http"),
        ("http://example.test/a b", "http"),
        ("http://example.test/a\r\nb", "http"),
        ("http://exämple.test", "http"),
        ("http://", "http"),
        ("http://example.test:0", "http"),
        ("http://example.test:99999", "http"),
        ("http://[::1", "http"),
        ("smtp://example.test:25/path", "smtp"),
        ("", "http"),
    ],
)
def test_a_base_address_of_another_form_is_refused(base_url: str, protocol: str) -> None:
    with pytest.raises(Refused) as caught:
        parse_base(base_url, protocol)
    assert caught.value.code is Code.CONNECTION_UNUSABLE


def test_a_base_address_taken_apart() -> None:
    base = parse_base("https://api.example.test/v1/", "http")
    assert (base.host, base.port, base.prefix, base.tls, base.authority) == (
        "api.example.test",
        443,
        "/v1",
        True,
        "api.example.test",
    )
    assert parse_base("http://[::1]:80", "http").authority == "[::1]"
    assert parse_base("http://[::1]:8080", "http").authority == "[::1]:8080"


@pytest.mark.parametrize("address", ["8.8.8.8", "[2606:4700:4700::1111]", "[::ffff:8.8.8.8]", "8.8.8.8:8080/v1"])
async def test_no_key_goes_over_the_internet_in_the_clear(address: str) -> None:
    with pytest.raises(Refused, match="in the clear; use https://"):
        await connect(parse_base(f"http://{address}", "http"), PRIVATE)


def test_in_the_clear_within_ones_own_networks_or_where_the_operator_has_it_so() -> None:
    for address in ("127.0.0.1", "10.1.2.3", "192.168.0.7", "172.17.0.1", "::1", "fd00::7"):
        assert PRIVATE.in_the_clear(ipaddress.ip_address(address))
    assert not PRIVATE.in_the_clear(ipaddress.ip_address("8.8.8.8"))
    assert AddressPolicy(private=True, clear=True).in_the_clear(ipaddress.ip_address("8.8.8.8"))


async def test_the_gateway_obeys_the_setting(postgres: Postgres, provider: Provider, short_dir) -> None:  # type: ignore[no-untyped-def]
    from sandbox.gateway.service import Gateway
    from tests.gateway.harness import PUBLIC_KEY, Stage, settings_for

    settings = settings_for(postgres, short_dir / uuid4().hex[:8], egress_private_addresses=False)
    provider.answers = [answer(200, contact())]

    async with Gateway.serving(settings, postgres.gateway, postgres.master, PUBLIC_KEY) as gateway:
        stage = Stage(postgres, settings, settings.run_dir.absolute(), gateway)
        person = await stage.person()
        run, connection = await planning(person, provider)
        with pytest.raises(Turned) as caught:
            await person.ask("Read", reading(run, connection))
        assert caught.value.code == "connection_unusable"
        assert provider.connections == 0
        await person.close()
