"""Other orders of words: the same statement said with its operation as a noun, in the passive or at its end.

Each rule here takes the tokens of a statement that the grammar has no place for, and gives the same tokens in the order
that it has: "tasks may be created for deals …" as "create tasks for deals …". Nothing is added but a pronoun or a verb
that the words imply, and nothing left out but the words of permission; so what is read is what was said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lark import Token

from .literals import made

Tokens = list[Token]


@dataclass(frozen=True)
class Words:
    """The sentence, and what a phrase is in the vocabulary."""

    sentence: str
    meaning: Callable[[str], tuple[str, object] | None]

    def said(self, token: Token) -> str:
        """A token's words, lower case; its value where no word stands for it."""
        return (self.sentence[token.start_pos or 0 : token.end_pos or 0] or str(token.value)).lower()

    def value(self, phrase: str) -> object:
        """The value of a phrase's token. Raises KeyError where the vocabulary has no such phrase."""
        found = self.meaning(phrase)
        if found is None:
            raise KeyError(phrase)
        return found[1]


_MAIL = frozenset({"EMAILOBJ", "EMAILN", "REPLYW", "CONTENTN"})
_LEADS = frozenset({"IF", "ONLYIF", "WHERE", "FOR"})
_DETS = frozenset({"DET", "EACH", "GT", "GE", "LT", "LE", "NUM", "NEW", "CONNECTOR", "OF"})
_RECORDS = frozenset({"ENT", "ENTLC", "THOSE", "ENTPOSS"})
_BOUNDS = frozenset({"COMMA", "IF", "ONLYIF", "EXC", "WHERE", "BUT", "AND", "COLON", "AUTO", "NOTIFY", "NOTIFYBARE"})
_NOUNS = {"meeting": "schedule", "task": "create", "note": "add", "direct message": "send", "webhook": "send"}
_PASSIVE = {
    "created": "create", "made": "create", "logged": "log", "added": "add", "written": "add", "booked": "book",
    "scheduled": "schedule", "arranged": "arrange", "set up": "set up", "cancelled": "cancel", "canceled": "cancel",
    "called off": "cancel", "rescheduled": "reschedule", "moved": "move", "posted": "post", "shared": "share",
    "triggered": "trigger", "fired": "fire", "discarded": "discard", "deleted": "delete", "sent": "send",
    "drafted": "draft", "prepared": "draft", "put": "add", "updated": "update", "changed": "update", "edited": "update",
    "sent out": "send",
}  # fmt: skip
_ACTIONS_NOUN = {
    "update": "update", "updates": "update", "change": "update", "changes": "update", "enrichments": "enrich",
    "enrichment": "enrich", "archivals": "archive", "edits": "update", "edit": "update",
}  # fmt: skip
_WRITTEN = frozenset({"updated", "changed", "edited", "filled in", "filled"})
MAILED = frozenset({"emailed", "e-mailed", "mailed", "messaged", "written to"})
_DEONTIC = ("should", "must", "have to", "has to", "need", "needs")


def like(token: Token, kind: str, value: object) -> Token:
    """A token of another kind where this one stands."""
    return made(kind, value, token.start_pos or 0, token.end_pos or 0)


def implied(at: Token, kind: str, value: object) -> Token:
    """A token that no word stands for, in front of another."""
    return made(kind, value, at.start_pos or 0, at.start_pos or 0)


def other_orders(tokens: Tokens, words: Words) -> tuple[Tokens, bool] | None:
    """The statement in the order of the grammar, and whether only that order is meant. None where no rule applies."""
    changed = sure = False
    for _ in range(3):
        for rule in _RULES:
            if (found := rule(tokens, words)) is not None:
                tokens, changed = found, True
                sure = sure or rule in _SURE
                break
        else:
            break
    return (tokens, sure) if changed else None


def _past(tokens: Tokens, kinds: set[str], start: int = 0) -> int:
    """Where what stands before the verb ends; the last token at the latest."""
    while start < len(tokens) - 1 and tokens[start].type in kinds:
        start += 1
    return start


def _colon(tokens: Tokens) -> int | None:
    return next((index for index, token in enumerate(tokens) if token.type == "COLON"), None)


def _get(token: Token, words: Words) -> bool:
    """ "Get", "gets", "may get"."""
    return words.said(token) in {"get", "gets"} or (token.type == "MODAL" and words.said(token).endswith(" get"))


