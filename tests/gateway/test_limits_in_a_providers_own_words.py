"""Limits that are told with another status than 429, with what they say of when to come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from activities.connectors.registry import connector
from coco.gateway_protocol import Credential
from store.tables import Pace, utc_now
from tests.gateway.accounts import Account
from tests.gateway.harness import Person, Provider, Refused, Stage, answer
from tests.gateway.test_checks import Sandbox


def google(reason: str, inside: str = "errors") -> dict[str, Any]:
    return {"error": {"code": 403, "message": "Rate Limit Exceeded", inside: [{"domain": "x", "reason": reason}]}}


@dataclass(frozen=True)
class Limit:
    connector: str
    operation: str
    arguments: dict[str, Any]
    status: int
    body: Any


LIMITS = {
    "gmail-403": Limit("gmail", "messages.search", {}, 403, google("userRateLimitExceeded")),
    "gmail-403-info": Limit("gmail", "messages.search", {}, 403, google("RATE_LIMIT_EXCEEDED", "details")),
    "calendar-403": Limit("google_calendar", "calendars.list", {}, 403, google("quotaExceeded")),
    "slack-200": Limit("slack", "channels.list", {}, 200, {"ok": False, "error": "ratelimited"}),
    "salesforce-403": Limit(
        "salesforce",
        "records.query",
        {"object": "User", "fields": ["Id"]},
        403,
        [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}],
    ),
    "hubspot-429-daily": Limit(
        "hubspot", "contacts.list", {}, 429, {"status": "error", "errorType": "RATE_LIMIT", "policyName": "DAILY"}
    ),
    "outreach-503": Limit("outreach", "prospects.list", {}, 503, {"errors": [{"status": "503"}]}),
}
each = pytest.mark.parametrize("limit", list(LIMITS.values()), ids=list(LIMITS))


@pytest.fixture(scope="module")
async def sandbox(stage: Stage) -> Sandbox:
    """One user with many connections: a user's listener takes a second to stop."""
    return await Sandbox.of_somebody(stage)


@pytest.fixture(scope="module")
async def newcomer(stage: Stage) -> Sandbox:
    """Another, since nobody has room for that many."""
    return await Sandbox.of_somebody(stage)


async def held(person: Person, connection_id: UUID) -> float:
    """For how many seconds a connection is held, for every run and gateway."""
    async with person.stage.postgres.gateway.user(person.user_id) as session:
        row = await session.get(Pace, connection_id)
    assert row is not None
    assert row.reason == "throttled"
    return 0.0 if row.blocked_until is None else (row.blocked_until - utc_now()).total_seconds()


@each
@pytest.mark.parametrize(("told", "least", "most"), [("40", 35, 40), ("999999999", 86_000, 86_400), ("0", 0, 1)])
async def test_it_holds_the_connection_for_as_long_as_the_provider_asks_and_within_bounds(
    sandbox: Sandbox, provider: Provider, limit: Limit, told: str, least: float, most: float
) -> None:
    one = await Account.at(sandbox.person, limit.connector, provider.url + "/some/proxy")
    provider.answers = [answer(limit.status, limit.body, f"retry-after: {told}\r\n")]
    with pytest.raises(Refused) as caught:
        await one.read(limit.operation, limit.arguments)
    assert caught.value.code == "throttled"
    assert least <= await held(sandbox.person, one.info.id) <= most
    assert await one.state() == "active"
    assert provider.seen[0].line.split(" ")[1].startswith("/some/proxy/")


@each
async def test_a_key_that_meets_a_limit_while_it_is_tried_out_is_not_called_a_bad_one(
    newcomer: Sandbox, provider: Provider, limit: Limit
) -> None:
    given = Credential(scheme=connector(limit.connector).auth.scheme, secret="a-good-key-0123456789")
    provider.answers = [answer(limit.status, limit.body, "retry-after: 5\r\n")]
    connection_id, attempt = await newcomer.give(provider.url, given, connector=limit.connector)
    assert await newcomer.check(attempt, given) == "unreachable"
    assert "not available right now. Try again later" in (await newcomer.connection(connection_id)).reason


async def test_a_limit_of_one_run_holds_the_others_of_its_connection(sandbox: Sandbox, provider: Provider) -> None:
    limit = LIMITS["gmail-403"]
    one = await Account.at(sandbox.person, limit.connector, provider.url)
    provider.answers = [answer(limit.status, limit.body, "retry-after: 40\r\n")]
    with pytest.raises(Refused):
        await one.read(limit.operation, limit.arguments)
    other = Account(one.person, one.info, await one.person.run(one.info), one.credential)
    provider.answers = [answer(200, {"messages": []})]
    with pytest.raises(Refused) as caught:
        await other.read(limit.operation, limit.arguments)
    assert caught.value.code == "throttled"
    assert len(provider.seen) == 1
