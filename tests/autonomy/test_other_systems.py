"""Rules about chat and calendar: what they cover is minted on the control side, from the action's own arguments and
from what the gateway attested, and nothing else runs."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from activities.connectors.registry import connector
from activities.facts import wanted_reads
from activities.names import PlanInput, ReadFactsInput
from coco.actions import Action
from coco.guardrails.declarations import default_catalogue
from coco.plans import PlanDraft, Proposal
from coco.requests import ProviderResponse
from coco.trust import Profile
from coco.verdicts import recompute
from store.tables import Connection, Workflow
from tests.autonomy.mails import give
from tests.autonomy.scenes import evaluations, graduate, sends
from tests.conftest import Postgres
from tests.connecting import every_scope
from tests.connectors.examples import answer
from tests.connectors.examples.google_calendar import CREATE, NOT_THERE
from tests.connectors.examples.slack import ADA, CHANNEL
from tests.temporal_server import TemporalServer
from tests.workflows.harness import World, a_world

RULES = (
    "Post to the Slack channel #deals.",
    "Send Slack direct messages to ada@engine.example.",
    "Schedule meetings of at most 30 minutes where every attendee is at engine.example.",
)
SEEN = Profile(operations=("event.create", "message.direct", "message.post"))
EVENT = CREATE | {"calendar": "primary", "key": "1"}
PEOPLE = {
    "U0123456789": ADA,
    "U0000000002": ADA | {"id": "U0000000002", "profile": {"real_name": "Eve", "email": "eve@evil.example"}},
}
CHANNELS = {"C0123456789": "deals", "C0000000002": "general"}
PLAN: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("slack", "messages.post", {"channel": "C0123456789", "text": "Signed!"}),
    ("slack", "messages.post", {"channel": "C0000000002", "text": "Signed!"}),
    ("slack", "messages.direct", {"user": "U0123456789", "text": "It is #deals"}),
    ("slack", "messages.direct", {"user": "U0000000002", "text": "ada@engine.example"}),
    ("google_calendar", "events.create", EVENT),
    ("google_calendar", "events.create", EVENT | {"attendees": ["ada@engine.example", "eve@evil.example"]}),
)
LINE = ["done", "pending"] * 3


def told(operation: str, arguments: dict[str, Any]) -> ProviderResponse:
    """What the provider answers to the read before an action."""
    if operation == "messages.post":
        number = arguments["channel"]
        return answer({"ok": True, "channel": CHANNEL | {"id": number, "name": CHANNELS[number]}})
    return answer({"ok": True, "user": PEOPLE[arguments["user"]]}) if operation == "messages.direct" else NOT_THERE


async def connect(world: World) -> None:
    """Connects a chat and a calendar, and gives them to the workflow."""
    for name in ("slack", "google_calendar"):
        async with world.postgres.api.user(world.user_id) as session:
            row = Connection(
                user_id=world.user_id,
                connector=name,
                title=name,
                base_url=connector(name).base_url,
                scopes=every_scope(name),
            )
            session.add(row)
            await session.flush()
            await give(world, row.id)


async def plan(world: World, message: PlanInput) -> PlanDraft:
    async with world.postgres.api.user(world.user_id) as session:
        given = (await session.get_one(Workflow, world.workflow_id)).connections
        rows = [await session.get_one(Connection, UUID(one)) for one in given]
    by_name = {row.connector: row for row in rows}
    proposals = []
    for index, (name, operation_name, arguments) in enumerate(PLAN):
        row, operation = by_name[name], connector(name).gated(operation_name)
        request = operation.prior_request(world.connection, operation.parse(arguments))
        assert request is not None
        read = await world.keep_read(message.run_id, request, told(operation_name, arguments), connection_id=row.id)
        proposals.append(
            Proposal(
                key=f"one-{index}",
                connection=str(row.id),
                operation=operation_name,
                arguments=arguments,
                prior_read=str(read),
                why="It goes to #deals, to ada@engine.example, for 30 minutes.",
            )
        )
    return PlanDraft(goal="Tell them", reasoning="All of it is covered.", proposals=tuple(proposals))


async def test_what_the_rules_say_runs_and_nothing_else(postgres: Postgres, temporal: TemporalServer) -> None:
    async with a_world(postgres, temporal, plan=plan, perform=sends) as world:
        await connect(world)
        await graduate(world, *RULES, profile=SEEN)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        actions = await world.actions(run_id)
        assert [row.state for row in actions] == LINE
        done = [row for row in await world.audit("action_done") if row.run_id == run_id]
        assert len(done) == 3
        for entry in done:
            again = recompute(entry.body, default_catalogue())
            assert again is not None
            assert again.agrees
        proofs = [(await evaluations(world, row.id))[-1] for row in actions]
        assert [proof.facts.get("action.channel") for proof in proofs[:2]] == ["deals", "general"]
        assert [proof.facts.get("action.recipients") for proof in proofs[2:4]] == [
            ["ada@engine.example"],
            ["eve@evil.example"],
        ]
        assert [len(proof.reads) for proof in proofs] == [0, 0, 1, 1, 0, 0]


async def test_who_a_person_is_is_read_again_where_it_was_read_too_long_ago(
    postgres: Postgres, temporal: TemporalServer
) -> None:
    """And where the account is somebody else's by then, the message waits."""
    asked: list[str] = []

    async def somebody_else_by_now(world: World, message: ReadFactsInput) -> int:
        for wanted in message.reads:
            asked.append(wanted.request.path)
            eve = answer({"ok": True, "user": ADA | {"profile": {"email": "eve@evil.example"}}})
            await world.keep_read(message.run_id, wanted.request, eve, connection_id=wanted.connection_id)
        return len(message.reads)

    async def long_ago(world: World, message: PlanInput) -> PlanDraft:
        draft = await plan(world, message)
        with world.postgres.connect() as owner:
            owner.execute("UPDATE reads SET at = at - make_interval(mins => 20) WHERE run_id = %s", (message.run_id,))
        return draft.model_copy(update={"proposals": (draft.proposals[2],)})

    async with a_world(postgres, temporal, plan=long_ago, perform=sends, read_facts=somebody_else_by_now) as world:
        await connect(world)
        await graduate(world, RULES[1], profile=SEEN)
        run_id = await world.start()
        await world.until(run_id, "waiting")
        await world.settle_down(run_id)
        [row] = await world.actions(run_id)
        body = Action.model_validate(row.body)
        [wanted] = wanted_reads(body, row.arguments, None, {"action.recipients"}, {})
        assert asked == [wanted.request.path]
        assert row.state == "pending"
        assert (await evaluations(world, row.id))[-1].facts["action.recipients"] == ["eve@evil.example"]
