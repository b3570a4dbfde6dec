"""Four eyes as people use them: the rule of a workflow, and a team's approvers deciding by REST and on the pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from api.public.parts import Parts
from coco.errors import Refused
from coco.grants import GrantClaims
from store import approvals, delegations, effects, grants
from store.tables import utc_now
from tests.api.cards import Card, make_card
from tests.api.pages import visit
from tests.api.people import Person, code, sign_up
from tests.api.test_teams import backdate, give_tier, join
from tests.conftest import Postgres

Form = dict[str, str | list[str]]
TWO = {"people": 2, "role": None, "not_requester": False}
NOT_ME = {"people": 1, "role": None, "not_requester": True}


@dataclass
class Office:
    """Ada's team, with Ben as an approver, Cal as an admin, Dot as a member and Aud as an auditor; a run of hers waits
    since her workflow is shared. Eve has a team of her own."""

    postgres: Postgres
    id: str
    ada: Person
    ben: Person
    cal: Person
    dot: Person
    aud: Person
    eve: Person
    eves_team: str
    card: Card

    async def rule(self, rule: dict[str, Any], by: Person | None = None, status: int = 200) -> Any:
        path = f"/workflows/{self.card.workflow_id}/approval-rule"
        answer = await (by or self.ada).call("PUT", path, json=rule)
        assert answer.status_code == status, answer.text
        return answer.json()

    def path(self, verb: str = "approve", team: str = "", action: UUID | None = None) -> str:
        return f"/teams/{team or self.id}/actions/{action or self.card.action.id}/{verb}"

    async def approve(self, who: Person, digest: str = "", **more: Any) -> httpx.Response:
        return await who.call("POST", self.path(), json={"digest": digest or self.card.action.digest} | more)

    async def owner_approves(self) -> Any:
        action = self.card.action
        return await self.ada.post(f"/actions/{action.id}/approve", {"digest": action.digest})

    async def action(self) -> Any:
        return await self.ada.get(f"/actions/{self.card.action.id}")

    async def mint(self) -> GrantClaims | None:
        async with self.postgres.control.user(self.ada.user_id) as session:
            return await grants.mint(session, self.ada.user_id, self.card.run_id, self.card.action.id, 600)

    async def send(self, claims: GrantClaims) -> None:
        """As the gateway opens a sending."""
        async with self.postgres.gateway.user(self.ada.user_id) as session:
            await effects.begin(session, self.ada.user_id, claims, "0" * 64)

    def owed(self) -> int:
        with self.postgres.connect() as owner:
            found = owner.execute(
                "SELECT count(*) FROM wakeups WHERE run_id = %s AND kind = 'wake'", (self.card.run_id,)
            ).fetchone()
        assert found is not None
        return int(found[0])

    def news(self, who: Person) -> int:
        """How often somebody's open pages were told that something of a team's waits, or was decided."""
        with self.postgres.connect() as owner:
            found = owner.execute(
                "SELECT count(*) FROM events WHERE user_id = %s AND kind = 'team'", (who.user_id,)
            ).fetchone()
        assert found is not None
        return int(found[0])


@pytest.fixture
async def office(ada: Person, client: httpx.AsyncClient, postgres: Postgres) -> Office:
    give_tier(postgres, ada)
    made = await ada.post("/teams", {"name": "Sales"}, status=201)
    people = {}
    for name, role in (("ben", "approver"), ("cal", "admin"), ("dot", "member"), ("aud", "auditor")):
        people[name] = await sign_up(client, f"{name}@example.com", f"{name.capitalize()} <b>")
        await join(made["id"], ada, people[name], role)
    eve = await sign_up(client, "eve@example.com", "Eve")
    give_tier(postgres, eve)
    other = await eve.post("/teams", {"name": "Hers"}, status=201)
    card = await make_card(postgres, ada.user_id)
    await ada.post(f"/teams/{made['id']}/workflows/{card.workflow_id}/share", status=204)
    backdate(postgres, card)
    return Office(postgres, made["id"], ada, eve=eve, eves_team=other["id"], card=card, **people)


async def test_two_people_approve_each_in_a_session_of_their_own(office: Office) -> None:
    assert (await office.rule(TWO))["says"] == "two people"
    assert (await office.owner_approves())["state"] == "pending"
    assert office.owed() == 0
    (waiting,) = await office.ben.get(f"/teams/{office.id}/waiting")
    assert (waiting["user_id"], waiting["run"]["id"]) == (str(office.ada.user_id), str(office.card.run_id))
    (seen,) = waiting["actions"]
    assert (seen["id"], seen["digest"]) == (str(office.card.action.id), office.card.action.digest)
    assert seen["approval"]["says"].startswith("needs two people; approved by Ada Lovelace at ")
    assert seen["approval"]["says"].endswith("; waits for one more")
    assert (seen["approval"]["decides"], seen["approval"]["mine"]) == (True, False)
    mine = (await office.action())["approval"]
    assert (mine["mine"], mine["counts"], mine["missing"]) == (True, False, 1)

    done = await office.approve(office.ben)
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    assert office.owed() == 1
    claims = await office.mint()
    assert claims is not None
    assert claims.by.people == (office.ada.user_id, office.ben.user_id)
    await office.send(claims)
    entries = (await office.ada.get(f"/activity?run_id={office.card.run_id}"))["items"]
    (approved,) = [entry for entry in entries if entry["kind"] == "action_approved"]
    assert approved["actor"] == f"user:{office.ben.user_id}"
    # By their accounts: no name of theirs is in another's chain.
    assert [one["by"] for one in approved["body"]["approvals"]] == [str(office.ada.user_id), str(office.ben.user_id)]
    assert "Ben" not in str(entries)
    assert (await office.action())["decision"]["by"] == str(office.ben.user_id)
    assert await office.cal.get(f"/teams/{office.id}/waiting") == []


async def test_who_may_not_decide(office: Office, postgres: Postgres) -> None:
    await office.rule(TWO)
    for who, team, status in (
        (office.eve, office.id, 404),
        (office.eve, office.eves_team, 404),
        (office.ben, office.eves_team, 404),
        (office.dot, office.id, 403),
        (office.aud, office.id, 403),
    ):
        for verb, more in (("approve", {}), ("reject", {"reason": "no"})):
            body = {"digest": office.card.action.digest} | more
            answer = await who.call("POST", office.path(verb, team), json=body)
            assert answer.status_code == status, (who.email, verb, answer.text)
        answer = await who.call("GET", f"/teams/{office.id}/waiting")
        assert answer.status_code == (200 if who is office.ben else status)
    # What there is to tell of it is told to whose it is and to the team, in a session that names it.
    ids = [office.card.action.id]
    for who, named, told in (
        (office.ada, None, 1), (office.dot, office.id, 1), (office.dot, None, 0), (office.dot, office.eves_team, 0),
        (office.eve, office.id, 0), (office.eve, office.eves_team, 0),
    ):  # fmt: skip
        session_of = postgres.api.team(who.user_id, UUID(named)) if named else postgres.api.user(who.user_id)
        async with session_of as session:
            assert len(await approvals.facts(session, ids)) == told, (who.email, named)
    # A run that the team does not see, in the same workflow and another.
    with postgres.connect() as owner:
        owner.execute("UPDATE team_shares SET shared_at = now()")
    assert (await office.approve(office.ben)).status_code == 404
    assert await office.ben.get(f"/teams/{office.id}/waiting") == []
    backdate(postgres, office.card)
    own = await make_card(postgres, office.ada.user_id)
    answer = await office.ben.call("POST", office.path(action=own.action.id), json={"digest": own.action.digest})
    assert answer.status_code == 404
    # Who is removed, by the same sign-in.
    await office.ada.post(f"/teams/{office.id}/members/{office.ben.user_id}/remove", status=204)
    assert (await office.approve(office.ben)).status_code == 404
    assert (await office.ben.call("GET", f"/teams/{office.id}/waiting")).status_code == 404
    assert (await office.action())["approval"]["given"] == []


async def test_who_else_may_decide_hears_of_it(office: Office) -> None:
    """Their open pages look again; nobody else's do, and nobody hears of a run that only its person sees."""
    await office.rule(TWO)
    before = [office.news(who) for who in (office.ben, office.cal, office.dot, office.aud, office.eve)]
    await office.owner_approves()
    after = [office.news(who) for who in (office.ben, office.cal, office.dot, office.aud, office.eve)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 0, 0, 0]
    private = await make_card(office.postgres, office.ada.user_id)
    with office.postgres.connect() as owner:
        # A run from after the sharing that takes back what one from before had done.
        owner.execute("UPDATE runs SET created_at = '2025-01-01' WHERE id = %s", (private.run_id,))
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "INSERT INTO undos (action_id, user_id, run_id, kind, at) VALUES (%s, %s, %s, 'undo', now())",
            (private.action.id, office.ada.user_id, office.card.run_id),
        )
    digest = office.card.action.digest
    await office.ada.post(f"/actions/{office.card.action.id}/reject", {"digest": digest, "reason": "No"})
    assert [office.news(who) for who in (office.ben, office.cal)] == after[:2]


