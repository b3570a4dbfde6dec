"""What a connector is: a manifest, and pure functions from arguments to requests and from responses to facts.

Nothing here does I/O. The same functions run in the sandbox (to plan), on the control side (to build the action that
the card shows) and in the gateway (to classify what passes, and to compare prior values), so none has to believe
another.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, ValidationError

from activities.connectors.action_facts import ActionFacts
from activities.connectors.manifest import BEARER, Auth, Check, OAuth2, RateLimit, Scope
from activities.connectors.taking_back import BY_HAND, Compensation, Done
from coco.actions import Action, Preview, Prior, Reversibility
from coco.canonical import can_be_kept, parse_json
from coco.errors import Code, InvalidInput, Refused
from coco.requests import Frozen, PreparedRequest, ProviderResponse


class Arguments(BaseModel):
    """Base of an operation's arguments. The inbox renders its JSON schema as the edit form."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=False)


class ConnectionInfo(Frozen):
    """The parts of a connection that a pure function may use. Holds no credential."""

    id: UUID
    connector: str
    title: str
    settings: dict[str, Any] = {}
    """Connector-specific and not secret, such as the sender address of a mailbox."""


class Route(Frozen):
    """One method and path of a provider, and whether it reads or writes.

    `path` is the provider's own template: `{name}` stands for one non-empty path segment. `query` holds the names of
    the query parameters that the operation uses; a request with any other is not this operation's (some providers take
    a token, or another method, from the query). None: any, for providers whose queries nobody can list.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "SEND", "AUTH", "LIST", "SEARCH", "FETCH"]
    path: str
    access: Literal["read", "gated"]
    operation: str
    scopes: tuple[str, ...] = ()
    query: tuple[str, ...] | None = None

    def matches(self, request: PreparedRequest) -> bool:
        """True when the request has this method, its path fits the template, segment by segment, and its query has
        only parameters that the route names."""
        pattern = "/".join("[^/]+" if part.startswith("{") else re.escape(part) for part in self.path.split("/"))
        return request.method == self.method and re.fullmatch(pattern, request.path) is not None and self._asks(request)

    def _asks(self, request: PreparedRequest) -> bool:
        query = request.target.partition("?")[2]
        if self.query is None or not query:
            return True
        # Compared as they are spelled, and ";" divides for some servers: what is not plain is not ours.
        return ";" not in query and {pair.partition("=")[0] for pair in query.split("&")} <= set(self.query)


A = TypeVar("A", bound=Arguments)


class Operation(ABC, Generic[A]):
    """One operation of a connector."""

    name: ClassVar[str]
    title: ClassVar[str]
    arguments: type[A]
    route: ClassVar[Route]

    def parse(self, arguments: Mapping[str, Any]) -> A:
        """Validated arguments. Raises InvalidInput that names each wrong field."""
        try:
            return self.arguments.model_validate(dict(arguments))
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in item['loc']) or 'arguments'}: {item['msg']}"
                for item in error.errors()
            )
            raise InvalidInput(f"{self.name}: {problems}") from error

    @abstractmethod
    def request(self, connection: ConnectionInfo, arguments: A) -> PreparedRequest:
        """The exact request. Deterministic: the same arguments always give the same bytes."""


class ReadOperation(Operation[A]):
    """A read: free, and passes the gateway without a grant."""

    def facts(self, arguments: A, response: ProviderResponse) -> Any:
        """The response as plain data. Raises InvalidInput where it is not what the provider promises."""
        return json_of(response)


class GatedOperation(Operation[A]):
    """A side effect: needs an approval."""

    reversibility: ClassVar[Reversibility]
    """At best. Irreversible where `taken_back` is not there: then `no_way_back` says why."""
    no_way_back: ClassVar[str] = ""
    """Why nothing takes it back, as a sentence."""
    credits: ClassVar[int]

    def prior_request(self, connection: ConnectionInfo, arguments: A) -> PreparedRequest | None:
        """The read that tells the record's current value, or None where nothing precedes (a send, a create)."""
        return None

    def prior(self, arguments: A, response: ProviderResponse) -> dict[str, Any] | None:
        """The current value of what this operation would change, from the response to `prior_request`.

        None where the record does not exist. Raises InvalidInput for a response that cannot be understood.
        """
        return None

    def cost(self, arguments: A) -> int:
        """Its cost in credits; an operation on many records counts them here."""
        return self.credits

    def reversibility_of(self, arguments: A, prior: dict[str, Any] | None) -> Reversibility:
        """As the card says it of this very action: what `taken_back` could do once it has taken place."""
        return self.reversibility

    def taken_back(self, arguments: A, done: Done) -> Compensation:
        """The action that takes it back. Raises InvalidInput where none does."""
        raise InvalidInput(self.no_way_back or BY_HAND)

    def follow_up(self, arguments: A, done: Done) -> Compensation | None:
        """For a message that was sent: one more, which puts it right, to the same people. None for all else."""
        return None

    @abstractmethod
    def preview(self, connection: ConnectionInfo, arguments: A, prior: dict[str, Any] | None) -> Preview:
        """What the person sees. Computed from the same arguments as the request."""

    def preview_of_read(
        self,
        connection: ConnectionInfo,
        arguments: A,
        prior: dict[str, Any] | None,
        prior_response: ProviderResponse | None,
    ) -> Preview:
        """The preview that `build` puts on the action: as `preview`, and may name the record from the attested read."""
        return self.preview(connection, arguments, prior)

    def applied(self, arguments: A, now: dict[str, Any] | None) -> bool | None:
        """Read-back after an unknown outcome: True when `now` (as `prior` gives it) shows the change.

        None where it cannot be told; then a person settles it.
        """
        return None

    def succeeded(self, response: ProviderResponse) -> bool | None:
        """Whether a 2xx answer says that it was done; for providers that report failures with status 200.

        True: done. False: it certainly did not take effect. None: it cannot be told, so the outcome is unknown. Must
        not raise; an answer cut short comes with an empty body.
        """
        return True

    def result(self, arguments: A, response: ProviderResponse) -> dict[str, Any]:
        """What the log keeps of a success: record id, message id, link."""
        return {}

    def build(
        self, connection: ConnectionInfo, arguments: Mapping[str, Any], prior_response: ProviderResponse | None
    ) -> Action:
        """The exact action for these arguments and the attested response to `prior_request`.

        Raises InvalidInput for bad arguments, where the operation needs a prior value and none is given, or where the
        provider's answer has what no record of ours can hold.
        """
        try:
            action = self._built(connection, arguments, prior_response)
        except ValidationError as error:
            raise InvalidInput(f"{self.name}: no action can be made of this: {error.errors()[0]['msg']}") from error
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
            # Whatever a provider answers, it is that action's fault and nobody else's.
            raise InvalidInput(f"{self.name}: the record's current value cannot be understood") from error
        if not can_be_kept(action.as_json()):
            raise InvalidInput(f"{self.name}: the record's current value has characters that cannot be kept")
        return action

    def _built(
        self, connection: ConnectionInfo, arguments: Mapping[str, Any], prior_response: ProviderResponse | None
    ) -> Action:
        parsed = self.parse(arguments)
        prior_request = self.prior_request(connection, parsed)
        prior: Prior | None = None
        if prior_request is not None:
            if prior_response is None:
                raise InvalidInput(f"{self.name}: the record's current value was not read")
            prior = Prior(request=prior_request, value=self.prior(parsed, prior_response))
        return Action(
            connection=str(connection.id),
            connector=connection.connector,
            operation=self.name,
            request=self.request(connection, parsed),
            prior=prior,
            preview=self.preview_of_read(connection, parsed, prior.value if prior else None, prior_response),
            reversibility=self.reversibility_of(parsed, prior.value if prior else None),
            credits=self.cost(parsed),
        )


