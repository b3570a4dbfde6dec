"""HubSpot's lists, Salesforce, Apollo, Outreach, ZoomInfo and webhooks through the real gateway, against a provider
that is a process: pages, limits, faults, refused keys, answers that are none, and what is sent, once."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from activities.connectors.registry import connector
from coco.errors import InvalidInput
from coco.requests import ProviderResponse
from store.tables import ReadRow
from tests.connectors.examples import apollo, hubspot, outreach, salesforce, zoominfo
from tests.gateway.accounts import SECRET, Account
from tests.gateway.at_a_provider import person, process, provider, stage
from tests.gateway.harness import Person, Refused
from tests.gateway.provider_process import ProviderProcess, Reply, Seen

__all__ = ["person", "process", "provider", "stage"]

ROOT = Path(__file__).resolve().parents[2]
SALES = "/services/data/v60.0"


def check_signed_in(name: str, seen: Seen) -> None:
    """The credential is where the connector's scheme has it, and nowhere else."""
    auth = connector(name).auth
    where = {"bearer": "authorization", "header": auth.header}[auth.scheme]
    assert seen.headers[where] == (f"Bearer {SECRET}" if auth.scheme == "bearer" else SECRET)
    others = [value for header, value in seen.headers.items() if header != where]
    assert not any(SECRET in value for value in (*others, seen.target, seen.body))


# -- reads -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Paged:
    """A read of two pages."""

    name: str
    operation: str
    arguments: dict[str, Any]
    method: str
    paths: tuple[str, str]
    pages: tuple[dict[str, Any], dict[str, Any]]
    second: str
    """What the second request has and the first has not, in its target or body."""

    def __str__(self) -> str:
        return f"{self.name}-{self.operation}"


def _numbered(page: int, **lists: Any) -> dict[str, Any]:
    return {"pagination": {"page": page, "per_page": 1, "total_entries": 2, "total_pages": 2}, **lists}


PAGED = [
    Paged(
        *("salesforce", "records.query", {"object": "Lead", "fields": ["Name"]}, "GET"),
        (f"{SALES}/query", f"{SALES}/query/01gQy00000AaBbC-1"),
        (
            {
                "totalSize": 2,
                "done": False,
                "nextRecordsUrl": f"{SALES}/query/01gQy00000AaBbC-1",
                "records": [salesforce.record("Lead", "00QQy00000AbCdEIAV", Name="A")],
            },
            {"totalSize": 2, "done": True, "records": [salesforce.record("Lead", "00QQy00000AbCdFIAV", Name="B")]},
        ),
        "01gQy00000AaBbC-1",
    ),
    Paged(
        *("apollo", "people.search", {"limit": 1, "titles": ["cto"]}, "POST", ("/mixed_people/search",) * 2),
        (
            _numbered(1, people=[apollo.person("p1")], contacts=[]),
            _numbered(2, people=[apollo.person("p2")], contacts=[]),
        ),
        '"page":2',
    ),
    Paged(
        *("apollo", "contacts.search", {"limit": 1}, "POST", ("/contacts/search",) * 2),
        (_numbered(1, contacts=[apollo.person("c1")]), _numbered(2, contacts=[apollo.person("c2")])),
        '"page":2',
    ),
    Paged(
        *("outreach", "prospects.list", {"limit": 1}, "GET", ("/prospects",) * 2),
        (
            outreach.page(outreach.PROSPECT, following=outreach.NEXT),
            outreach.page(outreach.resource("prospect", 52, {"firstName": "Bo"})),
        ),
        "page%5Bafter%5D=eyJpZCI6NTF9%3D",
    ),
    Paged(
        *("zoominfo", "contacts.lookup", {"company_name": "Engine", "limit": 1}, "POST", ("/search/contact",) * 2),
        (
            {"maxResults": 2, "totalResults": 2, "currentPage": 1, "data": [{"id": 1, "firstName": "Ada"}]},
            {"maxResults": 2, "totalResults": 2, "currentPage": 2, "data": [{"id": 2, "firstName": "Bo"}]},
        ),
        '"page":2',
    ),
    Paged(
        *("hubspot", "lists.memberships", {"id": "12", "limit": 1}, "GET", ("/crm/v3/lists/12/memberships",) * 2),
        (hubspot.MEMBERS, {"results": [{"recordId": "52", "membershipTimestamp": "2026-01-05T10:00:00Z"}]}),
        "after=NTE%3D",
    ),
    Paged(
        *("hubspot", "lists.search", {"limit": 1}, "POST", ("/crm/v3/lists/search",) * 2),
        (
            {**hubspot.LISTS, "offset": 1},
            {**hubspot.LISTS, "lists": [{**hubspot.LISTS["lists"][0], "listId": "13"}], "hasMore": False},
        ),
        '"offset":1',
    ),
]
each_paged = pytest.mark.parametrize("case", PAGED, ids=str)
ONE_EACH = [case for number, case in enumerate(PAGED) if case.name not in {one.name for one in PAGED[:number]}]
each_provider = pytest.mark.parametrize("case", ONE_EACH, ids=str)


