"""A graduated workflow on the whole stack: a real sandbox reads the facts, the gateway attests them, the control side
mints by the guardrail, the provider sees exactly that; everything else waits."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from tests.demo_fixture import ROOT
from tests.e2e.test_the_main_job import person_dsn
from tests.stack import Person, Stack, wait_for

TAG = "press"
RULE = f'Auto-enrich any new HubSpot contact tagged "{TAG}" within 24 hours.'
STAGE = "qualifiedtobuy"
SILENT = "Send follow-ups for any open deal silent more than 14 days."


def changes(stack: Stack) -> list[Any]:
    """The records that were changed through the API so far, by anybody."""
    return [seen for seen in stack.demo.requests() if seen["method"] == "PATCH"]


def new_contact(stack: Stack) -> str:
    """A contact made just now, tagged, whose company's record knows its city."""
    companies = stack.demo.crm(
        "POST",
        "/crm/v3/objects/companies/search",
        json={
            "filterGroups": [{"filters": [{"propertyName": "city", "operator": "EQ", "value": "Berlin"}]}],
            "properties": ["name", "city"],
            "limit": 1,
        },
    ).json()["results"]
    link = {
        "to": {"id": companies[0]["id"]},
        "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 279}],
    }
    made = stack.demo.crm(
        "POST",
        "/crm/v3/objects/contacts",
        json={
            "properties": {
                "email": f"{uuid4().hex[:8]}@press.example",
                "firstname": "Nia",
                "lastname": "New",
                "tags": TAG,
                "lifecyclestage": "lead",
            },
            "associations": [link],
        },
    )
    made.raise_for_status()
    return str(made.json()["id"])


def graduate(person: Person, workflow_id: str, rule: str) -> list[Any]:
    """One approved run, the rule confirmed, and a lease. The actions that were approved."""
    person.call("POST", f"/workflows/{workflow_id}/trust/settings", {"runs_needed": 1, "review_percent": 100})
    made = person.call("POST", f"/workflows/{workflow_id}/guardrails", {"sentence": rule})
    person.call("POST", f"/guardrails/{made['id']}/versions/1/confirm", {"reading": made["reading"]})
    run_id = person.start(workflow_id)
    card = person.until(run_id, "waiting", "done", "failed")
    assert card["actions"], (card, person.stack.log("control"))
    decisions = [{"action_id": a["id"], "digest": a["digest"], "verdict": "approve"} for a in card["actions"]]
    person.call("POST", f"/runs/{run_id}/decisions", {"decisions": decisions})
    person.until(run_id, "done")
    person.call("POST", f"/workflows/{workflow_id}/graduate", {"days": 7, "actions": 10, "credits": 100})
    return list(card["actions"])


def deliver(stack: Stack, hook: Any) -> str:
    """A signed delivery: "there is a new contact". The run that it started."""
    body, moment, delivery = b'{"event": "contact.created"}', str(int(time.time())), uuid4().hex
    mac = hmac.new(hook["secret"].encode(), f"{moment}.{delivery}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"coco-timestamp": moment, "coco-delivery": delivery, "coco-signature": f"sha256={mac}"}
    answer = httpx.post(f"{stack.public_url}{hook['path']}", content=body, headers=headers, trust_env=False)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["run_id"])


