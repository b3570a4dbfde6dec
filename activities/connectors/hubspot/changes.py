"""What every change of an existing record shares: reading it first, and naming it on the card."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar

from activities.connectors.base import Arguments, ConnectionInfo, GatedOperation
from activities.connectors.http import http_request
from activities.connectors.hubspot.objects import ObjectType
from activities.connectors.hubspot.wire import existing_record, item, joined, outcome_of
from coco.actions import Preview
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

R = TypeVar("R", bound=Arguments)


class RecordChange(GatedOperation[R]):
    """A change of one existing record.

    The read before it asks for the everyday properties and the changed ones, so that after an edit of the arguments
    the same response still tells the prior value of what is changed now.
    """

    kind: ClassVar[ObjectType]

    @abstractmethod
    def record_id(self, arguments: R) -> str:
        """Id of the record that is changed."""

    @abstractmethod
    def concerned(self, arguments: R) -> tuple[str, ...]:
        """The properties whose values are the prior: exactly those this change touches."""

    @abstractmethod
    def describe(self, arguments: R, prior: dict[str, Any], name: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """(summary, before, after) for the record called `name`."""

    def prior_request(self, connection: ConnectionInfo, arguments: R) -> PreparedRequest:
        query = [
            ("properties", joined((*self.kind.read_along, *self.concerned(arguments)))),
            ("archived", "false"),
        ]
        return http_request("GET", item(self.kind.path, self.record_id(arguments)), query=query)

    def prior(self, arguments: R, response: ProviderResponse) -> dict[str, Any] | None:
        record = existing_record(response, self.record_id(arguments))
        if record is None:
            return None
        properties: dict[str, str | None] = record["properties"]
        # Ids are unique per kind only: a contact's answer must not pass for a company's of the same number.
        missing = sorted({*self.kind.identifying, *self.concerned(arguments)} - properties.keys())
        if missing:
            raise InvalidInput(
                f"{self.name}: the read of {self.kind.singular} {record['id']} does not show {', '.join(missing)}; "
                "check the property's name, or read the record again"
            )
        return {name: properties[name] for name in self.concerned(arguments)}

    def preview(self, connection: ConnectionInfo, arguments: R, prior: dict[str, Any] | None) -> Preview:
        return self._preview(arguments, prior, {})

    def preview_of_read(
        self, connection: ConnectionInfo, arguments: R, prior: dict[str, Any] | None, response: ProviderResponse | None
    ) -> Preview:
        record = None if response is None else existing_record(response, self.record_id(arguments))
        return self._preview(arguments, prior, record["properties"] if record else {})

    def _preview(self, arguments: R, prior: dict[str, Any] | None, properties: dict[str, Any]) -> Preview:
        record_id = self.record_id(arguments)
        if prior is None:
            raise InvalidInput(f"{self.name}: there is no {self.kind.singular} {record_id} (any more)")
        summary, before, after = self.describe(arguments, prior, self.kind.name_of(properties, record_id))
        return Preview(summary=summary, record=self.kind.described(properties, record_id), before=before, after=after)

    def result(self, arguments: R, response: ProviderResponse) -> dict[str, Any]:
        return outcome_of(response, self.record_id(arguments))
