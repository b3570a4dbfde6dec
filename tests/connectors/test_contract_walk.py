"""Against the providers' own descriptions: every route exists there, and nothing that changes something is a read.

The walk goes over every operation of every description, used or not: what a provider can do, a sandbox can ask for.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, cast

import pytest

from activities.connectors.base import Operation
from activities.connectors.registry import CONNECTORS, connector
from coco.errors import Code, InvalidInput, Refused
from coco.requests import PreparedRequest
from tests.connectors.contracts import FILES, READS_BY_POST, Described, described, found
from tests.connectors.descriptions import DIRECTORY

SAMPLES = (
    *("51", "me", "search", "send", "merge", "batch", "0-3", "primary", "freeBusy", "import", "quickAdd", "watch"),
    *("a@b.example", "a%40b.example", "%73earch", "stop", "chat.postMessage"),
)
"""What stands in a path for a parameter: ids, and ids that are spelt like the provider's own words."""
ROUTES = [(name, operation) for name in sorted(FILES) for operation in CONNECTORS[name].operations.values()]


def _id(value: Any) -> str:
    return value.name if isinstance(value, Operation) else str(value)


def test_every_description_belongs_to_a_connector() -> None:
    listed = {file for files in FILES.values() for file in files}
    assert {path.name for path in DIRECTORY.glob("*.json")} <= listed
    assert set(FILES) <= set(CONNECTORS)


@pytest.mark.parametrize(("name", "operation"), ROUTES, ids=_id)
def test_a_route_is_described_and_is_what_the_description_says(name: str, operation: Operation[Any]) -> None:
    route = operation.route
    told = found(name, route)
    assert told.mutates == (route.access == "gated")
    assert route.query is None or set(route.query) <= set(told.parameters)


@pytest.mark.parametrize(("name", "operation"), ROUTES, ids=_id)
def test_the_scopes_of_a_route_are_enough(name: str, operation: Operation[Any]) -> None:
    told = found(name, operation.route)
    have = set(operation.route.scopes)
    if name == "slack":
        # The description has the names of before: chat:write:bot is chat:write of today.
        have |= {f"{scope}:bot" for scope in have}
    assert any(needed <= have for needed in told.alternatives), told.alternatives


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_scope_that_writes_is_asked_for_where_one_that_reads_is_enough(name: str) -> None:
    declared = {scope.name: scope.access for scope in connector(name).scopes}
    for route in connector(name).routes:
        if found(name, route).asks_for_reading_only and route.access == "read":
            assert {declared[scope] for scope in route.scopes} == {"read"}


def _filled(path: str, sample: str) -> str:
    return "/".join(sample if part.startswith("{") else part for part in path.split("/"))


def _access(name: str, method: str, target: str) -> str:
    try:
        request = PreparedRequest(protocol="http", method=cast(Any, method), target=target)
    except ValueError:
        return "refused"
    try:
        return connector(name).classify(request).access
    except Refused as refusal:
        return "refused" if refusal.code is Code.NOT_IN_MANIFEST else f"refused for another reason: {refusal.code}"


def _targets(operation: Described) -> set[str]:
    paths = (operation.path, *operation.more_paths)
    return {_filled(path, sample) + query for path in paths for sample in SAMPLES for query in ("", "?alt=json")}


@pytest.mark.parametrize("name", sorted(FILES))
def test_nothing_that_mutates_passes_as_a_read(name: str) -> None:
    walked: Counter[str] = Counter()
    for operation in described(name):
        walked[operation.file] += 1
        if operation.mutates:
            for target in _targets(operation):
                access = _access(name, operation.method, target)
                assert access in {"gated", "refused"}, f"{operation.method} {target} passes as a read"
    assert set(walked) == set(FILES[name])
    assert min(walked.values()) >= 10


def test_slacks_methods_that_mutate_are_no_reads_by_get_either() -> None:
    """Slack takes any method by GET, with its arguments in the query."""
    for operation in described("slack"):
        if operation.mutates:
            for query in ("", "?channel=C0123456789&text=x", "?token=xoxb-another"):
                assert _access("slack", "GET", operation.path + query) == "refused", operation.path


@pytest.mark.parametrize("name", sorted(FILES))
def test_no_read_takes_a_credential_or_another_method_from_its_query(name: str) -> None:
    names = ("access_token", "oauth_token", "token", "key", "hapikey", "$httpMethod", "%24httpHeaders", "callback")
    for operation in connector(name).operations.values():
        if operation.route.access == "read":
            path = _filled(operation.route.path, "51")
            for parameter in names:
                assert _access(name, operation.route.method, f"{path}?{parameter}=x") == "refused", parameter
            assert _access(name, operation.route.method, f"{path}?limit=1;token=x") == "refused"


@pytest.mark.parametrize("name", sorted(READS_BY_POST))
def test_the_reviewed_list_of_posts_that_read_is_no_longer_than_it_must_be(name: str) -> None:
    operations = {operation.path: operation for operation in described(name) if operation.method == "POST"}
    for path in READS_BY_POST[name]:
        assert operations[path].asks_for_reading_only, f"{path} is not described as a read"


CERTAIN = [
    ("gmail", "POST", "/gmail/v1/users/{userId}/messages/send", True),
    ("gmail", "POST", "/gmail/v1/users/{userId}/drafts/send", True),
    ("gmail", "POST", "/gmail/v1/users/{userId}/watch", True),
    ("gmail", "GET", "/gmail/v1/users/{userId}/messages/{id}", False),
    ("google_calendar", "POST", "/calendar/v3/freeBusy", False),
    ("google_calendar", "POST", "/calendar/v3/calendars/{calendarId}/events/watch", True),
    ("google_calendar", "POST", "/calendar/v3/calendars/{calendarId}/clear", True),
    ("google_calendar", "GET", "/calendar/v3/users/me/calendarList", False),
    ("hubspot", "POST", "/crm/v3/objects/contacts/search", False),
    ("hubspot", "POST", "/crm/v3/objects/contacts/merge", True),
    ("hubspot", "POST", "/crm/v3/objects/contacts/gdpr-delete", True),
    ("slack", "POST", "/api/chat.postMessage", True),
    ("slack", "GET", "/api/apps.uninstall", True),
    ("slack", "GET", "/api/auth.revoke", True),
    ("slack", "GET", "/api/views.open", True),
    ("slack", "GET", "/api/conversations.history", False),
]


@pytest.mark.parametrize(("name", "method", "path", "mutates"), CERTAIN)
def test_the_walk_tells_mutations_from_reads(name: str, method: str, path: str, mutates: bool) -> None:
    """The rule itself, on operations whose nature nobody doubts."""
    [operation] = [one for one in described(name) if (one.method, one.path) == (method, path)]
    assert operation.mutates is mutates


def test_a_batch_endpoint_is_no_way_around() -> None:
    for name, path in (("gmail", "/batch/gmail/v1"), ("google_calendar", "/batch/calendar/v3")):
        assert _access(name, "POST", path) == "refused"
    with pytest.raises(InvalidInput):
        connector("gmail").read("messages.modify")
