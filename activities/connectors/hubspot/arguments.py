"""The arguments of HubSpot's operations: typed, bounded, and refused where the provider would guess."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator, model_validator

from activities.connectors.base import Arguments
from activities.connectors.cards import printable

READ_ONLY = frozenset({"createdate", "lastmodifieddate", "hs_lastmodifieddate", "hs_createdate", "hs_object_id"})
"""Properties the provider sets itself."""


def _each_once(value: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(value)) != len(value):
        raise ValueError("a record is named twice")
    return value


RecordId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]
PropertyName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,100}$")]
PropertyValue = Annotated[str, StringConstraints(max_length=10_000, strict=True), AfterValidator(printable)]
"""The provider carries every property as text; empty text clears it."""
Stage = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Properties = Annotated[dict[PropertyName, PropertyValue], Field(min_length=1, max_length=20)]
PropertyNames = Annotated[tuple[PropertyName, ...], Field(max_length=30)]
Cursor = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9%=_.+/-]{0,200}$")]
Associations = Annotated[tuple[Literal["contacts", "deals", "companies"], ...], Field(max_length=3)]
RecordIds = Annotated[tuple[RecordId, ...], Field(max_length=20), AfterValidator(_each_once)]
ListedKind = Literal["contacts", "companies", "deals"]
Moment = Annotated[
    str,
    StringConstraints(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?(Z|[+-][0-9]{2}:[0-9]{2})$"
    ),
]
"""A time with its zone (RFC 3339)."""
SearchText = Annotated[str, StringConstraints(max_length=3000), AfterValidator(printable)]

_ONE_VALUE = {"EQ", "NEQ", "LT", "LTE", "GT", "GTE", "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"}


class Filter(Arguments):
    """One condition of a search."""

    property: PropertyName
    operator: Literal[
        "EQ",
        "NEQ",
        "LT",
        "LTE",
        "GT",
        "GTE",
        "BETWEEN",
        "IN",
        "NOT_IN",
        "HAS_PROPERTY",
        "NOT_HAS_PROPERTY",
        "CONTAINS_TOKEN",
        "NOT_CONTAINS_TOKEN",
    ]
    value: SearchText | None = None
    high_value: SearchText | None = None
    values: Annotated[tuple[SearchText, ...], Field(max_length=100)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Filter:
        wanted = {
            "value": self.operator in _ONE_VALUE or self.operator == "BETWEEN",
            "high_value": self.operator == "BETWEEN",
            "values": self.operator in {"IN", "NOT_IN"},
        }
        for name, needed in wanted.items():
            given = getattr(self, name) is not None
            if given != needed:
                raise ValueError(f"{self.operator} {'needs' if needed else 'takes no'} {name}")
        return self


class Sort(Arguments):
    """One sort criterion."""

    property: PropertyName
    descending: bool = False


class SearchArguments(Arguments):
    """A search. Filters inside one group all hold; one group holding is enough."""

    filter_groups: Annotated[
        tuple[Annotated[tuple[Filter, ...], Field(min_length=1, max_length=6)], ...], Field(max_length=5)
    ] = ()
    query: SearchText | None = None
    properties: PropertyNames = ()
    sorts: Annotated[tuple[Sort, ...], Field(max_length=1)] = ()
    limit: Annotated[int, Field(ge=1, le=200)] = 100
    after: Cursor = ""


class GetArguments(Arguments):
    """One record by its id."""

    id: RecordId
    properties: PropertyNames = ()
    associations: Associations = ()
    archived: bool = False


class ListArguments(Arguments):
    """A page of records."""

    properties: PropertyNames = ()
    associations: Associations = ()
    limit: Annotated[int, Field(ge=1, le=100)] = 100
    after: Cursor = ""
    archived: bool = False


def _writable(value: dict[str, str]) -> dict[str, str]:
    fixed = sorted(READ_ONLY & value.keys())
    if fixed:
        raise ValueError(f"HubSpot sets {', '.join(fixed)} itself")
    return value


class UpdateArguments(Arguments):
    """New values for some properties of one record."""

    id: RecordId
    properties: Properties

    @field_validator("properties")
    @classmethod
    def _only_writable(cls, value: dict[str, str]) -> dict[str, str]:
        return _writable(value)


class UpdateDealArguments(UpdateArguments):
    """New values for some properties of one deal; its stage has an operation of its own."""

    @field_validator("properties")
    @classmethod
    def _not_the_stage(cls, value: dict[str, str]) -> dict[str, str]:
        # A rule or a reader that looks for moved stages must not be passed by under the name of a field update.
        if value.keys() & {"dealstage", "pipeline"}:
            raise ValueError("a deal's stage is moved with deals.move_stage; its pipeline cannot be changed here")
        return value


class MoveStageArguments(Arguments):
    """The stage a deal moves to, by the stage's id."""

    id: RecordId
    stage: Stage


