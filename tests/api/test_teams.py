"""Teams as members use them: by REST and by the pages; who leaves is out at the next request."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.public.parts import Parts
from store.tables import Workflow
from tests.api.cards import Card, make_card
from tests.api.pages import visit
from tests.api.people import Person, code, sign_up
from tests.conftest import Postgres


@dataclass
class Team:
    id: str
    ada: Person
    ben: Person
    card: Card
    """Of Ada's shared workflow, since it was shared."""


def give_tier(postgres: Postgres, person: Person, tier: str = "team") -> None:
    with postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = %s WHERE id = %s", (tier, person.user_id))


async def join(team_id: str, by: Person, who: Person, role: str) -> None:
    made = await by.post(f"/teams/{team_id}/invitations", {"email": who.email, "role": role}, status=201)
    assert made["link"].endswith(f"/teams/join#{made['token']}")
    joined = await who.post("/team-invitations/accept", {"token": made["token"]})
    assert (joined["id"], joined["role"]) == (team_id, role)


def backdate(postgres: Postgres, card: Card) -> None:
    """As if the workflow had been shared before its run began."""
    with postgres.connect() as owner:
        owner.execute("UPDATE team_shares SET shared_at = '2026-01-01' WHERE workflow_id = %s", (card.workflow_id,))


@pytest.fixture
async def team(ada: Person, client: httpx.AsyncClient, postgres: Postgres) -> Team:
    """Ada's team, with Ben as a member and a waiting run of hers that is shared."""
    give_tier(postgres, ada)
    ben = await sign_up(client, "ben@example.com", "Ben")
    made = await ada.post("/teams", {"name": "Sales"}, status=201)
    await join(made["id"], ada, ben, "member")
    card = await make_card(postgres, ada.user_id, question=True)
    await ada.post(f"/teams/{made['id']}/workflows/{card.workflow_id}/share", status=204)
    backdate(postgres, card)
    return Team(made["id"], ada, ben, card)


READS = ("", "/workflows", "/runs", "/runs/{run}")


async def test_a_member_sees_what_is_shared(team: Team) -> None:
    whole = await team.ben.get(f"/teams/{team.id}")
    assert [(person["email"], person["role"]) for person in whole["members"]] == [
        ("ada@example.com", "owner"), ("ben@example.com", "member"),
    ]  # fmt: skip
    (workflow,) = await team.ben.get(f"/teams/{team.id}/workflows")
    assert (workflow["id"], workflow["user_id"]) == (str(team.card.workflow_id), str(team.ada.user_id))
    (run,) = (await team.ben.get(f"/teams/{team.id}/runs"))["items"]
    told = await team.ben.get(f"/teams/{team.id}/runs/{run['id']}")
    own = await team.ada.get(f"/runs/{run['id']}")
    assert (told["user_id"], told["card"]) == (str(team.ada.user_id), own)
    # And by no other address.
    for path in (f"/runs/{run['id']}", f"/workflows/{workflow['id']}", f"/actions/{team.card.action.id}"):
        assert (await team.ben.call("GET", path)).status_code == 404
    assert (await team.ben.get("/runs"))["items"] == []
    assert (await team.ben.get("/actions"))["items"] == []


async def test_a_member_decides_and_changes_nothing_by_the_addresses_of_ones_own(team: Team) -> None:
    action = team.card.action
    for path, body in [
        (f"/actions/{action.id}/approve", {"digest": action.digest}),
        (f"/runs/{team.card.run_id}/cancel", None),
        (f"/questions/{team.card.questions[0].id}/answer", {"text": "Proposal"}),
        (f"/workflows/{team.card.workflow_id}/archive", None),
    ]:
        assert (await team.ben.call("POST", path, json=body)).status_code == 404


async def answers(team: Team, person: Person) -> list[int]:
    run = str(team.card.run_id)
    return [(await person.call("GET", f"/teams/{team.id}{path.format(run=run)}")).status_code for path in READS]


