"""Every route of the public app, walked: who may call it, what another user gets, and that a GET changes nothing.

A route without an entry in `ROUTES` fails the first test: think about who may call it, then add it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlmodel import SQLModel

from api.public.parts import Parts
from coco.guardrails.english.compiler import compile_sentence
from store import portable
from store.tables import CreditBudget, GuardrailRow, Hook, ScheduleRow
from store.tables_asking import GuardrailProposal, VoiceRow
from tests.api.cards import Card, make_card
from tests.api.pages import Visitor, visit
from tests.api.people import PASSWORD, Person
from tests.conftest import Postgres

MARKER = "zebra-crossing-41"
"""In the victim's goal, so also in every page that shows it."""


@dataclass(frozen=True)
class Route:
    """How to call a route, with the victim's ids filled into its path, query and body."""

    access: str
    """`open`: no sign-in. `own`: shows or makes the caller's own. `foreign`: names a thing that must be one's own."""
    json: Callable[[Card], Any] | None = None
    form: Callable[[Card], dict[str, str]] | None = None
    query: str = ""
    status: tuple[int, ...] = (404,)
    """What a stranger may get on a foreign route."""


DIGEST = "0" * 64
RULE = "Enrich contacts that have a first name."
GUARDRAIL, SCHEDULE, HOOK, BUDGET = uuid4(), uuid4(), uuid4(), uuid4()
PROPOSAL, VOICE = uuid4(), uuid4()
TEAM, INVITATION, DELEGATION = uuid4(), uuid4(), uuid4()
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
INVITED = "the token of an invitation for somebody"

