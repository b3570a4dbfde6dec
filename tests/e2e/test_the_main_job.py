"""Plan, wait, approve, see it happen once: the whole stack with a real sandbox, a real provider and real mail."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import psycopg

from coco.actions import Action
from tests.stack import Person, Stack, wait_for

ENRICH = {"tag": "design partner candidate", "limit": 3}
FOLLOW_UP = {"days": 14, "limit": 2}


def writes(stack: Stack) -> list[Any]:
    return list(stack.demo.requests())


def waiting_card(person: Person, playbook: str, **params: Any) -> tuple[str, Any]:
    run_id = person.start(person.workflow(playbook, **params))
    card = person.until(run_id, "waiting", "asking", "done", "failed")
    while card["run"]["state"] == "asking":
        question = next(item for item in card["questions"] if item["answer"] is None)
        person.call("POST", f"/questions/{question['id']}/answer", {"text": question["options"][0]})
        card = person.until(run_id, "waiting", "done", "failed")
    assert card["run"]["state"] == "waiting", (card, person.stack.log("control"), person.stack.log("gateway"))
    return run_id, card


def test_a_field_write_happens_exactly_as_approved_and_once(stack: Stack, person: Person) -> None:
    before = len(writes(stack))
    run_id, card = waiting_card(person, "enrich_tagged_contacts", **ENRICH)
    actions = card["actions"]
    assert actions
    assert len(writes(stack)) == before, "something was written before approval"
    chosen, *others = actions
    for other in others:
        person.reject(other)
    person.approve(chosen)
    person.until(run_id, "done")
    [seen] = writes(stack)[before:]
    # The chain: presented digest = approved digest = granted digest = digest of what the provider saw.
    with psycopg.connect(person_dsn(stack)) as owner:
        row = owner.execute(
            "SELECT a.body, a.digest, d.digest, g.digest, g.spent_at IS NOT NULL, e.request_digest, e.state "
            "FROM actions a JOIN decisions d ON d.action_id = a.id JOIN grants g ON g.action_id = a.id "
            "JOIN effects e ON e.action_id = a.id WHERE a.id = %s",
            (chosen["id"],),
        ).fetchall()
    [(body, stored, decided, granted, spent, sent, state)] = row
    action = Action.model_validate(body)
    assert chosen["digest"] == stored == decided == granted == action.digest()
    assert sent == action.request.digest()
    assert (spent, state) == (True, "done")
    assert seen["method"] == action.request.method
    assert seen["path"] == action.request.target
    raw = (
        seen["body"]
        if isinstance(seen["body"], str)
        else json.dumps(seen["body"], separators=(",", ":"), sort_keys=True)
    )
    assert hashlib.sha256(raw.encode()).hexdigest() == hashlib.sha256(action.request.body_bytes()).hexdigest()
    done = person.action(chosen["id"])
    assert done["state"] == "done"
    spent_credits = 1000 - person.call("GET", "/credits")["balance"]
    assert spent_credits == chosen["credits"]
    feed = person.call("GET", "/activity")["items"]
    assert any(entry["kind"] == "action_done" and entry["action_id"] == chosen["id"] for entry in feed)


def person_dsn(stack: Stack) -> str:
    assert stack.settings.database_url is not None
    return stack.settings.database_url.get_secret_value()


def test_mails_are_drafted_freely_and_sent_only_when_approved(stack: Stack, person: Person) -> None:
    before = len(stack.demo.outbox())
    run_id, card = waiting_card(person, "follow_up_silent_deals", **FOLLOW_UP)
    mails = [item for item in card["actions"] if item["operation"] == "email.send"]
    assert mails
    assert len(stack.demo.outbox()) == before
    first, *rest = mails
    arguments = first["arguments"] | {"subject": "Shall we talk on Thursday?"}
    edited = person.call("POST", f"/actions/{first['id']}/edit", {"digest": first["digest"], "arguments": arguments})
    assert edited["digest"] != first["digest"]
    late = person.call("POST", f"/actions/{first['id']}/approve", {"digest": first["digest"]}, expect=409)
    assert "edited" in late["error"]["message"]
    for item in rest:
        person.reject(item)
    for item in card["actions"]:
        if item["operation"] != "email.send":
            person.reject(item)
    person.approve(edited)
    person.until(run_id, "done")
    [mail] = stack.demo.outbox()[before:]
    assert "Shall we talk on Thursday?" in json.dumps(mail)


def test_a_record_that_changed_comes_back_with_three_values(stack: Stack, person: Person) -> None:
    run_id, card = waiting_card(person, "enrich_tagged_contacts", tag="newsletter", limit=1)
    [action] = card["actions"]
    field = sorted(action["after"])[0]
    contact = action["arguments"]["id"]
    name = sorted(action["arguments"]["properties"])[0]
    stack.demo.control(do="change", type="contacts", id=contact, properties={name: "Changed Elsewhere"})
    before = len(writes(stack))
    person.approve(action)
    again = wait_for(
        "the action with today's value",
        lambda: next((item for item in person.run(run_id)["actions"] if item["state"] == "pending"), None),
    )
    assert len(writes(stack)) == before
    assert again["origin"] == "drift"
    values = {item["field"]: item for item in again["drift"]}
    changed = next(item for item in values.values() if item["now"] == "Changed Elsewhere")
    assert changed["shown"] != "Changed Elsewhere"
    assert changed["proposed"] == action["after"].get(changed["field"], action["after"][field])
    person.approve(again)
    person.until(run_id, "done")
    assert len(writes(stack)) == before + 1


def test_a_cancelled_run_sends_nothing_and_a_late_click_says_so(stack: Stack, person: Person) -> None:
    run_id, card = waiting_card(person, "enrich_tagged_contacts", **ENRICH)
    before = len(writes(stack))
    person.call("POST", f"/runs/{run_id}/cancel")
    late = person.call(
        "POST",
        f"/actions/{card['actions'][0]['id']}/approve",
        {"digest": card["actions"][0]["digest"]},
        expect=409,
    )
    assert "cancelled" in late["error"]["message"]
    person.until(run_id, "cancelled")
    assert len(writes(stack)) == before


def test_a_sandbox_is_stopped_when_idle_and_woken_by_the_next_task(stack: Stack, person: Person) -> None:
    run_id, card = waiting_card(person, "enrich_tagged_contacts", **ENRICH)
    with psycopg.connect(person_dsn(stack), autocommit=True) as owner:
        owner.execute(
            "UPDATE sandboxes SET last_active_at = now() - interval '1 day' WHERE user_id = %s", (person.user_id,)
        )

        def state() -> Any:
            return owner.execute(
                "SELECT state, token_sha256 FROM sandboxes WHERE user_id = %s", (person.user_id,)
            ).fetchone()

        wait_for("the sandbox to stop", lambda: state()[0] == "stopped")
        assert state()[1] is None
        for action in card["actions"][1:]:
            person.reject(action)
        person.approve(card["actions"][0])
        person.until(run_id, "done")
        assert state()[0] == "running"