def _split_lead(tokens: Tokens, fits: Callable[[Tokens], bool]) -> tuple[Tokens, Tokens] | None:
    """ "When a deal …, a task": what stands before the comma, and what follows. The whole where nothing leads."""
    if fits(tokens):
        return [], tokens
    if tokens and (tokens[0].type in _LEADS or tokens[0].type in _FRAME):
        for index in range(len(tokens) - 1, 0, -1):
            framed = tokens[0].type in _LEADS or all(one.type in _FRAME for one in tokens[:index])
            if tokens[index].type == "COMMA" and framed and fits(tokens[index + 1 :]):
                return tokens[: index + 1], tokens[index + 1 :]
    return None


def _names_records(tokens: Tokens) -> bool:
    """Could records be named here?"""
    if tokens and tokens[0].type == "ONLYIF":
        tokens = tokens[1:]
    return bool(tokens) and tokens[0].type in {*_DETS, *_RECORDS, "VAL", "CLOSED", "PRON", "UNSUB", "NOOWNER"}


def _object_at(tokens: Tokens) -> int | None:
    """Where the noun of what is made or sent stands, after its articles; None where something else comes first."""
    for index, token in enumerate(tokens):
        if token.type in _MAIL or token.type in {"OBJ", "DRAFT", "ENT"}:
            return index
        if token.type not in _DETS:
            return None
    return None


def _verb(at: Token, noun: Token, lemma: str) -> Token | None:
    """The verb of what is made, where `at` stands."""
    if noun.type in _MAIL:
        if lemma == "draft":
            return like(at, "DRAFT", "draft")
        return like(at, "SEND", "send") if lemma in {"send", ""} else None
    if noun.type == "DRAFT":
        return like(at, "MAKEV", lemma) if lemma in {"create", "delete", "discard"} else None
    if noun.type == "ENT":
        return like(at, "MAKEV", lemma) if lemma == "create" else None
    return like(at, "MAKEV", lemma or _NOUNS.get(str(noun.value), "create"))


