"""Gated: new values for properties of a record, and a deal's move to another stage."""

from __future__ import annotations

from typing import Any

from activities.connectors.base import ConnectionInfo
from activities.connectors.cards import plain
from activities.connectors.http import http_request
from activities.connectors.hubspot.arguments import MoveStageArguments, UpdateArguments, UpdateDealArguments
from activities.connectors.hubspot.changes import RecordChange
from activities.connectors.hubspot.costs import CREDITS, REVERSIBILITY
from activities.connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS, label, stage_label
from activities.connectors.hubspot.undoing import left_with, values_again
from activities.connectors.hubspot.wire import item
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Reversibility
from coco.requests import PreparedRequest


def same_value(property_name: str, proposed: str, found: str | None) -> bool:
    """Whether a stored value is the proposed one; the provider lower-cases addresses and stores "" as unset."""
    if property_name == "email":
        return proposed.strip().lower() == (found or "").strip().lower()
    return proposed == (found or "")


class Update(RecordChange[UpdateArguments]):
    """PATCH of some properties of one record."""

    arguments = UpdateArguments

    def record_id(self, arguments: UpdateArguments) -> str:
        return arguments.id

    def concerned(self, arguments: UpdateArguments) -> tuple[str, ...]:
        return tuple(sorted(arguments.properties))

    def request(self, connection: ConnectionInfo, arguments: UpdateArguments) -> PreparedRequest:
        return http_request("PATCH", item(self.kind.path, arguments.id), body={"properties": arguments.properties})

    def taken_back(self, arguments: UpdateArguments, done: Done) -> Compensation:
        return values_again(self.name, arguments.id, arguments.properties, done)

    def describe(
        self, arguments: UpdateArguments, prior: dict[str, Any], name: str
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        changed = sorted(arguments.properties.items())
        if len(changed) == 1:
            [(field, value)] = changed
            summary = f"Set {label(field)} of {name} to {plain(value)}" if value else f"Clear {label(field)} of {name}"
        else:
            labels = [label(field) for field, _ in changed]
            shown = labels if len(labels) <= 5 else [*labels[:4], f"{len(labels) - 4} more fields"]
            summary = f"Set {', '.join(shown[:-1])} and {shown[-1]} of {name}"
        return plain(summary, 500), dict(prior), dict(changed)

    def applied(self, arguments: UpdateArguments, now: dict[str, Any] | None) -> bool | None:
        # Other values prove nothing: the request may still be under way, or somebody wrote after it.
        if now is not None and all(same_value(k, v, now.get(k)) for k, v in arguments.properties.items()):
            return True
        return None


class UpdateContact(Update):
    name = "contacts.update"
    title = "Change a contact"
    kind = CONTACTS
    route = CONTACTS.gated_route("PATCH", CONTACTS.item_path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]


class UpdateDeal(Update):
    name = "deals.update"
    title = "Change a deal"
    kind = DEALS
    arguments = UpdateDealArguments
    route = DEALS.gated_route("PATCH", DEALS.item_path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]


class UpdateCompany(Update):
    name = "companies.update"
    title = "Change a company"
    kind = COMPANIES
    route = COMPANIES.gated_route("PATCH", COMPANIES.item_path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]


class MoveDealStage(RecordChange[MoveStageArguments]):
    """PATCH of a deal's stage and nothing else."""

    name = "deals.move_stage"
    title = "Move a deal to another stage"
    kind = DEALS
    arguments = MoveStageArguments
    route = DEALS.gated_route("PATCH", DEALS.item_path, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def record_id(self, arguments: MoveStageArguments) -> str:
        return arguments.id

    def concerned(self, arguments: MoveStageArguments) -> tuple[str, ...]:
        return ("dealstage",)

    def request(self, connection: ConnectionInfo, arguments: MoveStageArguments) -> PreparedRequest:
        body = {"properties": {"dealstage": arguments.stage}}
        return http_request("PATCH", item(self.kind.path, arguments.id), body=body)

    def describe(
        self, arguments: MoveStageArguments, prior: dict[str, Any], name: str
    ) -> tuple[str, dict[str, Any], dict[str, Any]]:
        summary = f"Move {name} from {stage_label(prior['dealstage'])} to {stage_label(arguments.stage)}"
        return plain(summary, 500), dict(prior), {"dealstage": arguments.stage}

    def reversibility_of(self, arguments: MoveStageArguments, prior: dict[str, Any] | None) -> Reversibility:
        # A deal is never moved to no stage.
        return self.reversibility if prior and prior.get("dealstage") else Reversibility.IRREVERSIBLE

    def taken_back(self, arguments: MoveStageArguments, done: Done) -> Compensation:
        return Compensation(
            operation=self.name,
            arguments={"id": arguments.id, "stage": done.prior["dealstage"]},
            response=left_with(done, {"dealstage": arguments.stage}),
            note="What the CRM changed along with the stage, such as a close date, stays.",
        )

    def applied(self, arguments: MoveStageArguments, now: dict[str, Any] | None) -> bool | None:
        return True if now is not None and now.get("dealstage") == arguments.stage else None
