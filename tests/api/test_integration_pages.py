"""The integrations pages, and pausing, revoking and the calls of a connection by REST."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI
from sqlalchemy import update
from sqlmodel import col

from api.public.parts import Parts
from store import calls, connections, credentials
from store.tables import Connection, Run, utc_now
from tests.api.cards import Card, make_card
from tests.api.pages import visit
from tests.api.people import Person, code
from tests.api.test_every_route import everything
from tests.conftest import Postgres
from tests.connecting import waiting_attempt


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    return await make_card(postgres, ada.user_id, updates=3)


async def note_calls(postgres: Postgres, card: Card, number: int) -> None:
    async with postgres.gateway.user(card.user_id) as session:
        for index in range(number):
            await calls.note(
                session,
                card.user_id,
                card.crm,
                "read",
                operation="contacts.get",
                method="GET",
                path="/crm/v3/objects/contacts/{contactId}",
                status=200 + index,
                outcome="answered",
                seconds=0.25,
                run_id=card.run_id,
            )


def holding(postgres: Postgres, marker: str) -> list[str]:
    """Every row of the database that holds the marker."""
    return [row for rows in everything(postgres).values() for row in rows if marker in row]


def set_connection(postgres: Postgres, connection_id: UUID, **values: object) -> None:
    with postgres.connect() as owner:
        owner.execute("ALTER TABLE connections DISABLE TRIGGER check_connection")
        for name, value in values.items():
            owner.execute(f"UPDATE connections SET {name} = %s WHERE id = %s", (value, connection_id))
        owner.execute("ALTER TABLE connections ENABLE TRIGGER check_connection")


async def test_the_list_says_what_each_may_do_and_how_it_is(
    ada: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    set_connection(
        postgres, card.crm, scopes='["crm.objects.contacts.read"]', credential_set_at=utc_now() - timedelta(days=100)
    )
    set_connection(postgres, card.mail, state="needs_reconnection", reason="The provider does not accept its key.")
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get("/connections")
    assert "Read your contacts" in page or "contacts" in page
    assert "crm.objects.contacts.read" not in page
    assert "more than three months" in page
    assert "Needs reconnection" in page
    assert "The provider does not accept its key." in page
    assert page.index("Needs reconnection") < page.index("Active")


async def test_every_call_is_listed_page_by_page(
    ada: Person, eve: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    await note_calls(postgres, card, 60)
    first = await ada.get(f"/connections/{card.crm}/calls?limit=40")
    second = await ada.get(f"/connections/{card.crm}/calls?limit=40&before={first['next']}")
    assert [item["status"] for item in first["items"] + second["items"]] == list(range(259, 199, -1))
    assert second["next"] is None
    assert first["items"][0]["path"] == "/crm/v3/objects/contacts/{contactId}"
    assert first["items"][0]["milliseconds"] == 250
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get(f"/connections/{card.crm}")
        assert page.count("<tr><td") == 50
        assert "259" in page
        older = page.split("?before=")[1].split("#")[0]
        page = await visitor.get(f"/connections/{card.crm}?before={older}")
        assert page.count("<tr><td") == 10
    async with visit(app, parts, eve.email) as visitor:
        await visitor.get(f"/connections/{card.crm}", status=404)
    assert code(await eve.call("GET", f"/connections/{card.crm}/calls")) == "not_found"


async def test_revoking_removes_what_was_read_and_leaves_what_was_approved(
    ada: Person, card: Card, postgres: Postgres
) -> None:
    first, second, third = card.actions
    await ada.post(f"/actions/{first.id}/approve", {"digest": first.digest})
    await ada.post(f"/actions/{second.id}/reject", {"digest": second.digest, "reason": "not her"})
    # A phone number that only the kept read holds, a sentence of the card, a record that only open proposals name.
    markers = ["+1 202 555 0100", "Three contacts lack a city", "contacts/1003"]
    assert [len(holding(postgres, marker)) > 0 for marker in markers] == [True, True, True]
    told = await ada.post(f"/connections/{card.crm}/state", {"state": "revoked"})
    assert told["state"] == "revoked"
    assert [holding(postgres, marker) for marker in markers] == [[], [], []]
    shown = await ada.get(f"/runs/{card.run_id}")
    by_id = {item["id"]: item for item in shown["actions"]}
    assert by_id[str(first.id)]["state"] == "approved"
    assert by_id[str(first.id)]["after"] == {"city": "Arlington"}
    assert (by_id[str(second.id)]["state"], by_id[str(third.id)]["state"]) == ("rejected", "cancelled")
    for row in (second, third):
        assert (by_id[str(row.id)]["arguments"], by_id[str(row.id)]["before"], by_id[str(row.id)]["why"]) == (
            {},
            {},
            "",
        )
    assert by_id[str(second.id)]["decision"]["reason"] == "not her"
    assert shown["plan"] is None
    assert shown["run"]["held_by"][0]["state"] == "revoked"
    # Revoking again changes nothing; making it active without a key is refused.
    await ada.post(f"/connections/{card.crm}/state", {"state": "revoked"})
    response = await ada.call("POST", f"/connections/{card.crm}/state", json={"state": "active"})
    assert (response.status_code, code(response)) == (409, "conflict")
    with postgres.connect() as owner:
        count = owner.execute("SELECT count(*) FROM reads WHERE user_id = %s", (ada.user_id,)).fetchone()
        purges = owner.execute("SELECT count(*) FROM audit WHERE kind = 'connection_purged'").fetchone()
    assert (count, purges) == ((0,), (1,))


async def test_revoking_what_nothing_was_read_through_takes_nothing(ada: Person, card: Card) -> None:
    await ada.post(f"/connections/{card.mail}/state", {"state": "revoked"})
    shown = await ada.get(f"/runs/{card.run_id}")
    assert shown["plan"] is not None
    assert [item["state"] for item in shown["actions"]] == ["pending"] * 3


async def test_a_run_is_paused_and_resumed_by_its_owner(ada: Person, card: Card, app: FastAPI, parts: Parts) -> None:
    told = await ada.post(f"/runs/{card.run_id}/pause")
    assert told["paused_at"] is not None
    assert (await ada.post(f"/runs/{card.run_id}/pause"))["paused_at"] == told["paused_at"]
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get(f"/runs/{card.run_id}")
        assert "Resume the run" in page
        assert "Paused" in page
        await visitor.post(f"/runs/{card.run_id}/resume", {})
        assert "Pause the run" in await visitor.get(f"/runs/{card.run_id}")
    assert (await ada.post(f"/runs/{card.run_id}/resume"))["paused_at"] is None
    kinds = [item["kind"] for item in (await ada.get("/activity"))["items"]]
    assert (kinds.count("run_paused"), kinds.count("run_resumed")) == (1, 1)
    await ada.post(f"/runs/{card.run_id}/cancel")
    response = await ada.call("POST", f"/runs/{card.run_id}/pause")
    assert response.status_code == 409


async def test_progress_is_told_on_the_card(
    ada: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    from tests.api.cards import set_action_state

    for row, state in zip(card.actions, ("done", "failed", "approved"), strict=True):
        set_action_state(postgres, row.id, state)
    shown = (await ada.get(f"/runs/{card.run_id}"))["run"]["progress"]
    assert (shown["total"], shown["done"], shown["failed"], shown["unknown"]) == (3, 1, 1, 0)
    async with visit(app, parts, ada.email) as visitor:
        assert "1 of 3 done, 1 failed" in await visitor.get(f"/runs/{card.run_id}")


async def test_a_sending_without_an_answer_is_said_to_be_one(
    ada: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    """Its sender died, or is slow: until that is settled the card does not call it simply "on its way"."""
    action = card.action
    await ada.post(f"/actions/{action.id}/approve", {"digest": action.digest})
    with postgres.connect() as owner:
        owner.execute(
            "INSERT INTO grants (jti, user_id, run_id, action_id, digest, prior_digest, decision_id, credits, "
            "issued_at, expires_at) "
            "SELECT gen_random_uuid(), user_id, run_id, action_id, digest, digest, id, 1, now(), now() "
            "FROM decisions WHERE action_id = %s",
            (action.id,),
        )
        owner.execute(
            "INSERT INTO effects (action_id, user_id, jti, state, request_digest, detail, started_at) "
            "SELECT action_id, user_id, jti, 'sending', digest, '{}', now() - interval '2 minutes' FROM grants",
        )
    async with visit(app, parts, ada.email) as visitor:
        page = await visitor.get(f"/runs/{card.run_id}")
    assert "1 action was being sent when its answer was lost" in page
    assert "within ten minutes" in page


async def test_a_run_that_needs_reconnection_is_in_the_inbox(
    ada: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    set_connection(postgres, card.crm, state="needs_reconnection", broken_at=utc_now())
    async with postgres.control.user(ada.user_id) as session:
        await session.execute(
            update(Run).where(col(Run.id) == card.run_id).values(state="needs_reconnection", updated_at=utc_now())
        )
    async with visit(app, parts, ada.email) as visitor:
        inbox = await visitor.get("/")
        assert "needs to be connected again" in inbox
        assert f"/connections/{card.crm}" in inbox
        assert "needs to be connected again" in await visitor.get(f"/runs/{card.run_id}")
        listed = await visitor.get("/connections")
    assert "1 run waits for it." in listed
    async with postgres.api.user(ada.user_id) as session:
        row: Connection = await connections.get(session, ada.user_id, card.crm)
    assert row.state == "needs_reconnection"


async def end_test(postgres: Postgres, user_id: UUID, connection_id: UUID, outcome: credentials.Outcome) -> None:
    """The gateway has asked the provider."""
    attempt = await waiting_attempt(postgres, user_id, connection_id)
    async with postgres.gateway.user(user_id) as session:
        await credentials.end(session, user_id, attempt.id, outcome, "" if outcome == "works" else "It said no.")


async def test_a_connection_is_tested_by_a_button_and_the_page_says_what_came_of_it(
    ada: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    path = f"/connections/{card.crm}"
    async with visit(app, parts, ada.email) as visitor:
        assert "Test it" in await visitor.get("/connections")
        assert (await visitor.post(f"{path}/test", {"back": "one"})).headers["location"] == path
        assert "it is being asked." in await visitor.get(path)
        again = await visitor.post(f"{path}/test", {"back": "one"})
        assert again.status_code == 409
        assert "being tested already" in again.text
        await end_test(postgres, ada.user_id, card.crm, "works")
        assert "it works." in await visitor.get(path)
        for outcome in ("works", "unreachable"):
            assert (await visitor.post(f"{path}/test", {})).headers["location"] == f"/connections#connection-{card.crm}"
            await end_test(postgres, ada.user_id, card.crm, outcome)
        assert "no answer. It said no." in await visitor.get("/connections")
        often = await visitor.post(f"{path}/test", {})
        assert often.status_code == 429
        assert "Too many attempts" in often.text


async def test_a_test_by_rest_says_what_came_of_it_and_leaves_the_last_check_alone(
    ada: Person, card: Card, postgres: Postgres
) -> None:
    path = f"/connections/{card.crm}"
    told = await ada.post(f"{path}/test")
    assert (told["state"], told["test"]["state"], told["check"]) == ("active", "pending", None)
    response = await ada.call("POST", f"{path}/test")
    assert (response.status_code, code(response)) == (409, "conflict")
    await end_test(postgres, ada.user_id, card.crm, "works")
    told = await ada.get(path)
    assert (told["test"]["state"], told["check"]) == ("works", None)
    assert [item["test"] for item in await ada.get("/connections") if item["id"] == str(card.crm)] == [told["test"]]
    for _ in range(2):
        await ada.post(f"{path}/test")
        await end_test(postgres, ada.user_id, card.crm, "works")
    response = await ada.call("POST", f"{path}/test")
    assert (response.status_code, code(response)) == (429, "too_many_requests")
    assert 0 < int(response.headers["retry-after"]) <= 60


@pytest.mark.parametrize(
    ("state", "why"),
    [
        ("checking", "being tried out right now"),
        ("needs_reconnection", "has no key that works"),
        ("revoked", "was revoked"),
    ],
)
async def test_one_that_is_not_in_use_is_not_tested(
    ada: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts, state: str, why: str
) -> None:
    set_connection(postgres, card.crm, state=state)
    response = await ada.call("POST", f"/connections/{card.crm}/test")
    assert (response.status_code, code(response)) == (409, "conflict")
    assert why in response.json()["error"]["message"]
    async with visit(app, parts, ada.email) as visitor:
        assert "Test it" not in await visitor.get(f"/connections/{card.crm}")
    assert (await ada.get(f"/connections/{card.crm}"))["test"] is None
