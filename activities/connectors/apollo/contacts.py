"""Gated: a contact's lists and sequences, read before with the contact."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar

from activities.connectors.apollo.arguments import AddToListArguments, AddToSequenceArguments, StopSequenceArguments
from activities.connectors.apollo.costs import CREDITS, REVERSIBILITY
from activities.connectors.apollo.scopes import CONTACTS, SEQUENCES
from activities.connectors.apollo.wire import RECORD_URL, contact_in, contact_request, described, gated_route
from activities.connectors.base import ConnectionInfo, GatedOperation
from activities.connectors.cards import listed, plain
from activities.connectors.http import as_object, http_request, object_of, segment, written
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Preview
from coco.canonical import canonical
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse

C = TypeVar("C", AddToListArguments, AddToSequenceArguments, StopSequenceArguments)


class ContactChange(GatedOperation[C]):
    """A change of what one contact belongs to."""

    belongs: ClassVar[str]
    """What of the contact is the prior: `label_ids` or `sequence_ids`."""

    @abstractmethod
    def describe(self, arguments: C, prior: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
        """(summary, after) for the contact called `name`."""

    def prior_request(self, connection: ConnectionInfo, arguments: C) -> PreparedRequest:
        return contact_request(arguments.id)

    def prior(self, arguments: C, response: ProviderResponse) -> dict[str, Any] | None:
        contact = contact_in(response, arguments.id)
        if contact is None:
            return None
        if self.belongs not in contact:
            raise InvalidInput(f"{self.name}: Apollo does not tell what contact {arguments.id} belongs to")
        return {self.belongs: contact[self.belongs]}

    def preview(self, connection: ConnectionInfo, arguments: C, prior: dict[str, Any] | None) -> Preview:
        return self._preview(arguments, prior, {})

    def preview_of_read(
        self, connection: ConnectionInfo, arguments: C, prior: dict[str, Any] | None, response: ProviderResponse | None
    ) -> Preview:
        contact = None if response is None else contact_in(response, arguments.id)
        return self._preview(arguments, prior, contact or {})

    def _preview(self, arguments: C, prior: dict[str, Any] | None, contact: dict[str, Any]) -> Preview:
        if prior is None:
            raise InvalidInput(f"{self.name}: there is no contact {arguments.id} (any more)")
        name, full = described(contact, arguments.id)
        summary, after = self.describe(arguments, prior, name)
        return Preview(summary=plain(summary, 500), record=full, before=prior, after=after)

    def result(self, arguments: C, response: ProviderResponse) -> dict[str, Any]:
        written(response)
        return {"id": arguments.id, "url": f"{RECORD_URL}/#/contacts/{arguments.id}"}


class AddToList(ContactChange[AddToListArguments]):
    """PATCH of a contact's lists. Apollo replaces them by the names given, so all that stay are named."""

    name = "contacts.add_to_list"
    title = "Add a contact to lists"
    arguments = AddToListArguments
    route = gated_route("PATCH", "/contacts/{id}", name, CONTACTS)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = "Coco takes no contact off lists: do it in Apollo."
    belongs = "label_ids"

    def request(self, connection: ConnectionInfo, arguments: AddToListArguments) -> PreparedRequest:
        body = {"label_names": sorted((*arguments.keep, *arguments.add))}
        return http_request("PATCH", f"/contacts/{segment(arguments.id)}", body=body)

    def describe(self, arguments: AddToListArguments, prior: dict[str, Any], name: str) -> tuple[str, dict[str, Any]]:
        on = len(prior["label_ids"])
        if on != len(arguments.keep):
            raise InvalidInput(
                f"{self.name}: {name} is on {on} lists and {len(arguments.keep)} are named to keep; Apollo would take "
                "it off the others. Name every list that it is on (lists.list tells the names)"
            )
        return f"Add {name} to {listed(list(arguments.add))}", {
            "label_names": sorted((*arguments.keep, *arguments.add))
        }


