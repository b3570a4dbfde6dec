"""The typed catalogue: which facts and operations exist, how they are written, and what they mean.

A rule can only speak of what is declared here. Connectors extend the catalogue by data: a :class:`Catalogue` is built
from declarations, and :meth:`Catalogue.extended` returns a new one with more of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import cached_property
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Entity = Literal["contact", "deal", "company", "action", "usage", "now"]
RECORD_ENTITIES: tuple[Entity, ...] = ("contact", "deal", "company")


class FactType(StrEnum):
    """What a fact's value may be. Every type is checked before a rule looks at the value."""

    NAME = "name"  # text, compared without regard to case and spacing
    COUNTRY = "country"  # ISO 3166 alpha-2 code or English name
    CURRENCY = "currency"  # ISO 4217 code
    EMAIL = "email"
    DOMAIN = "domain"
    NUMBER = "number"
    INTEGER = "integer"
    FRACTION = "fraction"  # 0 to 1
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"  # RFC 3339 with offset
    NAMES = "list of names"
    EMAILS = "list of emails"
    DOMAINS = "list of domains"
    BOOLEANS = "list of booleans"

    @property
    def is_list(self) -> bool:
        return self in LIST_TYPES


LIST_TYPES = frozenset({FactType.NAMES, FactType.EMAILS, FactType.DOMAINS, FactType.BOOLEANS})
TEXT_TYPES = frozenset({FactType.NAME, FactType.COUNTRY, FactType.CURRENCY, FactType.EMAIL, FactType.DOMAIN})
NUMBER_TYPES = frozenset({FactType.NUMBER, FactType.INTEGER, FactType.FRACTION})


