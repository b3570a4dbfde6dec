"""The audit chain: each entry carries the hash of the one before it.

The chain is per user. `entry_hash` covers every field of the entry and the previous hash, so an edit, a removal or a
reordering breaks it at a place that `verify_chain` names. The content of an entry may be taken out of it: where it was
read through a connection that its owner has revoked, where its time of keeping is over, and where the account is
deleted. Such an entry keeps its place, its hash and everything but its body, and a later entry of the chain says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from coco.canonical import canonical, sha256_hex
from coco.requests import Frozen

GENESIS = "0" * 64


class AuditKind(StrEnum):
    """What an entry records. Persisted; never renamed."""

    SIGN_UP = "sign_up"
    SIGN_IN = "sign_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_OUT = "sign_out"
    CONNECTION_ADDED = "connection_added"
    CONNECTION_CHANGED = "connection_changed"
    CONNECTION_PURGED = "connection_purged"
    """What was read through a revoked connection was removed; names the entries that were blanked with it."""
    CREDENTIAL_SET = "credential_set"
    """A credential was accepted by its provider, and is the connection's from then on."""
    KEYS_ROTATED = "keys_rotated"
    """The key store got a new key of its own, or the one before was retired."""
    WORKFLOW_CREATED = "workflow_created"
    WORKFLOW_ARCHIVED = "workflow_archived"
    RUN_STARTED = "run_started"
    RUN_CANCELLED = "run_cancelled"
    RUN_PAUSED = "run_paused"
    RUN_RESUMED = "run_resumed"
    RUN_FINISHED = "run_finished"
    QUESTION_ANSWERED = "question_answered"
    ACTION_APPROVED = "action_approved"
    ACTION_APPROVED_IN_PART = "action_approved_in_part"
    """One person approved, and the workflow's rule asks for more."""
    ACTION_REJECTED = "action_rejected"
    ACTION_EDITED = "action_edited"
    ACTION_DONE = "action_done"
    ACTION_FAILED = "action_failed"
    ACTION_DRIFTED = "action_drifted"
    ACTION_OUTCOME_UNKNOWN = "action_outcome_unknown"
    ACTION_SETTLED = "action_settled"
    REQUEST_REFUSED = "request_refused"
    HISTORY_READ = "history_read"
    """An operator had payloads of this user's runs decrypted."""
    GUARDRAIL_PROPOSED = "guardrail_proposed"
    GUARDRAIL_NOT_PROPOSED = "guardrail_not_proposed"
    """A language model was asked for a rule, and none came of it."""
    GUARDRAIL_CONFIRMED = "guardrail_confirmed"
    GUARDRAIL_RETIRED = "guardrail_retired"
    WORKFLOW_GRADUATED = "workflow_graduated"
    WORKFLOW_TAKEN_BACK = "workflow_taken_back"
    """A workflow is at approve-each again; the entry says who or what took it back, and why."""
    TRUST_SETTINGS_CHANGED = "trust_settings_changed"
    ACTION_COVERED = "action_covered"
    """A guardrail covers the action: it runs without coming back for approval."""
    ACTION_NOTIFIED = "action_notified"
    """Notify first: the action runs when its time is up, unless its owner stops it."""
    ACTION_RETURNED = "action_returned"
    """A guardrail had covered the action and does not any more: it waits for approval."""
    ACTION_REVIEWED = "action_reviewed"
    """What the owner said afterwards of an action that ran alone."""
    APPROVAL_RULE_SET = "approval_rule_set"
    """What approving an action of a workflow takes was changed."""
    DELEGATION_SET = "delegation_set"
    DELEGATION_WITHDRAWN = "delegation_withdrawn"
    SCHEDULE_CHANGED = "schedule_changed"
    HOOK_CHANGED = "hook_changed"
    ESCALATION_SET = "escalation_set"
    """After how long a workflow's cards are put before somebody else was changed."""
    CARD_ESCALATED = "card_escalated"
    """A card that nobody decided on was put before somebody else who may. It waits as before."""
    CREDITS_ADDED = "credits_added"
    MODEL_ROUTE_CHANGED = "model_route_changed"
    VOICE_LEARNED = "voice_learned"
    """How somebody writes was learned of their own messages; what was found is not in the entry."""
    VOICE_KEPT = "voice_kept"
    VOICE_DELETED = "voice_deleted"
    BUDGET_CHANGED = "budget_changed"
    TIER_CHANGED = "tier_changed"
    TEAM_CREATED = "team_created"
    TEAM_INVITED = "team_invited"
    TEAM_INVITATION_REVOKED = "team_invitation_revoked"
    TEAM_JOINED = "team_joined"
    TEAM_ROLE_CHANGED = "team_role_changed"
    TEAM_LEFT = "team_left"
    TEAM_MEMBER_REMOVED = "team_member_removed"
    TEAM_WORKFLOW_SHARED = "team_workflow_shared"
    TEAM_WORKFLOW_UNSHARED = "team_workflow_unshared"
    TEAM_BUDGET_CHANGED = "team_budget_changed"
    ACCOUNT_EXPORTED = "account_exported"
    """Everything that is kept of the user was handed out."""
    ACCOUNT_DELETION = "account_deletion"
    """Its owner, or who runs the installation, asked for the account to be deleted."""
    ACCOUNT_ERASED = "account_erased"
    """The content of entries was removed with the account; names them."""
    RETENTION_CHANGED = "retention_changed"
    """How long something is kept was set."""
    CONTENT_EXPIRED = "content_expired"
    """The content of entries was removed because its time was over; names them."""
    AUDIT_EXPORTED = "audit_exported"
    """Entries left Coco as a file; the entry says which, in what form, and asked for by whom."""