@pytest.mark.parametrize("how", ["leaves", "is removed"])
async def test_who_leaves_is_out_at_the_next_request(team: Team, how: str, app: FastAPI, parts: Parts) -> None:
    async with visit(app, parts, team.ben.email) as visitor:
        assert await answers(team, team.ben) == [200] * len(READS)
        assert team.card.action.digest[:10] in await visitor.get(f"/teams/{team.id}/runs/{team.card.run_id}")
        if how == "leaves":
            await team.ben.post(f"/teams/{team.id}/leave", status=204)
        else:
            await team.ada.post(f"/teams/{team.id}/members/{team.ben.user_id}/remove", status=204)
        # The same sign-in, and the same open page.
        assert await answers(team, team.ben) == [404] * len(READS)
        await visitor.get(f"/teams/{team.id}", status=404)
        await visitor.get(f"/teams/{team.id}/runs/{team.card.run_id}", status=404)
        start = f"/teams/{team.id}/workflows/{team.card.workflow_id}/runs"
        assert (await visitor.post(start, {"key": "k"})).status_code == 404
    assert await team.ben.get("/teams") == []
    assert (await team.ben.call("POST", start)).status_code == 404


async def test_a_member_starts_a_shared_workflow_and_it_is_its_owners_run(team: Team) -> None:
    path = f"/teams/{team.id}/workflows/{team.card.workflow_id}/runs"
    started = await team.ben.post(path, status=201, headers={"idempotency-key": "once"})
    assert await team.ben.post(path, status=201, headers={"idempotency-key": "once"}) == started
    run = await team.ada.get(f"/runs/{started['run_id']}")
    assert run["run"]["requested_by"] == str(team.ben.user_id)
    entries = (await team.ada.get(f"/activity?run_id={started['run_id']}"))["items"]
    assert [(entry["kind"], entry["actor"]) for entry in entries] == [("run_started", f"user:{team.ben.user_id}")]
    assert (await team.ben.get("/runs"))["items"] == []
    assert started["run_id"] in [item["id"] for item in (await team.ben.get(f"/teams/{team.id}/runs"))["items"]]


async def test_a_key_that_started_another_run_starts_nothing(team: Team, postgres: Postgres) -> None:
    """Whichever comes first: one's own workflow or a shared one, whose runs are other people's and not to be seen."""
    own = await make_card(postgres, team.ben.user_id)
    shared = f"/teams/{team.id}/workflows/{team.card.workflow_id}/runs"
    body = {"workflow_id": str(own.workflow_id)}
    calls: list[tuple[str, dict[str, Any]]] = [("/runs", {"json": body}), (shared, {})]
    for key, (first, then) in {"a": calls, "b": calls[::-1]}.items():
        headers = {"idempotency-key": key}
        started = await team.ben.call("POST", first[0], headers=headers, **first[1])
        assert started.status_code == 201, started.text
        answer = await team.ben.call("POST", then[0], headers=headers, **then[1])
        assert (answer.status_code, code(answer)) == (409, "conflict"), answer.text
        assert "this idempotency key was used for another run" in answer.text
        # And again it gives what it gave.
        again = await team.ben.call("POST", first[0], headers=headers, **first[1])
        assert (again.status_code, again.json()) == (201, started.json())
    many = await asyncio.gather(*(team.ben.call("POST", shared, headers={"idempotency-key": "c"}) for _ in range(3)))
    assert {item.status_code for item in many} == {201}, [item.text for item in many]
    assert len({item.json()["run_id"] for item in many}) == 1


async def test_an_archived_workflow_is_not_started(team: Team) -> None:
    await team.ada.post(f"/workflows/{team.card.workflow_id}/archive")
    answer = await team.ben.call("POST", f"/teams/{team.id}/workflows/{team.card.workflow_id}/runs")
    assert (answer.status_code, code(answer)) == (409, "conflict")


async def test_what_is_taken_out_is_nobodys_but_its_owners(team: Team) -> None:
    assert (
        await team.ben.call("POST", f"/teams/{team.id}/workflows/{team.card.workflow_id}/unshare")
    ).status_code == 403
    await team.ada.post(f"/teams/{team.id}/workflows/{team.card.workflow_id}/unshare", status=204)
    assert await team.ben.get(f"/teams/{team.id}/workflows") == []
    assert (await team.ben.call("GET", f"/teams/{team.id}/runs/{team.card.run_id}")).status_code == 404
    assert (await team.ada.get(f"/workflows/{team.card.workflow_id}"))["team_id"] is None


async def test_somebody_elses_workflow_is_not_shared(team: Team, postgres: Postgres) -> None:
    other = await make_card(postgres, team.ada.user_id)
    answer = await team.ben.call("POST", f"/teams/{team.id}/workflows/{other.workflow_id}/share")
    assert answer.status_code == 404