class _Declaration(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Fact(_Declaration):
    """One fact: `name` is `entity.field` (or `now`); `nouns` are the English phrases that mean it."""

    name: str = Field(pattern=r"^(now|[a-z]+\.[a-z_]+)$")
    type: FactType
    doc: str
    unit: str = ""
    nouns: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()  # other spellings of the name accepted in records
    values: Mapping[str, str] = Field(default_factory=dict)  # English word -> value, usable without quotes
    past: bool = False  # a timestamp that cannot lie after `now`: such a record is malformed
    currency: str | None = None  # the fact that names this amount's currency
    minimum: float | None = None  # a smaller number is malformed
    happened: str = ""  # canonical English of a timestamp: "was created", "last had activity"

    @property
    def entity(self) -> str:
        return self.name.partition(".")[0]

    @property
    def field(self) -> str:
        return self.name.partition(".")[2]


class Operation(_Declaration):
    """One kind of side effect a rule may cover. Forms are whole phrases, lower case."""

    name: str = Field(pattern=r"^[a-z]+\.[a-z_]+$")
    doc: str
    targets: tuple[Entity, ...]  # the records it may be about
    verbs: tuple[str, ...] = ()
    gerunds: tuple[str, ...] = ()
    participles: tuple[str, ...] = ()
    objects: tuple[
        tuple[str, str], ...
    ] = ()  # (verb, object) that mean it: ("create", "task"); see english/phrases.toml
    said: str = ""  # canonical English, up to where the records follow: "Create tasks for"
    argument: str | None = None  # the action fact that a rule must pin, e.g. action.stage
    kind: Literal["change", "draft", "send"] = "change"
    aliases: tuple[str, ...] = ()


RECORD_SYSTEMS = frozenset({"hubspot", "salesforce", "pipedrive"})
_TOO_SHORT = frozenset({"create", "add", "remove"})


def _spellings_of_a_field(text: str) -> tuple[str, ...]:
    """A field's name as it stands, and without what systems put around it: `deal.amount`, `deal_amount`,
    `hubspot_owner_id`, `ownerid`."""
    bare = text
    for prefix in (*(f"{entity}{mark}" for entity in RECORD_ENTITIES for mark in "._ "), "hubspot_", "hs_"):
        bare = bare.removeprefix(prefix)
    shorter = next((bare.removesuffix(end) for end in ("_id", " id", "id") if bare.endswith(end)), bare)
    return tuple(dict.fromkeys((text, bare, shorter)))


def plural(entity: str) -> str:
    """ "companies" for "company" """
    return "companies" if entity == "company" else f"{entity}s"


class Catalogue:
    """An immutable registry of facts, operations and connectors.

    Raises ValueError on a name or alias declared twice.
    """

    def __init__(
        self, facts: Iterable[Fact], operations: Iterable[Operation], connectors: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.facts: dict[str, Fact] = {}
        self.aliases: dict[str, str] = {}
        self.operations: dict[str, Operation] = {}
        self.connectors = dict(connectors)
        for fact in facts:
            if fact.name in self.facts:
                raise ValueError(f"the fact {fact.name} is declared twice")
            self.facts[fact.name] = fact
        for fact in self.facts.values():
            for alias in fact.aliases:
                if alias in self.facts or alias in self.aliases:
                    raise ValueError(f"{alias}, an alias of {fact.name}, is taken")
                self.aliases[alias] = fact.name
        for operation in operations:
            if operation.name in self.operations:
                raise ValueError(f"the operation {operation.name} is declared twice")
            if operation.argument is not None and operation.argument not in self.facts:
                raise ValueError(f"{operation.name} pins {operation.argument}, which is not a fact")
            self.operations[operation.name] = operation

    def extended(
        self,
        facts: Iterable[Fact] = (),
        operations: Iterable[Operation] = (),
        connectors: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Catalogue:
        """A new catalogue with these declarations added."""
        return Catalogue(
            [*self.facts.values(), *facts],
            [*self.operations.values(), *operations],
            {**self.connectors, **(connectors or {})},
        )

    def fact(self, name: str) -> Fact:
        """The fact of that name. Raises KeyError."""
        return self.facts[name]

    def resolve(self, name: str) -> str | None:
        """The catalogue's own name for a field of a record, or None where there is no such fact."""
        return name if name in self.facts else self.aliases.get(name)

    @cached_property
    def operation_aliases(self) -> dict[str, str | None]:
        """Every accepted spelling of an operation; None marks a spelling that two operations share."""
        spellings: dict[str, str | None] = {}
        for operation in self.operations.values():
            entity, verb = operation.name.split(".")
            own = {
                operation.name,
                verb,
                f"{verb}_{entity}",
                f"{entity}_{verb}",
                f"{plural(entity)}.{verb}",
            }
            for spelling in own:
                spellings[spelling] = None if spelling in spellings else operation.name
        claimed: dict[str, str | None] = {}
        for operation in self.operations.values():
            for alias in operation.aliases:
                claimed[alias] = None if alias in claimed else operation.name
        names = {name: name for name in self.operations}
        return {**spellings, **claimed, **names}

    @cached_property
    def field_names(self) -> dict[str, str | None]:
        """How a field of a record may be called (folded) -> its name in the catalogue; None where records differ in
        what they mean by it. `contact:title` is the name for one kind of record."""
        found: dict[str, str | None] = {}
        for fact in self.facts.values():
            if fact.entity not in RECORD_ENTITIES:
                continue
            spellings = {fact.field, *fact.nouns, *(alias.partition(".")[2] for alias in fact.aliases)}
            for spelling in {one.lower() for one in spellings} | {one.lower().replace("_", " ") for one in spellings}:
                found[f"{fact.entity}:{spelling}"] = fact.field
                found[spelling] = fact.field if found.get(spelling, fact.field) == fact.field else None
        return found

    def field_name(self, text: str, entity: str = "") -> str:
        """The catalogue's name for a field called `text` (folded); `text` itself where it knows none."""
        for name in _spellings_of_a_field(text):
            found = self.field_names.get(f"{entity}:{name}") or self.field_names.get(name)
            if found is not None:
                return found
        return text

    def operations_named(self, text: str) -> tuple[str, ...]:
        """The operations that a record's `action.operation` may mean: one, several (`archive`), or none."""
        key = text.strip().lower().replace("-", "_").replace(" ", "_")
        head, _, rest = key.partition(".")
        if head in self.connectors and rest and key not in self.operation_aliases:
            if "." not in rest and head not in RECORD_SYSTEMS:
                return ()  # "slack.send" is no e-mail
            key = rest
        found = self.operation_aliases.get(key)
        if found is not None:
            return (found,)
        if key in _TOO_SHORT:
            return ()  # "create" alone could be a note, a deal or a meeting: no rule covers what is not said
        return tuple(
            operation.name
            for operation in self.operations.values()
            if key == operation.name.split(".")[1] and operation.name.split(".")[0] in RECORD_ENTITIES
        )
