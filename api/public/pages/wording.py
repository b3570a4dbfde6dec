"""How the pages say things: states, kinds, values, times."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from markupsafe import Markup, escape

from activities.connectors.base import GatedOperation
from activities.connectors.hubspot.objects import label as property_label
from activities.connectors.registry import CONNECTORS
from activities.playbooks import PLAYBOOKS
from coco.actions import ActionState, Reversibility
from coco.approvals import ApprovalRule
from store.alone import Digest
from store.views import ActivityView, InboxGroup, RunView

ACTION_STATES = {
    ActionState.PENDING: ("Waits for you", "wait"),
    ActionState.APPROVED: ("Approved, on its way", "go"),
    ActionState.REJECTED: ("Rejected", "off"),
    ActionState.SUPERSEDED: ("Replaced", "off"),
    ActionState.CANCELLED: ("Cancelled", "off"),
    ActionState.DONE: ("Done", "done"),
    ActionState.FAILED: ("Not carried out", "bad"),
    ActionState.DRIFTED: ("Record had changed", "off"),
    ActionState.OUTCOME_UNKNOWN: ("Outcome unknown", "warn"),
}
RUN_STATES = {
    "starting": ("Starting", "go"),
    "planning": ("Planning", "go"),
    "asking": ("Has a question", "wait"),
    "waiting": ("Waits for you", "wait"),
    "working": ("Working", "go"),
    "attention": ("Needs you", "warn"),
    "paused": ("Paused", "wait"),
    "needs_reconnection": ("Needs reconnection", "warn"),
    "done": ("Done", "done"),
    "cancelled": ("Cancelled", "off"),
    "failed": ("Failed", "bad"),
}
CONNECTION_STATES = {
    "checking": ("Being checked", "wait"),
    "active": ("Active", "done"),
    "read_only": ("Read-only", "wait"),
    "needs_reconnection": ("Needs reconnection", "warn"),
    "revoked": ("Revoked", "off"),
}
REVERSIBILITY = {
    Reversibility.REVERSIBLE: ("Can be undone", "The value before can be written back, or what is new removed."),
    Reversibility.COMPENSABLE: ("Can be made up for", "Not undone, but a further action makes up for it."),
    Reversibility.IRREVERSIBLE: ("Cannot be undone", "No action here takes it back once it is sent."),
}
RULE_MODES = {
    "run": ("Runs without asking", "go"),
    "notify_first": ("Tells you first", "wait"),
    "draft_only": ("Drafts only", "off"),
}
RULE_STATES = {
    "confirmed": ("In force", "done"),
    "proposed": ("Not confirmed", "wait"),
    "retired": ("Retired", "off"),
}
_KINDS = {
    "sign_up": "Account made",
    "sign_in": "Signed in",
    "sign_in_failed": "Sign-in failed",
    "sign_out": "Signed out",
    "connection_added": "Connected",
    "connection_changed": "Connection changed",
    "connection_purged": "Removed what was read",
    "run_paused": "Paused",
    "run_resumed": "Resumed",
    "credential_set": "Key accepted",
    "keys_rotated": "Key store’s key replaced",
    "workflow_created": "Workflow set up",
    "run_started": "Run started",
    "run_cancelled": "Run cancelled",
    "run_finished": "Run finished",
    "question_answered": "Question answered",
    "action_approved": "Approved",
    "action_approved_in_part": "Approved by one, and waits for another",
    "approval_rule_set": "Approval rule set",
    "action_rejected": "Rejected",
    "action_edited": "Edited",
    "action_done": "Done",
    "action_failed": "Not carried out",
    "action_drifted": "Held back, the record had changed",
    "action_outcome_unknown": "Outcome unknown",
    "action_settled": "Settled",
    "request_refused": "Refused by the gateway",
    "history_read": "History read by an operator",
    "guardrail_proposed": "Guardrail written",
    "guardrail_not_proposed": "A model proposed no guardrail",
    "model_route_changed": "Which model is asked was changed",
    "voice_learned": "Your voice was learned",
    "voice_kept": "Your voice was kept",
    "voice_deleted": "Your voice was deleted",
    "guardrail_confirmed": "Guardrail confirmed",
    "guardrail_retired": "Guardrail retired",
    "workflow_graduated": "Lets it run alone",
    "workflow_taken_back": "Back to asking for each action",
    "trust_settings_changed": "Trust settings changed",
    "action_covered": "Covered by a guardrail",
    "action_notified": "Told before it runs",
    "action_returned": "Back in the inbox",
    "action_reviewed": "Reviewed afterwards",
    "workflow_archived": "Workflow archived",
    "audit_exported": "Activity exported",
    "schedule_changed": "Schedule changed",
    "hook_changed": "Webhook changed",
    "delegation_set": "Lets another person decide",
    "delegation_withdrawn": "Lets them decide no more",
    "escalation_set": "Escalation changed",
    "card_escalated": "Put before somebody else",
    "team_created": "Team made",
    "team_invited": "Invited into a team",
    "team_invitation_revoked": "Invitation taken back",
    "team_joined": "Joined a team",
    "team_role_changed": "Role changed",
    "team_left": "Left a team",
    "team_member_removed": "Removed from a team",
    "team_workflow_shared": "Workflow shared with a team",
    "team_workflow_unshared": "Workflow taken out of a team",
    "team_budget_changed": "Budget of a team changed",
}
_TONES = {
    "action_done": "done",
    "action_approved": "go",
    "action_approved_in_part": "go",
    "action_failed": "bad",
    "sign_in_failed": "warn",
    "request_refused": "bad",
    "action_outcome_unknown": "warn",
    "action_drifted": "warn",
    "history_read": "warn",
    "workflow_graduated": "go",
    "workflow_taken_back": "warn",
    "action_covered": "go",
    "action_returned": "warn",
}


def why_no_way_back(name: str, operation: str) -> str:
    """Why nothing takes such an action back, said before it is approved."""
    connector = CONNECTORS.get(name)
    known = connector.operations.get(operation) if connector else None
    why = known.no_way_back if isinstance(known, GatedOperation) else ""
    return f"Cannot be undone. {why}".strip()


def shown(value: Any) -> str:
    """Any value of a preview as text. Nothing at all is said in words, so that it is never taken for a blank."""
    if value is None or value == "":
        return "(empty)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(shown(item) for item in value) if value else "(empty)"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    return str(value)


_FIRST = ("from", "to", "cc", "reply_to", "subject")


def ordered(*values: dict[str, Any]) -> list[str]:
    """The field names of some values, each once: a letter's head in its usual order, the others by name."""
    names = {name for value in values for name in value}
    return [name for name in _FIRST if name in names] + sorted(names - set(_FIRST))


