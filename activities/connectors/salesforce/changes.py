"""The gated operations: create, update, delete, and moving an opportunity to another stage."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

from activities.connectors.base import Arguments, ConnectionInfo, GatedOperation
from activities.connectors.cards import listed, plain
from activities.connectors.http import http_request, object_of, segment, written
from activities.connectors.salesforce.arguments import (
    CreateArguments,
    DeleteArguments,
    MoveStageArguments,
    UpdateArguments,
)
from activities.connectors.salesforce.costs import CREDITS, REVERSIBILITY
from activities.connectors.salesforce.wire import (
    RECORDS,
    described,
    existing_record,
    gated_route,
    name_field,
    outcome_of,
    record_path,
)
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Preview, Reversibility
from coco.canonical import canonical
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

R = TypeVar("R", bound=Arguments)
RECORD = f"{RECORDS}/{{object}}/{{id}}"


class CreateRecord(GatedOperation[CreateArguments]):
    """POST of a new record. Nothing precedes it; the org's own duplicate and validation rules may refuse it."""

    name = "records.create"
    title = "Create a record"
    arguments = CreateArguments
    route = gated_route("POST", f"{RECORDS}/{{object}}", name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def request(self, connection: ConnectionInfo, arguments: CreateArguments) -> PreparedRequest:
        return http_request("POST", f"{RECORDS}/{segment(arguments.object)}", body=arguments.fields)

    def preview(self, connection: ConnectionInfo, arguments: CreateArguments, prior: dict[str, Any] | None) -> Preview:
        called = arguments.fields.get(name_field(arguments.object) or "") or arguments.fields.get("LastName")
        name = plain(called) or f"a new {arguments.object}"
        return Preview(
            summary=f"Create the {arguments.object} {name}" if called else f"Create {name}",
            record=f"{name} (new {arguments.object})" if called else name,
            after=dict(sorted(arguments.fields.items())),
        )

    def succeeded(self, response: ProviderResponse) -> bool | None:
        try:
            return written(response).get("success") is not False
        except InvalidInput:
            return None

    def result(self, arguments: CreateArguments, response: ProviderResponse) -> dict[str, Any]:
        return outcome_of(response)

    def taken_back(self, arguments: CreateArguments, done: Done) -> Compensation:
        record_id = outcome_of(done.answered())["id"]
        # Salesforce answers with the id alone: when it was last modified is not known, so the record is shown once
        # more, as it is by then, before it is deleted.
        shown = {"attributes": {"type": arguments.object}, "Id": record_id, "LastModifiedDate": None}
        named = name_field(arguments.object)
        shown |= {} if named is None else {named: arguments.fields.get(named)}
        return Compensation(
            operation=DeleteRecord.name,
            arguments={"object": arguments.object, "id": record_id},
            response=_read_as(shown),
            note="You are asked again, with the record as it is then. What its creation set off in the org stays.",
        )


class RecordChange(GatedOperation[R]):
    """A change of one existing record, read before with exactly the fields that it changes (and its name)."""

    @abstractmethod
    def record(self, arguments: R) -> tuple[str, str]:
        """(object, id) of the record that is changed."""

    @abstractmethod
    def concerned(self, arguments: R) -> tuple[str, ...]:
        """The fields whose values are the prior."""

    @abstractmethod
    def describe(self, arguments: R, prior: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
        """(summary, after) for the record called `name`."""

    def prior_request(self, connection: ConnectionInfo, arguments: R) -> PreparedRequest:
        kind, record_id = self.record(arguments)
        names = {"Id", *self.concerned(arguments), *filter(None, (name_field(kind),))}
        return http_request("GET", record_path(kind, record_id), query=[("fields", ",".join(sorted(names)))])

    def prior(self, arguments: R, response: ProviderResponse) -> dict[str, Any] | None:
        kind, record_id = self.record(arguments)
        fields = existing_record(response, kind, record_id)
        if fields is None:
            return None
        missing = sorted(set(self.concerned(arguments)) - fields.keys())
        if missing:
            raise InvalidInput(
                f"{self.name}: the read of {kind} {record_id} does not show {', '.join(missing)}; "
                "check the field's API name, or read the record again"
            )
        return {name: fields[name] for name in self.concerned(arguments)}

    def preview(self, connection: ConnectionInfo, arguments: R, prior: dict[str, Any] | None) -> Preview:
        return self._preview(arguments, prior, {})

    def preview_of_read(
        self, connection: ConnectionInfo, arguments: R, prior: dict[str, Any] | None, response: ProviderResponse | None
    ) -> Preview:
        fields = None if response is None else existing_record(response, *self.record(arguments))
        return self._preview(arguments, prior, fields or {})

    def _preview(self, arguments: R, prior: dict[str, Any] | None, fields: dict[str, Any]) -> Preview:
        kind, record_id = self.record(arguments)
        if prior is None:
            raise InvalidInput(f"{self.name}: there is no {kind} {record_id} (any more)")
        name, full = described(kind, record_id, fields)
        summary, after = self.describe(arguments, prior, name)
        return Preview(summary=plain(summary, 500), record=full, before=prior, after=after)

    def result(self, arguments: R, response: ProviderResponse) -> dict[str, Any]:
        return outcome_of(response, self.record(arguments)[1])

    def left_with(self, done: Done, changed: Mapping[str, Any]) -> ProviderResponse:
        """The record read before it, with what the action wrote: Salesforce trims texts, and keeps "" as unset."""
        left = {name: (value.strip() or None) if isinstance(value, str) else value for name, value in changed.items()}
        return _read_as({**object_of(done.was(), "a record"), **left})


def _read_as(record: dict[str, Any]) -> ProviderResponse:
    return ProviderResponse.of(200, [("content-type", "application/json")], canonical(record))


class UpdateRecord(RecordChange[UpdateArguments]):
    """PATCH of some fields of one record."""

    name = "records.update"
    title = "Change a record"
    arguments = UpdateArguments
    route = gated_route("PATCH", RECORD, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def record(self, arguments: UpdateArguments) -> tuple[str, str]:
        return arguments.object, arguments.id

    def concerned(self, arguments: UpdateArguments) -> tuple[str, ...]:
        return tuple(sorted(arguments.fields))

    def request(self, connection: ConnectionInfo, arguments: UpdateArguments) -> PreparedRequest:
        return http_request("PATCH", record_path(arguments.object, arguments.id), body=arguments.fields)

    def describe(self, arguments: UpdateArguments, prior: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
        changed = dict(sorted(arguments.fields.items()))
        if len(changed) > 1:
            return f"Set {listed(list(changed))} of {name}", changed
        [(field, value)] = changed.items()
        shown = value if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else value
        empty = value is None or value == ""
        return (f"Clear {field} of {name}" if empty else f"Set {field} of {name} to {shown}"), changed

    def taken_back(self, arguments: UpdateArguments, done: Done) -> Compensation:
        return Compensation(
            operation=self.name,
            arguments={
                "object": arguments.object,
                "id": arguments.id,
                "fields": {name: done.prior[name] for name in sorted(arguments.fields)},
            },
            response=self.left_with(done, arguments.fields),
        )

    def applied(self, arguments: UpdateArguments, now: dict[str, Any] | None) -> bool | None:
        # Other values prove nothing: the request may still be under way, or somebody wrote after it.
        if now is not None and all(same_value(value, now.get(name)) for name, value in arguments.fields.items()):
            return True
        return None


class DeleteRecord(RecordChange[DeleteArguments]):
    """DELETE of one record, with those that hang on it. The recycle bin keeps it for 15 days."""

    name = "records.delete"
    title = "Delete a record"
    arguments = DeleteArguments
    route = gated_route("DELETE", RECORD, name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = "Restore it in Salesforce, whose recycle bin keeps it for 15 days."

    def record(self, arguments: DeleteArguments) -> tuple[str, str]:
        return arguments.object, arguments.id

    def concerned(self, arguments: DeleteArguments) -> tuple[str, ...]:
        named = name_field(arguments.object)
        return ("LastModifiedDate",) if named is None else ("LastModifiedDate", named)

    def request(self, connection: ConnectionInfo, arguments: DeleteArguments) -> PreparedRequest:
        return http_request("DELETE", record_path(arguments.object, arguments.id))

    def describe(self, arguments: DeleteArguments, prior: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
        return f"Delete the {arguments.object} {name} (in the recycle bin for 15 days)", {}

    def applied(self, arguments: DeleteArguments, now: dict[str, Any] | None) -> bool | None:
        # The card was built from a record that existed, so one that is gone was deleted: by this, or to the same end.
        return True if now is None else None


class MoveStage(RecordChange[MoveStageArguments]):
    """PATCH of an opportunity's stage and nothing else."""

    name = "opportunities.move_stage"
    title = "Move an opportunity to another stage"
    arguments = MoveStageArguments
    route = gated_route("PATCH", f"{RECORDS}/Opportunity/{{id}}", name)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]

    def record(self, arguments: MoveStageArguments) -> tuple[str, str]:
        return "Opportunity", arguments.id

    def concerned(self, arguments: MoveStageArguments) -> tuple[str, ...]:
        return ("StageName",)

    def request(self, connection: ConnectionInfo, arguments: MoveStageArguments) -> PreparedRequest:
        return http_request("PATCH", record_path("Opportunity", arguments.id), body={"StageName": arguments.stage})

    def describe(self, arguments: MoveStageArguments, prior: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
        before = plain(prior["StageName"]) or "no stage"
        return f"Move {name} from {before} to {arguments.stage}", {"StageName": arguments.stage}

    def reversibility_of(self, arguments: MoveStageArguments, prior: dict[str, Any] | None) -> Reversibility:
        # No opportunity is moved to no stage.
        return self.reversibility if prior and prior.get("StageName") else Reversibility.IRREVERSIBLE

    def taken_back(self, arguments: MoveStageArguments, done: Done) -> Compensation:
        return Compensation(
            operation=self.name,
            arguments={"id": arguments.id, "stage": done.prior["StageName"]},
            response=self.left_with(done, {"StageName": arguments.stage}),
            note="What the org changed along with the stage, such as a probability, stays.",
        )

    def applied(self, arguments: MoveStageArguments, now: dict[str, Any] | None) -> bool | None:
        return True if now is not None and now.get("StageName") == arguments.stage else None


def same_value(proposed: Any, found: Any) -> bool:
    """Whether a stored value is the proposed one; Salesforce trims texts, stores "" as null and 5 as 5.0."""
    if isinstance(proposed, str):
        return proposed.strip() == (found.strip() if isinstance(found, str) else "" if found is None else None)
    if isinstance(proposed, bool) or proposed is None:
        return proposed is found
    return isinstance(found, int | float) and not isinstance(found, bool) and proposed == found
