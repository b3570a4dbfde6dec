"""From the first approval to a lease and back, through the API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from coco.decisions import Verdict
from tests.api.people import Person, code
from tests.autonomy.scenes import (
    RULE,
    approved_run,
    completes,
    graduate,
    lease_of,
    new_contact,
    sends,
    shows,
    trust_level,
)
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

SignIn = Callable[[World], Awaitable[Person]]
CRM = {str(number): new_contact() for number in range(1, 4)}
TITLED = "Enrich contacts that have a first name."
"""What the read before a change shows is enough to look back on this one."""


async def test_the_ladder_from_the_first_approval_to_a_lease(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal, plan=completes("1", "2"), perform=sends, read_facts=shows(CRM)) as world:
        owner = await owner_of(world)
        path = f"/workflows/{world.workflow_id}"
        rule = await owner.post(f"{path}/guardrails", {"sentence": TITLED}, status=201)
        assert (rule["state"], rule["version"]) == ("proposed", 1)
        assert rule["shown"]["applies"]
        confirm = f"/guardrails/{rule['id']}/versions/1/confirm"
        wrong = await owner.call("POST", confirm, json={"reading": "Archive everything."})
        assert code(wrong) == "conflict"
        await owner.post(confirm, {"reading": rule["reading"]})

        for number in range(3):
            early = await owner.call("POST", f"{path}/graduate", json={})
            assert code(early) == "conflict"
            assert f"{number} of the 3 approved runs" in early.json()["error"]["message"]
            await approved_run(world)

        told = await owner.get(f"{path}/trust")
        assert told["eligibility"]["eligible"]
        assert told["backtest"]["summary"] == "agrees with 6 of 6 of your decisions"
        after = await owner.post(f"{path}/graduate", {"days": 7, "actions": 10, "credits": 50})
        assert (after["trust_level"], after["lease"]["actions_budget"]) == ("autonomous", 10)
        world.performed.clear()
        run_id = await world.start()
        await world.until(run_id, "done")
        assert len(world.performed) == 2
        lease = (await owner.get(f"{path}/trust"))["lease"]
        assert (lease["actions_used"], lease["credits_used"]) == (2, 2)

        assert await owner.post(f"{path}/take-back", {"reason": "holidays"}) == {"taken_back": True}
        assert (await owner.get(f"{path}/trust"))["trust_level"] == "approve_each"
        again = await world.start()
        await world.until(again, "waiting")
        await world.settle_down(again)
        assert len(world.performed) == 2


async def test_a_rejection_among_the_last_runs_is_no_ground_for_trust(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal, plan=completes("1", "2"), perform=sends, read_facts=shows(CRM)) as world:
        owner = await owner_of(world)
        path = f"/workflows/{world.workflow_id}"
        rule = await owner.post(f"{path}/guardrails", {"sentence": TITLED}, status=201)
        await owner.post(f"/guardrails/{rule['id']}/versions/1/confirm", {"reading": rule["reading"]})
        for _ in range(2):
            await approved_run(world)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        first, second = await world.actions(run_id)
        await world.decide(first)
        await world.decide(second, Verdict.REJECT, "she left")
        await world.until(run_id, "done")
        told = await owner.get(f"{path}/trust")
        assert not told["eligibility"]["eligible"]
        assert told["eligibility"]["approved_runs"] == 0
        assert told["backtest"]["summary"] == "agrees with 5 of 6 of your decisions; here are the 1"
        [only] = told["backtest"]["disagreements"]
        assert (only["decision"], only["ran_alone"], only["action_id"]) == ("rejected", True, str(second.id))
        assert code(await owner.call("POST", f"{path}/graduate", json={})) == "conflict"


async def test_without_a_confirmed_rule_nothing_is_graduated(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends) as world:
        owner = await owner_of(world)
        path = f"/workflows/{world.workflow_id}"
        await owner.post(f"{path}/trust/settings", {"runs_needed": 1})
        await owner.post(f"{path}/guardrails", {"sentence": RULE}, status=201)
        await approved_run(world)
        refused = await owner.call("POST", f"{path}/graduate", json={})
        assert "no confirmed guardrail" in refused.json()["error"]["message"]


async def test_a_rejection_in_review_takes_the_workflow_back_and_says_why(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal, plan=completes("1", "2"), perform=sends, read_facts=shows(CRM)) as world:
        owner = await owner_of(world)
        await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "done")
        first, second = (str(row.id) for row in await world.actions(run_id))
        told = await owner.get(f"/workflows/{world.workflow_id}/trust")
        assert told["to_review"] == [first, second]
        assert (await owner.post(f"/actions/{first}/review", {"verdict": "ok"}))["taken_back"] is False
        bare = await owner.call("POST", f"/actions/{second}/review", json={"verdict": "undo"})
        assert code(bare) == "invalid"
        undone = await owner.post(f"/actions/{second}/review", {"verdict": "undo", "reason": "wrong person"})
        assert undone["taken_back"] is True
        assert await trust_level(world) == "approve_each"
        assert "was undone in review: wrong person" in (await lease_of(world)).ended_reason
        [entry] = await world.audit("workflow_taken_back")
        assert "wrong person" in entry.body["reason"]
        told = await owner.get(f"/workflows/{world.workflow_id}/trust")
        assert not told["eligibility"]["eligible"]


async def test_a_wider_version_takes_a_graduated_workflow_back_and_a_stricter_one_does_not(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows(CRM)) as world:
        owner = await owner_of(world)
        [rule] = await graduate(world)

        async def next_version(sentence: str) -> dict[str, object]:
            body = {"sentence": sentence, "guardrail_id": str(rule.id)}
            made = await owner.post(f"/workflows/{world.workflow_id}/guardrails", body, status=201)
            path = f"/guardrails/{rule.id}/versions/{made['version']}/confirm"
            await owner.post(path, {"reading": made["reading"]})
            shown: dict[str, object] = made["shown"]["compared"]
            return shown

        stricter = await next_version(RULE.replace("24", "12"))
        assert stricter["relation"] == "stricter"
        assert await trust_level(world) == "autonomous"
        looser = await next_version(RULE.replace("24", "36"))
        assert looser["relation"] == "looser"
        assert looser["only_new"]
        assert await trust_level(world) == "approve_each"


async def test_a_preview_shows_problems_and_stores_nothing(
    postgres: Postgres, temporal: TemporalServer, owner_of: SignIn
) -> None:
    async with a_world(postgres, temporal, plan=completes("1"), perform=sends) as world:
        owner = await owner_of(world)
        path = f"/workflows/{world.workflow_id}/guardrails"
        refused = await owner.post(f"{path}/preview", {"sentence": "Archive important contacts."})
        assert not refused["compiled"]["ok"]
        assert refused["compiled"]["problems"][0]["text"] == "important"
        fine = await owner.post(f"{path}/preview", {"sentence": RULE})
        assert fine["findings"]["applies"]
        assert await owner.get(path) == []
        assert code(await owner.call("POST", path, json={"sentence": "Archive important contacts."})) == "invalid"