async def test_what_is_approved_is_what_was_seen(office: Office) -> None:
    await office.rule(TWO)
    wrong = await office.approve(office.ben, "0" * 64)
    assert (wrong.status_code, code(wrong)) == (409, "conflict")
    assert "not the one you were shown" in wrong.text
    assert (await office.approve(office.ben, "no digest")).status_code == 422
    assert (await office.approve(office.ben)).json()["state"] == "pending"
    twice = await office.approve(office.ben)
    assert (twice.status_code, code(twice)) == (409, "conflict")
    assert "somebody else's is needed" in twice.text
    # An edit voids it: what was seen is not what is there, and the editor asked for what is.
    action = office.card.action
    edited = await office.ada.post(
        f"/actions/{action.id}/edit",
        {"digest": action.digest, "arguments": {"id": "1001", "properties": {"city": "Rome"}}},
        status=201,
    )
    late = await office.approve(office.cal)
    assert (late.status_code, "it was edited" in late.text) == (409, True)
    with pytest.raises(Refused, match="no approval"):
        await office.mint()
    assert edited["approval"]["given"] == []
    assert edited["approval"]["says"] == "needs two people; waits for both"
    path = office.path(action=UUID(edited["id"]))
    assert (await office.cal.call("POST", path, json={"digest": action.digest})).status_code == 409
    assert (await office.cal.post(path, {"digest": edited["digest"]}))["state"] == "pending"
    assert (await office.ben.post(path, {"digest": edited["digest"]}))["state"] == "approved"


