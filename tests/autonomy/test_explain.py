"""`coco guardrail explain` and `backtest`: from the record alone."""

from __future__ import annotations

import asyncio
import json

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.autonomy.scenes import completes, graduate, new_contact, sends, shows
from tests.conftest import Postgres
from tests.temporal_server import TemporalServer
from tests.workflows.harness import a_world


async def test_the_verdict_is_taken_again_from_the_entry_alone(
    postgres: Postgres, temporal: TemporalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_world(
        postgres, temporal, plan=completes("1"), perform=sends, read_facts=shows({"1": new_contact()})
    ) as world:
        [rule] = await graduate(world)
        run_id = await world.start()
        await world.until(run_id, "done")
        [action] = await world.actions(run_id)
        entries = await world.audit("action_done")
    [alone] = [row for row in entries if row.run_id == run_id]
    [by_hand] = [row for row in entries if row.run_id != run_id]
    monkeypatch.setenv("DATABASE_URL", postgres.owner)
    command = CliRunner()
    for entry in (str(alone.seq), str(action.id)):
        result = command.invoke(app, ["guardrail", "explain", entry, "--json"])
        assert result.exit_code == 0, result.output
        told = json.loads(result.output)
        assert told["agrees"]
        assert told["recomputed"]
        assert (told["guardrail"], told["version"]) == (str(rule.id), 1)
    text = command.invoke(app, ["guardrail", "explain", str(alone.seq)])
    assert "design partner candidate" in text.output
    assert "Recomputed: covered. The record agrees." in text.output

    nothing = command.invoke(app, ["guardrail", "explain", str(by_hand.seq)])
    assert nothing.exit_code == 1
    assert "rests on no guardrail" in nothing.output

    # A record that was tampered with in one fact says another thing than its verdict.
    with postgres.connect() as owner:
        owner.execute("ALTER TABLE audit DISABLE TRIGGER append_only")
        owner.execute(
            "UPDATE audit SET body = jsonb_set(body, '{guardrail,evaluation,facts,contact.tags}', '[\"event\"]') "
            "WHERE seq = %s",
            (alone.seq,),
        )
    result = command.invoke(app, ["guardrail", "explain", str(alone.seq), "--json"])
    assert result.exit_code == 1
    assert not json.loads(result.output)["agrees"]

    def tried(*rule: str) -> dict[str, object]:
        result = command.invoke(app, ["guardrail", "backtest-workflow", str(world.workflow_id), *rule, "--json"])
        assert result.exit_code == 0, result.output
        found: dict[str, object] = json.loads(result.output)
        return found

    # The approved run's facts were not all read then: what is not known is held, and listed as a disagreement.
    told = await asyncio.to_thread(tried)
    assert str(told["summary"]).startswith("agrees with 0 of 1 of your decisions")
    assert (await asyncio.to_thread(tried, "Enrich contacts that have a first name."))["agreed"] == 1
