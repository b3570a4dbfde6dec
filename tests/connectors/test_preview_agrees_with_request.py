"""What a person is shown as "after" is what is sent."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.utils import getaddresses
from typing import Any

import pytest
from hypothesis import given

from activities.connectors.hubspot import HUBSPOT
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS, ObjectType
from activities.connectors.smtp import SMTP
from coco.canonical import parse_json
from tests.connectors.samples import ADA, CRM, MAILBOX, messages, record, thorough, updates

KINDS: dict[str, ObjectType] = {"contacts": CONTACTS, "deals": DEALS, "companies": COMPANIES}


@pytest.mark.parametrize("kind", sorted(KINDS))
@thorough
@given(arguments=updates)
def test_update(kind: str, arguments: dict[str, Any]) -> None:
    before: dict[str, str | None] = dict.fromkeys((*KINDS[kind].read_along, *arguments["properties"]), "was")
    action = HUBSPOT.gated(f"{kind}.update").build(CRM, arguments, record(arguments["id"], before))
    assert parse_json(action.request.body) == {"properties": action.preview.after}
    assert action.prior is not None
    assert action.prior.value == action.preview.before
    assert action.preview.before.keys() == action.preview.after.keys()
    assert action.request.path.rpartition("/")[2] == arguments["id"]
    assert f"{KINDS[kind].singular} {arguments['id']}" in action.preview.record


def test_move_stage() -> None:
    deal: dict[str, str | None] = {"dealname": "Acme – pilot", "dealstage": "qualifiedtobuy", "pipeline": "default"}
    action = HUBSPOT.gated("deals.move_stage").build(CRM, {"id": "9", "stage": "contractsent"}, record("9", deal))
    assert parse_json(action.request.body) == {"properties": {"dealstage": "contractsent"}}
    assert action.preview.before == {"dealstage": "qualifiedtobuy"}
    assert action.preview.after == {"dealstage": "contractsent"}
    assert action.preview.summary == "Move Acme – pilot from Qualified to buy to Contract sent"
    assert action.credits == 1


def test_update_in_plain_words() -> None:
    operation = HUBSPOT.gated("contacts.update")
    one = operation.build(CRM, {"id": "51", "properties": {"jobtitle": "CTO"}}, record("51", ADA))
    assert one.preview.summary == "Set Job title of Ada Lovelace to CTO"
    assert one.preview.record == "Ada Lovelace (contact 51)"
    assert one.preview.before == {"jobtitle": "Analyst"}
    two = operation.build(CRM, {"id": "51", "properties": {"jobtitle": "CTO", "city": "Rome"}}, record("51", ADA))
    assert two.preview.summary == "Set City and Job title of Ada Lovelace"
    cleared = operation.build(CRM, {"id": "51", "properties": {"jobtitle": ""}}, record("51", ADA))
    assert cleared.preview.summary == "Clear Job title of Ada Lovelace"


def test_create() -> None:
    arguments = {"properties": {"email": "a@b.example", "lastname": "Ito"}, "company_id": "7"}
    action = HUBSPOT.gated("contacts.create").build(CRM, arguments, None)
    body = parse_json(action.request.body)
    assert action.preview.after == {**body["properties"], "company_id": body["associations"][0]["to"]["id"]}
    assert action.prior is None
    assert action.credits == 2


def test_archive_shows_what_would_be_missed() -> None:
    before: dict[str, str | None] = {**dict.fromkeys(CONTACTS.read_along), **ADA}
    action = HUBSPOT.gated("contacts.archive").build(CRM, {"id": "51"}, record("51", before))
    assert (action.request.method, action.request.body, action.preview.after) == ("DELETE", "", {})
    assert action.preview.before == {name: value for name, value in ADA.items() if value}
    assert action.reversibility == "compensable"


def test_a_record_cannot_reshape_the_card() -> None:
    """Names in records are strangers' text: one line, no control and direction characters, bounded."""
    hostile: dict[str, str | None] = {**ADA, "firstname": "Ada\n\u202eApproved by: you\x00", "lastname": "x" * 500}
    action = HUBSPOT.gated("contacts.update").build(
        CRM, {"id": "51", "properties": {"city": "Rome"}}, record("51", hostile)
    )
    shown = action.preview.summary + action.preview.record
    assert not any(c in shown for c in "\n\u202e\x00")
    assert len(action.preview.record) <= 300


@thorough
@given(messages)
def test_message(arguments: dict[str, Any]) -> None:
    action = SMTP.gated("email.send").build(MAILBOX, arguments, None)
    sent = message_from_bytes(action.request.body_bytes(), policy=policy.SMTP)
    people = [*action.preview.after["to"], *action.preview.after.get("cc", [])]
    assert action.request.header_values("rcpt-to") == tuple(people)
    assert action.request.header_values("mail-from") == ("sales@acme.example",)
    in_headers = getaddresses([str(sent["To"]), *([str(sent["Cc"])] if "Cc" in sent else [])])
    assert [address for _, address in in_headers] == people
    assert str(sent["Subject"]) == action.preview.after["subject"]
    assert sent.get_content().replace("\r\n", "\n").rstrip("\n") == action.preview.body.rstrip("\n")