ROUTES: dict[tuple[str, str], Route] = {
    # Before the calls below: one's own audit repeats the strange ids that one asked for.
    ("POST", "/api/v1/account/export"): Route("own"),
    # Somebody else's address, typed into one's own form.
    ("POST", "/api/v1/account/delete"): Route(
        "foreign", json=lambda card: {"confirm": "ada@example.com", "password": PASSWORD}, status=(422,)
    ),
    ("GET", "/api/v1/account/retention"): Route("own"),
    ("PUT", "/api/v1/account/retention"): Route("own", json=lambda card: {"reads": 5}),
    ("POST", "/account/retention"): Route("own", form=lambda card: {"reads": "6"}),
    ("GET", "/account"): Route("own"),
    ("POST", "/account/export"): Route("own", form=lambda card: {}),
    ("POST", "/account/delete"): Route(
        "foreign", form=lambda card: {"confirm": "ada@example.com", "password": PASSWORD}, status=(422,)
    ),
    ("GET", "/api/v1/auth/regions"): Route("open"),
    ("POST", "/api/v1/auth/sign-up"): Route("open"),
    ("POST", "/api/v1/auth/login"): Route("open"),
    ("POST", "/api/v1/auth/refresh"): Route("open"),
    ("POST", "/api/v1/auth/logout"): Route("own"),
    ("GET", "/api/v1/auth/me"): Route("own"),
    ("GET", "/api/v1/connectors"): Route("own"),
    ("GET", "/api/v1/connections"): Route("own"),
    ("POST", "/api/v1/connections"): Route(
        "own", json=lambda card: {"connector": "hubspot", "credential": {"secret": "x"}}
    ),
    ("GET", "/api/v1/connections/{connection_id}"): Route("foreign"),
    ("GET", "/api/v1/connections/{connection_id}/calls"): Route("foreign"),
    ("POST", "/api/v1/connections/{connection_id}/credential"): Route(
        "foreign", json=lambda card: {"credential": {"secret": "another"}}
    ),
    ("POST", "/api/v1/connections/{connection_id}/test"): Route("foreign"),
    ("POST", "/api/v1/oauth"): Route(
        "foreign", json=lambda card: {"connector": "hubspot", "connection_id": str(card.crm)}
    ),
    # A state that this session did not begin; tests/hermes/test_keys_at_work.py has another user's.
    ("POST", "/api/v1/oauth/finish"): Route("foreign", json=lambda card: {"code": "x", "state": "y"}, status=(403,)),
    ("POST", "/api/v1/connections/{connection_id}/state"): Route("foreign", json=lambda card: {"state": "revoked"}),
    ("GET", "/api/v1/playbooks"): Route("own"),
    ("GET", "/api/v1/workflows"): Route("own", query="archived=true"),
    ("POST", "/api/v1/workflows"): Route(
        "foreign",
        json=lambda card: {
            "playbook": "enrich_tagged_contacts",
            "params": {"tag": "x"},
            "connections": [str(card.crm)],
        },
    ),
    ("GET", "/api/v1/workflows/{workflow_id}"): Route("foreign"),
    ("POST", "/api/v1/workflows/{workflow_id}/archive"): Route("foreign"),
    ("POST", "/api/v1/runs"): Route("foreign", json=lambda card: {"workflow_id": str(card.workflow_id)}),
    ("GET", "/api/v1/runs"): Route("own"),
    ("GET", "/api/v1/runs/{run_id}"): Route("foreign"),
    ("POST", "/api/v1/runs/{run_id}/cancel"): Route("foreign"),
    ("POST", "/api/v1/runs/{run_id}/pause"): Route("foreign"),
    ("POST", "/api/v1/runs/{run_id}/resume"): Route("foreign"),
    ("POST", "/api/v1/runs/{run_id}/decisions"): Route(
        "foreign",
        json=lambda card: {
            "decisions": [
                {"action_id": str(card.action.id), "digest": card.action.digest, "verdict": "approve"},
            ]
        },
    ),
    ("POST", "/api/v1/questions/{question_id}/answer"): Route("foreign", json=lambda card: {"text": "Proposal"}),
    ("GET", "/api/v1/actions"): Route("own"),
    ("GET", "/api/v1/actions/{action_id}"): Route("foreign"),
    ("POST", "/api/v1/actions/{action_id}/approve"): Route("foreign", json=lambda card: {"digest": card.action.digest}),
    ("POST", "/api/v1/actions/{action_id}/reject"): Route(
        "foreign", json=lambda card: {"digest": card.action.digest, "reason": "no"}
    ),
    ("POST", "/api/v1/actions/{action_id}/edit"): Route(
        "foreign",
        json=lambda card: {
            "digest": card.action.digest,
            "arguments": {"id": "1001", "properties": {"city": "Rome"}},
        },
    ),
    ("POST", "/api/v1/actions/{action_id}/settle"): Route("foreign", json=lambda card: {"happened": True}),
    ("GET", "/api/v1/workflows/{workflow_id}/guardrails"): Route("foreign"),
    ("POST", "/api/v1/workflows/{workflow_id}/guardrails"): Route("foreign", json=lambda card: {"sentence": RULE}),
    ("POST", "/api/v1/workflows/{workflow_id}/guardrails/preview"): Route(
        "foreign", json=lambda card: {"sentence": RULE}
    ),
    # The victim's own voice: tests/gateway/test_voice.py.
    ("GET", "/api/v1/voices"): Route("own"),
    ("POST", "/api/v1/voices"): Route("foreign", json=lambda card: {"connection_id": str(card.crm)}),
    ("POST", "/api/v1/voices/{voice_id}/look"): Route("foreign"),
    ("POST", "/api/v1/voices/{voice_id}/keep"): Route("foreign", json=lambda card: {}, status=(402,)),
    ("DELETE", "/api/v1/voices/{voice_id}"): Route("foreign"),
    ("POST", "/writing/voices"): Route("foreign", form=lambda card: {"connection_id": str(card.crm)}),
    ("POST", "/writing/voices/{voice_id}/look"): Route("foreign", form=lambda card: {}),
    ("POST", "/writing/voices/{voice_id}/keep"): Route("foreign", form=lambda card: {}, status=(402,)),
    ("POST", "/writing/voices/{voice_id}/delete"): Route("foreign", form=lambda card: {}),
    ("GET", "/api/v1/model-routes"): Route("own"),
    # Routes come with a tier that a stranger does not have. Over another's connection: tests/store/test_model_routes.py
    ("PUT", "/api/v1/model-routes/{purpose}"): Route(
        "foreign", json=lambda card: {"connection_id": str(card.crm), "model": "m"}, status=(402,)
    ),
    ("DELETE", "/api/v1/model-routes/{purpose}"): Route("foreign"),
    ("GET", "/writing"): Route("own"),
    ("POST", "/writing/routes/{purpose}"): Route(
        "foreign", form=lambda card: {"connection_id": str(card.crm), "model": "m"}, status=(402,)
    ),
    ("GET", "/api/v1/workflows/{workflow_id}/guardrails/proposals"): Route("foreign"),
    ("POST", "/api/v1/workflows/{workflow_id}/guardrails/proposals"): Route(
        "foreign", json=lambda card: {"sentence": "Archive the VIPs."}
    ),
    ("POST", "/api/v1/guardrails/proposals/{proposal_id}/look"): Route("foreign"),
    ("POST", "/workflows/{workflow_id}/guardrails/proposals"): Route(
        "foreign", form=lambda card: {"sentence": "Archive the VIPs.", "model": "m"}
    ),
    ("GET", "/guardrails/proposals/{proposal_id}"): Route("foreign"),
    ("POST", "/guardrails/proposals/{proposal_id}/look"): Route("foreign", form=lambda card: {}),
    ("POST", "/api/v1/guardrails/{guardrail_id}/versions/{version}/confirm"): Route(
        "foreign", json=lambda card: {"reading": RULE}
    ),
    ("POST", "/api/v1/guardrails/{guardrail_id}/retire"): Route("foreign"),
    ("GET", "/api/v1/workflows/{workflow_id}/trust"): Route("foreign"),
    ("POST", "/api/v1/workflows/{workflow_id}/trust/settings"): Route("foreign", json=lambda card: {}),
    ("POST", "/api/v1/workflows/{workflow_id}/graduate"): Route("foreign", json=lambda card: {}),
    ("POST", "/api/v1/workflows/{workflow_id}/take-back"): Route("foreign", json=lambda card: {}),
    ("POST", "/api/v1/actions/{action_id}/review"): Route("foreign", json=lambda card: {"verdict": "ok"}),
    ("POST", "/api/v1/actions/{action_id}/notice/seen"): Route("foreign"),
    ("GET", "/api/v1/digests"): Route("own"),
    ("POST", "/api/v1/digests/{run_id}/seen"): Route("foreign"),
    ("GET", "/api/v1/workflows/{workflow_id}/schedules"): Route("foreign"),
    ("POST", "/api/v1/workflows/{workflow_id}/schedules"): Route(
        "foreign", json=lambda card: {"sentence": "every weekday at 8:00 Europe/Berlin"}
    ),
    ("POST", "/api/v1/schedules/{schedule_id}"): Route("foreign", json=lambda card: {"jitter_seconds": 5}),
    ("POST", "/api/v1/schedules/{schedule_id}/pause"): Route("foreign", json=lambda card: {}),
    ("POST", "/api/v1/schedules/{schedule_id}/resume"): Route("foreign"),
    ("POST", "/api/v1/schedules/{schedule_id}/delete"): Route("foreign"),
    ("POST", "/api/v1/workflows/{workflow_id}/hooks"): Route("foreign"),
    ("POST", "/api/v1/workflow-hooks/{hook_id}/rotate"): Route("foreign"),
    ("POST", "/api/v1/workflow-hooks/{hook_id}/disable"): Route("foreign"),
    # By the signature of its delivery: tested in tests/autonomy/test_hooks.py.
    ("POST", "/hooks/{hook_id}"): Route("open"),
    ("GET", "/api/v1/activity"): Route("own"),
    ("POST", "/api/v1/actions/{action_id}/undo"): Route("foreign"),
    ("POST", "/api/v1/actions/{action_id}/follow-up"): Route("foreign"),
    ("POST", "/actions/{action_id}/follow-up"): Route("foreign", form=lambda card: {}),
    ("GET", "/api/v1/runs/{run_id}/revert"): Route("foreign"),
    ("POST", "/api/v1/runs/{run_id}/revert"): Route("foreign"),
    ("POST", "/runs/{run_id}/revert"): Route("foreign", form=lambda card: {}),
    ("POST", "/actions/{action_id}/undo"): Route("foreign", form=lambda card: {}),
    ("POST", "/api/v1/audit/exports"): Route(
        "own", json=lambda card: {"form": "jsonl", "filter": {"workflow": str(card.workflow_id)}}
    ),
    ("GET", "/api/v1/audit/checkpoints"): Route("own"),
    ("GET", "/api/v1/audit/keys"): Route("own"),
    ("GET", "/api/v1/credits"): Route("own"),
    ("GET", "/api/v1/credits/ledger"): Route("own"),
    ("GET", "/api/v1/credits/usage"): Route("own"),
    ("GET", "/api/v1/credits/budgets"): Route("own"),
    ("PUT", "/api/v1/credits/budgets"): Route(
        "foreign", json=lambda card: {"workflow_id": str(card.workflow_id), "period": "day", "credits": 5}
    ),
    ("DELETE", "/api/v1/credits/budgets/{budget_id}"): Route("foreign"),
    ("GET", "/api/v1/teams"): Route("own"),
    # A team comes with a tier that a stranger does not have; an invitation is for its address.
    ("POST", "/api/v1/teams"): Route("foreign", json=lambda card: {"name": "Mine"}, status=(402,)),
    ("POST", "/api/v1/team-invitations/accept"): Route("foreign", json=lambda card: {"token": INVITED}, status=(403,)),
    ("GET", "/api/v1/teams/{team_id}"): Route("foreign"),
    ("GET", "/api/v1/teams/{team_id}/invitations"): Route("foreign"),
    ("POST", "/api/v1/teams/{team_id}/invitations"): Route(
        "foreign", json=lambda card: {"email": "eve@example.com", "role": "owner"}
    ),
    ("POST", "/api/v1/teams/{team_id}/invitations/{invitation_id}/revoke"): Route("foreign"),
    ("POST", "/api/v1/teams/{team_id}/members/{person_id}/role"): Route(
        "foreign", json=lambda card: {"role": "auditor"}
    ),
    ("POST", "/api/v1/teams/{team_id}/members/{person_id}/remove"): Route("foreign"),
    ("POST", "/api/v1/teams/{team_id}/leave"): Route("foreign"),
    ("GET", "/api/v1/teams/{team_id}/workflows"): Route("foreign"),
    ("POST", "/api/v1/teams/{team_id}/workflows/{workflow_id}/share"): Route("foreign"),
    ("POST", "/api/v1/teams/{team_id}/workflows/{workflow_id}/unshare"): Route("foreign"),
    ("POST", "/api/v1/teams/{team_id}/workflows/{workflow_id}/runs"): Route("foreign"),
    ("GET", "/api/v1/teams/{team_id}/runs"): Route("foreign"),
    ("GET", "/api/v1/teams/{team_id}/runs/{run_id}"): Route("foreign"),
    ("GET", "/api/v1/teams/{team_id}/activity"): Route("foreign"),
    ("GET", "/api/v1/workflows/{workflow_id}/approval-rule"): Route("foreign"),
    ("PUT", "/api/v1/workflows/{workflow_id}/approval-rule"): Route("foreign", json=lambda card: {"people": 1}),
    ("POST", "/workflows/{workflow_id}/approval-rule"): Route("foreign", form=lambda card: {"people": "1", "role": ""}),
    ("GET", "/api/v1/teams/{team_id}/waiting"): Route("foreign"),
    ("POST", "/api/v1/teams/{team_id}/actions/{action_id}/approve"): Route(
        "foreign", json=lambda card: {"digest": card.action.digest}
    ),
    ("POST", "/api/v1/teams/{team_id}/actions/{action_id}/reject"): Route(
        "foreign", json=lambda card: {"digest": card.action.digest, "reason": "no"}
    ),
    ("POST", "/teams/{team_id}/actions/{action_id}/decide"): Route(
        "foreign", form=lambda card: {"verdict": "approve", "digest": card.action.digest, "back": "inbox"}
    ),
    ("GET", "/api/v1/teams/{team_id}/budgets"): Route("foreign"),
    ("PUT", "/api/v1/teams/{team_id}/budgets"): Route("foreign", json=lambda card: {"period": "day", "credits": 5}),
    ("DELETE", "/api/v1/teams/{team_id}/budgets/{period}"): Route("foreign"),
    ("POST", "/teams/{team_id}/budgets"): Route("foreign", form=lambda card: {"period": "day", "credits": "5"}),
    ("GET", "/api/v1/delegations"): Route("own"),
    ("POST", "/api/v1/teams/{team_id}/delegations"): Route(
        "foreign", json=lambda card: {"to": str(card.user_id), "ends_at": TOMORROW}
    ),
    ("POST", "/api/v1/delegations/{delegation_id}/end"): Route("foreign"),
    ("GET", "/api/v1/reminders"): Route("own"),
    ("GET", "/api/v1/reminders/settings"): Route("own"),
    ("PUT", "/api/v1/reminders/settings"): Route("own", json=lambda card: {"first_hours": 5}),
    ("GET", "/api/v1/escalations"): Route("own"),
    ("GET", "/api/v1/workflows/{workflow_id}/escalation"): Route("foreign"),
    ("PUT", "/api/v1/workflows/{workflow_id}/escalation"): Route(
        "foreign", json=lambda card: {"after_hours": 5, "to_role": "admin"}
    ),
    ("DELETE", "/api/v1/workflows/{workflow_id}/escalation"): Route("foreign"),
    ("GET", "/away"): Route("own"),
    ("POST", "/away/delegations"): Route(
        "foreign", form=lambda card: {"team": str(TEAM), "to": str(card.user_id), "last": TOMORROW[:10]}
    ),
    ("POST", "/away/delegations/{delegation_id}/end"): Route("foreign", form=lambda card: {}),
    ("POST", "/away/reminders"): Route("own", form=lambda card: {"on": "yes", "first_hours": "6"}),
    ("POST", "/workflows/{workflow_id}/escalation"): Route(
        "foreign", form=lambda card: {"to": "role:admin", "after_hours": "5"}
    ),
    ("GET", "/api/v1/openapi.json"): Route("open"),
    ("GET", "/api/docs"): Route("open"),
    ("GET", "/login"): Route("open"),
    ("POST", "/login"): Route("open"),
    ("GET", "/sign-up"): Route("open"),
    ("POST", "/sign-up"): Route("open"),
    ("GET", "/session/resume"): Route("open"),
    ("POST", "/session/refresh"): Route("open"),
    ("POST", "/session/sign-out"): Route("own", form=lambda card: {}),
    ("GET", "/"): Route("own"),
    ("GET", "/runs"): Route("own"),
    ("GET", "/runs/{run_id}"): Route("foreign"),
    ("POST", "/runs/{run_id}/cancel"): Route("foreign", form=lambda card: {}),
    ("POST", "/runs/{run_id}/pause"): Route("foreign", form=lambda card: {}),
    ("POST", "/runs/{run_id}/resume"): Route("foreign", form=lambda card: {}),
    ("POST", "/runs/{run_id}/approve-all"): Route(
        "foreign", form=lambda card: {"item": f"{card.action.id}:{card.action.digest}"}
    ),
    ("POST", "/actions/{action_id}/decide"): Route(
        "foreign", form=lambda card: {"verdict": "approve", "digest": card.action.digest, "back": "inbox"}
    ),
    ("POST", "/questions/{question_id}/answer"): Route("foreign", form=lambda card: {"text": "Proposal"}),
    ("GET", "/actions/{action_id}/edit"): Route("foreign"),
    ("POST", "/actions/{action_id}/edit"): Route(
        "foreign", form=lambda card: {"digest": card.action.digest, "f.properties.city": "Rome"}
    ),
    ("POST", "/workflows/{workflow_id}/runs"): Route("foreign", form=lambda card: {"goal": "", "key": "k"}),
    ("GET", "/workflows"): Route("own"),
    ("GET", "/workflows/new"): Route("own", query="playbook=enrich_tagged_contacts"),
    ("POST", "/workflows/new"): Route(
        "foreign",
        form=lambda card: {
            "playbook": "enrich_tagged_contacts",
            "title": "Mine",
            "f.tag": "x",
            "f.fields": "city",
            "connection": str(card.crm),
        },
    ),
    ("GET", "/workflows/{workflow_id}"): Route("foreign"),
    ("POST", "/workflows/{workflow_id}/archive"): Route("foreign", form=lambda card: {}),
    ("POST", "/workflows/{workflow_id}/guardrails"): Route("foreign", form=lambda card: {"sentence": RULE}),
    ("GET", "/guardrails/{guardrail_id}/versions/{version}"): Route("foreign"),
    ("POST", "/guardrails/{guardrail_id}/versions/{version}/confirm"): Route(
        "foreign", form=lambda card: {"reading": RULE}
    ),
    ("POST", "/guardrails/{guardrail_id}/retire"): Route("foreign", form=lambda card: {}),
    ("POST", "/workflows/{workflow_id}/graduate"): Route(
        "foreign",
        form=lambda card: {"days": "7", "actions": "5", "credits": "9", "rule": f"{GUARDRAIL}@1"},
    ),
    ("POST", "/workflows/{workflow_id}/take-back"): Route("foreign", form=lambda card: {}),
    ("POST", "/workflows/{workflow_id}/trust/settings"): Route(
        "foreign", form=lambda card: {"runs_needed": "1", "review_percent": "0"}
    ),
    ("POST", "/actions/{action_id}/review"): Route("foreign", form=lambda card: {"verdict": "ok"}),
    ("POST", "/digests/{run_id}/seen"): Route("foreign", form=lambda card: {}),
    ("POST", "/actions/{action_id}/notice/seen"): Route("foreign", form=lambda card: {}),
    ("POST", "/workflows/{workflow_id}/schedules"): Route(
        "foreign",
        form=lambda card: {"sentence": "every weekday at 8:00 Europe/Berlin", "catch_up": "60", "jitter": "0"},
    ),
    ("POST", "/schedules/{schedule_id}"): Route(
        "foreign",
        form=lambda card: {"sentence": "every weekday at 8:00 Europe/Berlin", "catch_up": "60", "jitter": "0"},
    ),
    ("POST", "/schedules/{schedule_id}/pause"): Route("foreign", form=lambda card: {"note": "x"}),
    ("POST", "/schedules/{schedule_id}/resume"): Route("foreign", form=lambda card: {}),
    ("POST", "/schedules/{schedule_id}/delete"): Route("foreign", form=lambda card: {}),
    ("POST", "/workflows/{workflow_id}/hooks"): Route("foreign", form=lambda card: {}),
    ("POST", "/workflow-hooks/{hook_id}/rotate"): Route("foreign", form=lambda card: {}),
    ("POST", "/workflow-hooks/{hook_id}/disable"): Route("foreign", form=lambda card: {}),
    ("GET", "/connections"): Route("own"),
    ("GET", "/connections/new"): Route("own", query="connector=smtp"),
    ("GET", "/connections/{connection_id}/credential"): Route("foreign"),
    ("POST", "/connections/{connection_id}/credential"): Route("foreign", form=lambda card: {"secret": "another"}),
    ("POST", "/connections/{connection_id}/test"): Route("foreign", form=lambda card: {}),
    # Cookies are SameSite=Strict, so nobody is signed in on the way back from a provider: it only leads on.
    ("GET", "/connections/oauth/callback"): Route("open"),
    ("GET", "/connections/oauth/finish"): Route("own", query="code=x&state=y"),
    ("POST", "/connections/oauth/finish"): Route(
        "foreign", form=lambda card: {"code": "x", "state": "y"}, status=(403,)
    ),
    ("POST", "/connections/new"): Route(
        "own",
        form=lambda card: {"connector": "hubspot", "title": "x", "secret": "x"},
    ),
    ("GET", "/connections/{connection_id}"): Route("foreign"),
    ("POST", "/connections/{connection_id}/state"): Route("foreign", form=lambda card: {"state": "revoked"}),
    ("GET", "/activity"): Route("own", query="q=zebra&what=done"),
    ("POST", "/activity/export"): Route("own", form=lambda card: {"form": "csv", "run": str(card.run_id)}),
    ("POST", "/credits/budgets"): Route(
        "foreign", form=lambda card: {"workflow": str(card.workflow_id), "period": "day", "credits": "5"}
    ),
    ("POST", "/credits/budgets/{budget_id}/remove"): Route("foreign", form=lambda card: {}),
    ("GET", "/credits"): Route("own"),
    ("GET", "/teams"): Route("own"),
    ("POST", "/teams"): Route("foreign", form=lambda card: {"name": "Mine"}, status=(402,)),
    ("GET", "/teams/join"): Route("own"),
    ("POST", "/teams/join"): Route("foreign", form=lambda card: {"token": INVITED}, status=(403,)),
    ("GET", "/teams/{team_id}"): Route("foreign"),
    ("POST", "/teams/{team_id}/invitations"): Route(
        "foreign", form=lambda card: {"email": "eve@example.com", "role": "owner"}
    ),
    ("POST", "/teams/{team_id}/invitations/{invitation_id}/revoke"): Route("foreign", form=lambda card: {}),
    ("POST", "/teams/{team_id}/members/{person_id}/role"): Route("foreign", form=lambda card: {"role": "auditor"}),
    ("POST", "/teams/{team_id}/members/{person_id}/remove"): Route("foreign", form=lambda card: {}),
    ("POST", "/teams/{team_id}/leave"): Route("foreign", form=lambda card: {}),
    ("POST", "/teams/{team_id}/workflows"): Route("foreign", form=lambda card: {"workflow": str(card.workflow_id)}),
    ("POST", "/teams/{team_id}/workflows/{workflow_id}/unshare"): Route("foreign", form=lambda card: {}),
    ("POST", "/teams/{team_id}/workflows/{workflow_id}/runs"): Route("foreign", form=lambda card: {"key": "k"}),
    ("GET", "/teams/{team_id}/runs/{run_id}"): Route("foreign"),
    ("GET", "/teams/{team_id}/activity"): Route("foreign"),
}
SOCKETS = {"/api/v1/feed"}
"""Tested in test_feed.py."""