async def test_a_delegate_does_not_count_twice(office: Office) -> None:
    await office.rule(TWO)
    async with office.postgres.api.user(office.cal.user_id) as session:
        now = utc_now()
        given = await delegations.give(
            session, office.cal.user_id, UUID(office.id), office.ben.user_id, now, now + timedelta(days=3)
        )
    first = await office.approve(office.ben, delegation_id=str(given.id))
    assert first.json()["state"] == "pending"
    assert "approved by Ben <b> for Cal <b> at" in first.json()["approval"]["says"]
    for who in (office.ben, office.cal):
        assert (await office.approve(who)).status_code == 409
    assert await office.cal.get(f"/teams/{office.id}/waiting") == []
    # A delegation to somebody else, or none at all.
    assert (await office.approve(office.cal, delegation_id=str(given.id))).status_code == 422
    assert (await office.owner_approves())["state"] == "approved"


async def test_whoever_asked_for_it_is_not_enough(office: Office) -> None:
    await office.rule(NOT_ME)
    told = (await office.owner_approves())["approval"]
    assert told["says"].startswith("needs one person; approved by Ada Lovelace at")
    assert told["says"].endswith("waits for one more, not whoever asked for it")
    assert (await office.approve(office.ben)).json()["state"] == "approved"


async def test_who_edits_what_another_started_asked_for_it_too(office: Office) -> None:
    """Ben started the run, Ada edited its action: neither is somebody else."""
    await office.rule(NOT_ME)
    with office.postgres.connect() as owner:
        owner.execute("UPDATE runs SET requested_by = %s WHERE id = %s", (office.ben.user_id, office.card.run_id))
    action = office.card.action
    assert (await office.action())["approval"]["asked"] is False
    edited = await office.ada.post(
        f"/actions/{action.id}/edit",
        {"digest": action.digest, "arguments": {"id": "1001", "properties": {"city": "Rome"}}},
        status=201,
    )
    assert edited["approval"]["asked"] is True
    given = {"digest": edited["digest"]}
    assert (await office.ada.post(f"/actions/{edited['id']}/approve", given))["state"] == "pending"
    path = office.path(action=UUID(edited["id"]))
    assert await office.ben.get(f"/teams/{office.id}/waiting") == []
    assert (await office.ben.post(path, given))["state"] == "pending"
    assert (await office.cal.post(path, given))["state"] == "approved"


