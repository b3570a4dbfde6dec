"""Decisions over REST: approve, reject, edit, settle, many at once; late, doubled and misdirected clicks."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import pytest

from tests.api.cards import Card, make_card, set_action_state
from tests.api.people import Person, code
from tests.conftest import Postgres


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    return await make_card(postgres, ada.user_id, updates=2, mails=1)


async def test_the_inbox_lists_what_waits_with_everything_needed_to_decide(ada: Person, card: Card) -> None:
    page = await ada.get("/actions")
    assert [item["summary"] for item in page["items"]] == [row.body["preview"]["summary"] for row in card.actions]
    first = page["items"][0]
    assert first["before"] == {"city": None}
    assert first["after"] == {"city": "Arlington"}
    assert first["digest"] == card.action.digest
    assert (first["reversibility"], first["credits"]) == ("reversible", 1)
    assert "Grace Hopper" in first["summary"]
    assert page["items"][2]["body"].startswith("Hello Grace")
    assert page["next"] is None


async def test_approving_writes_the_decision_and_owes_a_wake_up(ada: Person, card: Card, postgres: Postgres) -> None:
    told = await ada.post(f"/actions/{card.action.id}/approve", {"digest": card.action.digest})
    assert told["state"] == "approved"
    assert told["decision"]["verdict"] == "approve"
    with postgres.connect() as owner:
        decision = owner.execute("SELECT user_id, action_id, verdict, digest FROM decisions").fetchall()
        owed = owner.execute("SELECT count(*) FROM wakeups WHERE kind = 'wake'").fetchone()
        kinds = [row[0] for row in owner.execute("SELECT kind FROM audit ORDER BY seq").fetchall()]
    assert decision == [(ada.user_id, card.action.id, "approve", card.action.digest)]
    assert owed == (1,)
    assert kinds[-1] == "action_approved"


async def test_an_approval_of_another_digest_approves_nothing(ada: Person, card: Card) -> None:
    other = card.actions[1]
    response = await ada.call("POST", f"/actions/{card.action.id}/approve", json={"digest": other.digest})
    assert (response.status_code, code(response)) == (409, "conflict")
    assert "not the one you were shown" in response.json()["error"]["message"]
    assert (await ada.get(f"/actions/{card.action.id}"))["state"] == "pending"


async def test_a_double_click_decides_once(ada: Person, card: Card, postgres: Postgres) -> None:
    answers = await asyncio.gather(
        *(ada.call("POST", f"/actions/{card.action.id}/approve", json={"digest": card.action.digest}) for _ in range(5))
    )
    assert sorted(item.status_code for item in answers) == [200, 409, 409, 409, 409]
    late = next(item for item in answers if item.status_code == 409)
    assert "already approved" in late.json()["error"]["message"]
    with postgres.connect() as owner:
        assert owner.execute("SELECT count(*) FROM decisions").fetchone() == (1,)


async def test_a_rejection_needs_a_reason_and_keeps_it(ada: Person, card: Card) -> None:
    path = f"/actions/{card.action.id}/reject"
    for reason in ({}, {"reason": ""}, {"reason": "   "}, {"reason": "a\x00b"}, {"reason": "x" * 2001}):
        response = await ada.call("POST", path, json={"digest": card.action.digest, **reason})
        assert (response.status_code, code(response)) == (422, "invalid"), reason
        assert "reason" in response.json()["error"]["message"]
    told = await ada.post(path, {"digest": card.action.digest, "reason": "She moved"})
    assert (told["state"], told["decision"]["reason"]) == ("rejected", "She moved")


async def test_a_late_click_says_that_the_run_was_cancelled(ada: Person, card: Card) -> None:
    run = await ada.post(f"/runs/{card.run_id}/cancel")
    assert run["cancel_requested_at"] is not None
    for verb, body in (("approve", {}), ("reject", {"reason": "no"}), ("edit", {"arguments": card.action.arguments})):
        response = await ada.call(
            "POST", f"/actions/{card.action.id}/{verb}", json={"digest": card.action.digest, **body}
        )
        assert (response.status_code, code(response)) == (409, "conflict")
        assert response.json()["error"]["message"].startswith("Nothing was changed: its run was cancelled")
    assert (await ada.get("/actions"))["items"] == []
    await ada.post(f"/runs/{card.run_id}/cancel")


async def test_an_edit_makes_a_new_action_that_waits_for_its_own_approval(
    ada: Person, card: Card, postgres: Postgres
) -> None:
    arguments = {"id": "1001", "properties": {"city": "Washington", "jobtitle": "Commodore"}}
    edited = await ada.post(
        f"/actions/{card.action.id}/edit", {"digest": card.action.digest, "arguments": arguments}, status=201
    )
    assert edited["id"] != str(card.action.id)
    assert (edited["state"], edited["version"], edited["origin"]) == ("pending", 2, "edit")
    assert edited["supersedes"] == str(card.action.id)
    assert edited["digest"] != card.action.digest
    assert edited["before"] == {"city": None, "jobtitle": "Rear admiral"}
    assert edited["after"] == {"city": "Washington", "jobtitle": "Commodore"}
    # The first digest opens neither the old action nor the new one.
    for action_id in (card.action.id, edited["id"]):
        response = await ada.call("POST", f"/actions/{action_id}/approve", json={"digest": card.action.digest})
        assert response.status_code == 409
    again = await ada.post(
        f"/actions/{edited['id']}/edit",
        {
            "digest": edited["digest"],
            "arguments": {"id": "1001", "properties": {"phone": "+1 202 555 0199"}},
            "operation": "contacts.update",
        },
        status=201,
    )
    assert again["version"] == 3
    told = await ada.post(f"/actions/{again['id']}/approve", {"digest": again["digest"]})
    assert told["state"] == "approved"
    whole = await ada.get(f"/runs/{card.run_id}")
    assert whole["actions"][0]["id"] == again["id"]
    assert [item["state"] for item in whole["earlier"]] == ["superseded", "superseded"]
    with postgres.connect() as owner:
        rows = owner.execute(
            "SELECT digest, state FROM actions WHERE key = %s ORDER BY version", (card.action.key,)
        ).fetchall()
    assert rows == [
        (card.action.digest, "superseded"),
        (edited["digest"], "superseded"),
        (again["digest"], "approved"),
    ]


async def test_an_edit_may_change_the_operation_and_is_gated_as_what_it_became(ada: Person, card: Card) -> None:
    edited = await ada.post(
        f"/actions/{card.action.id}/edit",
        {"digest": card.action.digest, "arguments": {"id": "1001"}, "operation": "contacts.archive"},
        status=201,
    )
    assert (edited["operation"], edited["state"], edited["credits"]) == ("contacts.archive", "pending", 2)
    assert edited["reversibility"] == "compensable"


@pytest.mark.parametrize(
    ("arguments", "operation"),
    [
        ({"id": "1001", "properties": {}}, None),
        ({"id": "1001", "properties": {"city": "Arlington"}, "more": 1}, None),
        ({"id": "1001", "properties": {"city": "Arlington"}}, None),  # the same as what is there
        ({"id": "1002", "properties": {"city": "Boston"}}, None),  # another record
        ({"id": "1001", "properties": {"city": "Boston"}}, "companies.update"),
        ({"id": "1001", "properties": {"city": "Boston"}}, "contacts.get"),
        ({"id": "1001", "properties": {"city": "Boston"}}, "email.send"),
        ({"id": "1001", "properties": {"city": "a\x00b"}}, None),
        ({"id": "1001", "properties": {"never_read": "x"}}, None),
        ({}, "no such thing"),
    ],
)
async def test_an_edit_that_cannot_be_is_refused_and_changes_nothing(
    ada: Person, card: Card, arguments: dict[str, object], operation: str | None
) -> None:
    response = await ada.call(
        "POST",
        f"/actions/{card.action.id}/edit",
        json={"digest": card.action.digest, "arguments": arguments, "operation": operation},
    )
    assert (response.status_code, code(response)) == (422, "invalid"), response.text
    assert (await ada.get(f"/actions/{card.action.id}"))["state"] == "pending"


async def test_a_batch_decides_each_for_itself_and_says_how_each_went(
    ada: Person, card: Card, postgres: Postgres
) -> None:
    first, second, mail = card.actions
    set_action_state(postgres, second.id, "cancelled")
    stranger = uuid4()
    told = await ada.post(
        f"/runs/{card.run_id}/decisions",
        {
            "decisions": [
                {"action_id": str(first.id), "digest": first.digest, "verdict": "approve"},
                {"action_id": str(second.id), "digest": second.digest, "verdict": "approve"},
                {"action_id": str(mail.id), "digest": mail.digest, "verdict": "reject", "reason": "Not now"},
                {"action_id": str(stranger), "digest": first.digest, "verdict": "approve"},
                {"action_id": str(mail.id), "digest": mail.digest, "verdict": "reject", "reason": "Again"},
            ]
        },
    )
    results = told["results"]
    assert [(item["ok"], item["state"]) for item in results] == [
        (True, "approved"),
        (False, None),
        (True, "rejected"),
        (False, None),
        (False, None),
    ]
    assert [item["error"] and item["error"]["code"] for item in results] == [
        None,
        "conflict",
        None,
        "not_found",
        "conflict",
    ]
    assert "its run was cancelled" in results[1]["error"]["message"]


async def test_a_batch_decides_on_its_own_card_only(ada: Person, card: Card, postgres: Postgres) -> None:
    other = await make_card(postgres, ada.user_id)
    told = await ada.post(
        f"/runs/{card.run_id}/decisions",
        {
            "decisions": [
                {"action_id": str(other.action.id), "digest": other.action.digest, "verdict": "approve"},
            ]
        },
    )
    assert told["results"][0]["error"]["code"] == "not_found"
    assert (await ada.get(f"/actions/{other.action.id}"))["state"] == "pending"


async def test_parallel_approvals_never_block_or_resolve_each_other(ada: Person, card: Card) -> None:
    answers = await asyncio.gather(
        *(ada.call("POST", f"/actions/{row.id}/approve", json={"digest": row.digest}) for row in card.actions)
    )
    assert [item.status_code for item in answers] == [200, 200, 200]
    assert {item.json()["id"] for item in answers} == {str(row.id) for row in card.actions}


@pytest.mark.parametrize("happened", [True, False])
async def test_an_unknown_outcome_is_settled_by_a_person_once(
    ada: Person, card: Card, postgres: Postgres, happened: bool
) -> None:
    early = await ada.call("POST", f"/actions/{card.action.id}/settle", json={"happened": happened})
    assert (early.status_code, code(early)) == (409, "conflict")
    set_action_state(postgres, card.action.id, "outcome_unknown")
    told = await ada.post(f"/actions/{card.action.id}/settle", {"happened": happened, "digest": card.action.digest})
    assert told["settlement"]["verdict"] == ("happened" if happened else "did_not_happen")
    late = await ada.call("POST", f"/actions/{card.action.id}/settle", json={"happened": not happened})
    assert (late.status_code, code(late)) == (409, "conflict")


@pytest.mark.parametrize("state", ["read_only", "needs_reconnection", "revoked"])
async def test_what_a_connection_may_not_write_is_not_approved(
    ada: Person, card: Card, postgres: Postgres, state: str
) -> None:
    with postgres.connect() as owner:
        owner.execute("UPDATE connections SET state = %s WHERE id = %s", (state, card.crm))
    response = await ada.call("POST", f"/actions/{card.action.id}/approve", json={"digest": card.action.digest})
    assert (response.status_code, code(response)) == (409, "connection_unusable")
    assert (await ada.get(f"/actions/{card.action.id}"))["state"] == "pending"
    rejected = await ada.post(
        f"/actions/{card.action.id}/reject", {"digest": card.action.digest, "reason": "disconnected"}
    )
    assert rejected["state"] == "rejected"


async def test_a_question_is_answered_once_with_what_was_offered(ada: Person, postgres: Postgres) -> None:
    card = await make_card(postgres, ada.user_id, updates=0, question=True)
    path = f"/questions/{card.questions[0].id}/answer"
    wrong = await ada.call("POST", path, json={"text": "Somewhere"})
    assert (wrong.status_code, code(wrong)) == (422, "invalid")
    told = await ada.post(path, {"text": "Proposal"})
    assert told["answer"] == "Proposal"
    late = await ada.call("POST", path, json={"text": "Qualified"})
    assert (late.status_code, code(late)) == (409, "conflict")
    whole = await ada.get(f"/runs/{card.run_id}")
    assert [(item["text"], item["answer"]) for item in whole["questions"]] == [("Which stage?", "Proposal")]


async def test_starting_a_run_with_one_key_starts_one_run(ada: Person, card: Card, postgres: Postgres) -> None:
    body = {"workflow_id": str(card.workflow_id), "goal": "Again, please"}
    headers = {"idempotency-key": "click 1"}
    answers = await asyncio.gather(*(ada.call("POST", "/runs", json=body, headers=headers) for _ in range(4)))
    assert {item.status_code for item in answers} == {201}, [item.text for item in answers]
    assert len({item.json()["id"] for item in answers}) == 1
    other_goal = await ada.call("POST", "/runs", json=body | {"goal": "Another"}, headers=headers)
    assert (other_goal.status_code, code(other_goal)) == (409, "conflict")
    without = await ada.post("/runs", body, status=201)
    assert without["id"] != answers[0].json()["id"]
    with postgres.connect() as owner:
        assert owner.execute("SELECT count(*) FROM wakeups WHERE kind = 'start'").fetchone() == (3,)


async def test_an_archived_workflow_starts_nothing(ada: Person, card: Card) -> None:
    await ada.post(f"/workflows/{card.workflow_id}/archive")
    response = await ada.call("POST", "/runs", json={"workflow_id": str(card.workflow_id)})
    assert (response.status_code, code(response)) == (409, "conflict")
    assert await ada.get("/workflows") == []
    assert [item["id"] for item in await ada.get("/workflows?archived=true")] == [str(card.workflow_id)]


async def test_runs_are_listed_newest_first_by_pages_and_filters(ada: Person, card: Card) -> None:
    started = [
        (await ada.post("/runs", {"workflow_id": str(card.workflow_id), "goal": f"Run {n}"}, status=201))["id"]
        for n in range(4)
    ]
    seen: list[str] = []
    cursor = ""
    while True:
        page = await ada.get(f"/runs?limit=2{cursor}")
        seen += [item["id"] for item in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert seen == [*reversed(started), str(card.run_id)]
    waiting = await ada.get("/runs?state=waiting")
    assert [item["id"] for item in waiting["items"]] == [str(card.run_id)]
    assert (await ada.get(f"/runs?workflow_id={uuid4()}"))["items"] == []
    for bad in ("cursor=x", "state=asleep", "limit=0", "limit=1000", "workflow_id=1"):
        response = await ada.call("GET", f"/runs?{bad}")
        assert (response.status_code, code(response)) == (422, "invalid"), bad
        assert bad.partition("=")[0] in response.json()["error"]["message"]


async def test_a_record_that_drifted_shows_its_three_values(ada: Person, card: Card, postgres: Postgres) -> None:
    with postgres.connect() as owner:
        owner.execute(
            "UPDATE actions SET origin = 'drift', shown_before = '{\"city\": \"Boston\"}' WHERE id = %s",
            (card.action.id,),
        )
    told = await ada.get(f"/actions/{card.action.id}")
    assert told["drift"] == [{"field": "city", "shown": "Boston", "now": None, "proposed": "Arlington"}]


async def test_activity_is_the_audit_newest_first(ada: Person, card: Card) -> None:
    await ada.post(f"/actions/{card.action.id}/approve", {"digest": card.action.digest})
    page = await ada.get("/activity?limit=2")
    assert [item["kind"] for item in page["items"]] == ["action_approved", "run_started"]
    rest = await ada.get(f"/activity?cursor={page['next']}")
    assert [item["kind"] for item in rest["items"]] == ["sign_in", "sign_up"]
    of_run = await ada.get(f"/activity?run_id={card.run_id}")
    assert {UUID(item["run_id"]) for item in of_run["items"]} == {card.run_id}
    ledger = await ada.get("/credits/ledger")
    assert [(item["kind"], item["amount"]) for item in ledger["items"]] == [("sign_up", 1000)]