def walked(app: FastAPI) -> set[tuple[str, str]]:
    found = set()
    for context in iter_route_contexts(app.routes):
        if context.path in SOCKETS or context.path == "/static":
            continue
        found |= {(method, context.path) for method in (context.methods or set()) - {"HEAD"}}
    return found


def ids(card: Card) -> dict[str, UUID | int | str]:
    return {
        "run_id": card.run_id,
        "workflow_id": card.workflow_id,
        "connection_id": card.crm,
        "action_id": card.action.id,
        "question_id": card.questions[0].id,
        "guardrail_id": GUARDRAIL,
        "proposal_id": PROPOSAL,
        "purpose": "drafting",
        "voice_id": VOICE,
        "schedule_id": SCHEDULE,
        "budget_id": BUDGET,
        "hook_id": HOOK,
        "team_id": TEAM,
        "invitation_id": INVITATION,
        "delegation_id": DELEGATION,
        "person_id": card.user_id,
        "version": 1,
        "period": "month",
    }


def filled(path: str, card: Card) -> str:
    known = ids(card)
    return re.sub(r"\{(\w+)\}", lambda match: str(known[match[1]]), path)


def everything(postgres: Postgres, user_id: UUID | None = None) -> dict[str, list[str]]:
    """All rows of all tables, or one user's: what must not have changed."""
    found = {}
    with postgres.connect() as owner:
        for name, table in SQLModel.metadata.tables.items():
            column = portable.whose(table)
            if column is None:
                continue
            where = f" WHERE {column.name} = '{user_id}'" if user_id else ""
            rows = owner.execute(f"SELECT row_to_json(t)::text FROM {name} t{where}").fetchall()
            found[name] = sorted(row[0] for row in rows)
    return found