class AddToSequence(ContactChange[AddToSequenceArguments]):
    """POST add_contact_ids of one contact. From then on Apollo sends by the sequence's own schedule."""

    name = "contacts.add_to_sequence"
    title = "Add a contact to a sequence"
    arguments = AddToSequenceArguments
    route = gated_route("POST", "/emailer_campaigns/{sequence_id}/add_contact_ids", name, SEQUENCES)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    belongs = "sequence_ids"

    def request(self, connection: ConnectionInfo, arguments: AddToSequenceArguments) -> PreparedRequest:
        body: dict[str, Any] = {
            "contact_ids": [arguments.id],
            "emailer_campaign_id": arguments.sequence_id,
            "send_email_from_email_account_id": arguments.send_from,
        }
        body |= {f"sequence_{reason}": True for reason in arguments.even_if}
        path = f"/emailer_campaigns/{segment(arguments.sequence_id)}/add_contact_ids"
        return http_request("POST", path, body=body)

    def describe(
        self, arguments: AddToSequenceArguments, prior: dict[str, Any], name: str
    ) -> tuple[str, dict[str, Any]]:
        if arguments.sequence_id in prior["sequence_ids"]:
            raise InvalidInput(f"{self.name}: {name} is in sequence {arguments.sequence_id} already")
        after: dict[str, Any] = {
            "sequence_ids": sorted({*prior["sequence_ids"], arguments.sequence_id}),
            "send_from": arguments.send_from,
        }
        if arguments.even_if:
            after["even_if"] = list(arguments.even_if)
        return f"Add {name} to the sequence {arguments.sequence_id}, which then sends by itself", after

    def applied(self, arguments: AddToSequenceArguments, now: dict[str, Any] | None) -> bool | None:
        # Shown only where it was not in the sequence before.
        return True if now is not None and arguments.sequence_id in now["sequence_ids"] else None

    def taken_back(self, arguments: AddToSequenceArguments, done: Done) -> Compensation:
        value = object_of(done.was(), "a contact")
        contact = as_object(value.get("contact"), "a contact")
        statuses = [item for item in contact.get("emailer_campaign_ids") or [] if item != arguments.sequence_id]
        left = {**value, "contact": {**contact, "emailer_campaign_ids": [*statuses, arguments.sequence_id]}}
        return Compensation(
            operation="contacts.stop_sequence",
            arguments={"id": arguments.id, "sequence_id": arguments.sequence_id},
            response=ProviderResponse.of(200, [("content-type", "application/json")], canonical(left)),
            note="What the sequence sent by then stays sent.",
        )

    def succeeded(self, response: ProviderResponse) -> bool | None:
        """False where Apollo says that it skipped the contact; it does so with status 200."""
        try:
            skipped = written(response).get("skipped_contact_ids")
        except InvalidInput:
            return None
        return not (isinstance(skipped, list | dict) and skipped)


class StopSequence(ContactChange[StopSequenceArguments]):
    """POST remove_or_stop_contact_ids: the sequence goes on no longer for one contact. What was sent stays sent."""

    name = "contacts.stop_sequence"
    title = "Stop a sequence for a contact"
    arguments = StopSequenceArguments
    route = gated_route("POST", "/emailer_campaigns/remove_or_stop_contact_ids", name, SEQUENCES)
    credits = CREDITS[name]
    reversibility = REVERSIBILITY[name]
    no_way_back = "Apollo does not tell which mailbox had sent: add the contact again under a new plan, or in Apollo."
    belongs = "sequence_ids"

    def request(self, connection: ConnectionInfo, arguments: StopSequenceArguments) -> PreparedRequest:
        body = {
            "contact_ids": [arguments.id],
            "emailer_campaign_ids": [arguments.sequence_id],
            "mode": "remove",
        }
        return http_request("POST", self.route.path, body=body)

    def describe(
        self, arguments: StopSequenceArguments, prior: dict[str, Any], name: str
    ) -> tuple[str, dict[str, Any]]:
        if arguments.sequence_id not in prior["sequence_ids"]:
            raise InvalidInput(f"{self.name}: {name} is not in sequence {arguments.sequence_id}")
        left = [item for item in prior["sequence_ids"] if item != arguments.sequence_id]
        return f"Take {name} out of the sequence {arguments.sequence_id}", {"sequence_ids": left}

    def applied(self, arguments: StopSequenceArguments, now: dict[str, Any] | None) -> bool | None:
        return True if now is not None and arguments.sequence_id not in now["sequence_ids"] else None