async def test_one_of_a_team_rejects_and_it_says_who(office: Office, app: FastAPI, parts: Parts) -> None:
    await office.rule(TWO)
    await office.owner_approves()
    path, digest = office.path("reject"), office.card.action.digest
    assert (await office.ben.call("POST", path, json={"digest": digest, "reason": " "})).status_code == 422
    wrong = await office.ben.call("POST", path, json={"digest": "0" * 64, "reason": "Not this customer"})
    assert wrong.status_code == 409
    done = await office.ben.post(path, {"digest": digest, "reason": "Not this customer"})
    assert (done["state"], done["decision"]["by"]) == ("rejected", str(office.ben.user_id))
    assert office.owed() == 1
    (entry,) = (await office.ada.get("/activity?kind=action_rejected"))["items"]
    assert entry["actor"] == f"user:{office.ben.user_id}"
    assert entry["body"]["decided_by"] == {"user": str(office.ben.user_id)}
    assert (await office.approve(office.cal)).status_code == 409
    (entry,) = (await office.cal.get(f"/teams/{office.id}/activity?kind=action_rejected"))["items"]
    assert entry["body"]["reason"] == "Not this customer"
    # By name on every page, as on the card; the entry has the account alone.
    for who, paths in (
        (office.ada, ("/activity?what=rejected", f"/runs/{office.card.run_id}")),
        (office.cal, (f"/teams/{office.id}/activity?kind=action_rejected",)),
    ):
        async with visit(app, parts, who.email) as visitor:
            for path in paths:
                page = await visitor.get(path)
                assert ", by Ben &lt;b&gt;</p>" in page, path
                assert "<span>by Ben &lt;b&gt;</span>" in page, path
                assert "somebody of" not in page, path


async def test_without_a_rule_anybody_who_may_decide_does(office: Office) -> None:
    assert (await office.action())["approval"] is None
    assert (await office.approve(office.ben)).json()["state"] == "approved"
    assert (await office.mint()) is not None
    # And as long as they may: nothing is sent on the word of somebody who left.
    claims = await office.mint()
    assert claims is not None
    await office.ada.post(f"/teams/{office.id}/members/{office.ben.user_id}/remove", status=204)
    with pytest.raises(Refused, match="approvals are not"):
        await office.send(claims)
    with pytest.raises(Refused, match="approvals are not"):
        await office.mint()


@pytest.mark.parametrize("how", ["removed", "role", "unshared", "rule"])
async def test_a_grant_outlives_nothing_that_it_rests_on(office: Office, how: str) -> None:
    """Minted while two people's approvals counted; one of them does not any more when it is to be sent."""
    await office.rule(TWO)
    await office.owner_approves()
    await office.approve(office.ben)
    claims = await office.mint()
    assert claims is not None
    team, member = f"/teams/{office.id}", f"/teams/{office.id}/members/{office.ben.user_id}"
    if how == "removed":
        await office.ada.post(f"{member}/remove", status=204)
    elif how == "role":
        await office.ada.post(f"{member}/role", {"role": "member"}, status=204)
    elif how == "unshared":
        await office.ada.post(f"{team}/workflows/{office.card.workflow_id}/unshare", status=204)
    else:
        await office.rule({"people": 2, "role": "admin", "not_requester": False})
    with pytest.raises(Refused, match="approvals are not"):
        await office.send(claims)
    # Nor by a gateway that does not ask.
    with pytest.raises(Exception, match="approvals are not"):
        async with office.postgres.gateway.user(office.ada.user_id) as session:
            await session.execute(
                text(
                    "INSERT INTO effects (action_id, user_id, jti, state, request_digest, detail, started_at) "
                    "VALUES (:a, :u, :j, 'sending', :d, '{}', now())"
                ),
                {"a": claims.action, "u": claims.user, "j": claims.jti, "d": "0" * 64},
            )


async def test_a_rule_changes_while_a_card_waits(office: Office) -> None:
    await office.rule(TWO)
    await office.owner_approves()
    # Tighter: at once. Two admins; Ada is one, and Ben does not count any more.
    await office.rule({"people": 2, "role": "admin", "not_requester": False})
    waiting = await office.approve(office.ben)
    assert waiting.json()["state"] == "pending"
    assert "with the role admin" in waiting.json()["approval"]["says"]
    # Looser: not for what began before.
    await office.rule({"people": 1, "role": None, "not_requester": False})
    assert (await office.action())["state"] == "pending"
    assert (await office.approve(office.cal)).json()["state"] == "approved"
    assert await office.mint() is not None


