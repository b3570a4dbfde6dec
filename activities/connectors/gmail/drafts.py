"""Gated: saving a draft in the mailbox, and deleting one. (A draft inside Coco is free: it is on the plan card.)"""

from __future__ import annotations

import base64
from email import message_from_bytes, policy
from typing import Any

from activities.connectors.base import ConnectionInfo, GatedOperation, Route
from activities.connectors.cards import plain
from activities.connectors.gmail.arguments import DeleteDraftArguments, MessageArguments
from activities.connectors.gmail.message import message_body, shown_fields
from activities.connectors.gmail.records import draft_of
from activities.connectors.gmail.scopes import COMPOSE, READ
from activities.connectors.gmail.wire import DRAFT_PATH, DRAFTS, item
from activities.connectors.http import as_object, http_request, kept_text, object_of, written
from activities.connectors.smtp.shown import people
from activities.connectors.taking_back import Compensation, Done
from coco.actions import Preview, Reversibility
from coco.canonical import canonical, parse_json
from coco.errors import InvalidInput
from coco.requests import PreparedRequest, ProviderResponse


class CreateDraft(GatedOperation[MessageArguments]):
    """POST of a draft. It is sent to nobody, and deleted again by `drafts.delete`."""

    name = "drafts.create"
    title = "Save a draft in Gmail"
    arguments = MessageArguments
    route = Route(method="POST", path=DRAFTS, access="gated", operation=name, scopes=(COMPOSE,), query=())
    credits = 1
    reversibility = Reversibility.REVERSIBLE

    def request(self, connection: ConnectionInfo, arguments: MessageArguments) -> PreparedRequest:
        return http_request("POST", DRAFTS, body={"message": message_body(connection, arguments)})

    def preview(self, connection: ConnectionInfo, arguments: MessageArguments, prior: dict[str, Any] | None) -> Preview:
        return Preview(
            summary=f"Save the draft “{plain(arguments.subject, 120)}” to {people(arguments)} in Gmail",
            record=f"A new draft to {people(arguments)}",
            after=shown_fields(connection, arguments),
            body=arguments.body,
        )

    def result(self, arguments: MessageArguments, response: ProviderResponse) -> dict[str, Any]:
        value = written(response)
        message = value.get("message")
        found = {"id": kept_text(value.get("id"), 64)}
        if isinstance(message, dict):
            found["message_id"] = kept_text(message.get("id"), 64)
        if found["id"]:
            found["url"] = "https://mail.google.com/mail/#drafts"
        return {name: text for name, text in found.items() if text}

    def taken_back(self, arguments: MessageArguments, done: Done) -> Compensation:
        made = draft_of(object_of(done.answered(), "a draft"))
        return Compensation(
            operation=DeleteDraft.name, arguments={"id": made["id"]}, response=_shown(done, made["message"])
        )


def _shown(done: Done, message: dict[str, Any]) -> ProviderResponse:
    """What reading the draft would show: Gmail answers a new draft with its ids alone, so the headers are ours."""
    raw = as_object(parse_json(done.action.request.body_bytes()), "a draft")["message"]["raw"]
    ours = message_from_bytes(base64.urlsafe_b64decode(raw), policy=policy.default)
    headers = [{"name": name, "value": str(ours[name])} for name in ("To", "Cc", "Subject") if ours[name] is not None]
    shown = {"id": message["id"], "threadId": message["thread_id"], "payload": {"headers": headers}}
    made = object_of(done.answered(), "a draft")
    return ProviderResponse.of(
        200, [("content-type", "application/json")], canonical({"id": made["id"], "message": shown})
    )


class DeleteDraft(GatedOperation[DeleteDraftArguments]):
    """DELETE of a draft, which is not put into the bin but gone."""

    name = "drafts.delete"
    title = "Delete a draft in Gmail"
    arguments = DeleteDraftArguments
    route = Route(method="DELETE", path=DRAFT_PATH, access="gated", operation=name, scopes=(READ, COMPOSE), query=())
    credits = 1
    reversibility = Reversibility.IRREVERSIBLE
    no_way_back = "A draft that was deleted is gone."

    def request(self, connection: ConnectionInfo, arguments: DeleteDraftArguments) -> PreparedRequest:
        return http_request("DELETE", item(DRAFTS, arguments.id))

    def prior_request(self, connection: ConnectionInfo, arguments: DeleteDraftArguments) -> PreparedRequest:
        return http_request("GET", item(DRAFTS, arguments.id), query=[("format", "metadata")])

    def prior(self, arguments: DeleteDraftArguments, response: ProviderResponse) -> dict[str, Any] | None:
        """Which draft would be lost. `message_id` is another one whenever it was changed, its text too."""
        if response.status == 404:
            return None
        draft = draft_of(object_of(response, "a draft"))
        if draft["id"] != arguments.id:
            raise InvalidInput(f"the value read is of draft {plain(draft['id'], 64)}, not of {arguments.id}")
        message = draft["message"]
        told = {name: message[name] for name in ("to", "cc", "subject")}
        return told | {"message_id": message["id"]}

    def preview(
        self, connection: ConnectionInfo, arguments: DeleteDraftArguments, prior: dict[str, Any] | None
    ) -> Preview:
        if prior is None:
            raise InvalidInput(f"{self.name}: there is no draft {arguments.id} (any more)")
        subject = plain(prior["subject"], 120) or "without a subject"
        return Preview(
            summary=f"Delete the draft “{subject}” for good",
            record=f"“{subject}” (draft {arguments.id})",
            before={name: value for name, value in prior.items() if value},
        )

    def applied(self, arguments: DeleteDraftArguments, now: dict[str, Any] | None) -> bool | None:
        # The card was built from a draft that was there. One that is gone was deleted, or sent by its owner.
        return True if now is None else None

    def result(self, arguments: DeleteDraftArguments, response: ProviderResponse) -> dict[str, Any]:
        written(response)
        return {"id": arguments.id}