@each_paged
async def test_pages_are_read_to_the_last(person: Person, provider: ProviderProcess, case: Paged) -> None:
    one = await Account.at(person, case.name, provider.url)
    if case.paths[0] == case.paths[1]:
        await provider.on(case.method, case.paths[0], *(Reply(body=page) for page in case.pages))
    else:
        for path, page in zip(case.paths, case.pages, strict=True):
            await provider.on(case.method, path, Reply(body=page))
    first = await one.read(case.operation, case.arguments)
    assert first["after"]
    second = await one.read(case.operation, {**case.arguments, "after": first["after"]}, patient=True)
    assert second["after"] is None
    assert len({item["id"] for item in (*first["results"], *second["results"])}) == 2
    before, after = await provider.seen()
    assert case.second not in before.target + before.body
    assert case.second in after.target + after.body
    for seen in (before, after):
        check_signed_in(case.name, seen)
    assert len([row for row in await person.rows(ReadRow) if row.run_id == one.run.id]) == 2


@each_provider
async def test_a_provider_that_wants_to_be_asked_later_or_is_not_well_is_asked_again(
    person: Person, provider: ProviderProcess, case: Paged
) -> None:
    one = await Account.at(person, case.name, provider.url)
    limited = Reply(429, {"message": "The maximum number of api calls allowed"}, {"retry-after": "1"})
    await provider.on(case.method, case.paths[0], limited, Reply(503, "<html>"), Reply(502), Reply(body=case.pages[0]))
    with pytest.raises(Refused) as caught:
        await one.read(case.operation, case.arguments)
    assert caught.value.code == "throttled"
    assert (await one.read(case.operation, case.arguments, patient=True))["results"]
    assert len(await provider.seen()) == 4


EXPIRED = [
    Reply(401, [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]),
    Reply(401, "Invalid access credentials.", {"content-type": "text/plain"}),
]


@each_provider
@pytest.mark.parametrize("reply", EXPIRED, ids=["json", "text"])
async def test_an_expired_token_needs_reconnection(
    person: Person, provider: ProviderProcess, case: Paged, reply: Reply
) -> None:
    one = await Account.at(person, case.name, provider.url)
    await provider.on(case.method, case.paths[0], reply)
    with pytest.raises(Refused) as caught:
        await one.read(case.operation, case.arguments)
    assert caught.value.code == "connection_unusable"
    assert await one.state() == "needs_reconnection"
    seen = len(await provider.seen())
    with pytest.raises(Refused):
        await one.read(case.operation, case.arguments)
    assert len(await provider.seen()) == seen