class ArchiveArguments(Arguments):
    """The record to archive."""

    id: RecordId


class CreateContactArguments(Arguments):
    """A new contact."""

    properties: Properties
    company_id: RecordId | None = None

    @field_validator("properties")
    @classmethod
    def _named(cls, value: dict[str, str]) -> dict[str, str]:
        if not any(value.get(name) for name in ("email", "firstname", "lastname")):
            raise ValueError("a contact needs an email, a firstname or a lastname")
        return _writable(value)


class CreateDealArguments(Arguments):
    """A new deal."""

    properties: Properties
    contact_ids: RecordIds = ()
    company_id: RecordId | None = None

    @field_validator("properties")
    @classmethod
    def _named(cls, value: dict[str, str]) -> dict[str, str]:
        if not value.get("dealname") or not value.get("dealstage"):
            raise ValueError("a deal needs a dealname and a dealstage")
        return _writable(value)


class CreateCompanyArguments(Arguments):
    """A new company."""

    properties: Properties
    contact_ids: RecordIds = ()

    @field_validator("properties")
    @classmethod
    def _named(cls, value: dict[str, str]) -> dict[str, str]:
        if not value.get("name") and not value.get("domain"):
            raise ValueError("a company needs a name or a domain")
        return _writable(value)


class _Attached(Arguments):
    """Something that hangs on records."""

    at: Moment
    owner_id: RecordId | None = None
    contact_ids: RecordIds = ()
    company_ids: RecordIds = ()
    deal_ids: RecordIds = ()

    @model_validator(mode="after")
    def _hangs_somewhere(self) -> _Attached:
        if not (self.contact_ids or self.company_ids or self.deal_ids):
            raise ValueError("name a contact, a company or a deal that it belongs to")
        return self


class CreateNoteArguments(_Attached):
    """A note on records, and the time that it is about."""

    body: Annotated[str, StringConstraints(min_length=1, max_length=10_000), AfterValidator(printable)]


class CreateTaskArguments(_Attached):
    """A task on records, and when it is due (`at`)."""

    subject: Annotated[str, StringConstraints(min_length=1, max_length=250), AfterValidator(printable)]
    body: Annotated[str, StringConstraints(max_length=10_000), AfterValidator(printable)] = ""
    priority: Literal["LOW", "MEDIUM", "HIGH"] | None = None
    kind: Literal["TODO", "CALL", "EMAIL"] = "TODO"


class SearchListsArguments(Arguments):
    """Lists, by a part of their name."""

    query: SearchText = ""
    object: ListedKind | None = None
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    after: Annotated[str, StringConstraints(pattern=r"^[0-9]{0,9}$")] = ""


class GetListArguments(Arguments):
    """One list by its id."""

    id: RecordId


class ListMembersArguments(Arguments):
    """The records on a list."""

    id: RecordId
    limit: Annotated[int, Field(ge=1, le=250)] = 100
    after: Cursor = ""


class ListsOfRecordArguments(Arguments):
    """The lists that a record is on."""

    object: ListedKind
    id: RecordId


class MembershipArguments(ListsOfRecordArguments):
    """A record (`id`) and the list that it is put on or taken off."""

    list_id: RecordId