async def test_roles_and_what_they_may(team: Team) -> None:
    ben = f"/teams/{team.id}/members/{team.ben.user_id}"
    for path, body in [
        ("/invitations", {"email": "x@example.com", "role": "member"}),
        (f"/members/{team.ada.user_id}/role", {"role": "member"}),
        (f"/members/{team.ada.user_id}/remove", None),
    ]:
        answer = await team.ben.call("POST", f"/teams/{team.id}{path}", json=body)
        assert (answer.status_code, code(answer)) == (403, "forbidden"), path
    assert (await team.ben.call("GET", f"/teams/{team.id}/activity")).status_code == 403
    await team.ada.post(f"{ben}/role", {"role": "admin"}, status=204)
    # Not above oneself, and nobody who stands above.
    for path, body in [
        (f"/members/{team.ben.user_id}/role", {"role": "owner"}),
        (f"/members/{team.ada.user_id}/role", {"role": "member"}),
        (f"/members/{team.ada.user_id}/remove", None),
        ("/invitations", {"email": "x@example.com", "role": "owner"}),
    ]:
        answer = await team.ben.call("POST", f"/teams/{team.id}{path}", json=body)
        assert (answer.status_code, code(answer)) == (403, "forbidden"), path
    answer = await team.ada.call("POST", f"/teams/{team.id}/leave")
    assert "keeps an owner" in answer.json()["error"]["message"]
    assert (await team.ada.call("POST", f"{ben}/role", json={"role": "boss"})).status_code == 422


async def test_the_roll_up_of_all_members(team: Team, postgres: Postgres, client: httpx.AsyncClient) -> None:
    own = await make_card(postgres, team.ben.user_id, goal="Ben's own")
    shared = await make_card(postgres, team.ben.user_id, goal="Ben's shared")
    await team.ben.post(f"/teams/{team.id}/workflows/{shared.workflow_id}/share", status=204)
    backdate(postgres, shared)
    cyd = await sign_up(client, "cyd@example.com")
    await join(team.id, team.ada, cyd, "auditor")
    await team.ada.post(
        f"/actions/{team.card.action.id}/reject", {"digest": team.card.action.digest, "reason": "Not this one"}
    )
    for reader in (team.ada, cyd):
        entries = (await reader.get(f"/teams/{team.id}/activity?limit=100"))["items"]
        assert {entry["run_id"] for entry in entries if entry["kind"] == "run_started"} == {
            str(team.card.run_id), str(shared.run_id),
        }  # fmt: skip
        assert str(own.workflow_id) not in str(entries)
        (rejected,) = [entry for entry in entries if entry["kind"] == "action_rejected"]
        (told,) = [entry for entry in (await team.ada.get("/activity"))["items"] if entry["kind"] == "action_rejected"]
        assert rejected == told | {"user_id": str(team.ada.user_id)}
    only = (await cyd.get(f"/teams/{team.id}/activity?member={team.ben.user_id}&limit=100"))["items"]
    assert {entry["user_id"] for entry in only} == {str(team.ben.user_id)}
    page: dict[str, Any] = await cyd.get(f"/teams/{team.id}/activity?limit=2")
    following = await cyd.get(f"/teams/{team.id}/activity?limit=100&cursor={page['next'].replace('+', '%2B')}")
    everything = (await cyd.get(f"/teams/{team.id}/activity?limit=100"))["items"]
    assert page["items"] + following["items"] == everything
    assert (await cyd.call("GET", f"/teams/{team.id}/activity?cursor=x")).status_code == 422
    # An auditor changes nothing.
    assert (await cyd.call("POST", f"/teams/{team.id}/workflows/{shared.workflow_id}/runs")).status_code == 403


