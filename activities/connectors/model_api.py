"""What every connector to a language model shares: its arguments, its two reads, and what the gateway lets pass.

A completion is a read: it changes nothing at the provider. That is so only for the request that is made here. The same
address also takes tools that a provider runs by itself (it fetches pages, runs code, calls other servers), and asks to
store what was said. So a request passes only where it is, byte for byte, what these functions make of its own content.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from activities.connectors.base import Arguments, ConnectionInfo, Connector, ReadOperation, Route
from activities.connectors.http import http_request, object_of, objects_in, readable_json, text_in
from activities.connectors.manifest import Scope
from coco.errors import CocoError, Code, InvalidInput, Refused
from coco.model_calls import completion
from coco.requests import PreparedRequest, ProviderResponse

COMPLETE = "text.complete"
LIST = "models.list"
ASK = "ask"
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,119}$"

SCOPES = (
    Scope(
        name=ASK,
        allows="Ask its models, with what your workflows read, on your own bill",
        access="read",
        preselected=True,
    ),
)
"""Keys of these providers know no scopes that everybody has; this one is Coco's own."""


class Message(Arguments):
    """One turn of the conversation."""

    role: Literal["user", "assistant"]
    text: Annotated[str, StringConstraints(min_length=1, max_length=40_000)]


class CompleteArguments(Arguments):
    """What a model is asked."""

    model: Annotated[str, StringConstraints(pattern=MODEL_NAME)]
    system: Annotated[str, StringConstraints(max_length=20_000)] = ""
    messages: Annotated[tuple[Message, ...], Field(min_length=1, max_length=20)]
    max_tokens: Annotated[int, Field(ge=1, le=8192)] = 1024
    sampling: bool = True
    """Whether temperature 0 is asked for. Reasoning models take none: off for those."""

    @model_validator(mode="after")
    def _turns(self) -> CompleteArguments:
        for index, message in enumerate(self.messages):
            if message.role != ("user", "assistant")[index % 2]:
                raise ValueError("messages: turns alternate, and the user's is the first")
        return self


class ListArguments(Arguments):
    """Nothing to say."""


class ListModels(ReadOperation[ListArguments]):
    """GET of the models that the key may use; costs nothing."""

    name = LIST
    title = "List the models"
    arguments = ListArguments

    def request(self, connection: ConnectionInfo, arguments: ListArguments) -> PreparedRequest:
        return http_request("GET", self.route.path, headers=self.headers)

    headers: ClassVar[tuple[tuple[str, str], ...]] = ()

    def facts(self, arguments: ListArguments, response: ProviderResponse) -> Any:
        """`{models: [id]}`, at most the first thousand. Raises InvalidInput."""
        found = objects_in(object_of(response, "a list of models"), "data", "list of models")
        return {"models": [text_in(item, "id", "model") for item in found[:1000]]}


class Complete(ReadOperation[CompleteArguments]):
    """POST of a conversation; the model's next turn."""

    name = COMPLETE
    title = "Have a model write"
    arguments = CompleteArguments
    provider: ClassVar[str]
    headers: ClassVar[tuple[tuple[str, str], ...]] = (("content-type", "application/json"),)

    @abstractmethod
    def body(self, arguments: CompleteArguments) -> dict[str, Any]:
        """The request's body."""

    @abstractmethod
    def arguments_of(self, body: dict[str, Any]) -> dict[str, Any]:
        """The arguments that would make such a body; of a body that these functions did not make, anything."""

    def request(self, connection: ConnectionInfo, arguments: CompleteArguments) -> PreparedRequest:
        return self._prepared(arguments)

    def _prepared(self, arguments: CompleteArguments) -> PreparedRequest:
        return http_request("POST", self.route.path, body=self.body(arguments), headers=self.headers)

    def made(self, request: PreparedRequest) -> bool:
        """Whether a request is one that `request` makes."""
        try:
            body = object_of(ProviderResponse(status=200, body=request.body, encoding=request.encoding), "an object")
            return self._prepared(self.parse(self.arguments_of(body))) == request
        except (CocoError, AttributeError, LookupError, TypeError, ValueError):
            return False

    def facts(self, arguments: CompleteArguments, response: ProviderResponse) -> Any:
        """`{model, text, input_tokens, output_tokens}`.

        Raises InvalidInput for an answer that is not as documented, and for one that is not whole: cut short at
        `max_tokens`, or declined.
        """
        found = completion(self.provider, response)
        if found.stop == "cut short":
            raise InvalidInput("the model's answer was cut short")
        if found.stop == "declined":
            raise InvalidInput("the model declined to answer")
        if found.stop != "end" or not found.text.strip():
            raise InvalidInput("the model did not answer with a text")
        return found.model_dump(mode="json", exclude={"stop"})


class ModelConnector(Connector):
    """A provider of language models."""

    def classify(self, request: PreparedRequest) -> Route:
        """As every connector's; Raises Refused (NOT_IN_MANIFEST) for a completion that these functions do not make."""
        route = super().classify(request)
        operation = self.operations[route.operation]
        if isinstance(operation, Complete) and not operation.made(request):
            raise Refused(f"{self.title}: a model is asked for text, and for nothing else", code=Code.NOT_IN_MANIFEST)
        return route

    def limited(self, response: ProviderResponse) -> bool:
        """429, save where it says that nothing is left to spend: asking later would not help."""
        return super().limited(response) and not _spent(response)


def _spent(response: ProviderResponse) -> bool:
    body = readable_json(response)
    error = body.get("error") if isinstance(body, dict) else None
    return isinstance(error, dict) and "insufficient_quota" in (error.get("code"), error.get("type"))


def read_route(method: Literal["GET", "POST"], path: str, operation: str) -> Route:
    return Route(method=method, path=path, access="read", operation=operation, scopes=(ASK,), query=())


def turns(value: Any) -> list[dict[str, Any]]:
    """Messages of a body as arguments."""
    return [{"role": item["role"], "text": item["content"]} for item in value]