SPENT = Reply(403, [{"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}])


async def test_salesforce_says_403_where_others_say_429(person: Person, provider: ProviderProcess) -> None:
    one = await Account.at(person, "salesforce", provider.url)
    await provider.on("GET", f"{SALES}/query", SPENT)
    with pytest.raises(Refused) as caught:
        await one.read("records.query", {"object": "Lead", "fields": ["Name"]})
    assert caught.value.code == "throttled"
    other = await Account.at(person, "salesforce", provider.url)
    await provider.on("PATCH", OPPORTUNITY, SPENT)
    await provider.on("GET", OPPORTUNITY, Reply(body=_opportunity("Prospecting")))
    arguments = {"id": salesforce.OPPORTUNITY, "stage": "Closed Won"}
    row, message = await other.approved("opportunities.move_stage", arguments, _opportunity("Prospecting"))
    with pytest.raises(Refused) as caught:
        await person.ask("Send", message)
    assert caught.value.code == "throttled"
    effect = await person.effect(row)
    assert effect is not None
    assert effect.state == "turned_away"


FORBIDDEN = [
    ("salesforce", [{"message": "no access", "errorCode": "INSUFFICIENT_ACCESS_OR_READONLY"}]),
    ("apollo", {"error": "This API key is not authorized", "error_code": "API_INACCESSIBLE"}),
    ("outreach", {"errors": [{"id": "unauthorizedOauthScope", "title": "Unauthorized OAuth Scope"}]}),
]


@pytest.mark.parametrize(("name", "body"), FORBIDDEN)
async def test_a_missing_permission_is_no_expired_token(
    person: Person, provider: ProviderProcess, name: str, body: Any
) -> None:
    [case] = [case for case in ONE_EACH if case.name == name]
    one = await Account.at(person, name, provider.url)
    await provider.on(case.method, case.paths[0], Reply(403, body))
    with pytest.raises((InvalidInput, Refused)):
        await one.read(case.operation, case.arguments)
    assert await one.state() == "active"


@each_provider
@pytest.mark.parametrize(
    "body", ["<html>", "", "[]", '{"data": 5, "records": {}, "results": "x", "people": null}', "{"]
)
async def test_an_answer_that_is_none_gives_no_facts(
    person: Person, provider: ProviderProcess, case: Paged, body: str
) -> None:
    one = await Account.at(person, case.name, provider.url)
    await provider.on(case.method, case.paths[0], Reply(body=body))
    with pytest.raises(InvalidInput):
        await one.read(case.operation, case.arguments)


@pytest.mark.parametrize("fault", ["hang", "drop", "cut"])
@pytest.mark.parametrize("case", [case for case in ONE_EACH if case.name in {"salesforce", "apollo"}], ids=str)
async def test_an_answer_that_does_not_come_is_unavailable(
    person: Person, provider: ProviderProcess, case: Paged, fault: str
) -> None:
    one = await Account.at(person, case.name, provider.url)
    await provider.on(case.method, case.paths[0], Reply(body=case.pages[0], fault=fault))
    with pytest.raises(Refused) as caught:
        await one.read(case.operation, case.arguments)
    assert caught.value.code == "unavailable"


@each_provider
async def test_a_provider_that_repeats_the_key_does_not_give_it_away(
    person: Person, provider: ProviderProcess, case: Paged
) -> None:
    one = await Account.at(person, case.name, provider.url)
    told = json.dumps({**case.pages[0], "echo": SECRET})
    spelled = (
        told[:-1] + ', "again": "' + SECRET.replace("/", "\\/") + '", "url": "' + SECRET.replace("/", "%2F") + '"}'
    )
    await provider.on(case.method, case.paths[0], Reply(body=spelled, headers={"x-request-id": f"for {SECRET}"}))
    await one.read(case.operation, case.arguments)
    [row] = [row for row in await person.rows(ReadRow) if row.run_id == one.run.id]
    kept = json.dumps(row.response)
    assert "1234567890" not in kept
    assert kept.count("***") == 4


@pytest.mark.parametrize("header", ["x-api-key", "X-Api-Key", "authorization", "coco-signature", "x-http-method"])
async def test_no_read_brings_a_credential_of_its_own(person: Person, provider: ProviderProcess, header: str) -> None:
    one = await Account.at(person, "apollo", provider.url)
    request = {
        "protocol": "http",
        "method": "POST",
        "target": "/contacts/search",
        "headers": [["content-type", "application/json"], [header, "another"]],
        "body": "{}",
    }
    with pytest.raises(Refused) as caught:
        await person.ask("Read", one.reading(request))
    assert caught.value.code in {"not_in_manifest", "invalid"}
    assert await provider.seen() == []


@pytest.mark.parametrize(
    ("name", "method", "target"),
    [
        ("salesforce", "GET", f"{SALES}/query?q=SELECT%20Id%20FROM%20Lead%20FOR%20VIEW"),
        ("salesforce", "GET", f"{SALES}/query?q=SELECT+Id+FROM+Lead+FOR+REFERENCE"),
        ("salesforce", "GET", f"{SALES}/sobjects/Lead/00Q?_HttpMethod=DELETE"),
        ("salesforce", "GET", "/services/apexrest/anything"),
        ("apollo", "POST", "/people/match"),
        ("apollo", "POST", "/mixed_companies/search"),
        ("apollo", "POST", "/contacts/search?api_key=another"),
        ("outreach", "GET", "/prospects?access_token=another"),
        ("zoominfo", "POST", "/enrich/contact"),
        ("hubspot", "PUT", "/crm/v3/lists/12/memberships/add"),
    ],
)
async def test_what_is_no_read_does_not_leave_as_one(
    person: Person, provider: ProviderProcess, name: str, method: str, target: str
) -> None:
    one = await Account.at(person, name, provider.url)
    with pytest.raises(Refused) as caught:
        await person.ask("Read", one.reading({"protocol": "http", "method": method, "target": target}))
    assert caught.value.code in {"not_in_manifest", "grant_missing"}
    assert await provider.seen() == []


# -- sending ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """An action, what its provider tells before and after, and how it answers."""

    name: str
    operation: str
    arguments: dict[str, Any]
    writing: tuple[str, str]
    answer: Reply
    kept: dict[str, Any]
    """What the log keeps of it, or a part of that."""
    reading: tuple[str, str] = ("", "")
    before: Any = None
    other: Any = None
    """Told before, and not what the card showed."""
    after: Any = None
    """Told once it has taken effect."""

    def __str__(self) -> str:
        return f"{self.name}-{self.operation}"


def _account(phone: str) -> dict[str, Any]:
    return salesforce.record("Account", salesforce.ACCOUNT, Name="Engine", Phone=phone)


def _opportunity(stage: str) -> dict[str, Any]:
    return salesforce.record("Opportunity", salesforce.OPPORTUNITY, Name="Pilot", StageName=stage)


def _in(*sequences: str) -> dict[str, Any]:
    return {"contact": {**apollo.contact()["contact"], "emailer_campaign_ids": list(sequences)}}


RECORD = f"{SALES}/sobjects/Account/{salesforce.ACCOUNT}"
OPPORTUNITY = f"{SALES}/sobjects/Opportunity/{salesforce.OPPORTUNITY}"
MEMBERSHIPS = "/crm/v3/lists/records/0-1/51/memberships"
SENT = [
    Sent(
        "salesforce",
        "records.update",
        {"object": "Account", "id": salesforce.ACCOUNT, "fields": {"Phone": "2"}},
        ("PATCH", RECORD),
        Reply(204),
        {"url": f"https://login.salesforce.com/{salesforce.ACCOUNT}"},
        reading=("GET", RECORD),
        before=_account("1"),
        other=_account("3"),
        after=_account("2"),
    ),
    Sent(
        "salesforce",
        "opportunities.move_stage",
        {"id": salesforce.OPPORTUNITY, "stage": "Closed Won"},
        ("PATCH", OPPORTUNITY),
        Reply(204),
        {"id": salesforce.OPPORTUNITY},
        reading=("GET", OPPORTUNITY),
        before=_opportunity("Prospecting"),
        other=_opportunity("Closed Lost"),
        after=_opportunity("Closed Won"),
    ),
    Sent(
        "salesforce",
        "records.create",
        {"object": "Lead", "fields": {"LastName": "Hopper"}},
        ("POST", f"{SALES}/sobjects/Lead"),
        Reply(201, {"id": "00QQy00000AbCdEIAV", "success": True, "errors": []}),
        {"id": "00QQy00000AbCdEIAV"},
    ),
    Sent(
        "apollo",
        "people.enrich",
        {"email": "ada@engine.example"},
        ("POST", "/people/match"),
        Reply(body={"person": apollo.person()}),
        {"found": True, "title": "Analyst"},
    ),
    Sent(
        "apollo",
        "contacts.add_to_sequence",
        {"id": apollo.CONTACT, "sequence_id": apollo.SEQUENCE, "send_from": "m1"},
        ("POST", f"/emailer_campaigns/{apollo.SEQUENCE}/add_contact_ids"),
        Reply(body={"contacts": [{"id": apollo.CONTACT}]}),
        {"url": f"https://app.apollo.io/#/contacts/{apollo.CONTACT}"},
        reading=("GET", f"/contacts/{apollo.CONTACT}"),
        before=_in(),
        other=_in("other"),
        after=_in(apollo.SEQUENCE),
    ),
    Sent(
        "outreach",
        "prospects.enrol",
        {"id": "51", "sequence_id": "12", "mailbox_id": "3"},
        ("POST", "/sequenceStates"),
        Reply(201, {"data": outreach.state(901)}),
        {"id": "901"},
        reading=("GET", "/sequenceStates"),
        before=outreach.page(),
        other=outreach.page(outreach.state(900, "finished")),
        after=outreach.page(outreach.state(901)),
    ),
    Sent(
        "zoominfo",
        "contacts.enrich",
        {"contacts": [{"id": "1584305636"}]},
        ("POST", "/enrich/contact"),
        Reply(body=zoominfo.found(zoominfo.ADA)),
        {"found": 1},
    ),
    Sent(
        "hubspot",
        "lists.add",
        {"object": "contacts", "id": "51", "list_id": "12"},
        ("PUT", "/crm/v3/lists/12/memberships/add"),
        Reply(body={"recordsIdsAdded": ["51"], "recordIdsRemoved": [], "recordIdsMissing": []}),
        {"id": "51", "list": "12"},
        reading=("GET", MEMBERSHIPS),
        before=hubspot.on_lists("13"),
        other=hubspot.on_lists("12"),
        after=hubspot.on_lists("12", "13"),
    ),
    Sent(
        "hubspot",
        "notes.create",
        {"at": "2026-01-05T10:00:00Z", "body": "Met", "contact_ids": ["51"]},
        ("POST", "/crm/v3/objects/notes"),
        Reply(201, {"id": "900", "properties": {}}),
        {"id": "900"},
    ),
]
READ_BEFORE = [case for case in SENT if case.before is not None]
each_sent = pytest.mark.parametrize("case", SENT, ids=str)
each_read_before = pytest.mark.parametrize("case", READ_BEFORE, ids=str)


async def _ready(person: Person, provider: ProviderProcess, case: Sent, *before: Any) -> Account:
    """An account whose provider tells these values one after the other before (and after) a change."""
    if case.before is not None:
        await provider.on(*case.reading, *(Reply(body=body) for body in before or (case.before,)))
    return await Account.at(person, case.name, provider.url)


@each_sent
async def test_an_approved_action_is_sent_as_it_is_and_once(
    person: Person, provider: ProviderProcess, case: Sent
) -> None:
    one = await _ready(person, provider, case)
    await provider.on(*case.writing, case.answer)
    row, message = await one.approved(case.operation, case.arguments, case.before)
    assert (await person.ask("Send", message))["state"] == "done"
    assert (await person.ask("Send", message))["state"] == "done"
    [seen] = [seen for seen in await provider.seen() if (seen.method, seen.path) == case.writing]
    assert seen.target == row.body["request"]["target"]
    assert seen.body == row.body["request"]["body"]
    check_signed_in(case.name, seen)
    effect = await person.effect(row)
    assert effect is not None
    operation = connector(case.name).gated(case.operation)
    kept = operation.result(operation.parse(case.arguments), ProviderResponse.model_validate(effect.response))
    assert case.kept.items() <= kept.items()


@each_read_before
async def test_where_the_record_changed_meanwhile_nothing_is_sent(
    person: Person, provider: ProviderProcess, case: Sent
) -> None:
    one = await _ready(person, provider, case, case.other)
    _, message = await one.approved(case.operation, case.arguments, case.before)
    assert (await person.ask("Send", message))["state"] == "drifted"
    assert await provider.writes() == []


@each_read_before
@pytest.mark.parametrize("reply", [Reply(500), Reply(200, fault="drop")], ids=["500", "drop"])
async def test_an_unknown_outcome_is_read_back(
    person: Person, provider: ProviderProcess, case: Sent, reply: Reply
) -> None:
    one = await _ready(person, provider, case, case.before, case.after)
    await provider.on(*case.writing, reply)
    _, message = await one.approved(case.operation, case.arguments, case.before)
    assert (await person.ask("Send", message))["state"] == "done"
    assert len(await provider.writes()) == 1


@each_sent
async def test_where_reading_back_shows_nothing_a_person_settles_it(
    person: Person, provider: ProviderProcess, case: Sent
) -> None:
    one = await _ready(person, provider, case)
    await provider.on(*case.writing, Reply(500, "<html>"))
    _, message = await one.approved(case.operation, case.arguments, case.before)
    assert (await person.ask("Send", message))["state"] == "unknown"
    assert (await person.ask("Send", message))["state"] == "unknown"
    assert len(await provider.writes()) == 1


@each_sent
async def test_what_the_provider_refuses_has_failed(person: Person, provider: ProviderProcess, case: Sent) -> None:
    one = await _ready(person, provider, case)
    await provider.on(*case.writing, Reply(422, {"error": "no"}))
    _, message = await one.approved(case.operation, case.arguments, case.before)
    assert (await person.ask("Send", message))["state"] == "failed"


@pytest.mark.parametrize("case", [case for case in SENT if case.name != "salesforce"], ids=str)
async def test_a_sending_that_is_limited_is_sent_later_once_under_the_same_approval(
    person: Person, provider: ProviderProcess, case: Sent
) -> None:
    one = await _ready(person, provider, case)
    await provider.on(*case.writing, Reply(429, {"message": "later"}, {"retry-after": "1"}), case.answer)
    _, message = await one.approved(case.operation, case.arguments, case.before)
    with pytest.raises(Refused) as caught:
        await person.ask("Send", message)
    assert caught.value.code == "throttled"
    assert (await person.patiently("Send", message))["state"] == "done"
    assert len(await provider.writes()) == 2


@pytest.mark.parametrize(
    ("number", "answer"),
    [
        (4, {"contacts": [], "skipped_contact_ids": {apollo.CONTACT: "contacts_finished_in_other_campaigns"}}),
        (6, {"success": False, "statusCode": 400, "error": "OutputFields invalid or disallowed."}),
        (2, {"id": None, "success": False, "errors": [{"message": "no"}]}),
    ],
)
async def test_a_failure_that_is_told_with_success_is_one(
    person: Person, provider: ProviderProcess, number: int, answer: Any
) -> None:
    case = SENT[number]
    one = await _ready(person, provider, case)
    await provider.on(*case.writing, Reply(200, answer))
    _, message = await one.approved(case.operation, case.arguments, case.before)
    assert (await person.ask("Send", message))["state"] == "failed"


# -- webhooks --------------------------------------------------------------------------------------------------------

DEAL = {"event": "deal won", "data": {"deal": "51", "amount": 250.5, "city": "Zürich"}, "key": "run:1"}


def _documented() -> Any:
    """The receiver's check, as the connector's page tells it."""
    page = (ROOT / "docs" / "connectors" / "webhook.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(code, scope)  # the page's own example
    return scope["genuine"]


async def test_a_delivery_is_signed_and_a_receiver_can_tell(person: Person, provider: ProviderProcess) -> None:
    one = await Account.at(person, "webhook", f"{provider.url}/in/coco")
    await provider.on("POST", "/in/coco", Reply(202, {"received": True}))
    row, message = await one.approved("webhook.send", DEAL)
    assert (await person.ask("Send", message))["state"] == "done"
    assert (await person.ask("Send", message))["state"] == "done"
    [seen] = await provider.writes()
    genuine, body = _documented(), seen.body.encode()
    assert seen.target == "/in/coco"
    assert seen.body == row.body["request"]["body"]
    assert json.loads(seen.body) == {"event": "deal won", "data": DEAL["data"], "id": seen.headers["coco-delivery"]}
    assert genuine(SECRET, seen.headers, body)
    assert "authorization" not in seen.headers
    assert not any(SECRET in text for text in (*seen.headers.values(), seen.body, seen.target))
    # Neither another body, nor another time or id, nor another secret passes.
    assert not genuine(SECRET, seen.headers, body.replace(b"250.5", b"950.5"))
    later = str(int(seen.headers["coco-timestamp"]) + 10)
    assert not genuine(SECRET, {**seen.headers, "coco-timestamp": later}, body)
    assert not genuine(SECRET, {**seen.headers, "coco-delivery": "0" * 64}, body)
    assert not genuine("another secret", seen.headers, body)
    assert abs(int(seen.headers["coco-timestamp"]) - time.time()) < 300
    effect = await person.effect(row)
    assert effect is not None
    operation = connector("webhook").gated("webhook.send")
    kept = operation.result(operation.parse(DEAL), ProviderResponse.model_validate(effect.response))
    assert kept == {"key": "run:1", "status": 202, "answer": '{"received": true}'}


async def test_two_deliveries_that_say_the_same_are_two(person: Person, provider: ProviderProcess) -> None:
    one = await Account.at(person, "webhook", f"{provider.url}/in")
    await provider.on("POST", "/in", Reply(204))
    for key in ("run:1", "run:2"):
        _, message = await one.approved("webhook.send", {**DEAL, "key": key})
        assert (await person.ask("Send", message))["state"] == "done"
    first, second = await provider.writes()
    assert first.headers["coco-delivery"] != second.headers["coco-delivery"]


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (Reply(400, {"error": "no"}), "failed"),
        (Reply(302, headers={"location": "/elsewhere"}), "unknown"),
        (Reply(429, headers={"retry-after": "1"}), "unknown"),
        (Reply(500), "unknown"),
        (Reply(fault="drop"), "unknown"),
        (Reply(fault="hang"), "unknown"),
    ],
)
async def test_what_the_receivers_answer_makes_of_a_delivery(
    person: Person, provider: ProviderProcess, reply: Reply, state: str
) -> None:
    one = await Account.at(person, "webhook", provider.url)
    await provider.on("POST", "/", reply)
    _, message = await one.approved("webhook.send", DEAL)
    assert (await person.ask("Send", message))["state"] == state
    assert (await person.ask("Send", message))["state"] == state
    assert len(await provider.writes()) == 1


@pytest.mark.parametrize("header", ["coco-signature", "coco-timestamp"])
async def test_a_request_that_signs_itself_is_not_sent(
    person: Person, provider: ProviderProcess, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await Account.at(person, "webhook", provider.url)
    operation = connector("webhook").gated("webhook.send")
    honest = operation.request

    def forged(connection: Any, arguments: Any) -> Any:
        request = honest(connection, arguments)
        return request.model_copy(update={"headers": ((header, "sha256=0"), *request.headers)})

    monkeypatch.setattr(operation, "request", forged)
    _, message = await one.approved("webhook.send", DEAL)
    with pytest.raises(Refused) as caught:
        await person.ask("Send", message)
    assert caught.value.code == "not_in_manifest"
    assert await provider.seen() == []
