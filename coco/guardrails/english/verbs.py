"""Verbs of a statement and what they are done to or with: the operations that the rule covers, and their arguments."""

from __future__ import annotations

import re

from lark import Token, Tree

from ..catalogue import RECORD_ENTITIES
from ..form import (
    Covered,
)
from .acts import ActReader
from .parts import Node, child, children, span_of
from .problems import Refused

PEOPLE = frozenset({"people", "persons", "folks", "individuals"})  # told by their addresses, as "anyone" is
_MAKES_DRAFTS = frozenset({"create", "creating", "make", "making", "queue", "queue up"})
_POSTS = frozenset({"post", "posting", "share", "sharing", "announce", "announcing"})


class VerbReader(ActReader):
    """Which operations a verb covers, and what the sentence pins of them."""

    def _named(self, verb: str) -> tuple[str, ...]:
        return tuple(
            name
            for name in self.catalogue.operations
            if name.partition(".")[2] == verb and name.partition(".")[0] in RECORD_ENTITIES
        )

    def _pick(self, names: tuple[str, ...], target: str | None, span: tuple[int, int]) -> str:
        fitting = [name for name in names if target in self.catalogue.operations[name].targets]
        if len(fitting) == 1:
            return fitting[0]
        verb = self._text(span)
        possible = sorted({t for name in names for t in self.catalogue.operations[name].targets})
        raise Refused(span, f'"{verb}" is not something done to a {target}; it is done to: {", ".join(possible)}', "")

    def _verb(self, verb: Node, destination: Node | None) -> None:
        kind = str(verb.data)
        names: tuple[str, ...]
        argument = None
        if kind == "v_invite":
            self._invite(verb, destination)
            return
        limit = child(verb, "limit_np", "limit_exact")
        more = child(verb, "l_count")
        if limit is not None and more is not None:
            self._np_caps(verb)
        elif limit is not None:
            self._pending_limit(limit)
            self.parts.capped = True
            if child(verb, "per") is not None:
                self._limit_per(verb)
        for system in children(verb, "CONNECTOR"):
            self._set_connector(system)
        if kind in {"v_act", "v_post", "v_hook"}:
            inner = verb.children[0]
            if kind == "v_act":
                self._act(inner, children(verb, "actpost"))
            elif kind == "v_post":
                self._post(inner)
            else:
                self._hook(inner)
            return
        if kind == "v_set":
            self._set(verb.children[0])
            return
        if kind == "v_dm":
            if child(verb, "OBJ").value != "direct message":
                raise Refused(span_of(verb), "what is to be done with it?", "Schedule a meeting with …", weak=True)
            self._cover(("message.direct",), verb, None, destination)
            self._addressees(child(verb, "addressees"))
            return
        if kind == "v_stop":
            if self._text(span_of(verb.children[0])).lower() not in {"stop", "please stop"}:
                raise Refused(span_of(verb), "never do what?", "", weak=2)
            self._cover(("contact.remove_from_sequence",), verb, child(verb, "QUOTED"), None)
            return
        if kind == "v_fields":
            self._cover_fields(verb, destination)
            return
        if kind == "v_add_what":
            said = self._text(span_of(child(verb, "QUOTED")))
            raise Refused(
                span_of(verb),
                f"what is {said}? If it is a tag, say so",
                f"Add the tag {said} to {self._plural} …",
                weak=True,
            )
        if kind == "v_draft_made":
            if self._text(span_of(child(verb, "MAKEV"))).lower() not in _MAKES_DRAFTS:
                raise Refused(span_of(verb), "what is done with the draft?", "Draft follow-ups for …", weak=True)
            self._cover(("email.draft",), verb, None, None)
            return
        if kind in {"v_mark", "v_make", "v_add", "v_remove", "v_close", "v_setto"}:
            self._cover_by_destination(verb, kind, destination)
            return
        if kind in {"v_add_tag", "v_remove_tag"} or (kind == "v_move" and child(verb, "name") is not None):
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
        elif kind == "v_message":
            if self._text(span_of(verb)).lower() != "message":
                raise Refused(
                    span_of(verb), "send it, or draft it?", f"Send {self._text(span_of(verb)).lower()} to …", weak=True
                )
            names = ("email.send",)
        elif kind in {"v_drafts", "v_queue"}:
            self._drafts(verb)
            names = ("email.draft",)
        elif kind == "v_only_draft":
            if child(verb, "COLON", "COMMA") is not None:
                self.parts.modes.setdefault("draft_only", span_of(verb))
            elif not self._text(span_of(child(verb, "QUEUE"))).lower().endswith("draft"):
                raise Refused(span_of(verb), "draft what?", "Draft follow-ups for …", weak=True)
            names = ("email.draft",)
        elif kind == "v_draft":
            names = ("email.draft",)
        elif kind == "v_send_bare":
            raise Refused(span_of(verb), "send what? Name the message", "Send a follow-up to …")
        else:
            names = ("email.send",)
        self._cover(names, verb, argument, destination)

    def _drafts(self, node: Node) -> None:
        """ "Drafts only", "queue follow-up drafts for me": writing them is what is meant."""
        word = child(node, "QUEUE")
        said = self._text(span_of(word)).lower() if word is not None else ""
        if child(node, "DRAFT") is None and not re.search(r"\bdrafts?\b", said):
            raise Refused(span_of(node), "what is drafted?", "Draft follow-ups for …", weak=True)

    def _alone(self, one: Node, destination: Node | None) -> None:
        if one.data == "a_draft_made":
            if child(one, "MAKEV").value not in _MAKES_DRAFTS:
                raise Refused(span_of(one), "what is done with the draft?", "Draft follow-ups for …", weak=True)
            self._np_caps(one)
            self._cover(("email.draft",), one, None, destination)
        elif one.data in {"a_draft", "a_send", "a_send_to"}:
            self._np_caps(one)
            self._cover(("email.draft" if one.data == "a_draft" else "email.send",), one, None, destination)
            if one.data == "a_send_to":
                self._addressees(child(one, "addressees"))
        elif one.data in {"a_add_tag", "a_remove_tag"}:
            self._cover(self._named(str(one.data)[2:]), one, child(one, "name").children[0], destination)
        elif one.data == "a_act":
            self._act(one.children[0])
        elif one.data == "a_set":
            self._set(one.children[0])
        elif one.data == "a_post":
            self._post(one.children[0])
        elif one.data == "a_dm":
            if child(one, "OBJ").value != "direct message":
                raise Refused(span_of(one), "what is to be done with it?", "Schedule a meeting with …", weak=True)
            self._cover(("message.direct",), one, None, destination)
            self._addressees(child(one, "addressees"))
            for system in children(one, "CONNECTOR"):
                self._set_connector(system)
        elif one.data == "a_dm_to":
            if child(one, "OBJ").value != "direct message":
                raise Refused(span_of(one), "what is sent?", "Send direct messages to …", weak=True)
            self._np_caps(one)
            self._cover(("message.direct",), one, None, destination)
            self._addressees(child(one, "addressees"))
        elif one.data == "a_hook":
            self._hook(one.children[0])
        elif one.data == "a_move":
            self._cover(("deal.move_stage",), one, None, destination)
        elif one.data == "a_drafts":
            self._drafts(one)
            self._cover(("email.draft",), one, None, destination)
        elif one.data == "a_bare":
            self._cover(one.children[0].value, one, None, destination)
        elif isinstance(one.children[0], Tree):
            self._verb(one.children[0], destination)
        else:
            self._cover(("email.draft",), one, None, destination)

    def _addressees(self, node: Node) -> None:
        """ "To anyone at acme.com", "to our own people (acme.com)": everyone it goes to is there."""
        whom = child(node, "ENT")
        if whom is not None and self._text(span_of(whom)).lower() not in PEOPLE:
            raise Refused(span_of(whom), "these are records, not addresses", "", weak=2)
        self.parts.conditions.append(self._addressed(child(node, "names")))

    def _cover_fields(self, verb: Node, destination: Node | None) -> None:
        """ "Update the job title and phone of …": an update that changes nothing else."""
        first = verb.children[0]
        if first.type == "SETW" and self._text(span_of(first)).lower() != "set":
            raise Refused(span_of(first), "add what to which fields?", "", weak=2)
        names = first.value if first.type == "OPV" else self._named("enrich" if first.type == "FILLV" else "update")
        if first.type == "OPV" and not all(name.endswith((".update", ".enrich")) for name in names):
            raise Refused(span_of(first), f'"{self._text(span_of(first))}" is not done to single fields', "", weak=True)
        if destination is not None:
            raise Refused(
                span_of(destination),
                "a rule says which fields may change, not to which value; leave the value out, or have no rule for it",
                f"{self.sentence[: span_of(destination)[0]].strip()}. Notify me first.",
            )
        fields = self._changes_only(child(verb, "fieldlist"))
        self._cover(names, verb, None, None)
        self.parts.conditions.append(fields)
        self.parts.conditions.extend(self._missing(child(verb, "fieldlist")))

    def _cover_by_destination(self, verb: Node, kind: str, destination: Node | None) -> None:
        """ "Add … to the list …", "mark … as closed lost", "post … to #deals": the end says which operation it is."""
        span = span_of(verb)
        said = self._text(span_of(verb.children[0]) if kind == "v_make" else span)
        end = str(destination.data) if destination is not None else ""
        if destination is not None and kind in {"v_add", "v_remove"} and end == "d_list":
            sequence = child(destination, "SEQW") is not None
            name = ("add_to_" if kind == "v_add" else "remove_from_") + ("sequence" if sequence else "list")
            self._cover((f"contact.{name}",), verb, None, destination)
        elif destination is not None and kind == "v_mark" and end == "d_as":
            self._reached = True
            self._pinned_stage(verb, destination)
        elif destination is not None and kind == "v_close" and end == "d_as" and said.lower() in {"close", "closing"}:
            self._reached = True
            self._closed_stage(verb, self._text(span_of(child(destination, "VAL", "CLOSED"))).lower())
        elif destination is not None and kind == "v_setto" and end == "d_to" and said.lower() == "set":
            self._cover(("deal.move_stage",), verb, None, destination)
        elif destination is not None and kind == "v_make" and end == "d_chan" and said.lower() in _POSTS:
            self._reached = True
            self._posted(child(destination, "chan"), verb)
        else:
            hints = {
                "v_mark": ("as what? A rule can mark deals as a stage, or tag records", 'Tag {} with "…"'),
                "v_close": ("is it a move? Say to which stage", 'Move {} to "closed lost"'),
                "v_setto": ("to what? A rule can move deals to a stage", 'Move {} to "closed lost"'),
                "v_make": ("what is made, or where is it posted?", "Post a message to the channel … for {} …"),
                "v_add": ("add to what? A list, a sequence, or a tag", 'Add {} to the list "…"'),
                "v_remove": (
                    "remove from what? Say that it is a list, a sequence or a tag; to put them away, archive",
                    'Remove {} from the sequence "…"',
                ),
            }
            why, example = hints[kind]
            if kind in {"v_close", "v_setto"} and not self.sentence[: span[0]].strip():
                rest = self.sentence[span[1] :].strip().rstrip(".!")
                raise Refused(span, f'"{said}" {why}', f'Move {rest} to "closed lost".', weak=True)
            raise Refused(span, f'"{said}" {why}', example.format(self._plural), weak=True)

    def _closed_stage(self, verb: Node, how: str) -> None:
        """ "Close … as lost": the stage that is called so."""
        stage = how if how.startswith("closed") else f"closed {how}"
        if stage not in {"closed won", "closed lost"}:
            raise Refused(span_of(verb), "closed as what?", 'move to "closed lost"')
        self._pinned("deal.move_stage", verb, stage, stage)
        note = f'"Closed as {how}" is read as a move to the stage "{stage}".'
        if note not in self.parts.notes:
            self.parts.notes.append(note)

    def _pinned_stage(self, verb: Node, destination: Node) -> None:
        token = child(destination, "VAL", "CLOSED")
        said = self._text(span_of(token))
        if said.lower() in {"won", "lost"}:
            moved = re.sub(rf"\b{re.escape(self._text(span_of(verb)))}\b", "Move", self.sentence, count=1)
            raise Refused(
                span_of(token),
                f'which stage is "{said}"? Deals are moved to a stage by its name in the pipeline',
                re.sub(rf"\bas {said}\b", f'to "Closed {said.lower()}"', moved, count=1, flags=re.I),
            )
        fact = self.catalogue.fact("action.stage")
        self._pinned("deal.move_stage", verb, self._value(token, fact), self._value(token, fact))

    def _cover(self, names: tuple[str, ...], node: Node, argument: Token | None, destination: Node | None) -> None:
        name = self._pick(names, self.parts.target, span_of(node))
        operation = self.catalogue.operations[name]
        arguments: tuple[tuple[str, str], ...] = ()
        if operation.argument is not None:
            fact = self.catalogue.fact(operation.argument)
            if argument is None and destination is not None:
                self._check_destination(destination, operation.argument, node)
                argument = child(destination, "QUOTED") or child(destination, "name").children[0]
                self._reached = True
            said = self._text(span_of(argument)).lower() if argument is not None else ""
            if operation.argument == "action.stage" and said in {"won", "lost"}:
                raise Refused(
                    span_of(argument),
                    f'which stage is "{said}"? Deals are moved to a stage by its name in the pipeline',
                    f'"Closed {said}"',
                )
            if argument is None:
                examples = {
                    "action.stage": 'to the "closed lost" stage',
                    "action.tag": 'with "stale"',
                    "action.owner": 'to "Maria Lopez"',
                    "action.list": 'to the list "Webinar"',
                    "action.sequence": 'in the sequence "Inbound"',
                    "action.channel": 'to the channel "deals"',
                    "action.host": "to hooks.acme.com",
                }
                raise Refused(
                    span_of(node),
                    f"say which {fact.field}: a rule that left it open would cover any",
                    f"{self._text(span_of(node))} … {examples.get(operation.argument, '')}".strip(),
                    weak=True,
                )
            arguments = ((operation.argument, self._value(argument, fact)),)
        covered = Covered(operation=name, arguments=arguments)
        if covered not in self.parts.operations:
            self.parts.operations.append(covered)

    def _check_destination(self, destination: Node, argument: str, verb: Node) -> None:
        kind = {"action.list": "LISTW", "action.sequence": "SEQW"}.get(argument)
        for system in children(destination, "CONNECTOR"):
            self._set_connector(system)
        if kind is not None or destination.data in {"d_list", "d_chan"}:
            if kind is None or destination.data != "d_list" or child(destination, kind) is None:
                raise Refused(span_of(destination), "this does not fit the operation", "", weak=True)
            return
        if destination.data == "d_bare":
            before = self.sentence[: span_of(destination)[0]].rstrip()
            if argument != "action.tag" or not re.search(r"[\w)]$", before) or self._after_a_noun(destination):
                raise Refused(
                    span_of(destination),
                    "is this the tag, or does it belong to what stands before it?",
                    f"with {self._text(span_of(destination))}",
                    weak=True,
                )
            return
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

    def _after_a_noun(self, destination: Node) -> bool:
        """Could the name before which no word stands belong to the word before it ("with the job title "CTO"")?"""
        before = self._before.get(span_of(destination)[0])
        return (before.type if before is not None else None) not in {
            "VAL", "DUR", "CONNECTOR", "ENT", "ENTLC", "PRON", "MONEY", "PCT", "AGO", "NUM", "DATE", "COUNTN", "UNSUB",
        }  # fmt: skip

    def _split_destination(self, items: list[Node]) -> tuple[list[Node], Node | None]:
        found = [item for item in items if str(self._piece(item).data).startswith("d_")]
        if len(found) > 1:
            raise Refused(span_of(found[1]), "there are two targets", "", weak=True)
        for item in found:
            conn = self._conn(child(item, "conn"))
            if conn not in {"", "comma"} or (conn and self._piece(item).data == "d_bare"):
                raise Refused(span_of(item), "what does this join?", "", weak=True)
            if child(item, "i_if", "i_only", "i_where", "i_that") is not None:
                raise Refused(span_of(item), "this is no condition", "", weak=True)
        rest = [item for item in items if item not in found]
        return rest, self._piece(found[0]) if found else None