class AuditEntry(Frozen):
    """One entry as it is hashed."""

    user_id: UUID
    seq: int
    """1, 2, 3, … without gaps, per user."""
    at: datetime
    kind: AuditKind
    actor: str
    """Who: `user:<id>`, `guardrail:<id>@<version>`, `schedule:<id>`, `hook:<id>` or `system`."""
    run_id: UUID | None = None
    action_id: UUID | None = None
    body: dict[str, Any]
    prev_hash: str


def entry_bytes(entry: AuditEntry) -> bytes:
    """The entry in canonical JSON, the previous hash included: what is hashed, and what an export carries."""
    fields = entry.model_dump(mode="json")
    fields["at"] = moment(entry.at)
    return canonical(fields)


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256 over `entry_bytes`."""
    return sha256_hex(entry_bytes(entry))


def moment(at: datetime) -> str:
    """A time as it is hashed and signed: UTC, to the microsecond, whatever zone the database told it in."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


ERASED = "erased"
"""The one field of a blanked entry's body: why it has no content any more."""
ACCOUNT_GONE = {ERASED: "its account was deleted"}
"""The body of an entry of a deleted account."""
EXPIRED = {ERASED: "kept no longer than was set"}
"""The body of an entry whose content is past its time."""
ANNOUNCING = frozenset({AuditKind.CONNECTION_PURGED, AuditKind.ACCOUNT_ERASED, AuditKind.CONTENT_EXPIRED})
"""Kinds that name blanked entries: `erased` in their body maps the entry's number to the hash of what is left of it."""


def is_erased(entry: AuditEntry) -> bool:
    return set(entry.body) == {ERASED}


class ChainBreak(Frozen):
    """The first entry at which a chain does not hold, and why."""

    seq: int
    problem: str


def verify_chain(
    entries: Iterable[tuple[AuditEntry, str]], *, after: int = 0, previous: str = GENESIS
) -> ChainBreak | None:
    """Walks (entry, stored hash) pairs in order of `seq`; None when the chain holds.

    Begins after entry `after`, whose hash is `previous`: by default at the very first. A blanked entry keeps the hash
    that the next one follows, and holds only where a later entry says that it was blanked, and names the hash of what
    is left of it.
    """
    expected_seq = after + 1
    unannounced: dict[int, str] = {}
    for entry, stored in entries:
        if entry.seq != expected_seq:
            return ChainBreak(seq=expected_seq, problem=f"entry {expected_seq} is missing")
        if entry.prev_hash != previous:
            return ChainBreak(seq=entry.seq, problem="does not follow the entry before it")
        actual = entry_hash(entry)
        if actual != stored:
            if not is_erased(entry):
                return ChainBreak(seq=entry.seq, problem="its content was changed")
            unannounced[entry.seq] = actual
        elif entry.kind in ANNOUNCING:
            for seq, told in dict(entry.body.get(ERASED, {})).items():
                if unannounced.get(int(seq)) == told:
                    del unannounced[int(seq)]
        expected_seq, previous = expected_seq + 1, stored
    if unannounced:
        return ChainBreak(seq=min(unannounced), problem="its content was removed, and no later entry says so")
    return None