def is_empty(value: Any) -> bool:
    return value is None or value in ("", [])


def moment(value: datetime | None) -> Markup:
    """A `time` element in UTC; a script turns it into the reader's own time."""
    if value is None:
        return Markup("")
    told = value.astimezone(UTC)
    text = f"{told.day} {told:%b %Y, %H:%M} UTC"
    return Markup('<time datetime="{}">{}</time>').format(told.isoformat(timespec="seconds"), text)


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def headline(entry: ActivityView) -> str:
    return kind_title(entry.kind)


def kind_title(kind: str) -> str:
    return _KINDS.get(kind, kind.replace("_", " ").capitalize())


def tone(entry: ActivityView) -> str:
    return _TONES.get(entry.kind, "plain")


def detail(entry: ActivityView, called: Mapping[str, str] = MappingProxyType({})) -> str:
    """What an entry is about, in one line."""
    body = entry.body
    if set(body) == {"erased"}:
        return "removed with what was read through a revoked connection"
    match entry.kind:
        case "connection_added":
            return str(body.get("title", ""))
        case "connection_changed":
            change = body.get("state", {})
            before, now = (CONNECTION_STATES.get(change.get(k), (change.get(k),))[0] for k in ("from", "to"))
            return f"{body.get('title', '')}: {before} → {now}"
        case "run_cancelled":
            return counted(len(body.get("actions", ())), "open action cancelled", "open actions cancelled")
        case "run_finished":
            return ": ".join(
                part for part in (run_state(str(body.get("state", "")))[0], body.get("reason", "")) if part
            )
        case "question_answered":
            return f"{body.get('question', '')} {body.get('answer', '')}"
        case "sign_in" | "sign_in_failed":
            return f"from {body.get('address', 'an unknown address')}"
        case "workflow_graduated":
            actions = counted(int(body.get("actions", 0)), "action", "actions")
            return f"for {actions} and {counted(int(body.get('credits', 0)), 'credit', 'credits')}"
        case "guardrail_proposed" | "guardrail_confirmed" | "guardrail_retired":
            return f"“{body.get('reading') or body.get('sentence', '')}”, version {body.get('version', '')}"
        case "model_route_changed":
            asked = [body.get("first"), body.get("fallback")]
            models = ", then ".join(str(one["model"]) for one in asked if isinstance(one, dict))
            return f"{body.get('purpose', '')}: {models or 'no route'}"
        case "guardrail_not_proposed":
            return f"“{body.get('sentence', '')}”: {body.get('reason', '')}"
        case "schedule_changed":
            return f"“{body.get('sentence', '')}”: {body.get('change', '')}"
        case "hook_changed":
            return str(body.get("change", ""))
        case "team_invited" | "team_invitation_revoked":
            return f"{body.get('email', '')} {body.get('role', '')}".strip()
        case "team_role_changed":
            return f"{body.get('from', '')} → {body.get('to', '')}"
        case "team_budget_changed":
            change = body.get("credits", {})
            before, now = (change.get(k) for k in ("from", "to"))
            return f"a {body.get('period')}: {'none' if before is None else before} → {'none' if now is None else now}"
        case "approval_rule_set":
            return f"{_rule(body.get('from'))} → {_rule(body.get('to'))}"
        case "action_approved" | "action_approved_in_part" if body.get("approvals"):
            people = " and ".join(_approver(one, called) for one in body["approvals"])
            return f"{body.get('summary', '')}, by {people}"
        case "action_rejected" if body.get("decided_by"):
            return f"{body.get('summary', '')}, by {_called(body['decided_by'].get('user'), called)}"
        case "delegation_set" | "delegation_withdrawn" if {body.get("by"), body.get("to")} <= called.keys():
            until = f", until {body['until'][:10]}" if "until" in body else ""
            return f"{_called(body['to'], called)} for {_called(body['by'], called)}{until}"
        case "card_escalated" if set(body.get("to", ())) <= called.keys():
            return f"before {' and '.join(_called(one, called) for one in body['to'])}"
        case "team_created":
            return str(body.get("name", ""))
        case "team_workflow_shared" if body.get("rule"):
            return f"{body.get('title', '')}; approving takes {_rule(body['rule'])}"
        case "team_joined" | "team_left" | "team_member_removed":
            return str(body.get("role", ""))
    return str(body.get("summary") or body.get("title") or body.get("why") or "")