@pytest.fixture
async def card(ada: Person, postgres: Postgres) -> Card:
    made = await make_card(postgres, ada.user_id, question=True, goal=f"Find the {MARKER}")
    async with postgres.api.user(ada.user_id) as session:
        rule = compile_sentence(RULE)
        assert rule.form is not None
        session.add(
            GuardrailRow(
                id=GUARDRAIL,
                user_id=ada.user_id,
                workflow_id=made.workflow_id,
                sentence=RULE,
                form=rule.form.model_dump(mode="json"),
                reading=rule.reading,
                predicate=MARKER,
            )
        )
        plan = {"kind": "interval", "seconds": 3600}
        session.add_all(
            [
                ScheduleRow(id=SCHEDULE, user_id=ada.user_id, workflow_id=made.workflow_id, sentence=MARKER, plan=plan),
                Hook(id=HOOK, user_id=ada.user_id, workflow_id=made.workflow_id),
                CreditBudget(id=BUDGET, user_id=ada.user_id, period="day", credits=77),
                VoiceRow(
                    id=VOICE, user_id=ada.user_id, connection_id=made.crm, state="shown", voice={"greeting": MARKER}
                ),
                GuardrailProposal(
                    id=PROPOSAL,
                    user_id=ada.user_id,
                    workflow_id=made.workflow_id,
                    sentence=MARKER,
                    asks=[{"connection": str(made.crm), "model": MARKER, "sampling": True}],
                ),
            ]
        )
    make_team(postgres, ada.user_id, made.workflow_id)
    return made