class Connector:
    """One provider: its operations, and the manifest made of their routes."""

    def __init__(
        self,
        name: str,
        title: str,
        operations: tuple[Operation[Any], ...],
        *,
        protocol: Literal["http", "smtp", "imap"] = "http",
        auth: Auth = BEARER,
        oauth: OAuth2 | None = None,
        scopes: tuple[Scope, ...] = (),
        rate_limit: RateLimit | None = None,
        check: Check | None = None,
        base_url: str = "",
        record_url: str = "",
        facts: ActionFacts | None = None,
    ) -> None:
        """Raises ValueError for a manifest that contradicts itself."""
        self.name = name
        self.title = title
        self.protocol = protocol
        self.auth = auth
        self.oauth = oauth
        self.scopes = scopes
        self.rate_limit = rate_limit
        self.check = check
        self.base_url = base_url
        """The provider's own address, used where a connection names none."""
        self.record_url = record_url
        self.facts = facts or ActionFacts()
        """What its actions are to guardrails; without any, no rule covers them."""
        self.operations: dict[str, Operation[Any]] = {}
        for operation in operations:
            if operation.name in self.operations:
                raise ValueError(f"{name} declares {operation.name} twice")
            if isinstance(operation, GatedOperation) != (operation.route.access == "gated"):
                raise ValueError(f"{name}: {operation.name} and its route disagree about being gated")
            self.operations[operation.name] = operation
        _check_scopes(self)
        if check is not None and not isinstance(self.operations.get(check.operation), ReadOperation):
            raise ValueError(f"{name}: a credential is checked with a read, which {check.operation!r} is not")

    @property
    def routes(self) -> tuple[Route, ...]:
        return tuple(operation.route for operation in self.operations.values())

    def classify(self, request: PreparedRequest) -> Route:
        """The manifest's route for a request: the most literal template that matches.

        Raises Refused (NOT_IN_MANIFEST) where none does, or where two equally literal ones disagree on access.
        """
        if request.protocol != self.protocol:
            raise Refused(f"{self.title} does not speak {request.protocol}", code=Code.NOT_IN_MANIFEST)
        matching = [route for route in self.routes if route.matches(request)]
        if not matching:
            raise Refused(f"{self.title}: no operation has this method and path", code=Code.NOT_IN_MANIFEST)
        fewest = min(route.path.count("{") for route in matching)
        best = [route for route in matching if route.path.count("{") == fewest]
        gated = [route for route in best if route.access == "gated"]
        # Where a read and a write share a route, the write rules.
        return gated[0] if gated else best[0]

    def credential_refused(self, response: ProviderResponse) -> bool:
        """Whether an answer says that the credential is bad (expired, revoked), so that the account must be connected
        again. A missing permission or a rate limit is not that."""
        return response.status == 401

    def limited(self, response: ProviderResponse) -> bool:
        """Whether an answer says that the provider was asked too often. Must not raise."""
        return response.status == 429

    def gated(self, name: str) -> GatedOperation[Any]:
        """The gated operation of that name. Raises InvalidInput that lists what there is."""
        operation = self.operations.get(name)
        if not isinstance(operation, GatedOperation):
            known = ", ".join(sorted(n for n, o in self.operations.items() if isinstance(o, GatedOperation)))
            raise InvalidInput(f"{self.title} has no gated operation {name!r}; it has: {known}")
        return operation

    def read(self, name: str) -> ReadOperation[Any]:
        """The read operation of that name. Raises InvalidInput that lists what there is."""
        operation = self.operations.get(name)
        if not isinstance(operation, ReadOperation):
            known = ", ".join(sorted(n for n, o in self.operations.items() if isinstance(o, ReadOperation)))
            raise InvalidInput(f"{self.title} has no read {name!r}; it has: {known}")
        return operation


def _check_scopes(connector: Connector) -> None:
    """Every scope that a route needs is declared, and a gated route needs one that says that it writes."""
    declared = {scope.name: scope for scope in connector.scopes}
    if any(scope.preselected and scope.access == "write" for scope in connector.scopes):
        raise ValueError(f"{connector.name}: a scope that writes is never preselected")
    for route in connector.routes:
        unknown = set(route.scopes) - set(declared)
        if unknown:
            raise ValueError(f"{connector.name}: {route.operation} needs the undeclared scope {min(unknown)!r}")
        writes = any(declared[name].access == "write" for name in route.scopes)
        if connector.scopes and writes != (route.access == "gated"):
            raise ValueError(f"{connector.name}: {route.operation} and its scopes disagree about being a write")


def json_of(response: ProviderResponse) -> Any:
    """The JSON body of a 2xx response. Raises InvalidInput for another status or a body that is not JSON."""
    if not 200 <= response.status < 300:
        raise InvalidInput(f"the provider answered {response.status}")
    return parse_json(response.body_bytes())
