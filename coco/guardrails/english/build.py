"""From a derivation to the typed form. Everything that could mean two things is refused here, with both meanings.

The rule followed where two readings differ: a difference at one instant or one unit (is "14 days" more than, or at
least 14 days?) goes to the narrower reading, and the reading says so; any larger difference is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from lark import Token, Tree

from ..catalogue import Catalogue, Fact, FactType
from ..countries import country_code
from ..form import (
    Age,
    Ahead,
    And,
    AtLeast,
    Count,
    Covered,
    Empty,
    Has,
    Is,
    Moment,
    Not,
    Number,
    Only,
    Or,
    Order,
    Per,
    Predicate,
    Share,
    Truth,
    Weekly,
    Within,
    conjunction,
    disjunction,
    negation,
)
from ..records import Malformed, fold
from .lexer import Length
from .problems import Refused

Node = Tree[Any]
Target = Literal["contact", "deal", "company"]
DEFAULT_WAIT_HOURS = 24.0
_FLIP: dict[str, Order] = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "=="}
_UNIVERSAL = {
    "any",
    "all",
    "every",
    "each",
    "any of the",
    "all of the",
    "all the",
    "each of the",
    "every single",
    "all our",
    "any of our",
    "all of our",
}


@dataclass
class Parts:
    """What the statements of a sentence have said so far."""

    target: Target | None = None
    target_span: tuple[int, int] = (0, 0)
    operations: list[Covered] = field(default_factory=list)
    operation_span: tuple[int, int] = (0, 0)
    connector: str | None = None
    universal: bool = False
    new_span: tuple[int, int] | None = None
    conditions: list[Predicate] = field(default_factory=list)
    within: Within | None = None
    weekly_days: tuple[int, ...] = tuple(range(7))
    weekly_hours: tuple[int, int] = (0, 1440)
    weekly_zones: set[str] = field(default_factory=set)
    weekly_span: tuple[int, int] | None = None
    actions: dict[Per, int] = field(default_factory=dict)
    credits: dict[Per, float] = field(default_factory=dict)
    credits_per_action: float | None = None
    excluded: list[str] = field(default_factory=list)
    modes: dict[str, tuple[int, int]] = field(default_factory=dict)
    wait_hours: float | None = None
    offline: bool | None = None
    notes: list[str] = field(default_factory=list)
    currency: dict[str, str] = field(default_factory=dict)
    spellings: dict[str, str] = field(default_factory=dict)


@dataclass
class Names:
    tokens: list[Token]
    joined: Literal["one", "and", "or", "both", "neither"]
    span: tuple[int, int]


@dataclass
class Unit:
    """One condition with what decides how it groups."""

    conn: str  # "", "and", "or", "comma"
    intro: str  # "", "if", "only", "where", "that"
    predicate: Predicate
    negated: bool
    own_aux: bool
    exception: bool
    span: tuple[int, int]


def tokens_of(node: Any) -> list[Token]:
    if isinstance(node, Token):
        return [node]
    return [token for child in node.children for token in tokens_of(child)]


def span_of(node: Any) -> tuple[int, int]:
    found = [token for token in tokens_of(node) if token.end_pos]
    if not found:
        return (0, 0)
    return (min(token.start_pos or 0 for token in found), max(token.end_pos or 0 for token in found))


def child(node: Node, *names: str) -> Any:
    """The first child that is a token of a type or a tree of a name; None where there is none."""
    for one in node.children:
        if (isinstance(one, Token) and one.type in names) or (isinstance(one, Tree) and one.data in names):
            return one
    return None


def children(node: Node, *names: str) -> list[Any]:
    return [
        one
        for one in node.children
        if (isinstance(one, Token) and one.type in names) or (isinstance(one, Tree) and one.data in names)
    ]


def _bare(text: str) -> str:
    """A condition without what joins and negates it: "that are not in Germany" -> "in Germany"."""
    return re.sub(
        r"^[\s,]*((and|or|but|that|who|which|they|it)\b\s*)*((is|are|was|were|has been|have been)\s+not|isn't|aren't|wasn't|weren't|not|never)?\s*",
        "", text, flags=re.IGNORECASE,
    ).strip(" ,")  # fmt: skip


class Builder:
    """Builds the parts of one sentence, statement by statement. Raises Refused."""

    def __init__(self, catalogue: Catalogue, sentence: str, parts: Parts | None = None) -> None:
        self.catalogue = catalogue
        self.sentence = sentence
        self.parts = parts or Parts()
        self._subject: str | None = None  # the entity the present condition speaks of
        self._excluding = False
        self._last_list: tuple[str, str] | None = None  # (fact, kind) for "but not …"

    # ------------------------------------------------------------------ statements

    def statement(self, start: Node) -> None:
        node = start.children[0]
        {
            "grant": self._grant,
            "passive": self._passive,
            "gerund": self._gerund,
            "rest": self._rest,
            "x_records": self._never_records,
            "x_bare": self._never_bare,
            "x_bad": self._never_bad,
        }[str(node.data)](node)

    def _text(self, span: tuple[int, int]) -> str:
        return self.sentence[span[0] : span[1]]

    def _begin(self, node: Node) -> None:
        if self.parts.operations:
            raise Refused(
                span_of(node),
                f"this is a second rule; the sentence already covers {self._text(self.parts.operation_span).strip()!r}. "
                "Write one guardrail for each rule, so that its conditions cannot be mixed up",
                self._text(span_of(node)),
                fatal=True,
            )

    def _grant(self, node: Node) -> None:
        self._begin(node)
        for kind in _MODE_KINDS:
            for one in children(node, kind):
                self._mode(one)
        lead = child(node, "lead_if", "lead_for")
        alone = children(node, "a_pron", "a_draft", "a_send", "a_move")
        lead_units: list[Unit] = []
        if child(node, "np"):
            self._np(child(node, "np"))
        elif lead is not None and lead.data == "lead_for":
            self._np(child(lead, "np"))
        elif lead is not None:
            self._target_from(lead)
        verbs = child(node, "verbs")
        if lead is not None:
            before = self.parts.target
            lead_units = self._items(children(lead, "item"))
            self.parts.target = before
            if lead_units:
                lead_units[0] = replace(lead_units[0], intro="if" if lead.data == "lead_if" else "")
        items = children(node, "item")
        rest, destination = self._split_destination(items)
        if verbs is not None:
            for verb in verbs.children:
                if isinstance(verb, Tree):
                    self._verb(verb, destination)
        for one in alone:
            self._alone(one, destination)
        self.parts.operation_span = span_of(verbs if verbs is not None else alone[0])
        if destination is not None and not any(covered.arguments for covered in self.parts.operations):
            raise Refused(span_of(destination), "there is nothing here that takes a target", "")
        self._conditions(lead_units)
        self._conditions(self._items(rest))

    def _passive(self, node: Node) -> None:
        self._begin(node)
        self._np(child(node, "np"))
        opp = child(node, "p_plain", "p_move", "p_tag", "p_update", "p_assign", "p_to")
        self.parts.operation_span = span_of(opp)
        index = node.children.index(opp)
        before = [c for c in node.children[:index] if isinstance(c, Tree) and c.data == "item"]
        after = [c for c in node.children[index + 1 :] if isinstance(c, Tree) and c.data == "item"]
        rest, destination = self._split_destination(after)
        direct = child(node, "d_to", "d_with")
        destination = direct or destination
        if opp.data == "p_plain":
            self._cover(opp.children[0].value, opp, None, destination)
        elif opp.data == "p_move":
            self._cover(("deal.move_stage",), opp, None, destination)
        elif opp.data == "p_update":
            self._cover(self._named("update"), opp, None, destination)
        elif opp.data == "p_tag":
            self._cover(self._named("add_tag"), opp, None, destination)
        elif opp.data == "p_assign":
            self._cover(self._named("assign"), opp, child(opp, "name").children[0], destination)
        else:
            self._cover(child(opp, "OPP").value, opp, child(opp, "name").children[0], destination)
        lead = child(node, "lead_if")
        if lead is not None:
            self._conditions(self._items(children(lead, "item")))
        self._conditions(self._items(before))
        self._conditions(self._items(rest))

    def _named(self, verb: str) -> tuple[str, ...]:
        return tuple(name for name in self.catalogue.operations if name.split(".")[1] == verb)

    def _gerund(self, node: Node) -> None:
        self._begin(node)
        self._np(child(node, "np"))
        verb = child(node, "gverb")
        rest, destination = self._split_destination(children(node, "item"))
        self._cover(verb.children[0].value, verb, None, destination)
        self.parts.operation_span = span_of(verb)
        self._conditions(self._items(rest))

    def _rest(self, node: Node) -> None:
        np = child(node, "np")
        permission = child(node, "PERM", "AUTO")
        if np is not None:
            only = child(node, "ONLYIF", "FOR", "TO")
            if only is None and not any(self._is_verbal(item) for item in children(node, "item")[:1]):
                raise Refused(
                    span_of(node),
                    "no operation: this names records but does not say what may be done with them, nor how it limits the rule",
                    "Archive contacts … / Only for contacts … / Except contacts …",
                )
            before = (self.parts.target, self.parts.universal)
            if self.parts.target is None:
                self._np(np)
            else:
                self._same_entity(np)
                self._premodifiers(np, self.parts.target)
            self.parts.universal = before[1] or self.parts.universal
        items = children(node, "item")
        frame = [
            item
            for item in items
            if self._piece(item).data in _MODE_KINDS
            or str(self._piece(item).data).startswith(("l_", "weekly", "within"))
        ]
        others = [
            item
            for item in items
            if item not in frame
            and (child(item, "i_if", "i_where") is not None or self._piece(item).data in {"exception", "exc_names"})
        ]
        if frame and others:
            raise Refused(
                span_of(others[0]),
                f'does this limit the whole rule, or only "{self._text(span_of(self._piece(frame[0])))}"? Put it in a sentence of its own',
                f"{self._text(span_of(others[0])).strip(' ,').capitalize()}.",
            )
        if permission is not None and any(str(self._piece(i).data) in {"clause", "factclause"} for i in items):
            raise Refused(
                span_of(permission), "say what may be done: this permission names no operation", "Archive contacts …"
            )
        self._conditions(self._items(items))

    def _is_verbal(self, item: Node) -> bool:
        """Does this item stand as a sentence's predicate ("contacts must be …")?"""
        piece = self._piece(item)
        first = tokens_of(piece)[0] if tokens_of(piece) else None
        return first is not None and first.type in {"BE", "NBE", "HAVE", "NHAVE"}

    def _never_records(self, node: Node) -> None:
        names = child(node, "OPV").value
        np = child(node, "np")
        items = children(node, "item")
        target = self._entity_of(np)
        chosen = self._pick(names, target, span_of(node))
        if (
            not items
            and child(np, "e_plain") is not None
            and not children(np, "m_val", "m_closed", "m_unsub", "m_untagged", "m_noowner", "m_new")
        ):
            self.parts.excluded.append(chosen)
            return
        if chosen not in {covered.operation for covered in self.parts.operations}:
            raise Refused(
                span_of(node),
                f"the rule does not cover {chosen}, so this exception would say nothing",
                f"Except {self._text(span_of(np))} …",
            )
        if self.parts.target != target:
            raise Refused(span_of(np), f"the rule is about {self.parts.target}s", "")
        excluded = self._excluded(lambda: [*self._premodifier_conditions(np), *self._joined_items(items)])
        self.parts.conditions.append(negation(conjunction(excluded)))

    def _never_bare(self, node: Node) -> None:
        names = child(node, "OPV").value
        items = children(node, "item")
        if child(node, "THOSE") is None and not items:
            for name in names:
                if self.parts.target is None or self.parts.target in self.catalogue.operations[name].targets:
                    self.parts.excluded.append(name)
            return
        raise Refused(span_of(node), "say which records are never to be touched", 'Except contacts tagged "VIP".')

    def _never_bad(self, node: Node) -> None:
        raise Refused(span_of(node), "write one exception for each operation", "")

    # ------------------------------------------------------------------ the records

    def _entity_of(self, np: Node) -> Target:
        ent = child(np, "e_plain", "e_lifecycle", "e_two")
        if ent.data == "e_two":
            raise Refused(
                span_of(ent),
                'a rule is about one kind of record, because a condition such as "older than 30 days" could belong to '
                "either; write one guardrail for each",
                tokens_of(ent)[0].value + "s",
                fatal=True,
            )
        if ent.data == "e_lifecycle":
            return "contact"
        return ent.children[0].value  # type: ignore[no-any-return]

    def _np(self, np: Node) -> None:
        self._set_target(self._entity_of(np), span_of(np))
        self._premodifiers(np, self.parts.target or "contact")
        exact = child(np, "limit_exact")
        if exact is not None:
            said = self._text(span_of(exact))
            raise Refused(
                span_of(exact),
                "exactly this many, or up to this many? A rule can only cap",
                f"up to {said} {self.parts.target}s per day",
            )
        limit = child(np, "limit_np")
        if limit is not None:
            self._np_limit = limit
            self._pending_limit(limit)

    def _pending_limit(self, limit: Node) -> None:
        order = self._order(child(limit, "cmp"))
        self._pending = (order, self._whole(child(limit, "NUM")), span_of(limit))

    _pending: tuple[Order, int, tuple[int, int]] | None = None

    def _same_entity(self, np: Node) -> None:
        entity = self._entity_of(np)
        if entity != self.parts.target:
            raise Refused(
                span_of(np), f"the rule is about {self.parts.target}s, not {entity}s", f"Only {self.parts.target}s …"
            )

    def _set_target(self, target: Target, span: tuple[int, int]) -> None:
        self.parts.target, self.parts.target_span = target, span

    def _target_from(self, lead: Node) -> None:
        for token in tokens_of(lead):
            if token.type in {"ENT", "ENTPOSS"}:
                self._set_target(token.value, (token.start_pos or 0, token.end_pos or 0))
                return
        raise Refused(span_of(lead), "say what kind of record this is about", "If a contact …, archive it.")

    def _premodifiers(self, np: Node, target: str) -> None:
        det = child(np, "det")
        if det is not None and det.children[0].value in _UNIVERSAL:
            self.parts.universal = True
        for one in children(np, "m_connector"):
            self._set_connector(one.children[0])
        new = child(np, "m_new")
        if new is not None:
            self.parts.new_span = span_of(new)
        self.parts.conditions.extend(self._premodifier_conditions(np))

    def _premodifier_conditions(self, np: Node) -> list[Predicate]:
        found: list[Predicate] = []
        target = self._entity_of(np)
        ent = child(np, "e_plain", "e_lifecycle")
        if ent.data == "e_lifecycle":
            found.append(Is(fact="contact.lifecycle_stage", values=(ent.children[0].value,)))
        for one in np.children:
            if not isinstance(one, Tree):
                continue
            match str(one.data):
                case "m_val":
                    found.append(self._value_condition(one.children[0], target))
                case "m_closed":
                    found.append(self._closed(target, span_of(one)))
                case "m_unsub":
                    found.append(Truth(fact=self._flag(target, span_of(one))))
                case "m_subbed":
                    found.append(negation(Truth(fact=self._flag(target, span_of(one)))))
                case "m_silent":
                    said = self._text(span_of(one))
                    raise Refused(span_of(one), f"{said} for how long?", f"{target}s silent for more than 14 days")
                case "m_untagged":
                    found.append(Empty(fact=f"{target}.tags"))
                case "m_noowner":
                    found.append(Empty(fact=f"{target}.owner"))
        return found

    def _set_connector(self, token: Token) -> None:
        if self.parts.connector not in (None, token.value):
            raise Refused(
                (token.start_pos or 0, token.end_pos or 0),
                f"the rule is already for {self.parts.connector}; write one guardrail for each",
                "",
            )
        self.parts.connector = token.value

    # ------------------------------------------------------------------ operations

    def _pick(self, names: tuple[str, ...], target: str | None, span: tuple[int, int]) -> str:
        fitting = [name for name in names if target in self.catalogue.operations[name].targets]
        if len(fitting) == 1:
            return fitting[0]
        verb = self._text(span)
        possible = sorted({t for name in names for t in self.catalogue.operations[name].targets})
        raise Refused(span, f'"{verb}" is not something done to a {target}; it is done to: {", ".join(possible)}', "")

    def _verb(self, verb: Node, destination: Node | None) -> None:
        kind = str(verb.data)
        argument = None
        limit = child(verb, "limit_np")
        if limit is not None:
            self._pending_limit(limit)
            if child(verb, "per") is not None:
                self._limit_per(verb)
        if kind in {"v_add_tag", "v_remove_tag"}:
            argument = child(verb, "name").children[0]
        elif kind == "v_move" and child(verb, "name") is not None:
            argument = child(verb, "name").children[0]
        if kind == "v_draft_send":
            self._cover(("email.draft",), verb, None, None)
            names = ("email.send",)
        elif kind == "v_plain":
            names = child(verb, "OPV").value
        elif kind in {"v_tag", "v_add_tag"}:
            names = self._named("add_tag")
        elif kind == "v_remove_tag":
            names = self._named("remove_tag")
        elif kind == "v_move":
            names = ("deal.move_stage",)
        elif kind == "v_draft":
            names = ("email.draft",)
        elif kind == "v_send_bare":
            names = ("email.send",)
            if not any(covered.operation == "email.draft" for covered in self.parts.operations):
                parent_ok = self._next_is_draft
                if not parent_ok:
                    raise Refused(span_of(verb), "send what? Name the message", "Send a follow-up to …")
        else:
            names = ("email.send",)
        self._cover(names, verb, argument, destination)

    _next_is_draft = True

    def _alone(self, one: Node, destination: Node | None) -> None:
        if one.data == "a_draft":
            self._cover(("email.draft",), one, None, destination)
        elif one.data == "a_send":
            self._cover(("email.send",), one, None, destination)
        elif one.data == "a_move":
            self._cover(("deal.move_stage",), one, None, destination)
        elif isinstance(one.children[0], Tree):
            self._verb(one.children[0], destination)
        else:
            self._cover(("email.draft",), one, None, destination)

    def _cover(self, names: tuple[str, ...], node: Node, argument: Token | None, destination: Node | None) -> None:
        name = self._pick(names, self.parts.target, span_of(node))
        operation = self.catalogue.operations[name]
        arguments: tuple[tuple[str, str], ...] = ()
        if operation.argument is not None:
            fact = self.catalogue.fact(operation.argument)
            if argument is None and destination is not None:
                self._check_destination(destination, operation.argument)
                argument = child(destination, "QUOTED") or child(destination, "name").children[0]
            if argument is None:
                examples = {
                    "action.stage": 'to the "closed lost" stage',
                    "action.tag": 'with "stale"',
                    "action.owner": 'to "Maria Lopez"',
                }
                raise Refused(
                    span_of(node),
                    f"say which {fact.field}: a rule that left it open would cover any",
                    f"{self._text(span_of(node))} … {examples.get(operation.argument, '')}".strip(),
                )
            arguments = ((operation.argument, self._value(argument, fact)),)
        covered = Covered(operation=name, arguments=arguments)
        if covered not in self.parts.operations:
            self.parts.operations.append(covered)

    def _check_destination(self, destination: Node, argument: str) -> None:
        noun = child(destination, "FACT")
        if noun is not None and argument.split(".")[1] not in {name.split(".")[1] for name in noun.value}:
            raise Refused(span_of(noun), "this does not fit the operation", "")
        wants_with = argument == "action.tag"
        if wants_with != (destination.data == "d_with"):
            raise Refused(
                span_of(destination),
                "this does not fit the operation",
                'with "stale"' if wants_with else 'to "Maria Lopez"',
            )

    def _split_destination(self, items: list[Node]) -> tuple[list[Node], Node | None]:
        found = [item for item in items if self._piece(item).data in {"d_to", "d_with"}]
        if len(found) > 1:
            raise Refused(span_of(found[1]), "there are two targets", "")
        rest = [item for item in items if item not in found]
        return rest, self._piece(found[0]) if found else None

    # ------------------------------------------------------------------ items and how they group

    @staticmethod
    def _piece(item: Node) -> Node:
        return item.children[-1]  # type: ignore[no-any-return]

    def _items(self, items: Sequence[Node]) -> list[Unit]:
        units: list[Unit] = []
        framed: tuple[int, int] | None = None
        for item in items:
            unit = self._item(item)
            if unit is None:
                if self._piece(item).data != "l_per" and not self._is_connector(item):
                    framed = span_of(item)
                continue
            if framed is not None and (unit.exception or unit.intro in {"if", "where"}):
                what = "exception" if unit.exception else "condition"
                raise Refused(
                    unit.span,
                    f'does this {what} limit the whole rule, or only "{self._text(framed).strip(" ,")}"? Put it before that, or in a '
                    "sentence of its own",
                    f"{self._text(unit.span).strip(' ,').capitalize()}.",
                )
            units.append(unit)
        if self._pending is not None:
            order, number, span = self._pending
            raise Refused(span, f"up to {number} in what time? A cap needs a period", f"at most {number} per day")
        return units

    def _is_connector(self, item: Node) -> bool:
        piece = self._piece(item)
        return piece.data == "clause" and self._connector_in(piece) is not None

    def _item(self, item: Node) -> Unit | None:
        conn_node, intro_node = child(item, "conn"), child(item, "i_if", "i_only", "i_where", "i_that")
        conn = self._conn(conn_node)
        intro = str(intro_node.data)[2:] if intro_node is not None else ""
        piece = self._piece(item)
        span = span_of(item)
        kind = str(piece.data)
        frame: dict[str, Callable[[Node], None]] = {
            "within": self._within, "within_bare": self._within_bare, "weekly": self._weekly, "weekly_not": self._weekly_not,
            "l_count": self._limit, "l_post": self._limit, "l_credits": self._limit_credits, "l_credits_action": self._limit_credits,
            "l_total": self._limit_total,
            "l_credits_noper": self._limit_credits_noper, "l_batch": self._limit_batch, "l_noper": self._limit_noper, "l_per": self._limit_per,
        }  # fmt: skip
        if kind in frame or kind in _MODE_KINDS:
            if conn == "or":
                raise Refused(
                    span,
                    '"or" cannot join this to the rest of the rule; write it as a sentence of its own',
                    self._text(span_of(piece)),
                )
            if intro not in {"", "only"} and not (kind in {"weekly"} and intro in {"if"}):
                if not (kind == "l_credits_action" and intro in {"if", "that"}):
                    raise Refused(
                        span,
                        "this is no condition on a record; write it as a sentence of its own",
                        self._text(span_of(piece)),
                    )
            if kind in frame:
                frame[kind](piece)
            else:
                self._mode(piece)
            return None
        if kind in {"d_to", "d_with"}:
            raise Refused(span, "nothing here takes this target", "")
        if kind == "prep_connector_item":
            return None
        if kind == "clause" and (connector := self._connector_in(piece)) is not None:
            self._set_connector(connector)
            return None
        if kind in {"exception", "exc_names"}:
            if intro and intro != "that":
                raise Refused(span, "two ways of joining at once", "")
            return Unit(conn, "", self._exception(piece), False, True, True, span)
        if kind == "onlyfor":
            ent = child(piece, "e_plain", "e_lifecycle")
            if ent is not None and child(piece, "e_plain") is not None and ent.children[0].value != self.parts.target:
                raise Refused(
                    span_of(ent), f"the rule is about {self.parts.target}s", f"only for {self.parts.target}s …"
                )
            extra: list[Predicate] = []
            if ent is not None and ent.data == "e_lifecycle":
                extra.append(Is(fact="contact.lifecycle_stage", values=(ent.children[0].value,)))
            inner = self._condition(piece.children[-1])
            return Unit(conn, "only", conjunction([*extra, inner]), False, True, False, span)
        predicate = self._condition(piece)
        aux = self._aux(piece)
        return Unit(conn, intro, predicate, aux == "neg", aux is not None or kind not in {"clause"}, False, span)

    def _connector_in(self, clause: Node) -> Token | None:
        inner = clause.children[-1]
        return child(inner, "CONNECTOR") if isinstance(inner, Tree) and inner.data == "prep_connector" else None

    @staticmethod
    def _conn(node: Node | None) -> str:
        if node is None:
            return ""
        kinds = {token.type for token in node.children}
        for kind, name in (("OR", "or"), ("AND", "and"), ("BUT", "and"), ("THEN", "and"), ("COLON", "comma")):
            if kind in kinds:
                return name
        return "comma"

    def _aux(self, piece: Node) -> str | None:
        """Does the condition bring its own "is" or "has" (pos), "is not" (neg), or none?"""
        subject = child(piece, "subject")
        skip = len(tokens_of(subject)) if subject is not None else 0
        for token in tokens_of(piece)[skip : skip + 3]:
            if token.type in {"NBE", "NHAVE", "NOT", "NOWNEDBY", "NINCL"}:
                return "neg"
            if token.type in {"BE", "HAVE", "WITH", "WHOSE", "MODAL"} or (
                token.type in {"TV", "NOACT", "SILENT", "WLE", "WGE", "BOUNCED"}
                and self._text(span_of(token))
                .lower()
                .startswith(
                    (
                        "was ",
                        "were ",
                        "is ",
                        "are ",
                        "has ",
                        "have ",
                        "had ",
                        "goes ",
                        "comes ",
                        "arrives",
                        "signs ",
                        "falls ",
                    )
                )
            ):
                return "pos"
        return None

    def _conditions(self, units: list[Unit]) -> None:
        self.parts.conditions.extend(self._group(units))

    def _joined_items(self, items: Sequence[Node]) -> list[Predicate]:
        return self._group(self._items(items))

    def _group(self, units: list[Unit]) -> list[Predicate]:
        """Units to conjuncts. Only what can be grouped in one way is accepted."""
        result: list[Predicate] = []
        group: list[Unit] = []
        excluding = False

        def close() -> None:
            nonlocal group
            if group:
                result.append(negation(self._chain(group, True)) if excluding else self._chain(group, False))
            group = []

        for unit in units:
            if unit.exception:
                if unit.conn == "or":
                    raise Refused(
                        unit.span,
                        '"or" before an exception can be read in two ways; put the exception in its own sentence',
                        "",
                    )
                close()
                group, excluding = [unit], True
                continue
            if excluding and group:
                if unit.conn == "or" and unit.intro in {"", "if", "that"}:
                    group.append(unit)
                    continue
                if unit.intro in {"only", "where", "if"} and unit.conn in {"and", "comma"} and unit.intro == "only":
                    close()
                    group, excluding = [unit], False
                    continue
                raise Refused(
                    unit.span,
                    f'it is not clear whether "{self._text(unit.span).strip(" ,")}" belongs to the exception or to the rule. Put the '
                    'exception in a sentence of its own, or join its conditions with "or" or "both … and …"',
                    f"Except {self._text(units[0].span).strip(' ,')}."
                    if False
                    else f"{self._text(group[0].span).strip(' ,').capitalize()}.",
                )
            if unit.intro in {"if", "only", "where"} and group and unit.conn != "or":
                if unit.intro == group[0].intro and unit.conn == "and" and any(one.conn == "or" for one in group):
                    raise self._mixed(group, unit)
                close()
                group, excluding = [unit], False
                continue
            group.append(unit)
        close()
        return result

    def _mixed(self, group: list[Unit], unit: Unit) -> Refused:
        span = (group[0].span[0], unit.span[1])
        return Refused(
            span,
            '"and" and "or" are mixed here and can be grouped in two ways. Group them with parentheses, or write two sentences',
            self._grouped([*group, unit]),
        )

    def _grouped(self, group: list[Unit]) -> str:
        texts = [self._text(one.span).strip(" ,") for one in group]
        words = [
            text.split(" ", 1)[1] if text.split(" ")[0].lower() in {"and", "or", "but"} and " " in text else text
            for text in texts
        ]
        joins = ["or" if one.conn == "or" else "and" for one in group]
        if len(words) >= 3:
            if joins[1] == "or":
                return f"({words[0]} or {words[1]}) and {words[2]}"
            return f"{words[0]} and ({words[1]} {joins[2]} {words[2]})"
        return " and ".join(words)

    def _chain(self, group: list[Unit], exception: bool) -> Predicate:
        joins = {unit.conn for unit in group[1:]}
        if "or" in joins:
            if joins != {"or"}:
                raise self._mixed(group[:-1], group[-1])
            for before, after in zip(group, group[1:], strict=False):
                if before.negated and not after.own_aux:
                    raise Refused(
                        (before.span[0], after.span[1]),
                        '"not … or …" can mean neither of the two, or only not the first. Say "neither … nor …", or repeat the "not"',
                        f"neither {_bare(self._text(before.span))} nor {_bare(self._text(after.span))}",
                    )
            return disjunction([unit.predicate for unit in group])
        for before, after in zip(group, group[1:], strict=False):
            if (
                before.negated
                and after.conn == "and"
                and not after.own_aux
                and self._text(before.span).lower().split()[0] not in {"with", "without"}
            ):
                raise Refused(
                    (before.span[0], after.span[1]),
                    'does the "not" also reach what follows "and"? Repeat the verb, or say "neither … nor …"',
                    f"{self._text(before.span).strip(' ,')} and that are {self._text(after.span).strip(' ,').removeprefix('and ')}",
                )
        return conjunction([unit.predicate for unit in group])

    def _excluded(self, make: Callable[[], list[Predicate]]) -> list[Predicate]:
        before, self._excluding = self._excluding, True
        try:
            return make()
        finally:
            self._excluding = before

    def _exception(self, node: Node) -> Predicate:
        if node.data == "exc_names":
            names = self._names(child(node, "names"))
            if {token.type for token in names.tokens} == {"ENTLC"} and self.parts.target == "contact":
                return Is(
                    fact="contact.lifecycle_stage", values=tuple(dict.fromkeys(token.value for token in names.tokens))
                )
            if self._last_list is None:
                raise Refused(
                    span_of(node),
                    "these are names of what? Say it in full",
                    f"except contacts tagged {self._text(names.span)}",
                )
            fact, kind = self._last_list
            self._excluding = True
            try:
                return self._named_condition(self.catalogue.fact(fact), names, True)
            finally:
                self._excluding = False
        exc_np = child(node, "exc_np")
        extra: list[Predicate] = []
        if exc_np is not None and (ent := child(exc_np, "e_plain", "e_lifecycle", "e_two")) is not None:
            if ent.data == "e_lifecycle":
                extra.append(Is(fact="contact.lifecycle_stage", values=(ent.children[0].value,)))
            elif ent.data == "e_plain" and self.parts.target is not None and ent.children[0].value != self.parts.target:
                self._subject = ent.children[0].value
        try:
            return conjunction(self._excluded(lambda: [*extra, self._condition(node.children[-1])]))
        finally:
            self._subject = None

    # ------------------------------------------------------------------ conditions

    def _condition(self, node: Node) -> Predicate:
        kind = str(node.data)
        match kind:
            case "clause":
                return self._clause(node)
            case "group":
                return conjunction(self._joined_items(children(node, "item")))
            case "nottrue":
                return negation(conjunction(self._excluded(lambda: self._joined_items(children(node, "item")))))
            case "eitheror":
                return disjunction(
                    [self._condition(c) for c in node.children if isinstance(c, Tree) and c.data != "pos"]
                )
            case "bothand":
                return conjunction(
                    [self._condition(c) for c in node.children if isinstance(c, Tree) and c.data != "pos"]
                )
            case "neithernor":
                return negation(
                    disjunction(
                        self._excluded(
                            lambda: [
                                self._condition(c) for c in node.children if isinstance(c, Tree) and c.data != "pos"
                            ]
                        )
                    )
                )
            case "someof":
                return self._some_of(node)
            case "companies":
                return self._companies(node)
        if kind.startswith("b_"):
            return self._bounce(node)
        if kind.startswith("f_"):
            return self._fact_clause(node)
        if kind.startswith("r_"):
            return self._recipients(node)
        raise Refused(span_of(node), "this is no condition on a record", "")

    def _some_of(self, node: Node) -> Predicate:
        options = [conjunction(self._joined_items(children(one, "item"))) for one in children(node, "optioned")]
        order, number = self._order(child(node, "cmp")), self._whole(child(node, "NUM"))
        least = number if order == ">=" else number + 1 if order == ">" else None
        if least is None or not 1 <= least <= len(options):
            raise Refused(
                span_of(node),
                f'of {len(options)} conditions, "at least" takes 1 to {len(options)}',
                f"at least 1 of these are true: …",
            )
        return AtLeast(least=least, items=tuple(options))

    def _clause(self, node: Node) -> Predicate:
        subject = child(node, "subject")
        previous = self._subject
        if subject is not None:
            if child(subject, "NEW") is not None:
                self.parts.new_span = span_of(child(subject, "NEW"))
            first = child(subject, "e_plain", "e_lifecycle", "e_two", "PRON", "THEACTION", "ENT")
            if isinstance(first, Token):
                self._subject = {"THEACTION": "action", "ENT": first.value}.get(first.type, previous)
                if (
                    first.type == "ENT"
                    and first.value != "company"
                    and (first.value, self.parts.target) != ("contact", "deal")
                ):
                    raise Refused(span_of(subject), f"which {first.value}? A record may have several", "")
            elif first.data == "e_two":
                self._entity_of(subject)
            elif first.data == "e_plain":
                entity = first.children[0].value
                self._subject = entity
                if self.parts.target is None:
                    raise Refused(
                        span_of(node),
                        "no operation: this names records but does not say what may be done with them",
                        "Archive contacts …",
                    )
                if self._aux(node) is None and tokens_of(node.children[-1])[0].type != "TV":
                    raise Refused(
                        span_of(node),
                        f"this names {self._text(span_of(first))} beside {self.parts.target}s, so the condition could belong to either; a rule "
                        "is about one kind of record. Write one guardrail for each",
                        f"{self.parts.target}s {self._text(span_of(node.children[-1]))}",
                        fatal=True,
                    )
                if entity != self.parts.target and self.parts.target is not None and entity == "deal":
                    raise Refused(
                        span_of(subject),
                        f"a {self.parts.target} may have several deals; a rule about {self.parts.target}s cannot say which",
                        "Write the rule about deals",
                    )
            elif first.data == "e_lifecycle" and self.parts.target != "contact":
                raise Refused(span_of(subject), f"the rule is about {self.parts.target}s", f"the {self.parts.target}")
        try:
            return self._predicate(node.children[-1])
        finally:
            self._subject = previous

    @property
    def _entity(self) -> str:
        return self._subject or self.parts.target or "contact"

    def _own(self, field_name: str, span: tuple[int, int]) -> str:
        name = f"{self._entity}.{field_name}"
        if name not in self.catalogue.facts:
            raise Refused(
                span,
                f"there is no {name} in the catalogue of facts, so this cannot be checked for a {self._entity}",
                "",
            )
        return name

    def _predicate(self, node: Node) -> Predicate:
        kind = str(node.data)
        span = span_of(node)
        match kind:
            case "tag_in" | "tag_out":
                fact = self.catalogue.fact(self._own("tags", span))
                return self._named_condition(fact, self._names(child(node, "names")), kind == "tag_in")
            case "tag_some":
                return self._tag_some(node)
            case "tag_none":
                return Empty(fact=self._own("tags", span))
            case "tag_count":
                raise Refused(span, "how many tags a record has is no condition; name the tags", 'tagged "A"')
            case "prep_in" | "prep_out" | "prep_fact_in" | "prep_fact_out":
                return self._prep(node, kind.endswith("_in"))
            case "prep_connector":
                raise Refused(
                    span,
                    "which system the records are in belongs to the whole rule; write it next to the record",
                    "HubSpot contacts",
                )
            case "work_in" | "work_out":
                fact = self.catalogue.fact(self._own("company", span))
                return self._named_condition(fact, self._names(child(node, "names")), kind == "work_in")
            case "mail_domain_in" | "mail_domain_out":
                names = Names([child(node, "DOMAIN")], "one", span)
                return self._named_condition(
                    self.catalogue.fact(self._own("email_domain", span)), names, kind == "mail_domain_in"
                )
            case "mail_domain_at":
                noun = child(node, "FACT")
                if noun is not None and not any(name.startswith("contact.email") for name in noun.value):
                    raise Refused(span, "this does not say how the name and the fact belong together", "")
                return self._named_condition(
                    self._mail_fact(self._names(child(node, "names")), span), self._names(child(node, "names")), True
                )
            case "own_in" | "own_out":
                fact = self.catalogue.fact(self._own("owner", span))
                return self._named_condition(fact, self._names(child(node, "names")), kind == "own_in")
            case "own_none":
                return Empty(fact=self._own("owner", span))
            case "own_some":
                return negation(Empty(fact=self._own("owner", span)))
            case "unsub":
                return Truth(fact=self._flag(self._entity, span))
            case "not_unsub":
                return negation(Truth(fact=self._flag(self._entity, span)))
            case "closed":
                return self._closed(self._entity, span)
            case "not_closed":
                return negation(self._closed(self._entity, span))
            case "val_is":
                return self._any_value(children(node, "VAL"))
            case "val_not":
                return negation(self._any_value(children(node, "VAL")))
            case "life_is" | "life_not":
                if self._entity != "contact":
                    raise Refused(span, f"only contacts have a lifecycle stage, and this is about a {self._entity}", "")
                stages = tuple(dict.fromkeys(token.value for token in children(node, "ENTLC")))
                if child(node, "AND") is not None:
                    raise Refused(
                        span,
                        'a contact has one lifecycle stage, so it cannot be both; say "or"',
                        " or ".join(f"a {stage}" for stage in stages),
                    )
                life = Is(fact="contact.lifecycle_stage", values=stages)
                return life if kind == "life_is" else negation(life)
            case "rev":
                return Truth(fact="action.reversible")
            case "not_rev":
                return negation(Truth(fact="action.reversible"))
        if kind.startswith("has_"):
            return self._has(node)
        if kind in {"amount", "not_amount", "counted", "not_counted", "counted_recip", "counted_w", "worth_bare"}:
            return self._amount(node)
        return self._time(node)

    def _mail_fact(self, names: Names, span: tuple[int, int]) -> Fact:
        kinds = {token.type for token in names.tokens}
        if kinds == {"DOMAIN"}:
            return self.catalogue.fact(self._own("email_domain", span))
        if kinds == {"EMAILADDR"}:
            return self.catalogue.fact(self._own("email", span))
        if kinds == {"QUOTED"}:
            values = [str(token.value) for token in names.tokens]
            return self.catalogue.fact(self._own("email" if all("@" in v for v in values) else "email_domain", span))
        raise Refused(span, "write a domain or an address", "with an email at acme.com")

    def _flag(self, entity: str, span: tuple[int, int]) -> str:
        if f"{entity}.unsubscribed" in self.catalogue.facts:
            return f"{entity}.unsubscribed"
        return "contact.unsubscribed"

    def _closed(self, entity: str, span: tuple[int, int]) -> Predicate:
        if entity != "deal":
            raise Refused(span, f"a {entity} has no open or closed status", "closed deals")
        return Is(fact="deal.status", values=("won", "lost"))

    def _value_condition(self, token: Token, entity: str) -> Predicate:
        """A bare value that says by itself which fact it is about: "open", "qualified", "Germany"."""
        meanings = {name: value for name, value in token.value if not name.startswith("action.")}
        own = {name: value for name, value in meanings.items() if name.split(".")[0] == entity}
        chosen = own or (
            meanings
            if entity in {"contact", "deal"} and len(meanings) == 1 and next(iter(meanings)).startswith("company.")
            else {}
        )
        span = (token.start_pos or 0, token.end_pos or 0)
        if len(chosen) != 1:
            said = self._text(span)
            possible = ", ".join(sorted(meanings))
            raise Refused(span, f'"{said}" could be {possible}; say which of them, for a {entity}', f'tagged "{said}"')
        name, value = next(iter(chosen.items()))
        return Is(fact=name, values=(value,))

    def _any_value(self, tokens: list[Token]) -> Predicate:
        found = [self._value_condition(token, self._entity) for token in tokens]
        facts = {one.fact for one in found if isinstance(one, Is)}
        if len(facts) == 1:
            values = [value for one in found if isinstance(one, Is) for value in one.values]
            return Is(fact=facts.pop(), values=tuple(dict.fromkeys(values)))
        return disjunction(found)

    # ---- names

    def _names(self, node: Node) -> Names:
        span = span_of(node)
        tokens = [one.children[0] for one in children(node, "name")]
        joins = set()
        for one in children(node, "nameconn"):
            kinds = {token.type for token in one.children}
            joins.add("and" if "AND" in kinds else "or" if "OR" in kinds else "nor" if "NOR" in kinds else "comma")
        quant_node = child(node, "quant")
        quant = quant_node.children[0].type if quant_node is not None else ""
        words = joins - {"comma"}
        for det in children(node, "DET"):
            if det.value != "the":
                raise Refused(span_of(det), "this list cannot be read; write the names only", "")
        if len(words) > 1:
            raise Refused(
                span,
                '"and" and "or" are mixed in this list and can be grouped in two ways; write two conditions with parentheses',
                f"{self._text(span_of(tokens[0]))} and ({self._text(span_of(tokens[-2]))} or {self._text(span_of(tokens[-1]))})"
                if len(tokens) < 3
                else "(tagged … or tagged …) and tagged …",
            )
        if len(tokens) == 1:
            if quant in {"BOTH", "EITHER", "ALLOF"}:
                raise Refused(span, "this list has only one name", self._text(span_of(tokens[0])))
            return Names(tokens, "neither" if quant == "NEITHER" else "one", span)
        word = next(iter(words), "")
        if quant == "NEITHER" or word == "nor":
            if quant != "NEITHER" or word == "and":
                raise Refused(span, 'write "neither … nor …"', "")
            return Names(tokens, "neither", span)
        if quant in {"EITHER", "ANYOF"}:
            if quant == "EITHER" and word != "or":
                raise Refused(span, '"either" needs "or"', "")
            return Names(tokens, "or", span)
        if quant in {"BOTH", "ALLOF"}:
            if word == "or":
                raise Refused(span, '"all of" needs "and"', "")
            return Names(tokens, "both", span)
        if not word:
            shown = [self._text(span_of(token)) for token in tokens]
            raise Refused(
                span,
                'all of these names, or any of them? Put "and" or "or" before the last',
                ", ".join(shown[:-1]) + " or " + shown[-1],
            )
        return Names(tokens, "or" if word == "or" else "and", span)

    def _value(self, token: Token, fact: Fact) -> str:
        span = (token.start_pos or 0, token.end_pos or 0)
        said = self._text(span)
        kind, value = token.type, token.value
        if kind == "VAL":
            meanings = dict(value)
            if fact.name in meanings:
                return meanings[fact.name]
            raise Refused(
                span,
                f'"{said}" is not known as a value of {fact.name}; if it is the name, put it in quotation marks',
                f'"{said}"',
            )
        if kind == "ENTLC":
            if fact.name == "contact.lifecycle_stage":
                return str(value)
            raise Refused(
                span,
                f'"{said}" is not known as a value of {fact.name}; if it is the name, put it in quotation marks',
                f'"{said}"',
            )
        if kind == "CLOSED":
            raise Refused(
                span,
                f'"{said}" is not known as a value of {fact.name}; if it is the name, put it in quotation marks',
                f'"{said}"',
            )
        if kind == "DOMAIN" and fact.type not in {FactType.DOMAIN, FactType.DOMAINS, FactType.NAME}:
            raise Refused(span, f"{fact.name} holds no domain", "")
        if kind == "DOMAIN" and fact.type is FactType.NAME:
            raise Refused(
                span,
                f'"{said}" looks like a domain, and {fact.name} holds a name; if it is the name, put it in quotation marks',
                f'"{said}"',
            )
        if kind == "EMAILADDR" and fact.type not in {FactType.EMAIL, FactType.EMAILS, FactType.NAME}:
            raise Refused(span, f"{fact.name} holds no address", said.rpartition("@")[2])
        try:
            folded = fold(str(value))
        except Malformed as problem:
            raise Refused(span, f"this name {problem}") from None
        if fact.type is FactType.COUNTRY:
            code = country_code(str(value))
            if code is None:
                raise Refused(
                    span, f"{said} is no country that is known; write its ISO code or its English name", "Germany"
                )
            return code
        if fact.type is FactType.CURRENCY:
            code = str(value).strip().upper()
            if len(code) != 3 or not code.isalpha():
                raise Refused(span, f"{said} is no currency code", "USD")
            return code
        if fact.type in {FactType.DOMAIN, FactType.DOMAINS}:
            domain = folded.removeprefix("@")
            if "." not in domain or " " in domain or "@" in domain:
                raise Refused(span, f"{said} is no domain", "acme.com")
            return domain
        if kind == "QUOTED":
            self.parts.spellings.setdefault(folded, str(value))
        return folded

    def _named_condition(self, fact: Fact, names: Names, positive: bool) -> Predicate:
        self._last_list = (fact.name, "in")
        values = tuple(dict.fromkeys(self._value(token, fact) for token in names.tokens))
        if names.joined == "neither":
            if not positive:
                raise Refused(names.span, "a double negation; say it once", "")
            positive, joined = False, "or"
        else:
            joined = names.joined
        if not fact.type.is_list:
            if joined == "both" and len(values) > 1:
                raise Refused(
                    names.span,
                    f"a {fact.entity} has one {fact.field.replace('_', ' ')}, so it cannot be both",
                    " or ".join(self._text(span_of(t)) for t in names.tokens),
                )
            condition: Predicate = Is(fact=fact.name, values=values)
        elif joined in {"and", "both"} and len(values) > 1:
            if joined == "and" and (self._excluding or not positive):
                listed = [self._text(span_of(token)) for token in names.tokens]
                raise Refused(
                    names.span,
                    'does this leave out records with both, or with either? Say "or" for either, or "both … and …"',
                    " or ".join(listed),
                )
            condition = Has(fact=fact.name, values=values, least=len(values))
        else:
            condition = Has(fact=fact.name, values=values, least=1)
        return condition if positive else negation(condition)

    def _tag_some(self, node: Node) -> Predicate:
        span = span_of(node)
        fact = self.catalogue.fact(self._own("tags", span))
        names = self._names_any(child(node, "names"))
        values = tuple(dict.fromkeys(self._value(token, fact) for token in names))
        order, number = self._order(child(node, "cmp")), self._whole(child(node, "NUM"))
        if len(values) < len(names):
            raise Refused(span, "a name is in this list twice", "")
        everything = len(values)
        match order:
            case ">=" if 1 <= number <= everything:
                return Has(fact=fact.name, values=values, least=number)
            case ">" if number < everything:
                return Has(fact=fact.name, values=values, least=number + 1)
            case "<" if 1 <= number <= everything:
                return negation(Has(fact=fact.name, values=values, least=number))
            case "<=" if number < everything:
                return negation(Has(fact=fact.name, values=values, least=number + 1))
            case "==" if 1 <= number < everything:
                return And(
                    items=(
                        Has(fact=fact.name, values=values, least=number),
                        negation(Has(fact=fact.name, values=values, least=number + 1)),
                    )
                )
            case "==" if number == everything:
                return Has(fact=fact.name, values=values, least=number)
        raise Refused(span, f"of {everything} tags, this can never (or always) be true", f"at least 1 of the tags …")

    def _names_any(self, node: Node) -> list[Token]:
        kinds = [{t.type for t in one.children} for one in children(node, "nameconn")]
        if child(node, "quant") is not None or any("NOR" in kind for kind in kinds):
            raise Refused(span_of(node), 'write the list plainly: "A", "B" or "C"', "")
        return [one.children[0] for one in children(node, "name")]

    # ---- facts by noun

    def _fact_named(self, candidates: tuple[str, ...], span: tuple[int, int], entity: str | None = None) -> Fact:
        entity = entity or self._entity
        own = [name for name in candidates if name.split(".")[0] == entity]
        if len(own) == 1:
            return self.catalogue.fact(own[0])
        said = self._text(span)
        related = {"contact": ("company", "action"), "deal": ("action",), "company": ("action",), "action": ()}.get(
            entity, ()
        )
        near = [name for name in candidates if name.split(".")[0] in related]
        if len(near) == 1 and len(candidates) == 1:
            return self.catalogue.fact(near[0])
        where = ", ".join(sorted(candidates))
        raise Refused(
            span,
            f'a {entity} has no "{said}" in the catalogue; it is known as {where}',
            f"the {candidates[0].split('.')[0]}'s {said}",
        )

    def _fn(self, node: Node, entity: str | None = None) -> Fact:
        token = node.children[0]
        span = (token.start_pos or 0, token.end_pos or 0)
        kind = str(node.data)
        entity = entity or self._entity
        if kind == "fn":
            return self._fact_named(token.value, span, entity)
        if kind == "fn_ent":
            if token.value == "company" and entity == "contact":
                return self.catalogue.fact("contact.company")
            raise Refused(span, f'"{self._text(span)}" is a kind of record, not a fact of a {entity}', "")
        if kind == "fn_mail":
            return self.catalogue.fact(self._named_or("email", entity, span))
        if kind == "fn_tags":
            return self.catalogue.fact(self._named_or("tags", entity, span))
        if kind == "fn_count":
            return self.catalogue.fact(token.value)
        raise Refused(span, "this is no fact", "")

    def _named_or(self, field_name: str, entity: str, span: tuple[int, int]) -> str:
        name = f"{entity}.{field_name}"
        if name not in self.catalogue.facts:
            raise Refused(span, f"a {entity} has no {field_name.replace('_', ' ')} in the catalogue", "")
        return name

    def _fref(self, node: Node) -> Fact:
        fn = child(node, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count")
        owner = child(node, "ENTPOSS", "ENT")
        entity: str | None = owner.value if owner is not None else None
        if child(node, "ACTIONPOSS") is not None:
            entity = "action"
        if entity == "deal" and self.parts.target not in {None, "deal"}:
            raise Refused(
                span_of(node),
                f"a {self.parts.target} may have several deals; a rule about {self.parts.target}s cannot say which",
                "Write the rule about deals",
            )
        return self._fn(fn, entity)

    def _fact_clause(self, node: Node) -> Predicate:
        kind = str(node.data)
        span = span_of(node)
        fact = self._fref(child(node, "fref"))
        match kind:
            case "f_is" | "f_is_not":
                names = self._names(child(node, "names"))
                if fact.type is FactType.EMAIL:
                    fact = self._mail_fact(names, span)
                if fact.type is FactType.NAMES:
                    raise Refused(
                        span, f"{fact.name} is a list; say that it includes a name", f"tagged {self._text(names.span)}"
                    )
                if fact.type not in {
                    FactType.NAME,
                    FactType.COUNTRY,
                    FactType.CURRENCY,
                    FactType.EMAIL,
                    FactType.DOMAIN,
                }:
                    raise Refused(span, f"{fact.name} is a {fact.type.value}, not a name", "")
                return self._named_condition(fact, names, kind == "f_is")
            case "f_incl" | "f_nincl":
                if not fact.type.is_list:
                    raise Refused(span, f"{fact.name} is one {fact.type.value}; say what it is", "")
                return self._named_condition(fact, self._names(child(node, "names")), kind == "f_incl")
            case "f_empty" | "f_set":
                empty = Empty(fact=fact.name)
                return empty if kind == "f_empty" else negation(empty)
            case "f_passed":
                if fact.type is not FactType.TIMESTAMP or fact.past:
                    raise Refused(span, f"{fact.name} does not lie ahead", "")
                return Age(fact=fact.name, order=">", seconds=0)
            case "f_num":
                return self._numcmp(fact, child(node, "n_cmp", "n_ge", "n_le", "n_between", "n_bare"))
            case "f_num_not":
                return negation(self._numcmp(fact, child(node, "n_cmp", "n_ge", "n_le", "n_between", "n_bare")))
            case "f_num_eq":
                return self._number(fact, "==", child(node, "num"))
            case "f_when" | "f_when_not":
                return self._when(fact, [c for c in node.children if isinstance(c, Tree)][-1], kind == "f_when_not")
        raise Refused(span, "this says nothing that can be checked", "")

    def _has(self, node: Node) -> Predicate:
        kind = str(node.data)
        span = span_of(node)
        if kind == "has_none_of":
            if self._text(span).lower().split()[0] not in {"with", "without", "has", "have", "having"}:
                raise Refused(span, "missing one of these, or missing both?", "with no … and with no …")
            return conjunction(
                [
                    Empty(fact=self._fn(one).name)
                    for one in children(node, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count")
                ]
            )
        fact = self._fn(child(node, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count"))
        match kind:
            case "has_num":
                return self._numcmp(fact, child(node, "n_cmp", "n_ge", "n_le", "n_between", "n_bare"))
            case "has_num_eq":
                return self._number(fact, "==", child(node, "num"))
            case "has_name":
                names = self._names(child(node, "names"))
                if fact.type is FactType.EMAIL:
                    fact = self._mail_fact(names, span)
                return self._named_condition(fact, names, True)
            case "has_when":
                return self._when(fact, [c for c in node.children if isinstance(c, Tree)][-1], False)
            case "has_fact":
                return negation(Empty(fact=fact.name))
        return Empty(fact=fact.name)

    def _prep(self, node: Node, positive: bool) -> Predicate:
        span = span_of(node)
        names = self._names(child(node, "names"))
        noun = child(node, "FACT")
        preposition = str(child(node, "PREP", "ON", "AT", "OFTHE", "NPREP").value)
        if child(node, "OFTHE") is not None and preposition != "from the":
            raise Refused(span, "in, at or from?", "")
        preposition = preposition.removesuffix(" the")
        if noun is not None:
            fact = self._fact_named(noun.value, (noun.start_pos or 0, noun.end_pos or 0))
            if fact.type in {FactType.NUMBER, FactType.INTEGER, FactType.FRACTION, FactType.TIMESTAMP}:
                raise Refused(span, f"{fact.name} is a {fact.type.value}, not a name", "")
        else:
            fact = self._fact_of_values(names, span)
        if (
            preposition.endswith("from")
            and fact.type is not FactType.COUNTRY
            and not fact.field.endswith(("company", "city", "domain"))
        ):
            raise Refused(span, f'"from" does not go with {fact.name}', f"in {self._text(names.span)}")
        condition = self._named_condition(fact, names, positive)
        long = child(node, "forlong")
        if long is not None:
            if fact.field not in {"stage"} or not positive:
                raise Refused(span_of(long), f"since when {fact.name} has had its value is not recorded", "")
            entered = self._own("stage_entered_at", span)
            return conjunction(
                [
                    condition,
                    self._length(
                        entered,
                        child(long, "lengthcmp", "len_ge", "len_le", "len_between", "len_between_n", "len_range"),
                    ),
                ]
            )
        return condition

    def _fact_of_values(self, names: Names, span: tuple[int, int]) -> Fact:
        possible: set[str] | None = None
        for token in names.tokens:
            if token.type == "DOMAIN":
                mine = (
                    {"contact.email_domain"}
                    if self._entity == "contact"
                    else {"company.domain"}
                    if self._entity == "company"
                    else set()
                )
            elif token.type == "VAL":
                mine = {name for name, _ in token.value}
            elif token.type == "QUOTED" and (known := self._known_value(str(token.value))):
                mine = known
            else:
                said = self._text(names.span)
                raise Refused(
                    span,
                    f"{said} is a name of what? Say which fact it belongs to",
                    {"deal": f"in the {said} stage", "contact": f"whose country is {said}"}.get(
                        self._entity, f"in the {said} industry"
                    ),
                )
            possible = mine if possible is None else possible & mine
        own = {name for name in possible or () if name.split(".")[0] == self._entity}
        chosen = own or {
            name
            for name in possible or ()
            if name.split(".")[0] == "company" and self._entity == "contact" and len(possible or ()) == 1
        }
        if len(chosen) != 1:
            raise Refused(span, f"these values are not known for a {self._entity}; say which fact they belong to", "")
        return self.catalogue.fact(next(iter(chosen)))

    def _known_value(self, text: str) -> set[str]:
        """The facts among whose known values this name is."""
        try:
            folded = fold(text)
        except Malformed:
            return set()
        return {
            fact.name
            for fact in self.catalogue.facts.values()
            if folded in {value.lower() for value in fact.values.values()} | set(fact.values)
        }

    # ---- numbers

    @staticmethod
    def _order(node: Node) -> Order:
        return {"GT": ">", "GE": ">=", "LT": "<", "LE": "<=", "EQ": "=="}[node.children[0].type]  # type: ignore[return-value]

    def _whole(self, token: Token) -> int:
        if token.value != int(token.value) or token.value > 1_000_000_000:
            raise Refused((token.start_pos or 0, token.end_pos or 0), "a whole number is needed here", "")
        return int(token.value)

    def _number(self, fact: Fact, order: Order, num: Node) -> Predicate:
        token = num.children[0]
        span = (token.start_pos or 0, token.end_pos or 0)
        if fact.type not in {FactType.NUMBER, FactType.INTEGER, FactType.FRACTION}:
            raise Refused(span, f"{fact.name} is a {fact.type.value}, not a number", "")
        if token.type == "MONEY":
            value, currency = token.value
            if fact.currency is None:
                raise Refused(span, f"{fact.name} is not an amount of money", f"{value:g}")
            known = self.parts.currency.setdefault(fact.name, currency)
            if known != currency:
                raise Refused(
                    span, f"the rule compares {fact.name} in {known} and in {currency}; an amount has one currency", ""
                )
            return Number(fact=fact.name, order=order, value=value, currency=currency)
        if token.type == "PCT":
            if fact.type is not FactType.FRACTION:
                raise Refused(span, f"{fact.name} is not a share, so it cannot be compared with a percentage", "")
            return Number(fact=fact.name, order=order, value=token.value / 10_000)
        if fact.type is FactType.FRACTION:
            raise Refused(span, f"{fact.name} is a share: write a percentage", f"{token.value:g}%")
        if fact.type is FactType.INTEGER:
            self._whole(token)
        if fact.currency is not None:
            note = f"{fact.name} is compared as a plain number in the record's own currency, because the sentence names none."
            if note not in self.parts.notes:
                self.parts.notes.append(note)
        return Number(fact=fact.name, order=order, value=float(token.value))

    def _numcmp(self, fact: Fact, node: Node) -> Predicate:
        match str(node.data):
            case "n_cmp":
                return self._number(fact, self._order(child(node, "cmp")), child(node, "num"))
            case "n_ge":
                return self._number(fact, ">=", child(node, "num"))
            case "n_le":
                return self._number(fact, "<=", child(node, "num"))
            case "n_between":
                low, high = children(node, "num")
                a, b = self._number(fact, ">=", low), self._number(fact, "<=", high)
                if isinstance(a, Number) and isinstance(b, Number):
                    if low.children[0].type == "NUM" and high.children[0].type == "MONEY":
                        a = a.model_copy(update={"currency": b.currency})
                    elif a.currency != b.currency:
                        raise Refused(span_of(node), "both ends need the same currency", "between $1,000 and $5,000")
                    if a.value >= b.value:
                        raise Refused(span_of(node), "the range is empty: its end is not above its start", "")
                return conjunction([a, b])
        raise Refused(
            span_of(node),
            "more than, at least, less than, at most, or exactly this number?",
            f"at least {self._text(span_of(child(node, 'num')))}",
        )

    def _amount(self, node: Node) -> Predicate:
        span = span_of(node)
        numcmp = child(node, "n_cmp", "n_ge", "n_le", "n_between", "n_bare")
        kind = str(node.data)
        if kind in {"amount", "not_amount"}:
            money = [token for token in tokens_of(numcmp) if token.type == "MONEY"]
            numbers = [token for token in tokens_of(numcmp) if token.type in {"NUM", "PCT"}]
            if self._entity == "deal" and (money or not any(t.type == "PCT" for t in numbers)):
                fact = self.catalogue.fact("deal.amount")
            else:
                raise Refused(
                    span, f"a number of what? A {self._entity} has no amount", "with a lead score over 10", weak=True
                )
        elif kind == "worth_bare":
            raise Refused(
                span,
                "more than, at least, less than, at most, or exactly this much?",
                f"worth at least {self._text(span_of(child(node, 'num')))}",
            )
        elif kind == "counted_recip" or child(node, "RECIP") is not None:
            fact = self.catalogue.fact("action.recipient_count")
        else:
            fact = self.catalogue.fact(child(node, "COUNTN").value)
            if fact.entity == "contact" and self._entity != "contact":
                raise Refused(span, f"a {self._entity} has no {fact.field}", "")
        if kind == "counted_w":
            return self._number(fact, "<=" if child(node, "WLE") is not None else ">=", child(node, "num"))
        condition = self._numcmp(fact, numcmp)
        return negation(condition) if kind.startswith("not_") else condition

    def _companies(self, node: Node) -> Predicate:
        ent = child(node, "ENT")
        if ent.value != "company":
            raise Refused(span_of(node), f"how do these {self._text(span_of(ent))} belong to the rule?", "")
        if self.parts.target == "deal":
            pass
        cond = child(node, "co_pred", "co_fact", "co_val")
        previous, self._subject = self._subject, "company"
        try:
            inner = cond.children[0]
            if cond.data == "co_pred":
                return self._predicate(inner)
            if cond.data == "co_fact":
                return self._condition(inner)
            return self._value_condition(inner, "company")
        finally:
            self._subject = previous

    def _recipients(self, node: Node) -> Predicate:
        fact = self.catalogue.fact("action.recipient_domains")
        names = self._names(child(node, "names"))
        det = child(node, "det")
        if det is None or det.children[0].value not in _UNIVERSAL - {"any"}:
            raise Refused(span_of(node), "every recipient, or some?", f"every recipient is at {self._text(names.span)}")
        if {token.type for token in names.tokens} == {"EMAILADDR"}:
            fact = self.catalogue.fact("action.recipients")
        values = tuple(dict.fromkeys(self._value(token, fact) for token in names.tokens))
        return Only(fact=fact.name, values=values)

    # ---- time

    def _dur(self, node: Node) -> Length:
        return node.children[0].value  # type: ignore[no-any-return]

    def _seconds(self, node: Node, order: Order) -> int:
        """Seconds for a comparison: months are as long (for "older") or as short (for "newer") as they can be."""
        found = self._dur(node)
        seconds = found.longest if order in {">", ">="} else found.shortest
        if found.longest != found.shortest:
            if order == "==" or self._excluding:
                raise Refused(
                    span_of(node),
                    f'"{found.said}" has no exact length, which matters here; write it in days',
                    f"{found.longest // 86_400} days",
                )
            days = seconds // 86_400
            side = "longest" if order in {">", ">="} else "shortest"
            note = f'"{found.said}" is read as {days} days, the {side} it can be.'
            if note not in self.parts.notes:
                self.parts.notes.append(note)
        return seconds

    def _age(self, fact: str, order: Order, dur: Node) -> Predicate:
        return Age(fact=fact, order=order, seconds=self._seconds(dur, order))

    def _length(self, fact: str, node: Node, make: type[Age] | type[Ahead] = Age) -> Predicate:
        """A length comparison; a bare length means more than it."""
        match str(node.data):
            case "len_ge":
                order: Order = ">="
            case "len_le":
                order = "<="
            case "len_range":
                first, second = children(node, "cmp")
                low, high = children(node, "dur")
                orders = (self._order(first), self._order(second))
                if orders[0] not in {">", ">="} or orders[1] not in {"<", "<="}:
                    raise Refused(span_of(node), "write the range from its start", "between 30 days and 60 days")
                a, b = self._seconds(low, orders[0]), self._seconds(high, orders[1])
                if a >= b:
                    raise Refused(span_of(node), "the range is empty", "between 30 days and 60 days")
                return conjunction(
                    [make(fact=fact, order=orders[0], seconds=a), make(fact=fact, order=orders[1], seconds=b)]
                )
            case "len_between" | "len_between_n":
                return self._length_between(fact, node, make)
            case _:
                cmp = child(node, "cmp")
                bare: Order = "<=" if make is Ahead else ">=" if self._excluding else ">"
                order = self._order(cmp) if cmp is not None else bare
        if order == "==":
            raise Refused(
                span_of(node),
                "an exact length is never met to the microsecond; say more than, at least, less than or at most",
                f"at least {self._dur(child(node, 'dur')).said}",
            )
        return make(fact=fact, order=order, seconds=self._seconds(child(node, "dur"), order))

    def _length_between(self, fact: str, node: Node, make: type[Age] | type[Ahead]) -> Predicate:
        durs = children(node, "dur")
        if node.data == "len_between_n":
            number, unit = child(node, "NUM"), self._dur(durs[0])
            if unit.shortest != unit.longest:
                raise Refused(span_of(node), "write both ends with their unit", "between 30 days and 60 days")
            from .lexer import _UNITS

            word = unit.said.split()[-1].lower().rstrip("s")
            low = round(number.value * _UNITS.get(word, 0))
        else:
            low = self._seconds(durs[0], ">=")
        high = self._seconds(durs[-1], "<=")
        if not 0 < low < high:
            raise Refused(span_of(node), "the range is empty, or one end has no unit", "between 30 days and 60 days")
        return conjunction([make(fact=fact, order=">=", seconds=low), make(fact=fact, order="<=", seconds=high)])

    def _time(self, node: Node) -> Predicate:
        kind = str(node.data)
        span = span_of(node)
        lengthcmp = child(node, "lengthcmp", "len_ge", "len_le", "len_between", "len_between_n", "len_range")
        dur = child(node, "dur")
        match kind:
            case "silent":
                return self._length(self._own("last_activity_at", span), lengthcmp)
            case "silent_bare":
                return self._age(self._own("last_activity_at", span), ">", dur)
            case "silent_since":
                return self._since(
                    self._own("last_activity_at", span), child(node, "date_day", "date_instant", "date_year"), True
                )
            case "not_silent":
                return negation(
                    conjunction(self._excluded(lambda: [self._length(self._own("last_activity_at", span), lengthcmp)]))
                )
            case "no_act":
                return self._silence(
                    self._own("last_activity_at", span), child(node, "sil_len", "sil_last", "sil_since")
                )
            case "not_tv":
                return self._silence(self._own(self._tv(node), span), child(node, "sil_len", "sil_last", "sil_since"))
            case "not_updated":
                return self._silence(self._own("updated_at", span), child(node, "sil_len", "sil_last", "sil_since"))
            case "never_tv":
                field_name = self._tv(node)
                if field_name != "last_reply_at" and field_name != "last_contacted_at":
                    raise Refused(span, "since when? Give a length of time", f"{self._text(span)} in 30 days")
                return Empty(fact=self._own(field_name, span))
            case "act":
                inner = child(node, "pres_last", "pres_since")
                fact = self._own("last_activity_at", span)
                if inner.data == "pres_since":
                    return self._since(fact, child(inner, "date_day", "date_instant", "date_year"), False)
                return self._age(fact, "<=", child(inner, "dur"))
            case "tv" | "tv_not":
                return self._when(
                    self.catalogue.fact(self._own(self._tv(node), span)), node.children[-1], kind == "tv_not"
                )
            case "tv_bare":
                if self._tv(node) != "created_at" or self._entity != (self.parts.target or self._entity):
                    raise Refused(
                        span, "when? Give a length of time", f"{self._text(span)} in the last 7 days", weak=True
                    )
                self.parts.new_span = span
                return And(items=())
            case "updated":
                return self._when(self.catalogue.fact(self._own("updated_at", span)), node.children[-1], False)
            case "older":
                return self._age(self._own("created_at", span), ">", dur)
            case "newer":
                return self._age(self._own("created_at", span), "<", dur)
            case "older_date":
                raise Refused(
                    span,
                    "older than a date? Say created before it",
                    f"created before {self._text(span_of(child(node, 'datemark')))}",
                )
            case "age_old":
                cmp = child(lengthcmp, "cmp")
                if lengthcmp.data == "lengthcmp" and cmp is None:
                    raise Refused(
                        span,
                        "more than, at least, or less than this old?",
                        f"at least {self._text(span_of(lengthcmp))} old",
                    )
                return self._length(self._own("created_at", span), lengthcmp)
            case "is_new":
                self.parts.new_span = span
                return And(items=())
        raise Refused(span, "this says nothing that can be checked", "")

    @staticmethod
    def _tv(node: Node) -> str:
        token = child(node, "TV", "REPLYW")
        return "last_reply_at" if token.type == "REPLYW" else str(token.value)

    def _silence(self, fact: str, node: Node) -> Predicate:
        """ "No activity in 90 days": the last one is more than 90 days ago."""
        match str(node.data):
            case "sil_last":
                return self._age(fact, ">", child(node, "dur"))
            case "sil_since":
                return self._since(fact, child(node, "date_day", "date_instant", "date_year"), True)
        lengthcmp = child(node, "lengthcmp", "len_ge", "len_le", "len_between", "len_between_n", "len_range")
        cmp = child(lengthcmp, "cmp")
        if cmp is not None and self._order(cmp) in {"<", "<="}:
            raise Refused(
                span_of(node),
                "no activity for less than a length of time can be read in two ways",
                f"activity in the last {self._dur(child(lengthcmp, 'dur')).said}",
            )
        return self._length(fact, lengthcmp)

    def _instants(self, node: Node) -> tuple[datetime, datetime]:
        """First and (exclusive) last instant of a date, or one instant twice."""
        if node.data == "date_instant":
            moment = node.children[0].value
            return moment, moment
        if node.data == "date_year":
            year = self._whole(child(node, "NUM"))
            if not 1970 <= year <= 2200:
                raise Refused(span_of(node), "a date is needed here", "2026-03-01")
            day, after = date(year, 1, 1), date(year + 1, 1, 1)
        else:
            day, after = child(node, "DATE").value
        zone_token = child(node, "ZONE")
        zone = ZoneInfo(zone_token.value if zone_token is not None else "UTC")
        if zone_token is None:
            note = 'Dates are days in UTC; add a zone to change that, such as "2026-03-01 Europe/Berlin".'
            if note not in self.parts.notes:
                self.parts.notes.append(note)
        start = datetime(day.year, day.month, day.day, tzinfo=zone)
        return start.astimezone(UTC), datetime(after.year, after.month, after.day, tzinfo=zone).astimezone(UTC)

    def _since(self, fact: str, node: Node, none: bool) -> Predicate:
        start, end = self._instants(node)
        if none:  # nothing since the day: the last one lies before that day
            return Moment(fact=fact, order="<", at=start)
        return Moment(fact=fact, order=">=", at=start)

    def _when(self, fact: Fact, node: Node, negated: bool) -> Predicate:
        if fact.type is not FactType.TIMESTAMP:
            raise Refused(span_of(node), f"{fact.name} is a {fact.type.value}, not a time", "")
        if negated:
            return negation(conjunction(self._excluded(lambda: [self._when_plain(fact, node)])))
        return self._when_plain(fact, node)

    def _when_plain(self, fact: Fact, node: Node) -> Predicate:
        name = fact.name
        span = span_of(node)
        kind = str(node.data)
        dur = child(node, "dur")
        lengthcmp = child(node, "lengthcmp", "len_ge", "len_le", "len_between", "len_between_n", "len_range")
        dates = children(node, "date_day", "date_instant", "date_year")
        if fact.past and kind in {"w_next", "w_ahead"}:
            raise Refused(span, f"{name} always lies in the past", "")
        match kind:
            case "w_ago":
                if lengthcmp.data == "lengthcmp" and child(lengthcmp, "cmp") is None:
                    said = self._dur(child(lengthcmp, "dur")).said
                    raise Refused(
                        span, f"exactly {said} ago is never met; more than or less than?", f"more than {said} ago"
                    )
                return self._length(name, lengthcmp)
            case "w_last":
                if not fact.past and "last" not in self._text(span) and "past" not in self._text(span):
                    return Ahead(fact=name, order="<=", seconds=self._seconds(dur, "<="))
                if not fact.past:
                    return conjunction([Age(fact=name, order=">=", seconds=0), self._age(name, "<=", dur)])
                return self._age(name, "<=", dur)
            case "w_next":
                return Ahead(fact=name, order="<=", seconds=self._seconds(dur, "<="))
            case "w_ahead":
                return self._length(name, lengthcmp, Ahead)
            case "w_in":
                if fact.past:
                    raise Refused(
                        span, "in the last, or in the next?", f"in the last {self._text(span).split(' ', 1)[-1]}"
                    )
                return self._length(name, lengthcmp, Ahead)
            case "w_before":
                return Moment(fact=name, order="<", at=self._instants(dates[0])[0])
            case "w_after":
                word = node.children[0]
                if str(word.value) not in {"after", "later than"}:
                    raise Refused(
                        span, "before, after, since or on this date?", f"since {self._text(span_of(dates[0]))}"
                    )
                start, end = self._instants(dates[0])
                return Moment(fact=name, order=">=" if end != start else ">", at=end)
            case "w_since":
                return Moment(fact=name, order=">=", at=self._instants(dates[0])[0])
            case "w_until":
                start, end = self._instants(dates[0])
                return Moment(fact=name, order="<" if end != start else "<=", at=end)
            case "w_on":
                start, end = self._instants(dates[0])
                return conjunction([Moment(fact=name, order=">=", at=start), Moment(fact=name, order="<", at=end)])
            case "w_between" | "w_range":
                start, end = self._instants(dates[0])[0], self._instants(dates[1])[1]
                if kind == "w_range":
                    first = child(node, "OFTHE", "AFTERD", "SINCE")
                    if first.type == "OFTHE" and str(first.value) != "after":
                        raise Refused(span, "after or since this date?", "")
                    start = self._instants(dates[0])[0 if first.type == "SINCE" else 1]
                    end = self._instants(dates[1])[0 if child(node, "BEFORE") is not None else 1]
                if not start < end:
                    raise Refused(span, "the range of dates is empty", "")
                return conjunction([Moment(fact=name, order=">=", at=start), Moment(fact=name, order="<", at=end)])
        raise Refused(span, "this says nothing that can be checked", "")

    # ---- mail that bounced

    def _bounce(self, node: Node) -> Predicate:
        fact, kind, span = "email.bounced", str(node.data), span_of(node)
        cmp, num, pct = child(node, "cmp"), child(node, "NUM"), child(node, "PCT")
        if self.parts.target not in {None, "contact"}:
            raise Refused(
                span, f"bounced e-mails are recorded for contacts, and the rule is about {self.parts.target}s", ""
            )
        match kind:
            case "b_quantified":
                first = tokens_of(node)[0]
                if first.type == "ALLOF" or first.value in {
                    "every",
                    "all",
                    "each",
                    "all the",
                    "all of the",
                    "every single",
                    "each of the",
                }:
                    return Share(fact=fact, order=">=", per_myriad=10_000)
                if first.value in {"any", "any of the"}:
                    return Count(fact=fact, order=">=", number=1)
            case "b_all":
                return Share(fact=fact, order=">=", per_myriad=10_000)
            case "b_any":
                return Count(fact=fact, order=">=", number=1)
            case "b_none":
                return Count(fact=fact, order="==", number=0)
            case "b_count":
                return Count(fact=fact, order=self._order(cmp), number=self._whole(num))
            case "b_count_ge":
                return Count(fact=fact, order=">=", number=self._whole(num))
            case "b_share_bare" if pct.value == 10_000:
                return Share(fact=fact, order=">=", per_myriad=10_000)
            case "b_share":
                return Share(fact=fact, order=self._order(cmp), per_myriad=pct.value)
            case "b_share_ge":
                return Share(fact=fact, order=">=", per_myriad=pct.value)
            case "b_single":
                words = tokens_of(node)
                if any(token.type == "DET" and token.value in {"every", "all", "each"} for token in words):
                    return Share(fact=fact, order=">=", per_myriad=10_000)
        raise Refused(
            span, "every e-mail, at least one, or the last one? Say how many have bounced", "every email has bounced"
        )

    # ------------------------------------------------------------------ the frame

    def _within(self, node: Node) -> None:
        span = span_of(node)
        dur, what = child(node, "dur"), child(node, "since_what")
        tv = child(what, "TV")
        entity = self.parts.target
        subject = child(what, "subject")
        if (
            subject is not None
            and (plain := child(subject, "e_plain")) is not None
            and plain.children[0].value != entity
        ):
            raise Refused(span, f"the rule is about {entity}s", "")
        previous, self._subject = self._subject, entity
        try:
            fact = (
                self.catalogue.fact(self._own(tv.value, span))
                if tv is not None
                else self._fn(child(what, "fn", "fn_ent", "fn_mail", "fn_tags", "fn_count"))
            )
        finally:
            self._subject = previous
        if fact.type is not FactType.TIMESTAMP or not fact.past:
            raise Refused(
                span,
                f"{fact.name} is not a moment in the past that time could be counted from",
                "within 24 hours of being created",
            )
        self._set_within(Within(fact=fact.name, seconds=self._seconds(dur, "<=")), span)

    def _within_bare(self, node: Node) -> None:
        span = span_of(node)
        if self.parts.new_span is None:
            said = self._text(span)
            raise Refused(
                span, f"{said} of what? Of being created, of the last activity, …", f"{said} of being created"
            )
        entity = self.parts.target or "contact"
        self._set_within(Within(fact=f"{entity}.created_at", seconds=self._seconds(child(node, "dur"), "<=")), span)

    def _set_within(self, within: Within, span: tuple[int, int]) -> None:
        if self.parts.within not in (None, within):
            raise Refused(span, "the rule already has such a window; give one", "")
        self.parts.within = within

    def _limit(self, node: Node) -> None:
        span = span_of(node)
        per = self._per(node)
        number = self._whole(child(node, "NUM"))
        cmp_node = child(node, "cmp")
        limit_word = child(node, "LIMITTO")
        order = (
            self._order(cmp_node)
            if cmp_node is not None
            else "<="
            if limit_word is not None or child(node, "WLE")
            else None
        )
        if order in {">", ">="}:
            raise Refused(
                span,
                "a rule caps what runs; it cannot demand a minimum",
                f"at most {number} {self._text(span_of(child(node, 'per')))}",
            )
        if order in {None, "=="}:
            raise Refused(
                span,
                "exactly this many, or up to this many? A rule can only cap",
                f"at most {number} {self._text(span_of(child(node, 'per')))}",
            )
        most = number - 1 if order == "<" else number
        counted = child(node, "counted")
        if counted is not None:
            what = [token for token in tokens_of(counted) if token.type in {"ENT", "ENTLC"}]
            if what and what[0].type == "ENT" and what[0].value != self.parts.target and self.parts.target is not None:
                raise Refused(span_of(counted), f"the rule is about {self.parts.target}s", f"{self.parts.target}s")
        if per == "action":
            raise Refused(span, "a cap on actions needs a period", f"at most {number} per day")
        if most < 1:
            raise Refused(span, "this cap lets nothing run", "at most 1 per day")
        known = self.parts.actions.setdefault(per, most)
        if known != most:
            raise Refused(
                span, f"the rule already says at most {known} per {per}", f"at most {min(known, most)} per {per}"
            )

    def _limit_per(self, node: Node) -> None:
        span = span_of(node)
        if self._pending is None:
            raise Refused(
                span,
                f'"{self._text(span)}" is a period: of what? How often a rule runs is set by its schedule; a cap is written with a number',
                f"at most 20 {self._text(span)}",
            )
        order, number, where = self._pending
        self._pending = None
        per = self._per(node)
        if per == "action" or order not in {"<", "<="}:
            raise Refused((where[0], span[1]), "a rule caps what runs", f"at most {number} per day")
        most = number - 1 if order == "<" else number
        if most < 1:
            raise Refused(where, "this cap lets nothing run", "at most 1 per day")
        self.parts.actions[per] = most

    def _per(self, node: Node) -> Any:
        per = child(node, "per")
        kind = per.children[0].type
        return {"PERRUN": "run", "PERHOUR": "hour", "PERDAY": "day", "PERWEEK": "week", "PERMONTH": "month", "PERACTION": "action",
                "ADAY": "day", "AWEEK": "week", "AMONTH": "month", "AHOUR": "hour", "EACH": "action"}[kind]  # fmt: skip

    def _limit_credits(self, node: Node) -> None:
        span = span_of(node)
        number = float(child(node, "NUM").value)
        cmp_node = child(node, "cmp")
        order = (
            self._order(cmp_node)
            if cmp_node is not None
            else "<="
            if child(node, "LIMITTO", "WLE") is not None
            else None
        )
        if order not in {"<", "<="}:
            raise Refused(span, "a rule caps what it spends; say at most", f"at most {number:g} credits per action")
        if order == "<":
            if number != int(number):
                raise Refused(span, "say at most, with the exact number", f"at most {number:g} credits")
            number -= 1
            self.parts.notes.append(f"Fewer than {number + 1:g} credits is read as at most {number:g}.")
        per = "action" if node.data == "l_credits_action" else self._per(node)
        if per == "hour":
            raise Refused(
                span, "credits are capped per action, run, day, week or month", f"at most {number:g} credits per day"
            )
        if number < 0:
            raise Refused(span, "this cap lets nothing run", "")
        if per == "action":
            if self.parts.credits_per_action not in (None, number):
                raise Refused(span, "the rule already has such a cap", "")
            self.parts.credits_per_action = number
            return
        if self.parts.credits.setdefault(per, number) != number:
            raise Refused(span, "the rule already has such a cap", "")

    def _limit_total(self, node: Node) -> None:
        raise Refused(span_of(node), "in total over what time? A cap needs a period", "at most 100 credits per month")

    def _limit_credits_noper(self, node: Node) -> None:
        number = child(node, "NUM").value
        raise Refused(
            span_of(node), "per action, or in what time? A cap needs a period", f"at most {number:g} credits per day"
        )

    def _limit_batch(self, node: Node) -> None:
        raise Refused(span_of(node), "a cap needs a period", f"at most {self._whole(child(node, 'NUM'))} per run")

    def _limit_noper(self, node: Node) -> None:
        raise Refused(
            span_of(node), "in what time? A cap needs a period", f"at most {self._whole(child(node, 'NUM'))} per day"
        )

    # ---- weekly window

    def _weekly(self, node: Node) -> None:
        self._set_weekly(node, False)

    def _weekly_not(self, node: Node) -> None:
        self._set_weekly(node, True)

    def _set_weekly(self, node: Node, negated: bool) -> None:
        """Collect days, hours and zone; `weekly` puts them together when all statements are read."""
        days: tuple[int, ...] = ()
        for one in children(node, "days", "day_span"):
            if days:
                raise Refused(span_of(node), "the days are given twice", "")
            days = self._days(one)
        if negated:
            days = tuple(day for day in range(7) if day not in days)
        if days:
            self.parts.weekly_days = tuple(day for day in self.parts.weekly_days if day in days)
        timerange = child(node, "timerange")
        if timerange is not None:
            start, end = self._time_range(timerange)
            before = self.parts.weekly_hours
            self.parts.weekly_hours = (max(before[0], start), min(before[1], end))
        self.parts.weekly_zones.update(token.value for token in tokens_of(node) if token.type == "ZONE")
        start, end = self.parts.weekly_span or span_of(node)
        self.parts.weekly_span = (min(start, span_of(node)[0]), max(end, span_of(node)[1]))

    @staticmethod
    def weekly(parts: Parts, sentence: str) -> Weekly | None:
        """The weekly window of a whole sentence, None where it has none."""
        span = parts.weekly_span
        if span is None:
            return None
        said = sentence[slice(*span)]
        if not parts.weekly_zones:
            raise Refused(
                span, "in which time zone? Days and hours differ from place to place", f"{said} Europe/Berlin"
            )
        if len(parts.weekly_zones) > 1:
            raise Refused(span, "two time zones; give one", "")
        (zone,) = parts.weekly_zones
        start, end = parts.weekly_hours
        if not parts.weekly_days or start >= end:
            raise Refused(span, "the time windows never meet, so the rule would never apply", "")
        return Weekly(days=tuple(sorted(set(parts.weekly_days))), start=start, end=end, zone=zone)

    def _days(self, node: Node) -> tuple[int, ...]:
        if node.data == "day_span":
            first, last = (one.children[0].value for one in children(node, "dayname"))
            return tuple((first + step) % 7 for step in range((last - first) % 7 + 1))
        if child(node, "WEEKDAYS") is not None:
            return (0, 1, 2, 3, 4)
        if child(node, "WEEKENDS") is not None:
            return (5, 6)
        return tuple(one.children[0].value for one in children(node, "dayname"))

    def _time_range(self, node: Node) -> tuple[int, int]:
        span = span_of(node)
        token = child(node, "TIMERANGE")
        if token is not None:
            start, end, _ = token.value
        else:
            values = []
            for one in children(node, "clock"):
                value = one.children[0]
                if value.type == "NUM":
                    hours = self._whole(value)
                    if hours > 24:
                        raise Refused(span_of(one), "this is no time of day", "9:00")
                    values.append(hours * 60)
                else:
                    values.append(value.value)
            start, end = values
        if start >= end:
            said = (
                f"{start // 60}:{start % 60:02}-{end // 60 + 12}:{end % 60:02}"
                if end <= 720 and end + 720 > start
                else "9:00-17:00"
            )
            raise Refused(span, "this window ends before it begins (a window cannot run past midnight)", said)
        return start, end

    # ---- mode

    def _mode(self, node: Node) -> None:
        kind, span = str(node.data), span_of(node)
        parts = self.parts
        if kind == "ask":
            raise Refused(
                span,
                "to be asked for approval is what happens without any guardrail; a guardrail says what may run without asking. To be told and to have time to stop it, say so",
                "Notify me first and wait 24 hours.",
            )
        if kind == "note_bare":
            raise Refused(span, "before or after it has happened? To be told first, say so", "Notify me first.")
        if kind == "q":
            parts.modes.setdefault("draft_only", span)
        elif kind == "ns":
            parts.modes.setdefault("no_send", span)
        elif kind == "rn":
            parts.modes.setdefault("run", span)
        elif kind == "stop":
            parts.modes.setdefault("stop", span)
        elif kind in {"off_ok", "off_no"}:
            value = kind == "off_ok"
            if parts.offline not in (None, value):
                raise Refused(span, "the rule says both that it may and that it may not run while you are offline", "")
            parts.offline = value
            parts.modes.setdefault("offline", span)
        else:
            if kind == "note":
                parts.modes.setdefault("notify_first", span)
            else:
                parts.modes.setdefault("wait", span)
            dur = child(node, "dur")
            if dur is not None:
                hours = self._seconds(dur, ">=") / 3600
                if parts.wait_hours not in (None, hours):
                    raise Refused(span, "two lengths of waiting; give one", "")
                if hours > 24 * 90:
                    raise Refused(span, "waiting is at most 90 days", "24 hours")
                parts.wait_hours = hours
                cmp = child(node, "cmp")
                if cmp is not None and self._order(cmp) not in {">=", "=="}:
                    raise Refused(span, "say how long to wait", "wait 24 hours")


_MODE_KINDS = {"q", "ns", "rn", "ask", "off_ok", "off_no", "stop", "note", "note_bare", "note_wait"}
