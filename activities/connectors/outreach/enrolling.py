"""Gated: putting a prospect into a sequence, and ending it."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo, GatedOperation, Route
from activities.connectors.http import as_object, object_of, written
from activities.connectors.outreach.arguments import EnrolArguments, FinishArguments
from activities.connectors.outreach.costs import CREDITS, REVERSIBILITY
from activities.connectors.outreach.wire import (
    RECORD_URL,
    STATES,
    page_of,
    page_query,
    record_in,
    record_of,
    request,
    runs,
)
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Preview
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

_SCOPES = ("sequenceStates.read", "sequenceStates.write")


def _one(kind: str, record_id: str) -> dict[str, Any]:
    return {"data": {"id": int(record_id), "type": kind}}


class EnrolProspect(GatedOperation[EnrolArguments]):
    """POST of a sequence state. From then on Outreach sends by the sequence's own schedule."""

    name = "prospects.enrol"
    title = "Put a prospect into a sequence"
    arguments = EnrolArguments
    route = Route(method="POST", path=STATES, access="gated", operation=name, scopes=_SCOPES, query=())
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def request(self, connection: ConnectionInfo, arguments: EnrolArguments) -> PreparedRequest:
        relationships = {
            "mailbox": _one("mailbox", arguments.mailbox_id),
            "prospect": _one("prospect", arguments.id),
            "sequence": _one("sequence", arguments.sequence_id),
        }
        return request("POST", STATES, body={"data": {"relationships": relationships, "type": "sequenceState"}})

    def prior_request(self, connection: ConnectionInfo, arguments: EnrolArguments) -> PreparedRequest:
        filters = [("filter[prospect][id]", arguments.id), ("filter[sequence][id]", arguments.sequence_id)]
        return request("GET", STATES, page_query(50, "", filters))

    def prior(self, arguments: EnrolArguments, response: ProviderResponse) -> dict[str, Any] | None:
        """`{state, sequence_state_id}` of the prospect's last time in this sequence; both None where there was none."""
        states = page_of(response)["results"]
        for one in states:
            told = (one["type"], one["related"].get("prospect"), one["related"].get("sequence"))
            if told != ("sequenceState", arguments.id, arguments.sequence_id):
                raise InvalidInput("the value read is of another prospect or sequence; read this one first")
        if not states:
            return {"sequence_state_id": None, "state": None}
        last = max(states, key=lambda one: (runs(one["attributes"].get("state")), len(one["id"]), one["id"]))
        state = last["attributes"].get("state")
        if not isinstance(state, str):
            raise InvalidInput("Outreach does not tell whether the prospect is in the sequence")
        return {"sequence_state_id": last["id"], "state": state}

    def preview(self, connection: ConnectionInfo, arguments: EnrolArguments, prior: dict[str, Any] | None) -> Preview:
        if prior is None or runs(prior["state"]):
            raise InvalidInput(f"{self.name}: prospect {arguments.id} is in sequence {arguments.sequence_id} already")
        return Preview(
            summary=f"Put prospect {arguments.id} into sequence {arguments.sequence_id}, which then sends by itself "
            f"from mailbox {arguments.mailbox_id}",
            record=f"prospect {arguments.id}",
            before=prior,
            after={"mailbox_id": arguments.mailbox_id, "sequence_id": arguments.sequence_id, "state": "active"},
        )

    def applied(self, arguments: EnrolArguments, now: dict[str, Any] | None) -> bool | None:
        # The card was built while the prospect was not in the sequence.
        return True if now is not None and runs(now["state"]) else None

    def taken_back(self, arguments: EnrolArguments, done: Done) -> Compensation:
        made = record_of(as_object(object_of(done.answered(), "a record").get("data"), "a record"))
        return Compensation(
            operation="sequence_states.finish",
            arguments={"id": made["id"]},
            response=done.answered(),
            note="What the sequence sent by then stays sent.",
        )

    def result(self, arguments: EnrolArguments, response: ProviderResponse) -> dict[str, Any]:
        """The sequence state's id, with which the sequence is finished, and where a person sees the prospect."""
        kept: dict[str, Any] = {"url": f"{RECORD_URL}/prospects/{arguments.id}"}
        value = written(response)
        try:
            return {"id": record_of(as_object(value.get("data"), "a record"))["id"], **kept}
        except InvalidInput:
            return kept


class FinishState(GatedOperation[FinishArguments]):
    """POST of the action `finish`: the sequence goes on no longer for one prospect. What was sent stays sent."""

    name = "sequence_states.finish"
    title = "Finish a sequence for a prospect"
    arguments = FinishArguments
    route = Route(
        method="POST",
        path=f"{STATES}/{{id}}/actions/finish",
        access="gated",
        operation=name,
        scopes=_SCOPES,
        query=(),
    )
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = (
        "The sequence would begin anew, from a mailbox that is not known: enrol the prospect under a new plan."
    )

    def request(self, connection: ConnectionInfo, arguments: FinishArguments) -> PreparedRequest:
        return request("POST", f"{STATES}/{arguments.id}/actions/finish")

    def prior_request(self, connection: ConnectionInfo, arguments: FinishArguments) -> PreparedRequest:
        return request("GET", f"{STATES}/{arguments.id}")

    def prior(self, arguments: FinishArguments, response: ProviderResponse) -> dict[str, Any] | None:
        record = record_in(response, "sequenceState", arguments.id)
        if record is None:
            return None
        state = record["attributes"].get("state")
        if not isinstance(state, str):
            raise InvalidInput("Outreach does not tell how far the prospect is in the sequence")
        related = {f"{name}_id": record["related"].get(name) for name in ("prospect", "sequence")}
        return {"state": state, **related}

    def preview(self, connection: ConnectionInfo, arguments: FinishArguments, prior: dict[str, Any] | None) -> Preview:
        if prior is None:
            raise InvalidInput(f"{self.name}: there is no sequence state {arguments.id} (any more)")
        if not runs(prior["state"]):
            raise InvalidInput(f"{self.name}: sequence state {arguments.id} has ended already ({prior['state'][:40]})")
        who = f"prospect {prior['prospect_id']} in sequence {prior['sequence_id']}"
        return Preview(
            summary=f"Finish the sequence for {who}",
            record=f"{who} (sequence state {arguments.id})",
            before=prior,
            after={**prior, "state": "finished"},
        )

    def applied(self, arguments: FinishArguments, now: dict[str, Any] | None) -> bool | None:
        return True if now is not None and now["state"] == "finished" else None

    def result(self, arguments: FinishArguments, response: ProviderResponse) -> dict[str, Any]:
        written(response)
        return {"id": arguments.id}
