"""From a derivation to the typed form. Everything that could mean two things is refused here, with both meanings.

The rule followed where two readings differ: a difference at one instant or one unit (is "14 days" more than, or at
least 14 days?) goes to the narrower reading, and the reading says so; any larger difference is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from lark import Token, Tree

from ..catalogue import RECORD_ENTITIES, plural
from ..form import (
    Empty,
    Is,
    Predicate,
    Truth,
    conjunction,
    negation,
)
from .grouping import EXCEPTIONS
from .parts import MODE_KINDS, PERSONS, UNIVERSAL, Node, Target, Unit, capitalised, child, children, span_of, tokens_of
from .problems import Refused
from .verbs import PEOPLE, VerbReader


def disjunction_of_values(found: list[Predicate], span: tuple[int, int]) -> Predicate:
    """ "Fintech or insurance companies": values of one fact. Raises Refused for values of several."""
    facts = {one.fact for one in found if isinstance(one, Is)}
    if len(facts) != 1:
        raise Refused(span, "these are not values of the same fact; say each in full", "")
    values = [value for one in found if isinstance(one, Is) for value in one.values]
    return Is(fact=facts.pop(), values=tuple(dict.fromkeys(values)))


_SHALL = ("should", "must", "have to", "has to", "need")


class Builder(VerbReader):
    """Builds the parts of one sentence, statement by statement. Raises Refused."""

    _reached = False  # the destination was used by an operation

    def statement(self, start: Node) -> None:
        node = start.children[0]
        tokens = sorted(tokens_of(node), key=lambda token: token.start_pos or 0)
        self._before = {after.start_pos or 0: before for before, after in pairwise(tokens)}
        self._forbids = tokens[0].type in {"NEVERDO", "NOT", "EXC", "NOSEND"}
        self._excepted = next((token.start_pos for token in tokens if token.type == "EXC"), None)
        {
            "grant": self._grant,
            "passive": self._passive,
            "p_get": self._get,
            "gerund": self._gerund,
            "g_capped": self._gerund_capped,
            "g_before": self._before_told,
            "g_told": self._before_told,
            "rest": self._rest,
            "x_fields": self._never_fields,
            "x_leave": self._leave,
            "x_held": self._held,
            "x_target": self._never_there,
            "x_records": self._never_records,
            "x_bare": self._never_bare,
            "x_bad": self._never_bad,
            "x_mail": self._never_mail,
        }[str(node.data)](node)
        self._contents([token for token in tokens if token.type == "CONTENTN"])
        inside = next((token for token in tokens if token.type == "INTERNAL"), None)
        if inside is not None:
            self.parts.internal_span = span_of(inside)

    def _contents(self, tokens: list[Token]) -> None:
        """ "A thank-you email": what a message says is not looked at. A draft is read before it leaves; what is sent
        is not, so a rule that named a kind of message would cover any."""
        for token in tokens:
            said = self._text(span_of(token))
            if {covered.operation for covered in self.parts.operations} != {"email.draft"}:
                raise Refused(
                    span_of(token),
                    f'"{said}" says what a message is about, and that is not looked at: a rule for these would cover '
                    "any message. If any may be written, say so; or have them drafted, and read them before they leave",
                    "messages" if said.lower().endswith("s") else "message",
                    fatal=True,
                )
            note = f'What a draft says is not looked at: "{said}" is read as any message.'
            if note not in self.parts.notes:
                self.parts.notes.append(note)

    def _begin(self, node: Node) -> None:
        if self.parts.operations:
            raise Refused(
                span_of(node),
                "this is a second rule; the sentence already covers "
                f"{self._text(self.parts.operation_span).strip()!r}. "
                "Write one guardrail for each rule, so that its conditions cannot be mixed up",
                self._text(span_of(node)),
                fatal=True,
            )

    def _grant(self, node: Node) -> None:
        verbs = child(node, "verbs")
        if self.parts.operations and verbs is not None and child(verbs, "v_drafts") is not None:
            raise Refused(span_of(verbs), "this is said of the rule before it", "", weak=True)
        ahead = child(node, "ahead")
        if self.parts.operations and ahead is not None and child(ahead, "note") is not None:
            raise Refused(
                span_of(ahead), "this is said of the rule before it", "", weak=True
            )  # "before you archive it"
        self._begin(node)
        lead = child(node, "lead_if", "lead_for", "lead_exc", "lead_born")
        system = child(node, "lead_system")
        if system is not None:
            if child(system, "TO") is not None and child(system, "SPEND") is None:
                raise Refused(span_of(system), "in this system, or into it?", "In HubSpot, archive …", weak=True)
            self._set_connector(child(system, "CONNECTOR"))
        alone = [one for one in node.children if isinstance(one, Tree) and str(one.data).startswith("a_")]
        lead_units: list[Unit] = []
        if (
            child(node, "np") is not None
            and any(isinstance(one, Tree) and one.data == "v_setto" for one in child(node, "verbs").children)
            and child(child(node, "np"), "e_poss") is not None
        ):
            raise Refused(span_of(child(node, "np")), "which field is set? Say it first", "", weak=2)
        if child(node, "np"):
            self._np(child(node, "np"))
            first = child(lead, "np") if lead is not None and lead.data in {"lead_for", "lead_born"} else None
            if first is not None:  # "Open deals: archive deals that …" says both of them
                self._same_entity(first)
                self._premodifiers(first, self.parts.target or "contact")
        elif lead is not None and lead.data in {"lead_for", "lead_born"}:
            self._np(child(lead, "np"))
            if lead.data == "lead_born":
                self._born(lead)
        elif lead is not None and alone and not any(t.type in {"ENT", "ENTLC", "ENTPOSS"} for t in tokens_of(lead)):
            self._target_of_the_act(alone, children(node, "item"))
        elif lead is not None:
            self._target_from(lead)
            self.parts.met = True
        else:
            self._target_of_the_act(alone, children(node, "item"))
        self._no_addressees(node, verbs)
        if lead is not None:
            before = self.parts.target
            exceptions = [Tree("item", [one]) for one in children(lead, *EXCEPTIONS)]
            self._leading = lead.data == "lead_if"
            lead_units = self._items([*children(lead, "item"), *exceptions])
            self._leading = False
            self.parts.target = before
            if lead_units and not exceptions:
                lead_units[0] = replace(lead_units[0], intro="if" if lead.data == "lead_if" else "")
        items = children(node, "item")
        if alone and lead is None and self.parts.met and not any(one.data == "a_set" for one in alone):
            self._named_too_early(items)
        if alone and alone[0].data == "a_bare" and items and self._piece(items[0]).data in {"clause", "factclause"}:
            said = self._text(span_of(alone[0]))
            raise Refused(span_of(alone[0]), "done to which records? Say it right after", f"{said} them", weak=2)
        if alone and alone[0].data == "a_bare" and items and self._piece(items[0]).data == "d_bare":
            raise Refused(span_of(items[0]), "to it, or with it?", f"to {self._text(span_of(items[0])).strip()}")
        rest, destination = self._split_destination(items)
        if verbs is not None:
            for verb in verbs.children:
                if isinstance(verb, Tree):
                    self._verb(verb, destination)
        for one in alone:
            self._alone(one, destination)
        self.parts.operation_span = span_of(verbs if verbs is not None else alone[0])
        if destination is not None and not self._reached:
            why = (
                "which lists or sequences a record is on is not recorded, so no rule can ask for it; a tag can"
                if destination.data == "d_list"
                else "there is nothing here that takes a target"
            )
            raise Refused(span_of(destination), why, "", weak=True)
        if (freely := child(child(node, "go"), "RUNNOW")) is not None:  # "may, without approval, …"
            self.parts.modes.setdefault("run", span_of(freely))
        if ahead is not None:  # "At most 20 a day, archive …"
            self._items([Tree("item", list(ahead.children))])
        self._conditions(lead_units)
        self._conditions(self._items(rest))

    def _named_too_early(self, items: list[Node]) -> None:
        """ "Create a task named "Call" for deals …": what stands before the record speaks of what is made."""
        for item in items:
            piece = self._piece(item)
            if any(token.type in {"ENT", "ENTLC", "ENTPOSS", "PRON"} for token in tokens_of(piece)):
                return
            if (
                piece.data == "clause"
                and not self._is_connector(item)
                and child(item, "i_if", "i_only", "i_where") is None
            ):
                said = self._text(span_of(piece))
                before, after = self.sentence[: span_of(piece)[0]], self.sentence[span_of(piece)[1] :]
                if before.rstrip().endswith(",") and after.lstrip().startswith(","):  # "a task, due in a day, for …"
                    raise Refused(
                        span_of(piece),
                        f'write "{said}" right after what is made, without commas',
                        f"{before.rstrip(' ,')} {said} {after.lstrip(' ,')}",
                    )
                raise Refused(
                    span_of(piece),
                    f'does "{said}" speak of what is made, or of the {self._plural}? The former is not looked at; '
                    f"for the latter, put it after them",
                    "",
                )

    def _born(self, lead: Node) -> None:
        """ "When a new contact tagged "x" is created, …": how new it may be must follow."""
        moment = child(lead, "TV")
        if moment.value != "created_at":
            raise Refused(span_of(moment), "when? Give a length of time", "in the last 7 days", weak=True)
        self.parts.new_span = span_of(moment)

    def _no_addressees(self, node: Node, verbs: Node | None) -> None:
        """ "Email anyone at acme.com" is checked by address, not by what the CRM says of a contact."""
        np, items = child(node, "np"), children(node, "item")
        if np is None or not items or verbs is None:
            return
        plain = child(np, "e_plain")
        people = plain is not None and self._text(span_of(plain)).lower() in PEOPLE
        only = any(isinstance(one, Tree) and one.data == "v_act" and child(one, "ONLYIF") for one in verbs.children)
        at = [token.type for token in tokens_of(items[0])]
        if plain is not None and only and at[0] in {"PREP", "AT"} and "DOMAIN" in at:
            raise Refused(span_of(np), "with whom is checked by address", "Schedule meetings with …", weak=True)
        conditions = [one for one in items if self._piece(one).data in {"clause", "factclause", "group", "exception"}]
        if child(np, "e_those") is None and not (people and len(conditions) == 1):
            return
        first = tokens_of(items[0])
        sends = any(
            str(one.data) in {"v_send", "v_message"} or any(t.value == "direct message" for t in tokens_of(one))
            for one in verbs.children
            if isinstance(one, Tree)
        )
        if sends and any(token.type in {"DOMAIN", "EMAILADDR"} for token in first):
            raise Refused(span_of(np), "to whom is checked by address", "Send emails to …", weak=True)

    def _passive(self, node: Node) -> None:
        told = child(node, "BE")
        said = self._text(span_of(told)).lower() if told is not None else ""
        deontic = said.startswith(_SHALL)
        if deontic and self.parts.operations:
            raise Refused(span_of(node), "this could say which records are meant, or be a second rule", "", weak=True)
        if child(node, "p_tag_name") is not None and told is not None and not deontic and said not in {"get", "gets"}:
            raise Refused(
                span_of(node),
                "does this say which records are meant, or what may be done to them?",
                'Contacts … may be tagged "old".',
            )
        if told is not None and re.search(r"\b(was|were|been|got|became|become)\b", said):
            raise Refused(span_of(told), "this tells what has been done; say what may be done", "may be", fatal=True)
        self._begin(node)
        self._np(child(node, "np"))
        opp = child(
            node, "p_added", "p_removed", "p_plain", "p_tag_name", "p_move", "p_tag", "p_update", "p_assign", "p_to",
            "p_closed", "p_marked",
        )  # fmt: skip
        self.parts.operation_span = span_of(opp)
        kind = str(opp.data)
        if kind == "p_added" and self._text(span_of(opp)).lower() in {"changed", "modified"}:
            kind = "p_update"
        index = node.children.index(opp)
        before = [c for c in node.children[:index] if isinstance(c, Tree) and c.data == "item"]
        after = [c for c in node.children[index + 1 :] if isinstance(c, Tree) and c.data == "item"]
        rest, destination = self._split_destination(after)
        direct = child(node, "d_to", "d_with")
        destination = direct or destination
        head = child(node, "fieldhead")
        if head is not None:
            fields = child(head, "fieldlist")
            if kind not in {"p_plain", "p_update"}:
                raise Refused(span_of(fields), "this is not done to single fields", "")
            self.parts.conditions.append(self._changes_only(fields))
        if kind == "p_plain":
            self._cover(opp.children[0].value, opp, None, destination)
        elif kind in {"p_added", "p_removed"}:
            wanted = "added" if kind == "p_added" else "removed"
            said = self._text(span_of(opp)).lower()
            put = {"put", "placed"} if kind == "p_added" else {"taken off", "taken", "taken out", "pulled", "dropped"}
            if said not in {wanted, *put} or destination is None:
                made = said == "created"
                raise Refused(
                    span_of(opp),
                    f'for what? Say for which records: "Create {self._plural} for …"'
                    if made
                    else f"{wanted} where? Name the list",
                    "" if made else f'{wanted} to the list "Webinar"',
                    weak=True,
                )
            self._cover_by_destination(opp, "v_add" if wanted == "added" else "v_remove", destination)
        elif kind == "p_closed":
            if (how := child(opp, "CLOSEDAS").value) not in {"won", "lost"} or destination is not None:
                raise Refused(span_of(opp), "moved to which stage?", 'moved to "closed lost"', weak=True)
            self._closed_stage(opp, how)
        elif kind == "p_marked":
            said = self._text(span_of(opp)).lower()
            if said == "given" and destination is not None and destination.data == "d_to":
                self._cover(self._named("assign"), opp, None, destination)
            elif destination is None or destination.data not in ({"d_to"} if said == "set" else {"d_as"}):
                raise Refused(span_of(opp), f"{said} as what? Name the stage", 'moved to "closed lost"', weak=True)
            elif destination.data == "d_as":
                self._pinned_stage(opp, destination)
            else:
                self._cover(("deal.move_stage",), opp, None, destination)
        elif kind == "p_move":
            self._cover(("deal.move_stage",), opp, None, destination)
        elif kind == "p_update":
            self._cover(self._named("update"), opp, None, destination)
        elif kind == "p_tag_name":
            self._cover(self._named("add_tag"), opp, child(opp, "name").children[0], destination)
        elif kind == "p_tag":
            self._cover(self._named("add_tag"), opp, None, destination)
        elif kind == "p_assign":
            self._cover(self._named("assign"), opp, child(opp, "name").children[0], destination)
        else:
            self._cover(child(opp, "OPP").value, opp, child(opp, "name").children[0], destination)
        lead = child(node, "lead_if")
        if lead is not None:
            self._conditions(self._items(children(lead, "item")))
        self._conditions(self._items(before))
        self._conditions(self._items(rest))

    def _get(self, node: Node) -> None:
        """ "Contacts tagged … can get a follow-up"."""
        self._begin(node)
        word = child(node, "PERMGET", "MODAL", "BE")
        if word.type == "BE" and self._text(span_of(word)).lower() not in {"gets", "get"}:
            raise Refused(span_of(word), "what may be done? Name the operation", "may be archived", weak=2)
        had = word.type == "PERMGET" and self._text(span_of(word)).lower().endswith("have")
        if word.type == "MODAL" and not self._text(span_of(word)).lower().endswith(" get"):
            raise Refused(span_of(word), "what may be done? Name the operation", "may be archived", weak=True)
        self._np(child(node, "np"))
        self._np_caps(node)
        drafted, given = child(node, "DRAFT"), child(node, "DRAFT", "mailobj", "EMAILOBJ", "EMAILN")
        if drafted is not None and self._text(span_of(drafted)).lower() not in {"draft", "drafts", "drafted"}:
            raise Refused(span_of(drafted), "what is drafted?", "a follow-up draft", weak=True)
        if had and drafted is None:
            raise Refused(span_of(word), "is it sent to them? Say so", "may be sent", weak=True)
        self._cover(("email.draft" if drafted is not None else "email.send",), given, None, None)
        self.parts.operation_span = span_of(given)
        index = node.children.index(word)
        lead = child(node, "lead_if")
        items = [one for one in node.children if isinstance(one, Tree) and one.data == "item"]
        before = [one for one in node.children[:index] if isinstance(one, Tree) and one.data == "item"]
        if lead is not None:
            self._conditions(self._items(children(lead, "item")))
        self._conditions(self._items(before))
        self._conditions(self._items(items[len(before) :]))

    def _gerund(self, node: Node) -> None:
        self._begin(node)
        self._np(child(node, "np"))
        verb = child(node, "gverb")
        rest, destination = self._split_destination(children(node, "item"))
        self._cover(verb.children[0].value, verb, None, destination)
        self.parts.operation_span = span_of(verb)
        self._conditions(self._items(rest))

    def _before_told(self, node: Node) -> None:
        """ "Before you archive contacts tagged …, notify me", "tell me before archiving …"."""
        word = child(node, "BEFOREHAND")
        if word is not None and self._text(span_of(word)).lower() != "before you":
            raise Refused(span_of(word), "before what?", "Notify me first.", weak=True)
        told = child(node, "NOTIFY")
        if (
            told is not None
            and child(node, "BEFORE") is None
            and not self._text(span_of(told)).lower().endswith("before")
        ):
            raise Refused(span_of(told), "told before what?", "Notify me first.", weak=True)
        if (word is None) != (child(node, "beforeverb") is None):
            raise Refused(span_of(node), "say what may be done", "Notify me first.", weak=True)
        self._begin(node)
        self._np(child(node, "np"))
        verb = child(node, "gverb", "beforeverb")
        rest, destination = self._split_destination(children(node, "item"))
        self._cover(verb.children[0].value, verb, None, destination)
        self.parts.operation_span = span_of(verb)
        self.parts.modes.setdefault("notify_first", span_of(verb))
        self._wait(child(node, "toldme") or node)
        self._conditions(self._items(rest))

    def _gerund_capped(self, node: Node) -> None:
        """ "Spend at most 200 credits a month on enriching contacts tagged …"."""
        self._begin(node)
        np, noun = child(node, "np"), child(node, "ENT")
        if np is not None:
            self._np(np)
        else:
            self._set_target(noun.value, span_of(noun))
        verb = child(node, "gverb")
        rest, destination = self._split_destination(children(node, "item"))
        self._cover(verb.children[0].value, verb, None, destination)
        self.parts.operation_span = span_of(verb)
        cap = next(one for one in node.children if isinstance(one, Tree) and str(one.data).startswith("l_"))
        self._conditions(self._items([Tree("item", [cap])]))
        self._conditions(self._items(rest))

    def _rest(self, node: Node) -> None:
        np = child(node, "np")
        permission = child(node, "PERM", "AUTO")
        if np is not None:
            only = child(node, "ONLYIF", "FOR", "TO")
            if only is None and not any(self._is_verbal(item) for item in children(node, "item")[:1]):
                raise Refused(
                    span_of(node),
                    "no operation: this names records but does not say what may be done with them, nor how it "
                    "limits the rule",
                    "Archive contacts … / Only for contacts … / Except contacts …",
                )
            before = (self.parts.target, self.parts.universal)
            if self.parts.target is None or self.parts.target == "action":
                self._np(np)
            else:
                self._same_entity(np)
                self._premodifiers(np, self.parts.target)
            self.parts.universal = before[1] or self.parts.universal
        items = children(node, "item")
        frame = [
            item
            for item in items
            if self._piece(item).data in MODE_KINDS
            or str(self._piece(item).data).startswith(("l_", "weekly", "within"))
        ]
        others = [
            item
            for item in items
            if item not in frame
            and (child(item, "i_if", "i_where") is not None or self._piece(item).data in EXCEPTIONS)
        ]
        if frame and others:
            raise Refused(
                span_of(others[0]),
                f'does this limit the whole rule, or only "{self._text(span_of(self._piece(frame[0])))}"? Put it '
                "in a sentence of its own",
                f"{capitalised(self._text(span_of(others[0])).strip(' ,'))}.",
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

    def _no_window(self, items: Sequence[Node]) -> None:
        """ "Never archive customers on weekends": a window of the exception, which it cannot have, or of the rule?"""
        for item in items:
            piece = self._piece(item)
            if str(piece.data).startswith("weekly") and self._conn(child(item, "conn")) != "comma":
                said = self._text(span_of(piece)).strip(" ,")
                raise Refused(
                    span_of(piece),
                    f'does "{said}" limit the exception, or the whole rule? An exception holds at any time: leave it '
                    "out, or put it in a sentence of its own",
                    "",
                )

    def _never_records(self, node: Node) -> None:
        names = child(node, "OPV", "OPG").value
        np = child(node, "np")
        items = children(node, "item")
        self._no_window(items)
        target = self._entity_of(np)
        chosen = self._pick(names, target, span_of(node))
        if (
            not items
            and child(np, "e_plain") is not None
            and not children(np, "m_val", "m_vals", "m_closed", "m_unsub", "m_untagged", "m_noowner", "m_new")
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
            raise Refused(span_of(np), f"the rule is about {self._plural}", "")
        excluded = self._excluded(lambda: [*self._premodifier_conditions(np), *self._joined_items(items)])
        self.parts.conditions.append(negation(conjunction(excluded)))

    def _leave(self, node: Node) -> None:
        """ "Leave customers alone"."""
        self._no_window(children(node, "item"))
        np = child(node, "np")
        those = child(np, "e_those")
        anything = those is not None and those.children[0].value not in PERSONS
        if not anything and self._entity_of(np) != self.parts.target:
            raise Refused(span_of(np), f"the rule is about {self._plural}", "")
        if anything:
            found = self._excluded(lambda: self._joined_items(children(node, "item")))
            self.parts.conditions.append(negation(conjunction(found)))
            return
        found = self._excluded(lambda: [*self._premodifier_conditions(np), *self._joined_items(children(node, "item"))])
        if not found:
            raise Refused(span_of(np), f"that leaves out every {self.parts.target}", "")
        self.parts.conditions.append(negation(conjunction(found)))

    def _never_there(self, node: Node) -> None:
        """ "Never move anything to Closed Won": nothing that the rule covers may go there; what it leaves out waits."""
        name = child(node, "name").children[0]
        said = {self._folded(name) if name.type == "QUOTED" else self._text(span_of(name)).lower()}
        if isinstance(name.value, tuple):
            said |= {str(value) for _, value in name.value}
        for covered in self.parts.operations:
            if any(value.casefold() in said for _, value in covered.arguments):
                raise Refused(
                    span_of(name),
                    f"a contradiction: the sentence both permits {self._text(span_of(name))} and forbids it",
                )

    def _held(self, node: Node) -> None:
        """What holds where this is so: an exception."""
        self._no_window(children(node, "item"))
        found = self._excluded(lambda: self._joined_items(children(node, "item")))
        self.parts.conditions.append(negation(conjunction(found)))

    def _never_bare(self, node: Node) -> None:
        names = child(node, "OPV").value
        items = children(node, "item")
        frames = [item for item in items if str(self._piece(item).data) == "weekly"]
        if child(node, "THOSE") is None and items and len(frames) == len(items):
            for item in items:  # "Don't enrich on Sundays"
                self._set_weekly(self._piece(item), True)
            return
        if child(node, "THOSE") is None and not items:
            for name in names:
                if self.parts.target is None or self.parts.target in self.catalogue.operations[name].targets:
                    self.parts.excluded.append(name)
            return
        if child(node, "THOSE") is None or self.parts.target is None:
            raise Refused(span_of(node), "say which records are never to be touched", 'Except contacts tagged "VIP".')
        self._never_those(self._pick(names, self.parts.target, span_of(child(node, "OPV"))), node, items)

    def _never_mail(self, node: Node) -> None:
        np = child(node, "np")
        found: list[Predicate] = []
        if np is not None:
            if self._entity_of(np) != self.parts.target:
                raise Refused(span_of(np), f"the rule is about {self._plural}", "")
            found = self._excluded(lambda: self._premodifier_conditions(np))
        self._never_those("email.send", node, children(node, "item"), found)

    def _never_those(self, operation: str, node: Node, items: list[Node], found: Sequence[Predicate] = ()) -> None:
        """ "Never archive anyone owned by …": an exception to the operation that the rule covers."""
        if operation not in {covered.operation for covered in self.parts.operations}:
            raise Refused(
                span_of(node),
                f"the rule does not cover {operation}, so this exception would say nothing",
                "",
            )
        excluded = conjunction([*found, *self._excluded(lambda: self._joined_items(items))])
        self.parts.conditions.append(negation(excluded))

    def _never_bad(self, node: Node) -> None:
        raise Refused(span_of(node), "write one exception for each operation", "")

    def _entity_of(self, np: Node) -> Target:
        ent = child(np, "e_plain", "e_lifecycle", "e_two", "e_poss", "e_those", "e_lifecycles", "e_titles")
        if ent.data == "e_those":
            said = self._text(span_of(ent))
            if ent.children[0].value not in PERSONS:
                raise Refused(
                    span_of(ent),
                    f'"{said}" does not say which kind of record; name it, such as contacts, deals or companies',
                    "contacts",
                    weak=True,
                )
            return "contact"
        if ent.data == "e_two":
            raise Refused(
                span_of(ent),
                'a rule is about one kind of record, because a condition such as "older than 30 days" could belong to '
                "either; write one guardrail for each",
                plural(tokens_of(ent)[0].value),
                fatal=True,
            )
        if ent.data == "e_lifecycles" and self._excluding:
            raise Refused(span_of(ent), "does what follows speak of both? Write one exception for each", "")
        if ent.data == "e_titles" and self._excluding:
            raise Refused(span_of(ent), "whose job title is just that? Say it", 'whose job title is "CEO"')
        if ent.data in {"e_lifecycle", "e_lifecycles", "e_titles"}:
            return "contact"
        return ent.children[0].value  # type: ignore[no-any-return]

    def _np(self, np: Node) -> None:
        self._set_target(self._entity_of(np), span_of(np))
        if (poss := child(np, "e_poss")) is not None:
            own = child(poss, "ENT")
            if own is not None and self._text(span_of(own)).lower().endswith("s"):
                raise Refused(span_of(own), "of which records?", f"{self._text(span_of(own))}'", weak=2)
            self.parts.conditions.append(self._changes_only(child(poss, "fieldlist")))
        self._premodifiers(np, self.parts.target or "contact")
        limit = child(np, "limit_np", "limit_exact")
        if limit is not None:
            self._pending_limit(limit)
            self.parts.capped = True

    def _same_entity(self, np: Node) -> None:
        entity = self._entity_of(np)
        if entity != self.parts.target:
            raise Refused(span_of(np), f"the rule is about {self._plural}, not {entity}s", f"Only {self._plural} …")

    def _set_target(self, target: Target, span: tuple[int, int]) -> None:
        self.parts.target, self.parts.target_span = target, span

    def _target_from(self, lead: Node) -> None:
        for token in tokens_of(lead):
            if token.type == "ENTLC":
                self._set_target("contact", (token.start_pos or 0, token.end_pos or 0))
                self.parts.lifecycles.add(token.value)
                self.parts.conditions.append(Is(fact="contact.lifecycle_stage", values=(token.value,)))
                return
            if token.type in {"ENT", "ENTPOSS"}:
                self._set_target(token.value, (token.start_pos or 0, token.end_pos or 0))
                return
        raise Refused(span_of(lead), "say what kind of record this is about", "If a contact …, archive it.")

    def _premodifiers(self, np: Node, target: str) -> None:
        det = child(np, "det")
        if det is not None and det.children[0].value in UNIVERSAL:
            self.parts.universal = True
        if det is not None and det.children[0].value in {"each", "each of the", "every", "every single", "any", "a"}:
            self.parts.each = True
        for one in children(np, "m_connector"):
            self._set_connector(one.children[0])
        new = child(np, "m_new")
        if new is not None:
            self.parts.new_span = span_of(new)
        self.parts.conditions.extend(self._premodifier_conditions(np))

    def _premodifier_conditions(self, np: Node) -> list[Predicate]:
        found: list[Predicate] = []
        target = self._entity_of(np)
        ent = child(np, "e_plain", "e_lifecycle", "e_poss", "e_those", "e_lifecycles", "e_titles")
        if ent.data == "e_titles":  # "CEOs and CFOs"
            titles = tuple(dict.fromkeys(str(token.value) for token in children(ent, "ENTTITLE")))
            found.append(Is(fact="contact.jobtitle", values=tuple(title.lower() for title in titles)))
            for title in titles:
                self.parts.spellings.setdefault(title.lower(), title)
            self._noted(f'"{self._text(span_of(ent))}" is read as: the job title is just that.')
        if ent.data == "e_lifecycles":  # "leads and customers in Norway": what follows holds for both
            stages = tuple(dict.fromkeys(token.value for token in children(ent, "ENTLC")))
            found.append(Is(fact="contact.lifecycle_stage", values=stages))
            self.parts.lifecycles.update(stages)
        if ent.data == "e_lifecycle":
            found.append(Is(fact="contact.lifecycle_stage", values=(ent.children[0].value,)))
            self.parts.lifecycles.add(ent.children[0].value)
        modifiers: list[Node] = [one for one in np.children if isinstance(one, Tree)]
        for one in modifiers:
            match str(one.data):
                case "m_val":
                    found.append(self._value_condition(one.children[0], target))
                case "m_vals":
                    either = [self._value_condition(token, target) for token in children(one, "VAL")]
                    found.append(disjunction_of_values(either, span_of(one)))
                case "m_closed":
                    found.append(self._closed(target, span_of(one)))
                case "m_unsub":
                    found.append(Truth(fact=self._flag(target, span_of(one))))
                case "m_subbed":
                    found.append(negation(Truth(fact=self._flag(target, span_of(one)))))
                case "m_silent":
                    self.parts.silent_span = span_of(one)  # "stale deals with no activity in 60 days" says how long
                case "m_untagged":
                    found.append(Empty(fact=f"{target}.tags"))
                case "m_bounced":
                    raise Refused(
                        span_of(one),
                        "every e-mail, at least one, or the last one? Say how many have bounced",
                        f"{self._text(span_of(ent))} where every email has bounced",
                    )
                case "m_owner":
                    if self._excluding:
                        raise Refused(span_of(one), "owned by them, or at that company?", "")
                    owner = child(one, "OWNERNAME")
                    self.parts.owner_span = span_of(one)
                    found.append(Is(fact=f"{target}.owner", values=(self._folded(owner),)))
                    self.parts.spellings.setdefault(self._folded(owner), str(owner.value))
                case "m_noowner":
                    found.append(Empty(fact=f"{target}.owner"))
        return found

    def _target_of_the_act(self, alone: list[Node], items: list[Node]) -> None:
        """ "Post to #deals when a deal is won" is about deals; "Send messages only on weekdays" names no record."""
        named = self._records_of(items)
        updates = [child(one.children[0], "ENT") for one in alone if one.data == "a_post"]
        if named is None and len(alone) == 1 and updates and updates[0] is not None:  # "post deal updates in #deals"
            self._set_target(updates[0].value, span_of(updates[0]))
            self.parts.universal = True
            return
        for one in alone:
            if one.data in {"a_pron", "a_move", "a_bare"} or (
                named is None and one.data in {"a_add_tag", "a_remove_tag"}
            ):
                pron = child(one, "pron") or one
                said = self._text(span_of(pron))
                raise Refused(
                    span_of(pron),
                    f'"{said}" does not say which kind of record; name it, such as contacts, deals or companies',
                    f"{self.sentence[: span_of(pron)[0]]}all contacts{self.sentence[span_of(pron)[1] :]}",
                    weak=True,
                )
        for one in alone:
            if one.data == "a_set":  # "set the deal stage to …": the field says whose it is, or else the records do
                own = child(one.children[0], "ENT", "ENTPOSS")
                entities = {name.partition(".")[0] for name in child(one.children[0], "FACT").value}
                entities = {entity for entity in entities if entity in RECORD_ENTITIES}
                if own is not None or len(entities) == 1:
                    self._set_target(own.value if own is not None else entities.pop(), span_of(one))
                    self.parts.met = True
                    return
        if named is None:
            self._set_target("action", span_of(alone[0]))
            return
        if named.type == "ENTLC":
            self.parts.lifecycles.add(named.value)
            self.parts.conditions.append(Is(fact="contact.lifecycle_stage", values=(named.value,)))
        self._set_target("contact" if named.type == "ENTLC" else named.value, span_of(named))
        self.parts.met = True
