"""Facts of messages: the channel by its name, the person by their address, both as Slack told them."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from activities.connectors.action_facts import ActionFacts, Facts, Proposed
from activities.connectors.slack.records import the_user
from activities.connectors.slack.wire import user_request
from coco.requests import PreparedRequest, ProviderResponse

_READ = frozenset({"action.recipients", "action.recipient_domains", "action.recipient_count"})


class SlackFacts(ActionFacts):
    """The arguments have ids. A channel's name is in the value before, which is compared again when it is posted."""

    def proposed(self, action: Proposed) -> tuple[Facts, ...]:
        if action.operation == "messages.post" and action.prior is not None:
            return ({"action.operation": "message.post", "action.channel": action.prior["channel"]},)
        if action.operation == "messages.direct":
            return ({"action.operation": "message.direct"},)
        return ()

    def wanted(self, action: Proposed, needed: Collection[str]) -> tuple[PreparedRequest, ...]:
        return (_person(action),) if action.operation == "messages.direct" and _READ & set(needed) else ()

    def about(self, action: Proposed, answers: Mapping[PreparedRequest, ProviderResponse]) -> Facts:
        if action.operation != "messages.direct" or (answer := answers.get(_person(action))) is None:
            return {}
        email = the_user(answer, action.arguments["user"])["email"]
        return {} if email is None else {"action.recipients": [email]}


def _person(action: Proposed) -> PreparedRequest:
    return user_request(action.arguments["user"])