def explain(stack: Stack, entry: str) -> Any:
    """What `coco guardrail explain` prints of an audit entry."""
    told = subprocess.run(
        [sys.executable, "-m", "cli.main", "guardrail", "explain", entry, "--json"],
        cwd=ROOT,
        env=os.environ | stack.environment,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stdout + told.stderr
    return json.loads(told.stdout)


def test_a_new_contact_is_enriched_alone_and_everything_else_waits(stack: Stack, person: Person) -> None:
    first = new_contact(stack)
    workflow_id = person.workflow("enrich_tagged_contacts", tag=TAG, limit=50)
    approved = graduate(person, workflow_id, RULE)
    hook = person.call("POST", f"/workflows/{workflow_id}/hooks")

    # An old contact with the tag lacks something again: outside the rule, since it is not new.
    old, lacks = next(
        (action["arguments"]["id"], name)
        for action in approved
        for name, value in action["before"].items()
        if action["arguments"]["id"] != first and not value
    )
    stack.demo.control(do="change", type="contacts", id=old, properties={lacks: ""})
    fresh = new_contact(stack)
    before = len(changes(stack))
    run_id = deliver(stack, hook)
    card = person.until(run_id, "waiting", "failed")
    by_record = {action["arguments"]["id"]: action for action in card["actions"]}
    alone = person.until_action(by_record[fresh]["id"], "done")
    assert (by_record[old]["state"], alone["decision"]) == ("pending", None)
    [seen] = changes(stack)[before:]
    assert seen["path"].endswith(f"/contacts/{fresh}")
    assert stack.demo.record("contacts", fresh, "city")["city"] == "Berlin"

    # The record says which rule, on which facts, by which reads; and the verdict follows from it alone.
    with psycopg.connect(person_dsn(stack)) as owner:
        rows = owner.execute(
            "SELECT x.seq, x.actor, x.body, g.guardrail_id, g.decision_id, g.expires_at - g.issued_at, l.actions_used "
            "FROM audit x JOIN grants g ON g.action_id = x.action_id JOIN actions a ON a.id = x.action_id "
            "JOIN leases l ON l.workflow_id = a.workflow_id WHERE x.action_id = %s AND x.kind = 'action_done'",
            (alone["id"],),
        ).fetchall()
        [(seq, actor, body, guardrail, decision, lifetime, used)] = rows
        [reading] = body["guardrail"]["evaluation"]["reads"]
        kept = owner.execute(
            "SELECT request ->> 'target', response_digest FROM reads WHERE id = %s AND run_id = %s",
            (reading["read"], run_id),
        ).fetchone()
    assert actor == f"guardrail:{guardrail}@1"
    assert (decision, used) == (None, 1)
    assert lifetime.total_seconds() <= 15 * 60
    assert body["guardrail"]["evaluation"]["facts"]["contact.tags"] == [TAG]
    assert kept is not None
    assert f"/contacts/{fresh}" in kept[0]
    assert kept[1] == reading["response_digest"]
    told = explain(stack, alone["id"])
    assert (told["agrees"], told["recomputed"], told["guardrail"]) == (True, True, str(guardrail))
    assert seq > 0

    # One digest tells of it.
    digest = wait_for("the digest", lambda: person.call("GET", "/digests?unseen=true"))[0]["digest"]
    assert (digest["run_id"], digest["started_by"]) == (run_id, "hook")
    assert (digest["counts"]["done"], digest["counts"]["waiting"]) == (1, len(card["actions"]) - 1)

    # Taken back: the next one waits.
    person.call("POST", f"/workflows/{workflow_id}/take-back", {"reason": "a holiday"})
    another = new_contact(stack)
    later = person.until(deliver(stack, hook), "waiting", "failed")
    assert another in {action["arguments"]["id"] for action in later["actions"]}
    assert {action["state"] for action in later["actions"]} == {"pending"}
    assert len(changes(stack)) == before + 1

    # Undone in review: the value from before is set again, once that is approved and nobody changed it meanwhile.
    done = person.call("POST", f"/actions/{alone['id']}/review", {"verdict": "undo", "reason": "the wrong person"})
    undoing = person.until(done["undo_run_id"], "waiting", "failed")
    [proposal] = undoing["actions"]
    assert proposal["before"]["city"] == "Berlin"
    assert proposal["after"]["city"] == ""
    stack.demo.control(do="change", type="contacts", id=fresh, properties={"city": "Bonn"})
    person.approve(proposal)
    drifted = wait_for(
        "the undo with today's value",
        lambda: next((a for a in person.run(done["undo_run_id"])["actions"] if a["state"] == "pending"), None),
    )
    assert stack.demo.record("contacts", fresh, "city")["city"] == "Bonn"
    assert {item["field"]: item["now"] for item in drifted["drift"]}["city"] == "Bonn"
    person.approve(drifted)
    person.until(done["undo_run_id"], "done")
    assert not stack.demo.record("contacts", fresh, "city")["city"]


def of_one_size(stack: Stack, stage: str) -> None:
    """So that no deal is unlike those that the workflow was graduated on."""
    where = {"filters": [{"propertyName": "dealstage", "operator": "EQ", "value": stage}]}
    asked = {"filterGroups": [where], "properties": ["amount"], "limit": 100}
    for deal in stack.demo.crm("POST", "/crm/v3/objects/0-3/search", json=asked).json()["results"]:
        stack.demo.control(do="change", type="deals", id=deal["id"], properties={"amount": "5000"})


def why_not(stack: Stack, action_ids: list[str]) -> list[Any]:
    """What the record says of actions that wait, for a failed assertion."""
    with psycopg.connect(person_dsn(stack)) as owner:
        held = owner.execute("SELECT why, facts FROM evaluations WHERE action_id = ANY (%s::uuid[])", (action_ids,))
        ended = owner.execute("SELECT body ->> 'reason' FROM audit WHERE kind = 'workflow_taken_back'")
        return [*held.fetchall(), *ended.fetchall()]


def test_follow_ups_are_sent_to_the_people_of_silent_deals_alone(stack: Stack, person: Person) -> None:
    """The recipient's contact is read by the address, then the contact's deals: two steps, each attested."""
    of_one_size(stack, STAGE)
    workflow_id = person.workflow("follow_up_silent_deals", days=14, limit=6, stage=STAGE)
    graduate(person, workflow_id, SILENT)
    before = len(stack.demo.outbox())
    run_id = person.start(workflow_id)
    card = person.until(run_id, "waiting", "done", "failed")
    assert card["actions"], card
    settled = [person.action(action["id"]) for action in card["actions"]]
    sent = stack.demo.outbox()[before:]
    done = [action for action in settled if action["state"] == "done"]
    assert len(sent) == len(done)
    assert done, why_not(stack, [action["id"] for action in settled])
    for action in done:
        assert action["decision"] is None
        assert explain(stack, action["id"])["agrees"]
    with psycopg.connect(person_dsn(stack)) as owner:
        reads = owner.execute(
            "SELECT e.reads, e.facts FROM evaluations e WHERE e.action_id = %s AND e.verdict = 'covered' LIMIT 1",
            (done[0]["id"],),
        ).fetchone()
    assert reads is not None
    assert len(reads[0]) >= 2
    assert reads[1]["contact.email"].lower() == done[0]["arguments"]["to"][0].lower()
    assert reads[1]["deal.status"] == "open"