async def test_an_invitation_is_for_its_address(team: Team, eve: Person) -> None:
    made = await team.ada.post(
        f"/teams/{team.id}/invitations", {"email": "Somebody@Example.com", "role": "member"}, status=201
    )
    assert made["email"] == "somebody@example.com"
    (listed,) = await team.ada.get(f"/teams/{team.id}/invitations")
    assert "token" not in listed
    assert made["token"] not in str(await team.ada.get("/activity"))
    answer = await eve.call("POST", "/team-invitations/accept", json={"token": made["token"]})
    assert (answer.status_code, code(answer)) == (403, "forbidden")
    await team.ada.post(f"/teams/{team.id}/invitations/{made['id']}/revoke", status=204)
    await team.ada.post(f"/teams/{team.id}/invitations/{made['id']}/revoke", status=204)
    assert await team.ada.get(f"/teams/{team.id}/invitations") == []
    answer = await team.ada.call(
        "POST", f"/teams/{team.id}/invitations", json={"email": "no address", "role": "member"}
    )
    assert answer.status_code == 422


async def test_a_team_comes_with_the_tier(eve: Person) -> None:
    answer = await eve.call("POST", "/teams", json={"name": "Mine"})
    assert (answer.status_code, code(answer)) == (402, "tier")


@pytest.mark.parametrize("name", ["", "   ", "two\nlines", "\0"])
async def test_a_name_that_is_none(ada: Person, postgres: Postgres, name: str) -> None:
    give_tier(postgres, ada)
    assert (await ada.call("POST", "/teams", json={"name": name})).status_code == 422


async def test_the_pages(team: Team, app: FastAPI, parts: Parts, client: httpx.AsyncClient, postgres: Postgres) -> None:
    """The whole way without a script: make, invite, join, share, start, look, change, take out, leave."""
    dot = await sign_up(client, "dot@example.com", "Dot")
    async with visit(app, parts, team.ada.email) as ada, visit(app, parts, dot.email) as visitor:
        made = await ada.post("/teams", {"name": "Support <b>"})
        where = made.headers["location"]
        page = await ada.post(f"{where}/invitations", {"email": dot.email, "role": "approver"})
        assert page.headers["cache-control"] == "no-store"
        token = re.findall(r"/teams/join#([\w-]+)", page.text)[0]
        assert token not in await ada.get(where)
        refused = await ada.post("/teams/join", {"token": token})
        assert refused.status_code == 403
        assert "no such invitation" in refused.text
        assert (await visitor.post("/teams/join", {"token": token})).headers["location"] == where
        workflow = (await team.ada.get("/workflows"))[0]["id"]
        await team.ada.post(f"/teams/{team.id}/workflows/{workflow}/unshare", status=204)
        await ada.post(f"{where}/workflows", {"workflow": workflow})
        page = await visitor.get(where)
        assert "Support &lt;b&gt;" in page
        assert "Complete tagged contacts" in page
        assert "Ada Lovelace" in page
        started = await visitor.post(f"{where}/workflows/{workflow}/runs", {"key": "k"})
        assert "by Ada Lovelace" in await visitor.get(started.headers["location"])
        await visitor.get(f"{where}/activity", status=403)
        page = await ada.get(f"{where}/activity")
        assert "Run started" in page
        assert "by Dot" in page
        run_id = started.headers["location"].rpartition("/")[2]
        assert "by somebody of your team" in await ada.get(f"/runs/{run_id}")
        assert (await visitor.post(f"{where}/members/{team.ada.user_id}/role", {"role": "member"})).status_code == 403
        await ada.post(f"{where}/members/{dot.user_id}/role", {"role": "auditor"})
        assert "Run started" in await visitor.get(f"{where}/activity")
        assert (await visitor.post(f"{where}/workflows/{workflow}/runs", {"key": "l"})).status_code == 403
        await ada.post(f"{where}/workflows/{workflow}/unshare", {})
        assert "Complete tagged contacts" not in await visitor.get(where)
        await visitor.post(f"{where}/leave", {})
        await visitor.get(where, status=404)
        assert "Who left" in await ada.get(where)
        refused = await ada.post(f"{where}/leave", {})
        assert refused.status_code == 303


async def test_what_a_member_had_shared_is_theirs_alone_after_leaving(team: Team, postgres: Postgres) -> None:
    shared = await make_card(postgres, team.ben.user_id)
    await team.ben.post(f"/teams/{team.id}/workflows/{shared.workflow_id}/share", status=204)
    await team.ben.post(f"/teams/{team.id}/leave", status=204)
    assert [item["user_id"] for item in await team.ada.get(f"/teams/{team.id}/workflows")] == [str(team.ada.user_id)]
    async with postgres.api.user(team.ben.user_id) as session:
        assert (await session.get_one(Workflow, shared.workflow_id)).team_id is None
