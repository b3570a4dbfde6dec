"""Names that live on in Temporal, Postgres, grants and sandboxes. Changing one here is a migration, not an edit."""

from __future__ import annotations

import typing

from temporalio import activity, workflow

from activities import names
from activities.playbooks import PLAYBOOKS
from activities.sandboxed import SandboxedActivities
from activities.trusted import TrustedActivities
from coco import gateway_protocol, grants, payloads
from coco import names as coco_names
from coco.actions import ActionState, Reversibility
from coco.approvals import ApprovalRule, ApproverRole
from coco.audit import AuditKind
from coco.connections import ConnectionState
from coco.decisions import Verdict
from coco.errors import Code
from coco.model_routes import Purpose
from coco.teams import Role
from workflows.run import RunWorkflow


def test_activities() -> None:
    defined = {
        activity._Definition.must_from_callable(getattr(owner, name)).name  # type: ignore[arg-type]
        for owner in (TrustedActivities, SandboxedActivities)
        for name in vars(owner)
        if hasattr(getattr(owner, name), "__temporal_activity_definition")
    }
    assert defined >= {
        "coco.plan", "coco.perform", "coco.ensure_sandbox", "coco.accept_plan", "coco.load_run", "coco.mint_grant",
        "coco.record_result", "coco.set_state", "coco.finish_run", "coco.cancel_run",
    }  # fmt: skip
    assert {"coco.perform"} == names.GATED


def test_workflow_signal_query_queues_and_search_attributes() -> None:
    definition = workflow._Definition.must_from_class(RunWorkflow)
    assert definition.name == "coco.run"
    assert set(definition.signals) == {"wake"}
    assert set(definition.queries) == {"state"}
    assert coco_names.CONTROL_QUEUE == "coco-control"
    user, run = "5f0c3b9e-0000-4000-8000-000000000001", "5f0c3b9e-0000-4000-8000-000000000002"
    assert coco_names.sandbox_queue(user) == f"sandbox:{user}"
    assert coco_names.temporal_workflow_id(user, run) == f"run:{user}:{run}"
    searched = (coco_names.SEARCH_USER, coco_names.SEARCH_WORKFLOW, coco_names.SEARCH_STATE)
    assert searched == ("CocoUser", "CocoWorkflow", "CocoState")


def test_messages() -> None:
    """Field names and types of what histories hold: additions need a default."""
    shapes = {
        name: sorted(model.model_fields)
        for name, model in vars(names).items()
        if isinstance(model, type) and issubclass(model, names.Frozen) and model is not names.Frozen
    }
    for name, fields in {
        "PlanInput": ["revision", "run_id"],
        "PlanOutput": ["proposals", "questions", "revision", "run_id"],
        "PerformInput": ["action_id", "grant"],
        "PerformOutput": ["action_id", "state"],
        "UserRun": ["run_id", "user_id"],
        "AcceptPlanInput": ["revision", "run_id", "user_id"],
        "AcceptOutput": ["again", "open_questions"],
        "ActionRef": ["action_id", "run_id", "user_id"],
        "MintOutput": ["grant", "recorded", "refused", "stale"],
        "RecordInput": ["action_id", "failure", "run_id", "user_id"],
        "RecordOutput": ["blocked", "state", "wait_seconds"],
        "SetStateInput": ["reason", "run_id", "state", "user_id"],
        "FinishInput": ["reason", "run_id", "state", "user_id"],
    }.items():
        assert shapes[name] == fields
    assert {"approved", "cancelled", "open_questions", "pending", "revision", "settled", "unknown"} <= set(
        shapes["RunView"]
    )


def test_enums() -> None:
    assert {state.value for state in ActionState} == {
        "pending", "approved", "rejected", "superseded", "cancelled", "done", "failed", "drifted", "outcome_unknown",
    }  # fmt: skip
    assert {verdict.value for verdict in Verdict} == {"approve", "reject", "edit", "happened", "did_not_happen"}
    assert {item.value for item in Reversibility} == {"reversible", "compensable", "irreversible"}
    assert {item.value for item in ConnectionState} == {
        "checking", "active", "read_only", "needs_reconnection", "revoked",
    }  # fmt: skip
    assert {kind.value for kind in AuditKind} >= {
        "sign_up", "sign_in", "sign_in_failed", "sign_out", "connection_added", "connection_changed",
        "workflow_created", "run_started", "run_cancelled", "run_finished", "question_answered", "action_approved",
        "action_rejected", "action_edited", "action_done", "action_failed", "action_drifted",
        "action_outcome_unknown", "action_settled", "request_refused", "delegation_set", "delegation_withdrawn",
        "escalation_set", "card_escalated", "team_budget_changed", "action_approved_in_part", "approval_rule_set",
    }  # fmt: skip
    assert {role.value for role in ApproverRole} == {"approver", "admin", "owner"}
    assert {purpose.value for purpose in Purpose} == {"drafting", "proposing"}
    assert {kind.value for kind in AuditKind} >= {
        "guardrail_not_proposed", "model_route_changed", "voice_learned", "voice_kept", "voice_deleted",
    }  # fmt: skip
    assert {role.value for role in Role} == {"owner", "admin", "approver", "member", "auditor"}
    assert {code.value for code in Code} >= {
        "grant_missing", "grant_invalid", "grant_expired", "grant_mismatch", "grant_spent", "not_in_manifest",
        "connection_unusable", "drifted", "outcome_unknown", "run_cancelled", "credits", "conflict", "not_found",
    }  # fmt: skip


def test_grants_payloads_and_the_gateway() -> None:
    assert sorted(grants.GrantedBy.model_fields) == ["id", "kind", "people", "version"]
    assert sorted(ApprovalRule.model_fields) == ["not_requester", "people", "role"]
    assert (grants.ISSUER, grants.AUDIENCE, grants.ALGORITHM) == ("coco-control", "coco-gateway", "ES256")
    assert (payloads.ENCODING, payloads.USER, payloads.VERSION) == (
        b"binary/coco-encrypted", "coco-user", "coco-key-version",
    )  # fmt: skip
    assert gateway_protocol.SERVICE == "coco.gateway.v1.Gateway"
    assert {"follow_up_silent_deals", "enrich_tagged_contacts"} <= set(PLAYBOOKS)
    assert set(typing.get_args(gateway_protocol.SendReply.model_fields["state"].annotation)) == {
        "done", "failed", "unknown", "drifted",
    }  # fmt: skip