def _made(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Tasks may be created for …", "emails to … can be sent", "messages may go out on …"."""
    for index, token in enumerate(tokens):
        out = token.type == "GOESOUT" or (token.type == "PERMGET" and words.said(token).endswith(" be sent"))
        allowed = token.type == "MODAL" or (token.type == "BE" and words.said(token).startswith(_DEONTIC))
        if not out and not (allowed and index + 1 < len(tokens)):
            continue
        after = index + (1 if out else 2)
        adverb: Tokens = []
        if not out and tokens[index + 1].type == "AUTO" and index + 2 < len(tokens):
            adverb, after = [tokens[index + 1]], index + 3
        lemma = "send" if out else _PASSIVE.get(words.said(tokens[after - 1]))
        if lemma is None:
            continue
        if (lead := _split_lead(tokens[:index], lambda one: _object_at(one) is not None)) is None:
            continue
        before, subject = lead
        noun = subject[_object_at(subject) or 0]
        if noun.type == "ENT" and (lemma != "create" or tokens[after - 1].type == "OPP"):
            continue
        if noun.type == "DRAFT" and words.said(noun) not in {"draft", "drafts"}:
            continue
        if noun.type == "DRAFT" and lemma == "create":  # "drafts may be created for …"
            at = _object_at(subject) or 0
            drafts = like(noun, "DRAFTOBJ", "create drafts")
            return [*before, *subject[:at], drafts, *subject[at + 1 :], *adverb, *tokens[after:]]
        verb = _verb(tokens[after - 1], noun, lemma)
        if verb is None:
            continue
        return [*before, verb, *subject, *adverb, *tokens[after:]]
    return None


def _fine(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Moving deals to … is fine if …", "enrichment is OK for …", "follow-ups to … are allowed"."""
    index = next((i for i, token in enumerate(tokens) if token.type == "ISFINE"), None)
    if index is None or index == 0:
        return None
    lead = _split_lead(tokens[:index], lambda one: _doing(one, words) is not None)
    if lead is None:
        return _of_these(tokens, index, words)
    before, subject = lead
    doing = _doing(subject, words) or []
    rest = tokens[index + 1 :]
    records = any(token.type in _RECORDS for token in subject)
    if not records and len(rest) > 1 and rest[0].type in {"FOR", "ON", "OF"}:
        makes = any(token.type in _MAIL or token.type == "OBJ" for token in doing)
        return [*before, *doing, *(rest if makes else rest[1:])]
    if not records and before and len(doing) == 1 and doing[0].type == "OPV":
        doing = [*doing, implied(tokens[index], "PRON", "it")]
    return [*before, *doing, *rest]


def _of_these(tokens: Tokens, index: int, words: Words) -> Tokens | None:
    """ "Deals: changing the close date is fine if …"."""
    colon = _colon(tokens[:index])
    if not colon or not any(token.type in {"ENT", "ENTLC"} for token in tokens[:colon]):
        return None
    doing = _doing(tokens[colon + 1 : index], words)
    if doing is None or any(token.type in _RECORDS for token in doing):
        return None
    fields = len(doing) > 1 and all(one.type in {"DET", "FACT", "EMAILN", "AND", "OR", "COMMA"} for one in doing[1:])
    if fields and doing[0].type in {"SETV", "OPV", "FILLV"}:
        return [*doing, like(tokens[colon], "FOR", "for"), *tokens[:colon], *tokens[index + 1 :]]
    if len(doing) == 1 and doing[0].type == "OPV":
        return [*doing, *tokens[:colon], *tokens[index + 1 :]]
    return None


def _doing_allowed(tokens: Tokens, words: Words) -> Tokens | None:
    """ "I'm fine with it creating companies for …"."""
    if not tokens or tokens[0].type != "PERMGER" or len(tokens) < 3:
        return None
    return _doing(tokens[1:], words)


def _doing(subject: Tokens, words: Words) -> Tokens | None:
    """What is done, said as a noun or with "-ing", as the grammar has it; None where it names nothing done."""
    skipped = 0
    while skipped < len(subject) and subject[skipped].type in {"AUTO", "PERM", "ONLYIF"}:
        skipped += 1
    subject = subject[skipped:]
    if not subject:
        return None
    first = subject[0]
    if first.type == "OPG":
        rest = subject[1:]
        if rest and rest[0].type == "OF":
            rest = rest[1:]
        return [like(first, "OPV", first.value), *rest]
    after = 1 if first.type in {"DET", "OTHER"} and len(subject) > 2 else 0
    noun, verb_of = subject[after], _ACTIONS_NOUN.get(words.said(subject[after]))
    beside = subject[after + 1].type if after + 1 < len(subject) else ""
    if verb_of and noun.type in {"ACTIONS", "OPV"} and beside in {"TO", "OF", "ON", "FOR"}:
        return [like(noun, "OPV", words.value(verb_of)), *subject[after + 2 :]]
    if first.type == "STAGECHANGE":
        return [like(first, "MOVE", "move"), *subject[1:]]
    if words.said(first).split(" ")[0].endswith("ing") and first.type in {
        "MAKEV", "ADD", "MOVE", "SEND", "DRAFT", "REMOVE", "SETV", "FILLV", "MARKV", "ALERTV", "INVITEV", "OPV",
    }:  # fmt: skip
        if first.type == "SEND" and len(subject) > 1 and subject[1].type == "TO":
            return [first, implied(subject[1], "EMAILOBJ", "messages"), *subject[1:]]
        return subject
    if first.type == "MAILINGV":
        return [like(first, "EMAILN", "email"), *subject[1:]]
    at = _object_at(subject)
    if at is None or subject[at].type in {"ENT", "DRAFT"}:
        return None
    verb = _verb(implied(subject[0], "MAKEV", ""), subject[at], "")
    return [verb, *subject] if verb is not None else None


def _gets(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Any deal over $50k gets a task": a task is created for it."""
    for index, token in enumerate(tokens):
        getting = token.type == "PERMGET" or (token.type in {"MODAL", "BE"} and _get(token, words))
        if not getting or index == 0:
            continue
        after = index + 1
        while after < len(tokens) and tokens[after].type in _DETS:
            after += 1
        if after >= len(tokens) or tokens[after].type != "OBJ" or tokens[after].value not in {"task", "note"}:
            continue
        end = after + 1
        if end < len(tokens) and tokens[end].type == "TV":  # "a task due within 2 days"
            while end < len(tokens) and tokens[end].type not in _BOUNDS:
                end += 1
        lead = _split_lead(tokens[:index], _names_records)
        if lead is None:
            return None
        before, subject = lead
        verb, to = like(token, "MAKEV", _NOUNS[str(tokens[after].value)]), like(token, "FOR", "for")
        return [*before, verb, *tokens[index + 1 : end], to, *subject, *tokens[end:]]
    return None


def _mailed(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Contacts tagged … may be emailed": a message is sent to them."""
    for index, token in enumerate(tokens):
        if token.type != "MODAL" or not index or index + 1 >= len(tokens):
            continue
        if words.said(tokens[index + 1]) not in MAILED:
            continue
        lead = _split_lead(tokens[:index], _names_records)
        if lead is None:
            return None
        before, subject = lead
        done = tokens[index + 1]
        send = [like(done, "SEND", "send"), like(done, "EMAILOBJ", "messages"), like(done, "TO", "to")]
        return [*before, *send, *subject, *tokens[index + 2 :]]
    return None


def _in_sequence(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Enrol contacts tagged … in "Demo nurture"": in the sequence."""
    verb = next((one for one in tokens if one.type in {"OPV", "OPP"} and isinstance(one.value, tuple)), None)
    if verb is None or verb.value != ("contact.add_to_sequence",) or any(one.type == "SEQW" for one in tokens):
        return None
    for index in range(len(tokens) - 1, 0, -1):
        after = tokens[index + 1].type if index + 1 < len(tokens) else ""
        into = tokens[index - 1].type in {"PREP", "TO", "MOVETO"}
        known = words.meaning(str(tokens[index].value))
        into = into and (known is None or known[0] != "VAL")
        if tokens[index].type == "QUOTED" and into and after not in {"FACT", "LISTW", "OR", "AND", "TAGN", "CHANNELW"}:
            return [*tokens[:index], implied(tokens[index], "SEQW", "sequence"), *tokens[index:]]
    return None


def _verb_last(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Contacts tagged … are OK to archive"."""
    for index, token in enumerate(tokens):
        if token.type not in {"ISFINE", "BE"} or not index or index + 2 >= len(tokens):
            continue
        if tokens[index + 1].type != ("TO" if token.type == "ISFINE" else "PERM"):
            continue
        if tokens[0].type not in {*_DETS, *_RECORDS, "VAL", "CLOSED"}:
            return None
        verb = tokens[index + 2]
        if verb.type in {"OPV", "EMAILN"} and (index + 3 == len(tokens) or tokens[index + 3].type in _BOUNDS):
            return [verb, *tokens[:index], *tokens[index + 3 :]]
    return None


def _its_fields(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Update its fields": update it."""
    for index in range(len(tokens) - 2):
        if [one.type for one in tokens[index : index + 3]] == ["OPV", "POSS", "FIELDW"]:
            return [*tokens[: index + 1], like(tokens[index + 1], "PRON", "it"), *tokens[index + 3 :]]
    return None


def _given(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Contacts tagged … may be given to "Ann"": assigned."""
    for index in range(1, len(tokens) - 2):
        if (
            tokens[index].type == "MODAL"
            and words.said(tokens[index + 1]) == "given"
            and tokens[index + 2].type == "TO"
        ):
            given = like(tokens[index + 1], "OPP", words.value("assigned"))
            return [*tokens[: index + 1], given, *tokens[index + 2 :]]
    return None


def _goes(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Deals may move to "Qualified" if …": they may be moved there. "Contacts may go to "Ann"": to a new owner."""
    for index, token in enumerate(tokens):
        if index == 0 or index + 1 >= len(tokens):
            continue
        straight = token.type == "INTERNALTO" and words.said(token) in {"go to", "goes to"}
        if token.type != "MOVESTO" and not straight:
            continue
        record = next((one for one in tokens[:index] if one.type in {"ENT", "ENTLC"}), None)
        if record is None:
            return None
        if straight or words.said(token).endswith(" go"):
            where = tokens[index + 1 + (not straight)] if index + 2 - straight < len(tokens) else None
            if record.value != "deal" or record.type == "ENTLC":
                to = [like(token, "TO", "to")] if straight else []
                if where is None or where.type not in {"QUOTED", "EMAILADDR"}:
                    return None
                owner = like(token, "OPP", words.value("assigned"))
                return [*tokens[:index], like(token, "MODAL", "may be"), owner, *to, *tokens[index + 1 :]]
            known = words.meaning(str(where.value)) if where is not None and where.type == "QUOTED" else None
            stage = where is not None and (
                where.type in {"VAL", "DET", "FACT"} or (known is not None and known[0] == "VAL")
            )
            if straight or not stage:  # to a stage, or to a new owner?
                return None
        return [*tokens[:index], like(token, "MODAL", "may be"), like(token, "MOVE", "moved"), *tokens[index + 1 :]]
    return None


def _stages(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Stage changes to "Lost" [may run] for deals …": move to it the deals."""
    if not tokens or tokens[0].type != "MOVE" or len(tokens) < 4 or tokens[1].type not in {"TO", "MOVETO"}:
        return None
    for index in range(2, len(tokens) - 1):
        if tokens[index].type == "FOR":
            return [*tokens[:index], *tokens[index + 1 :]]
        if tokens[index].type in _BOUNDS or tokens[index].type in _RECORDS:
            return None
    return None


def _after_colon(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Companies in France: tag "fr"": tag them."""
    colon = _colon(tokens)
    if colon is None or colon == 0 or colon + 1 >= len(tokens):
        return None
    start = _past(tokens, {"AUTO", "PERM"}, colon + 1)
    verb, after = tokens[start], tokens[start + 1] if start + 1 < len(tokens) else None
    if verb.type == "QUEUE":
        return None
    if not any(token.type in {"ENT", "ENTLC"} for token in tokens[:colon]):
        return None
    bare = after is None or after.type in {
        "QUOTED",
        "TO",
        "MOVETO",
        "WITH",
        "AS",
        "COMMA",
        "VAL",
        "EXC",
        "IF",
        "ONLYIF",
    }
    if verb.type in {"OPV", "TAGN", "MOVE"} and bare:
        return [*tokens[: start + 1], implied(after or verb, "PRON", "them"), *tokens[start + 1 :]]
    return None


def _colon_drafts(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Contacts in France: drafts only"."""
    colon = _colon(tokens)
    if not colon or colon + 1 >= len(tokens) or tokens[colon + 1].type != "QUEUE":
        return None
    queue = tokens[colon + 1]
    if not _only_drafts(queue, words) or not any(token.type in {"ENT", "ENTLC"} for token in tokens[:colon]):
        return None
    whom = tokens[:colon] if tokens[0].type == "FOR" else [implied(queue, "FOR", "for"), *tokens[:colon]]
    return [like(queue, "DRAFT", "draft"), implied(queue, "EMAILOBJ", "messages"), *whom, *tokens[colon + 2 :]]


def _only_drafts(token: Token, words: Words) -> bool:
    return "only" in words.said(token).split() or words.said(token).startswith(
        ("just draft", "queue for", "for my review")
    )


def _drafts_of(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Drafts only for deals …", "queue for my review: emails to …"."""
    if not tokens or tokens[0].type != "QUEUE" or not _only_drafts(tokens[0], words) or len(tokens) < 3:
        return None
    rest = tokens[1:]
    if rest[0].type == "COLON":
        rest = rest[1:]
    draft = like(tokens[0], "DRAFT", "draft")
    at = _object_at(rest)
    if at is not None and rest[at].type in _MAIL:
        return [draft, *rest]
    if rest[0].type in {"FOR", "TO"}:
        return [draft, implied(rest[0], "EMAILOBJ", "messages"), *rest]
    return None


def _added_to(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Add to the sequence "x": contacts …": the records first."""
    if not tokens or tokens[0].type != "ADD" or len(tokens) < 4 or tokens[1].type not in {"TO", "MOVETO", "PREP"}:
        return None
    colon = _colon(tokens)
    if colon is None or colon + 1 >= len(tokens):
        return None
    return [tokens[0], *tokens[colon + 1 :], *tokens[1:colon]]


def _fields_changed(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Only the job title may be changed, and only on contacts …": change the job title of these."""
    for index, token in enumerate(tokens):
        if token.type != "MODAL" or index + 2 >= len(tokens) or _PASSIVE.get(words.said(tokens[index + 1])) != "update":
            continue
        fields = [one for one in tokens[:index] if one.type not in {"ONLYIF", "DET"}]
        if not fields or any(
            one.type not in {"FACT", "EMAILN", "COMMA", "AND", "OR", "FIELDW", "QUOTED"} for one in fields
        ):
            return None
        after = index + 2
        while after < len(tokens) and tokens[after].type in {"COMMA", "AND", "BUT", "ONLYIF"}:
            after += 1
        if after + 1 >= len(tokens) or tokens[after].type not in {"ON", "FOR", "OF", "OFTHE", "PREP"}:
            return None
        if tokens[after].type == "PREP" and words.said(tokens[after]) != "in":
            return None
        kept = [one for one in tokens[:index] if one.type != "ONLYIF"]
        verb, on = like(tokens[index + 1], "OPV", words.value("update")), like(tokens[after], "FOR", "for")
        return [verb, *kept, on, *tokens[after + 1 :]]
    return None


def _have_fields(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Deals … may have their fields updated": they may be updated."""
    for index, token in enumerate(tokens):
        if token.type != "PERMGET" or not words.said(token).endswith("have") or index + 3 >= len(tokens):
            continue
        done = next((i for i in range(index + 1, len(tokens)) if words.said(tokens[i]) in _WRITTEN), None)
        if done is None or tokens[index + 1].type not in {"POSS", "DET"}:
            return None
        fields = tokens[index + 2 : done]
        if [one.type for one in fields] == ["FIELDW"]:
            return [
                *tokens[:index],
                like(token, "MODAL", "may be"),
                like(tokens[done], "UPDATED", "updated"),
                *tokens[done + 1 :],
            ]
        if all(one.type in {"FACT", "EMAILN", "COMMA", "AND", "OR", "FIELDW"} for one in fields):
            filled = words.said(tokens[done]) in {"filled in", "filled"}
            verb = (
                like(tokens[done], "FILLV", "fill in") if filled else like(tokens[done], "OPV", words.value("update"))
            )
            return [verb, *fields, like(token, "FOR", "for"), *tokens[:index], *tokens[done + 1 :]]
        return None
    return None


def _gets_tag(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Contacts in Germany get the tag "de"", "may be given the tag "de"": the tag is added to them."""
    for index in range(1, len(tokens) - 2):
        token, after = tokens[index], index + 1
        given = token.type == "MODAL" and words.said(tokens[after]) == "given"
        if given:
            after += 1
        elif not (token.type == "PERMGET" and not words.said(token).endswith((" have", " sent"))) and not _get(
            token, words
        ):
            continue
        if [one.type for one in tokens[after : after + 2]] == ["TAGGED", "QUOTED"]:
            tag = [like(tokens[after], "TAGN", "tag"), tokens[after + 1]]
            tokens = [*tokens[:after], *tag, *tokens[after + 2 :]]
        end = after + 1 if tokens[after].type == "DET" else after
        if end + 1 >= len(tokens) or [one.type for one in tokens[end : end + 2]] != ["TAGN", "QUOTED"]:
            continue
        lead = _split_lead(tokens[:index], _names_records)
        if lead is None:
            return None
        before, subject = lead
        add, to = like(token, "ADD", "add"), like(token, "TO", "to")
        return [*before, add, *tokens[after : end + 2], to, *subject, *tokens[end + 2 :]]
    return None


def _off_list(tokens: Tokens, words: Words) -> Tokens | None:
    """ "May be taken off the list "x"": removed from it."""
    for index in range(1, len(tokens) - 2):
        if (
            tokens[index].type == "MODAL"
            and words.said(tokens[index + 1]) == "taken off"
            and (tokens[index + 2].type != "OFFW")
        ):
            off = implied(tokens[index + 2], "OFFW", "off")
            return [*tokens[: index + 2], off, *tokens[index + 2 :]]
    return None


def _noted(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Leave a note on deals …", "write a note": add one."""
    start = _past(tokens, {"PERM", "AUTO"})
    at = _object_at(tokens[start + 1 :])
    leaves = tokens[start].type == "LEAVEV" or words.said(tokens[start]) in {"write", "writing"}
    if not leaves or at is None or tokens[start + 1 + at].type != "OBJ" or tokens[start + 1 + at].value != "note":
        return None
    return [*tokens[:start], like(tokens[start], "MAKEV", "add"), *tokens[start + 1 :]]


def _gotten(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Get the job title for contacts …": look it up."""
    start = _past(tokens, {"PERM", "AUTO"})
    if tokens[start].type != "BE" or words.said(tokens[start]) != "get":
        return None
    return [*tokens[:start], like(tokens[start], "FILLV", "find"), *tokens[start + 1 :]]


def _any_field(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Change any field of a deal but the amount and the stage": update it, except these."""
    start = _past(tokens, {"PERM", "AUTO"})
    if tokens[start].type not in {"OPV", "SETV"} or len(tokens) < start + 5:
        return None
    if tokens[start].type == "OPV" and tokens[start].value != words.value("update"):
        return None
    at = start + 1
    if tokens[at].type != "DET" or words.said(tokens[at]) not in {
        "any",
        "all",
        "every",
        "all the",
        "any of the",
        "all of the",
    }:
        return None
    if tokens[at + 1].type != "FIELDW" or tokens[at + 2].type not in {"OF", "ON", "FOR", "PREP", "OFTHE"}:
        return None
    end = next(
        (i for i in range(at + 3, len(tokens)) if tokens[i].type in {"EXC", "BUT"} and i + 1 < len(tokens)), None
    )
    verb = like(tokens[start], "OPV", words.value("update"))
    rest = tokens[at + 3 :]
    if end is not None:
        except_ = like(tokens[end], "EXC", "except")
        article = [] if tokens[end + 1].type in {"DET", "POSS"} else [implied(tokens[end + 1], "DET", "the")]
        rest = [*tokens[at + 3 : end], except_, *article, *tokens[end + 1 :]]
    return [*tokens[:start], verb, *rest]


_FRAME = frozenset({
    "DAY", "WEEKDAYS", "WEEKENDS", "TIME", "TIMERANGE", "ZONE", "ON", "AND", "COMMA", "LE", "LT", "NUM", "PERDAY",
    "PERHOUR", "PERWEEK", "PERMONTH", "PERRUN", "ADAY", "AWEEK", "AMONTH", "AHOUR", "AUTO", "RUNNOW", "PREP", "OFTHE",
    "BETWEEN", "UNTIL", "ONLYIF", "ACTIONS", "LPAR", "RPAR", "TO",
})  # fmt: skip


WINDOW = frozenset({
    "DAY", "WEEKDAYS", "WEEKENDS", "TIME", "TIMERANGE", "ZONE", "ON", "AND", "OR", "PREP", "BETWEEN", "OFTHE", "UNTIL",
    "BEFORE", "SINCE",
})  # fmt: skip


def _inverted(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Only on weekdays may contacts … be archived": they may be, only on weekdays."""
    for index in range(1, len(tokens) - 3):
        if tokens[index].type != "PERM" or words.said(tokens[index]) not in {"may", "can", "should"}:
            continue
        if tokens[0].type not in {"ONLYIF", "IF", "ON"} and tokens[0].type not in WINDOW:
            return None
        be = next((i for i in range(index + 2, len(tokens) - 1) if words.said(tokens[i]) == "be"), None)
        if be is None or tokens[be].type != "BE" or not _names_records(tokens[index + 1 : be]):
            return None
        before = tokens[:index] if tokens[index - 1].type != "COMMA" else tokens[: index - 1]
        modal, comma = like(tokens[be], "MODAL", "may be"), implied(tokens[be], "COMMA", ",")
        return [*tokens[index + 1 : be], modal, *tokens[be + 1 :], comma, *before]
    return None


def _count_after(tokens: Tokens, words: Words) -> Tokens | None:
    """ "50 points or more": 50 or more points."""
    for index in range(len(tokens) - 2):
        if [one.type for one in tokens[index : index + 2]] == ["NUM", "COUNTN"] and (
            tokens[index + 2].type in {"POSTGE", "POSTLE"}
        ):
            return [*tokens[: index + 1], tokens[index + 2], tokens[index + 1], *tokens[index + 3 :]]
    return None


def _anything(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Anything in the Renewal pipeline": a deal, where nothing else has what is said of it."""
    if any(token.type in {"ENT", "ENTLC", "ENTPOSS"} for token in tokens):
        return None
    those = next((i for i, token in enumerate(tokens) if token.type == "THOSE"), None)
    if those is None or words.said(tokens[those]) not in {"anything", "everything"}:
        return None
    facts = [token.value for token in tokens if token.type == "FACT" and isinstance(token.value, tuple)]
    owners = {name.partition(".")[0] for value in facts for name in value} - {"action"}
    if owners != {"deal"}:
        return None
    any_, deal = like(tokens[those], "DET", "any"), like(tokens[those], "ENT", "deal")
    return [*tokens[:those], any_, deal, *tokens[those + 1 :]]


def _only_drafts_done(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Delete drafts only on weekdays": only then."""
    for index in range(1, len(tokens)):
        queue = tokens[index]
        if (queue.type, words.said(queue), tokens[index - 1].type in {"OPV", "MAKEV"}) == (
            "QUEUE",
            "drafts only",
            True,
        ):
            after = tokens[index + 1 :]
            rest = [implied(after[0], "ONLYIF", "only"), *after] if after else []
            return [*tokens[:index], like(queue, "DRAFT", "drafts"), *rest]
    return None


def _details(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Fill in missing details for contacts …": enrich them. "Update the details of …": update them."""
    at = next((i for i, token in enumerate(tokens) if token.type == "DETAILS"), None)
    start = _past(tokens, {"PERM", "AUTO", "COMMA"})
    if at is None or at <= start or tokens[start].type not in {"FILLV", "OPV", "SETV"}:
        return None
    filling = tokens[start].type == "FILLV"
    if tokens[start].type == "OPV" and tokens[start].value not in (words.value("update"), words.value("enrich")):
        return None
    verb = like(tokens[start], "OPV", words.value("enrich")) if filling else tokens[start]
    if verb.type == "SETV":
        verb = like(verb, "OPV", words.value("update"))
    between = [token for token in tokens[start + 1 : at] if token.type not in {"DET", "NHAVE", "EMPTYW", "POSS"}]
    if len(between) == 1 and between[0].type == "ENTPOSS":
        return [*tokens[:start], verb, like(between[0], "ENT", between[0].value), *tokens[at + 1 :]]
    if at + 1 >= len(tokens) or tokens[at + 1].type not in {"FOR", "OF", "ON", "OFTHE", "PREP"}:
        return None
    record = next((token.value for token in tokens[at + 1 :] if token.type == "ENT"), None)
    if between and not (len(between) == 1 and between[0].type == "ENT" and between[0].value == record):
        return None
    return [*tokens[:start], verb, *tokens[at + 2 :]]


def _one_recipient(tokens: Tokens, words: Words) -> Tokens | None:
    """ "…, to one recipient at a time": with one recipient."""
    for index in range(1, len(tokens) - 2):
        if [one.type for one in tokens[index : index + 3]] == ["TO", "NUM", "RECIP"] and tokens[index + 1].value == 1:
            end = index + 3
            end += end < len(tokens) and tokens[end].type == "ATATIME"
            exactly = [like(tokens[index], "WITH", "with"), implied(tokens[index + 1], "EQ", "exactly")]
            return [*tokens[:index], *exactly, *tokens[index + 1 : index + 3], *tokens[end:]]
    return None


def _frame_first(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Send emails on weekdays 9-17 Europe/Berlin to contacts …": when comes after whom."""
    start = _past(tokens, {"PERM", "AUTO"})
    at = _object_at(tokens[start + 1 :])
    if tokens[start].type not in {"SEND", "DRAFT", "MAKEV", "ADD"} or at is None:
        return None
    first = start + 1 + at + 1
    for index in range(first + 1, len(tokens) - 1):
        after = tokens[index + 1].type
        if tokens[index].type in {"TO", "FOR"} and after in {"ENT", "ENTLC", "DET", "VAL", "NEW", "EACH"}:
            between = tokens[first:index]
            if any(token.type not in _FRAME for token in between):
                return None
            between = [token for i, token in enumerate(between) if token.type != "COMMA" or 0 < i < len(between) - 1]
            comma = implied(tokens[index], "COMMA", ",")
            return [*tokens[:first], *tokens[index:], comma, *between]
    return None


def _posted(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Slack messages may be posted in #deals": post them there."""
    at = 0
    while at < len(tokens) and tokens[at].type in {"DET", "CONNECTOR"}:
        at += 1
    kinds = [one.type for one in tokens[at : at + 3]]
    if len(kinds) < 3 or kinds[0] not in {"EMAILOBJ", "ACTIONS"} or kinds[1:] != ["MODAL", "MADE"]:
        return None
    if words.said(tokens[at + 2]) not in {"posted", "shared"}:
        return None
    return [implied(tokens[0], "MAKEV", "post"), *tokens[: at + 1], *tokens[at + 3 :]]


def _from_the_last(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Leads from the last 24 hours": created in them."""
    for index in range(1, len(tokens) - 1):
        token = tokens[index]
        if (
            token.type == "INLAST"
            and words.said(token).startswith("from")
            and tokens[index - 1].type in {"ENT", "ENTLC"}
        ):
            return [*tokens[:index], implied(token, "TV", "created_at"), *tokens[index:]]
    return None


def _verbless(tokens: Tokens, words: Words) -> Tokens | None:
    """ "Tasks for deals …", "webhooks only to hooks.acme.com": made and sent, as nothing else is done with them."""
    at = _object_at(tokens)
    if at is None or tokens[at].type != "OBJ" or tokens[at].value == "meeting" or at + 2 >= len(tokens):
        return None
    after = at + 1
    only = tokens[after].type == "ONLYIF"
    if tokens[after + only].type not in {"FOR", "ON", "TO"}:
        return None
    verb = implied(tokens[0], "MAKEV", _NOUNS[str(tokens[at].value)])
    return [verb, *tokens[:after], *tokens[after + only :]]


def _send_bare(tokens: Tokens, words: Words) -> Tokens | None:
    """ "If every recipient is at acme.com, send without asking": messages."""
    for index, token in enumerate(tokens):
        if token.type == "SEND" and index and tokens[index - 1].type in {"COMMA", "COLON"}:
            after = tokens[index + 1] if index + 1 < len(tokens) else None
            if tokens[0].type in _LEADS and (after is None or after.type in {"RUNNOW", "AUTO", "COMMA"}):
                rest = tokens[index + 1 :]
                return [*tokens[: index + 1], implied(after or token, "EMAILOBJ", "messages"), *rest]
    return None


_RULES: tuple[Callable[[Tokens, Words], Tokens | None], ...] = (
    _count_after, _anything, _only_drafts_done, _details, _one_recipient, _inverted, _made, _fine, _doing_allowed,
    _gets, _given, _goes, _stages, _after_colon, _colon_drafts, _drafts_of, _added_to, _fields_changed, _mailed,
    _in_sequence, _verb_last, _its_fields, _gets_tag, _off_list, _noted, _have_fields, _gotten, _any_field, _send_bare,
    _frame_first, _verbless, _posted, _from_the_last,
)  # fmt: skip
_SURE = frozenset(
    {_anything, _only_drafts_done, _made, _given, _colon_drafts, _fields_changed, _drafts_of, _mailed, _in_sequence}
)
