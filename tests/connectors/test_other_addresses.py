"""Every request of every connector goes below the connection's own address, whatever port, path and slash that has."""

from __future__ import annotations

import pytest

from activities.connectors.base import GatedOperation
from coco.requests import PreparedRequest
from sandbox.gateway.delivery.addresses import parse_base
from store.connections import checked_base_url
from tests.connectors.conformance import Case, case_id, cases

OVER_HTTP = [case for case in cases() if case.connector.protocol == "http"]
GIVEN = [
    ("http://127.0.0.1:8123", "", "127.0.0.1:8123"),
    ("http://127.0.0.1:8123/", "", "127.0.0.1:8123"),
    ("http://Simulator.Internal:80/crm/", "/crm", "simulator.internal"),
    ("https://proxy.example.com/tenants/7/provider//", "/tenants/7/provider", "proxy.example.com"),
    ("https://[::1]:8443/p", "/p", "[::1]:8443"),
]


def requests_of(case: Case) -> list[PreparedRequest]:
    """All that an operation asks for, the value before a change among it."""
    found = []
    for example in case.examples:
        parsed = case.operation.parse(example.arguments)
        found.append(case.operation.request(case.connection, parsed))
        if isinstance(case.operation, GatedOperation):
            before = case.operation.prior_request(case.connection, parsed)
            found += [] if before is None else [before]
    return found


@pytest.mark.parametrize(("given", "prefix", "authority"), GIVEN)
@pytest.mark.parametrize("case", OVER_HTTP, ids=case_id)
def test_a_request_goes_below_the_address_that_was_given(case: Case, given: str, prefix: str, authority: str) -> None:
    base = parse_base(checked_base_url(given, "http"), "http")
    assert base.authority == authority
    for request in requests_of(case):
        assert request.target.startswith("/")
        at_root = request.target == "/" and prefix
        assert base.target(request.target) == (prefix if at_root else prefix + request.target)


@pytest.mark.parametrize(
    "given", ["http://u:p@127.0.0.1", "http://key@127.0.0.1/x", "http://127.0.0.1/?a=b", "http://127.0.0.1/#x", "//x"]
)
def test_a_key_or_anything_else_in_the_address_is_refused(given: str) -> None:
    from coco.errors import InvalidInput

    with pytest.raises(InvalidInput, match="base_url"):
        checked_base_url(given, "http")
