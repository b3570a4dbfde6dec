"""While somebody is away, by REST and by the pages: who decides for them, reminders, escalation; nothing is decided."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from api.public.parts import Parts
from tests.api.cards import make_card
from tests.api.pages import visit
from tests.api.people import Person, code, sign_up
from tests.api.test_teams import Team, backdate, give_tier, join
from tests.conftest import Postgres
from workers import waiting


@pytest.fixture
async def team(ada: Person, client: httpx.AsyncClient, postgres: Postgres) -> Team:
    """Ada's team, with Ben as an approver; her shared run has waited for ten hours."""
    give_tier(postgres, ada)
    ben = await sign_up(client, "ben@example.com", "Ben")
    made = await ada.post("/teams", {"name": "Sales"}, status=201)
    await join(made["id"], ada, ben, "approver")
    card = await make_card(postgres, ada.user_id)
    await ada.post(f"/teams/{made['id']}/workflows/{card.workflow_id}/share", status=204)
    backdate(postgres, card)
    with postgres.connect() as owner:
        owner.execute("SET session_replication_role = replica")
        owner.execute("UPDATE actions SET created_at = now() - interval '10 hours'")
    return Team(made["id"], ada, ben, card)


def later(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat()


async def test_a_delegation_by_rest_and_an_approval_for_somebody(team: Team, postgres: Postgres) -> None:
    workflow = str(team.card.workflow_id)
    body = {"to": str(team.ben.user_id), "workflows": [workflow], "ends_at": later(5)}
    made = await team.ada.post(f"/teams/{team.id}/delegations", body, status=201)
    assert (made["state"], made["by"], made["workflows"]) == ("running", str(team.ada.user_id), [workflow])
    assert await team.ben.get("/delegations") == [made]
    too_long = await team.ada.call("POST", f"/teams/{team.id}/delegations", json=body | {"ends_at": later(91)})
    assert (too_long.status_code, code(too_long)) == (422, "invalid")
    naive = await team.ada.call("POST", f"/teams/{team.id}/delegations", json=body | {"ends_at": "2027-01-01T00:00:00"})
    assert naive.status_code == 422
    await team.ben.post(
        f"/teams/{team.id}/actions/{team.card.action.id}/approve",
        {"digest": team.card.action.digest, "delegation_id": made["id"]},
    )
    (entry,) = [one for one in (await team.ada.get("/activity"))["items"] if one["kind"] == "action_approved"]
    assert [(one["by"], one["for"]) for one in entry["body"]["approvals"]] == [
        (str(team.ben.user_id), str(team.ada.user_id))
    ]
    await team.ada.post(f"/delegations/{made['id']}/end", status=204)
    await team.ada.post(f"/delegations/{made['id']}/end", status=204)
    assert [one["state"] for one in await team.ada.get("/delegations")] == ["ended"]
    for person in (team.ada, team.ben):
        kinds = [one["kind"] for one in (await person.get("/activity"))["items"]]
        assert {"delegation_set", "delegation_withdrawn"} <= set(kinds)


async def test_a_card_is_reminded_of_and_put_before_somebody_and_waits(
    team: Team, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    path = f"/workflows/{team.card.workflow_id}/escalation"
    assert await team.ada.get(path) is None
    both = {"after_hours": 4, "to_id": str(team.ben.user_id), "to_role": "approver"}
    assert (await team.ada.call("PUT", path, json=both)).status_code == 422
    told = await team.ada.call("PUT", path, json={"after_hours": 4, "to_role": "approver"})
    assert (told.status_code, told.json()["to_role"]) == (200, "approver")
    terms = {"on": True, "first_hours": 8, "again_hours": None, "zone": "Europe/Berlin"}
    assert (await team.ben.call("PUT", "/reminders/settings", json=terms)).status_code == 200
    bad = await team.ben.call("PUT", "/reminders/settings", json=terms | {"zone": "Mars"})
    assert (bad.status_code, "zone" in bad.json()["error"]["message"]) == (422, True)
    assert await waiting.sweep(postgres.control, datetime.now(UTC)) == (2, 1)
    (one,) = await team.ben.get("/escalations")
    assert one["link"] == f"/teams/{team.id}/runs/{team.card.run_id}"
    (card,) = await team.ben.get("/reminders")
    assert (card["reminded"], card["link"]) == (1, one["link"])
    async with visit(app, parts, team.ben.email) as visitor:
        for page in ("/", "/away"):
            shown = await visitor.get(page)
            assert "reminded once" in shown
            assert "Put before you" in shown
    async with visit(app, parts, team.ada.email) as visitor:
        assert "reminded once" in await visitor.get("/")
        assert "Put before Ben" in await visitor.get(f"/runs/{team.card.run_id}")
    # It waits as before.
    assert (await team.ada.get(f"/actions/{team.card.action.id}"))["state"] == "pending"
    with postgres.connect() as owner:
        counted = owner.execute("SELECT (SELECT count(*) FROM grants), (SELECT count(*) FROM decisions)").fetchone()
    assert counted == (0, 0)
    await team.ada.post(
        f"/actions/{team.card.action.id}/reject", {"digest": team.card.action.digest, "reason": "Not now."}
    )
    assert await team.ben.get("/escalations") == []
    assert await team.ben.get("/reminders") == []
    assert (await team.ada.call("DELETE", path)).status_code == 204
    assert await team.ada.get(path) is None


async def test_the_pages_give_and_end_a_delegation_and_set_reminders(team: Team, app: FastAPI, parts: Parts) -> None:
    workflow = f"/workflows/{team.card.workflow_id}"
    async with visit(app, parts, team.ada.email) as visitor:
        assert "Let somebody of Sales decide" in await visitor.get("/away")
        form = {"team": team.id, "to": str(team.ben.user_id), "zone": "Europe/Berlin", "first": ""}
        refused = await visitor.post("/away/delegations", form | {"last": later(120)[:10]})
        assert (refused.status_code, "at most 90 days later" in refused.text) == (422, True)
        assert (await visitor.post("/away/delegations", form | {"last": later(3)[:10]})).status_code == 303
        (made,) = await team.ada.get("/delegations")
        assert (made["state"], made["workflows"]) == ("running", None)
        shown = await visitor.get("/away")
        assert "all of Sales" in shown
        assert (await visitor.post(f"/away/delegations/{made['id']}/end", {})).status_code == 303
        reminders = {"on": "yes", "first_hours": "2", "again_hours": "", "quiet_from": "22:00", "quiet_until": "07:00"}
        assert (await visitor.post("/away/reminders", reminders | {"zone": "Europe/Berlin"})).status_code == 303
        assert await team.ada.get("/reminders/settings") == {
            "on": True, "first_hours": 2, "again_hours": None, "quiet_from": "22:00", "quiet_until": "07:00",
            "zone": "Europe/Berlin",
        }  # fmt: skip
        half = await visitor.post("/away/reminders", {"first_hours": "2", "quiet_from": "22:00"})
        assert (half.status_code, "a beginning and an end" in half.text) == (422, True)
        assert (await visitor.post("/away/reminders", {"first_hours": "2"})).status_code == 303
        assert (await team.ada.get("/reminders/settings"))["on"] is False
        kept = {"to": f"person:{team.ben.user_id}", "after_hours": "12"}
        assert (await visitor.post(f"{workflow}/escalation", kept)).status_code == 303
        assert "is put before Ben" in await visitor.get(workflow)
        assert (await visitor.post(f"{workflow}/escalation", kept | {"to": "role:owner"})).status_code == 403
        assert (await visitor.post(f"{workflow}/escalation", {"to": ""})).status_code == 303
        assert "Its cards wait where they are" in await visitor.get(workflow)
        both = {"team": team.id, "to": str(team.ben.user_id), "workflow": str(team.card.workflow_id)}
        assert (await visitor.post("/away/delegations", both | {"last": later(3)[:10]})).status_code == 303
    given = next(one["id"] for one in await team.ada.get("/delegations") if one["state"] == "running")
    action = team.card.action
    async with visit(app, parts, team.ben.email) as visitor:
        assert "For whom you decide" in await visitor.get("/away")
        card = f"/teams/{team.id}/runs/{team.card.run_id}"
        for page in ("/", card):
            assert f'<option value="{given}">Ada Lovelace, who is away</option>' in await visitor.get(page)
        said = {"verdict": "approve", "digest": action.digest, "delegation": given}
        assert (await visitor.post(f"/teams/{team.id}/actions/{action.id}/decide", said)).status_code == 303
        assert "Ben for Ada Lovelace" in await visitor.get(card)
    async with visit(app, parts, team.ada.email) as visitor:
        for page in (f"/runs/{team.card.run_id}", "/activity"):
            assert "Ben for Ada Lovelace" in await visitor.get(page)


async def test_a_teams_budget_is_on_its_page(team: Team, app: FastAPI, parts: Parts) -> None:
    path = f"/teams/{team.id}/budgets"
    async with visit(app, parts, team.ada.email) as visitor:
        assert (await visitor.post(path, {"period": "day", "credits": "1,200"})).status_code == 303
        assert "1,200 credits a day" in await visitor.get(f"/teams/{team.id}")
    async with visit(app, parts, team.ben.email) as visitor:
        assert "1,200 credits a day" in await visitor.get(f"/teams/{team.id}")
        assert (await visitor.post(path, {"period": "day", "credits": "1"})).status_code == 403
    (told,) = await team.ben.get(path)
    assert (told["credits"], told["committed"], told["set_by"]) == (1200, 0, str(team.ada.user_id))
    assert (await team.ben.call("DELETE", f"{path}/day")).status_code == 403
    assert (await team.ada.call("DELETE", f"{path}/day")).status_code == 204
    assert (await team.ada.call("DELETE", f"{path}/day")).status_code == 404
    ever = await team.ada.call("PUT", path, json={"period": "ever", "credits": 1})
    assert (ever.status_code, code(ever)) == (422, "invalid")
