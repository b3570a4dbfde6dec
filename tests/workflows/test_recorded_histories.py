"""Recorded histories replay: a change that would break running workflows fails here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

import workflows.run
from tests.workflows.record_histories import HISTORIES
from tests.workflows.scenarios import SCENARIOS
from workflows.gate import GateInterceptor
from workflows.run import RunWorkflow

FILES = sorted(HISTORIES.glob("*/*.json"))


def load(file: Path) -> WorkflowHistory:
    document = json.loads(file.read_text())
    return WorkflowHistory.from_json(document["workflow_id"], document["history"])


def replayer() -> Replayer:
    return Replayer(workflows=[RunWorkflow], data_converter=pydantic_data_converter, interceptors=[GateInterceptor()])


@pytest.mark.parametrize("file", FILES, ids=[f"{file.parent.name}-{file.stem}" for file in FILES])
async def test_replays(file: Path) -> None:
    await replayer().replay_workflow(load(file))


def test_every_version_has_every_scenario_of_its_time() -> None:
    assert FILES
    newest = max(HISTORIES.iterdir(), key=lambda folder: folder.name)
    assert {file.stem for file in newest.glob("*.json")} == set(SCENARIOS)


async def test_a_change_of_order_is_caught() -> None:
    """The replay can fail: with one activity renamed in the recorded history it does."""
    file = next(file for file in FILES if file.stem == "approve_and_reject")
    text = file.read_text().replace('"coco.load_run"', '"coco.other"', 1)
    document = json.loads(text)
    history = WorkflowHistory.from_json(document["workflow_id"], document["history"])
    with pytest.raises(workflows.run.workflow.NondeterminismError):
        await replayer().replay_workflow(history)