async def test_who_sets_the_rule_and_which(office: Office) -> None:
    path = f"/workflows/{office.card.workflow_id}/approval-rule"
    assert (await office.ada.get(path))["says"] == "one person"
    for who in (office.eve, office.cal, office.ben):
        assert (await who.call("GET", path)).status_code == 404
        await office.rule(TWO, by=who, status=404)
    for bad in ({"people": 3}, {"people": 0}, {"role": "owner"}, {"x": 1}, {"people": "two"}):
        await office.rule(bad, status=422)
    await office.rule({"people": 2, "role": "admin", "not_requester": True}, status=422)
    await office.rule(TWO)
    assert await office.ada.get(path) == TWO | {"says": "two people"}
    (entry,) = (await office.ada.get("/activity?kind=approval_rule_set"))["items"]
    assert (entry["actor"], entry["body"]["to"]) == (f"user:{office.ada.user_id}", TWO)
    # As one who administers nothing where it is shared, its person does not.
    await office.ada.post(f"/teams/{office.id}/members/{office.cal.user_id}/role", {"role": "owner"}, status=204)
    await office.cal.post(f"/teams/{office.id}/members/{office.ada.user_id}/role", {"role": "member"}, status=204)
    await office.rule(NOT_ME, status=403)


async def test_the_pages(office: Office, app: FastAPI, parts: Parts) -> None:
    """The whole way without a script: the rule, the owner's half, the inbox and the card of an approver."""
    workflow, action = office.card.workflow_id, office.card.action
    async with visit(app, parts, office.ada.email) as ada, visit(app, parts, office.ben.email) as ben:
        assert "Ben &lt;b&gt; (approver)" in await ada.get(f"/workflows/{workflow}")
        wrong = await ada.post(f"/workflows/{workflow}/approval-rule", {"people": "3", "role": ""})
        assert wrong.status_code == 422
        form: Form = {"people": "2", "role": "", "not_requester": "yes"}
        await ada.post(f"/workflows/{workflow}/approval-rule", form)
        page = await ada.get(f"/workflows/{workflow}")
        assert "Each action of it needs two people, not whoever asked for it" in page
        page = await ada.get(f"/runs/{office.card.run_id}")
        assert "You asked for it, by starting its run or editing it" in page
        assert 'value="approve"' not in page
        await ada.post(f"/workflows/{workflow}/approval-rule", form | {"not_requester": ""})
        # Somebody who sees the card and may not decide has no button, and the form is refused.
        async with visit(app, parts, office.dot.email) as dot:
            page = await dot.get(f"/teams/{office.id}/runs/{office.card.run_id}")
            assert 'value="approve"' not in page
            assert "Needs two people" in page
            sent: Form = {"verdict": "approve", "digest": action.digest}
            where = f"/teams/{office.id}/actions/{action.id}/decide"
            assert (await dot.post(where, sent)).status_code == 403
        page = await ben.get("/")
        assert "Sales" in page
        assert "Your yes alone is not enough" in page
        assert "1 waiting" in page
        assert "All clear" not in page
        assert 'href="/teams/' in page
        assert (await ben.post(where, sent, csrf="x")).status_code == 403
        assert (await ben.post(where, sent, origin="http://evil.example")).status_code == 403
        late = await ben.post(where, {"verdict": "approve", "digest": "0" * 64, "back": "inbox"})
        assert (late.status_code, "not the one you were shown" in late.text) == (409, True)
        done = await ben.post(where, sent | {"back": "inbox"})
        assert (done.status_code, done.headers["location"]) == (303, "/")
        page = await ben.get("/")
        assert "Nothing waits for you" in page
        assert "All clear" in page
        page = await ben.get(f"/teams/{office.id}/runs/{office.card.run_id}")
        assert "Needs two people; approved by Ben &lt;b&gt; at <time" in page
        assert "waits for one more, not whoever asked for it" in page
        # Of those who approved, and asked, nobody is left to click; the third is.
        async with visit(app, parts, office.cal.email) as cal:
            assert f"/teams/{office.id}/runs/{office.card.run_id}#actions" in await cal.get(f"/teams/{office.id}")
            done = await cal.post(where, sent)
            assert done.headers["location"] == f"/teams/{office.id}/runs/{office.card.run_id}#action-{action.id}"
        page = await ada.get(f"/runs/{office.card.run_id}")
        assert "Approved by Ben &lt;b&gt; at" in page
        assert "Cal &lt;b&gt;" in page