def _rule(told: Any) -> str:
    return str(ApprovalRule.model_validate(told)) if told else ""


def _approver(told: dict[str, Any], called: Mapping[str, str]) -> str:
    """A person of an entry's `approvals`."""
    person = _called(told.get("by"), called)
    return f"{person} for {_called(told['for'], called)}" if "for" in told else person


def decided(entries: Iterable[ActivityView]) -> list[UUID]:
    """The actions of entries that name people, whose names are asked for (store.approvals.called)."""
    return sorted({one.action_id for one in entries if one.action_id and one.body.keys() & {"approvals", "decided_by"}})


def _called(account: Any, called: Mapping[str, str]) -> str:
    return called.get(str(account), "somebody of the team")


def cost(entry: ActivityView) -> int:
    """Credits that an entry's action took."""
    told = entry.body.get("credits")
    total = told.get("total", 0) if isinstance(told, dict) else 0
    return total if isinstance(total, int) else 0


_SMALL = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def number(value: int) -> str:
    """A count in running text."""
    return _SMALL[value] if value < len(_SMALL) else f"{value:,}"


def left(until: datetime) -> str:
    """How long until a moment, in words; rounded down, so that nobody counts on time that is not there."""
    minutes = int((until - datetime.now(UTC)).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return counted(days, "day", "days") + (f" {hours} h" if hours else "")
    return f"{hours} h {rest} min" if hours else f"{rest} min"


def digest(work: Digest) -> str:
    """What was done alone: "12 done, 3 waiting for you"."""
    parts = [f"{work.done:,} done"]
    if work.failed:
        parts.append(f"{work.failed:,} not carried out")
    parts.append(f"{work.waiting:,} waiting for you")
    return ", ".join(parts)


def trust_level(level: str) -> str:
    return "runs alone inside its guardrails" if level == "autonomous" else "asks for each action"


def fact(name: str) -> str:
    """A fact's name in words: `contact.created_at` is the contact's created at."""
    return name.replace(".", " › ").replace("_", " ")


def limit(name: str, value: float) -> str:
    """A cap of a rule, by its name in coco.guardrails.export."""
    if name == "credits_per_action":
        return f"{value:g} credits for an action"
    if name.startswith("credits_per_"):
        return f"{value:g} credits a {name.removeprefix('credits_per_')}"
    return f"{counted(int(value), 'action', 'actions')} a {name.removeprefix('per_')}"


def who(entry: ActivityView, user_id: UUID, called: Mapping[str, str] = MappingProxyType({})) -> str:
    if entry.actor == f"user:{user_id}":
        return "you"
    kind, _, rest = entry.actor.partition(":")
    if kind == "user" and rest in called:
        return called[rest]
    return _OTHERS.get(kind, entry.actor).format(rest)


_OTHERS = {"system": "Coco", "operator": "an operator", "guardrail": "guardrail {}", "user": "somebody of your team"}


def who_of(entry: ActivityView, called: dict[str, str]) -> str:
    """Who, in an entry of somebody's in a team; `called` by account."""
    kind, _, rest = entry.actor.partition(":")
    if kind == "user":
        return called.get(rest, "somebody who is not in the team any more")
    return _OTHERS.get(kind, entry.actor).format(rest)


def with_article(word: str) -> str:
    return f"{'an' if word[:1] in 'aeiou' else 'a'} {word}"


def run_state(state: str) -> tuple[str, str]:
    return RUN_STATES.get(state, (state.capitalize(), "off"))


def state_of_run(run: RunView) -> tuple[str, str]:
    if run.cancel_requested_at is not None and not run.is_over:
        return "Cancelling", "off"
    if run.paused_at is not None and not run.is_over:
        return RUN_STATES["paused"]
    return run_state(run.state)


def waiting_in(group: InboxGroup) -> str:
    parts = []
    pending = sum(item.state is ActionState.PENDING for item in group.actions)
    unknown = len(group.actions) - pending
    said = sum(
        item.state is ActionState.PENDING and bool(item.approval and item.approval.mine) for item in group.actions
    )
    if pending - said:
        parts.append(counted(pending - said, "action to decide", "actions to decide"))
    if said:
        parts.append(counted(said, "waits for somebody else", "wait for somebody else"))
    if unknown:
        parts.append(counted(unknown, "outcome to settle", "outcomes to settle"))
    if group.questions:
        parts.append(counted(len(group.questions), "question", "questions"))
    if group.run.state == "needs_reconnection":
        parts.append("needs reconnection")
    return " · ".join(parts)


def progress_text(run: RunView) -> str:
    """ "37 of 120 done, 2 failed"."""
    told = run.progress
    parts = [f"{told.done:,} of {told.total:,} done"]
    if told.failed:
        parts.append(f"{told.failed:,} failed")
    if told.unknown:
        parts.append(f"{told.unknown:,} unknown")
    return ", ".join(parts)


def operation_title(connector: str, operation: str) -> str:
    kind = CONNECTORS.get(connector)
    found = kind.operations.get(operation) if kind else None
    return found.title if found else operation


def connector_title(name: str) -> str:
    return CONNECTORS[name].title if name in CONNECTORS else name


def playbook_title(name: str) -> str:
    return PLAYBOOKS[name].title if name in PLAYBOOKS else name


def outcome_text(outcome: dict[str, Any] | None) -> list[tuple[str, str]]:
    """What the log kept of a result, as pairs to list."""
    if not outcome:
        return []
    return [(property_label(key), shown(value)) for key, value in sorted(outcome.items()) if not is_empty(value)]


def paragraphs(text: str) -> Markup:
    """Plain text with its blank lines as paragraphs and its line ends kept."""
    parts = [part.strip() for part in text.split("\n\n") if part.strip()]
    return Markup("").join(
        Markup("<p>{}</p>").format(Markup("<br>").join(escape(line) for line in part.split("\n"))) for part in parts
    )


def ticks(text: str) -> Markup:
    """Plain text in which what stands between backticks is code."""
    pieces = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if index % 2 and index < len(pieces) - 1 else escape(piece)
        for index, piece in enumerate(pieces)
    )


def field_label(name: str) -> str:
    return property_label(name)