def make_team(postgres: Postgres, user_id: UUID, workflow_id: UUID) -> None:
    """A team of the victim's, with an invitation, and her workflow shared before its run began."""
    with postgres.connect() as owner:
        owner.execute("UPDATE users SET tier = 'team' WHERE id = %s", (user_id,))
        owner.execute("INSERT INTO teams VALUES (%s, %s, now(), %s)", (TEAM, MARKER, user_id))
        owner.execute(
            "INSERT INTO team_members (team_id, user_id, joined_at, role) VALUES (%s, %s, now(), 'owner')",
            (TEAM, user_id),
        )
        owner.execute(
            "INSERT INTO team_invitations (id, team_id, email, role, token_sha256, invited_by, created_at, expires_at) "
            "VALUES (%s, %s, 'somebody@example.com', 'admin', encode(sha256(%s), 'hex'), %s, now(), "
            "now() + interval '1 day')",
            (INVITATION, TEAM, INVITED.encode(), user_id),
        )
        owner.execute("INSERT INTO team_budgets VALUES (%s, 'month', 41, %s, now())", (TEAM, user_id))
        owner.execute("SET session_replication_role = replica")
        owner.execute(
            "INSERT INTO delegations (id, user_id, to_id, team_id, starts_at, ends_at) "
            "VALUES (%s, %s, gen_random_uuid(), %s, now(), now() + interval '1 day')",
            (DELEGATION, user_id, TEAM),
        )
        owner.execute("INSERT INTO escalation_rules VALUES (%s, %s, 41, NULL, 'admin', now())", (workflow_id, user_id))
        owner.execute("SET session_replication_role = origin")
        owner.execute("UPDATE workflows SET team_id = %s WHERE id = %s", (TEAM, workflow_id))
        owner.execute(
            "INSERT INTO team_shares (workflow_id, shared_at, user_id, team_id) VALUES (%s, '2026-01-01', %s, %s)",
            (workflow_id, user_id, TEAM),
        )


async def call(
    route: tuple[str, str], how: Route, card: Card, person: Person, visitor: Visitor | None
) -> httpx.Response:
    method, path = route
    target = filled(path, card) + (f"?{how.query}" if how.query else "")
    if path.startswith("/api/v1/"):
        return await person.call(method, target.removeprefix("/api/v1"), json=how.json(card) if how.json else None)
    assert visitor is not None
    if method == "POST":
        return await visitor.post(target, how.form(card) if how.form else {})
    return await visitor.client.request(method, target)


def test_every_route_has_an_entry_here(app: FastAPI) -> None:
    assert walked(app) == set(ROUTES)


@pytest.mark.parametrize("route", [key for key, how in ROUTES.items() if how.access == "foreign"], ids=" ".join)
async def test_another_users_things_are_not_there(
    route: tuple[str, str], ada: Person, eve: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    before = everything(postgres, ada.user_id)
    async with visit(app, parts, eve.email) as visitor:
        response = await call(route, ROUTES[route], card, eve, visitor)
    assert response.status_code in ROUTES[route].status, response.text
    assert MARKER not in response.text
    assert ada.email not in response.text
    assert everything(postgres, ada.user_id) == before


async def test_what_is_ones_own_shows_nothing_of_anybody_else(
    ada: Person, eve: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    before = everything(postgres, ada.user_id)
    known = [str(item) for item in ids(card).values() if isinstance(item, UUID)]
    strange = [MARKER, ada.email, str(ada.user_id), *known]
    seen = 0
    async with visit(app, parts, eve.email) as visitor:
        for route, how in ROUTES.items():
            if how.access != "own" or route[1].endswith(("logout", "sign-out")):
                continue
            response = await call(route, how, card, eve, visitor)
            assert response.status_code in {200, 201, 303, 503}, (route, response.text)
            assert not [item for item in strange if item in response.text], route
            seen += 1
    assert seen > 15
    assert everything(postgres, ada.user_id) == before


async def test_nothing_but_the_open_routes_answers_without_a_sign_in(
    client: httpx.AsyncClient, card: Card, postgres: Postgres
) -> None:
    before = everything(postgres)
    for (method, path), how in ROUTES.items():
        if how.access == "open":
            continue
        target = filled(path, card) + (f"?{how.query}" if how.query else "")
        for headers in ({}, {"authorization": "Bearer x"}, {"cookie": "coco_access=x"}):
            response = await client.request(
                method,
                target,
                json=how.json(card) if how.json else None,
                data=how.form(card) if how.form else None,
                headers={"origin": str(client.base_url), **headers},
            )
            if path.startswith("/api/v1/") or method == "POST":
                assert response.status_code == 401, (method, path)
            else:
                assert response.status_code == 303, (method, path)
                assert response.headers["location"].startswith(("/login", "/session/resume"))
    assert everything(postgres) == before


async def test_a_get_decides_and_changes_nothing(
    ada: Person, card: Card, postgres: Postgres, app: FastAPI, parts: Parts
) -> None:
    """Link previews, prefetchers and scanners visit links with whatever they hold; so does this."""
    async with visit(app, parts, ada.email) as visitor:
        before = everything(postgres)
        tried = 0
        for method, path in ROUTES:
            if method != "GET":
                continue
            target = filled(path, card)
            query = ROUTES[(method, path)].query or "verdict=approve"
            tries = [
                ("GET", f"{target}?{query}&verdict=approve&digest={card.action.digest}&approve=1"),
                ("HEAD", target),
            ]
            for verb, address in tries:
                response = await visitor.client.request(
                    verb,
                    address,
                    headers={"authorization": f"Bearer {ada.token}", "user-agent": "Slackbot-LinkExpanding 1.0"},
                )
                assert response.status_code in {200, 303, 405, 422}, (verb, address, response.text)
                tried += 1
        # And the addresses that decide, visited as links.
        for method, path in ROUTES:
            if method == "POST" and ("GET", path) not in ROUTES:
                response = await visitor.client.get(
                    filled(path, card), headers={"authorization": f"Bearer {ada.token}"}
                )
                assert response.status_code in {404, 405}, path
                tried += 1
        assert tried > 60
        assert everything(postgres) == before


async def test_the_database_itself_refuses_a_change_in_a_get(ada: Person, parts: Parts) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import InternalError

    with pytest.raises(InternalError, match="read-only transaction"):
        async with parts.reading(ada.user_id) as session:
            await session.execute(text("UPDATE users SET name = 'changed'"))


async def test_a_malformed_id_is_nobodys(ada: Person, app: FastAPI, parts: Parts) -> None:
    for path in {path for _, path in ROUTES if "{" in path}:
        bad = re.sub(r"\{\w+\}", "not-an-id", path)
        if path.startswith("/api/v1/"):
            response = await ada.call("GET", bad.removeprefix("/api/v1"))
            assert response.status_code in {404, 405, 422}
            assert set(json.loads(response.text)) == {"error"}
        else:
            async with visit(app, parts, ada.email) as visitor:
                response = await visitor.client.get(bad)
            assert response.status_code in {404, 405}


def test_the_public_app_has_no_internal_endpoint(app: FastAPI) -> None:
    paths = {path for _, path in walked(app)}
    assert not [path for path in paths if re.search(r"decode|encode|metrics|ready|sandbox|internal", path)]
