"""What must not be done, said beside what may: "never archive customers; all other contacts tagged … may be archived".

A rule covers what it permits less what it forbids, and whatever it does not cover waits for its owner anyway. So a
sentence that says what waits is an exception to the one that permits; "other" and "otherwise" in the latter add nothing
to that, and mean nothing without the former, where they are left for the grammar to refuse.
"""

from __future__ import annotations

from lark import Token

from .orders import MAILED, WINDOW, Tokens, Words, implied, like

_SENT = frozenset({"EMAILOBJ", "EMAILN", "REPLYW", "CONTENTN"})
_ANYTHING = (["THOSE"], ["ENT"], ["DET", "ENT"], ["DET", "ACTIONS"])
_PINNED = frozenset({"QUOTED", "VAL", "CLOSED"})
_DONE = frozenset({"OPV", "SETV", "TOUCH", "EMAILN", "MAILINGV", "SEND", "ADD", "MOVE"})
_PERSONS = frozenset({"everyone else", "everybody else", "anyone else", "anybody else", "whoever else"})
_APPROVAL = ("need", "needs", "require", "requires", "wait for", "waits for")
_TOUCH = ("touch", "hands off", "leave alone", "but leave alone")


def told_apart(statements: list[Tokens], words: Words) -> list[Tokens]:
    """The statements with those that forbid as exceptions, and without what only says that the rest waits."""
    parts = [_unasked(part, words) for statement in statements for part in _split(statement, words)]
    drafts = any(token.type in {"DRAFT", "DRAFTOBJ", "QUEUE"} for part in parts for token in part)
    parts = [_not_then(part, drafts) for part in parts]
    others = {token.type for part in parts for token in part} & {"OTHER", "ELSEW", "OTHERWISE"}
    read: list[tuple[Tokens, list[Tokens] | None]] = []
    for index, part in enumerate(parts):
        rest = [one for i, one in enumerate(parts) if i != index]
        read.append((part, _forbids(part, words, rest, bool(others))))
    forbade = next((part for part, exceptions in read if exceptions or (exceptions is None and _plainly(part))), None)
    found: list[Tokens] = []
    for part, exceptions in read:
        if exceptions is not None:
            found.extend(exceptions)
        else:
            found.append(_nothing_else(_apart_from(part, words, forbade), words))
    return found


def _not_then(part: Tokens, drafts: bool) -> Tokens:
    """ "Nothing may be sent on weekends": beside what is sent, a window."""
    if not drafts and len(part) > 1 and part[0].type == "NOSEND" and all(one.type in WINDOW for one in part[1:]):
        return [like(part[0], "NOT", "not"), *part[1:]]
    return part


def _plainly(part: Tokens) -> bool:
    """Does it forbid in words that the grammar has?"""
    return part[0].type in {"NEVERDO", "EXC"} or (part[0].type == "NOT" and len(part) > 1)


# "to any other channel not": who or what else is meant is told by nothing but these
_OTHER_PLACES = frozenset({"COMMA", "TO", "DET", "OTHER", "ELSEW", "CHANNELW", "ENT", "NOT"})
# what else a statement may say of records beside their size
_MORE_THAN_SIZE = frozenset(
    {
        "OWNEDBY", "NOWNEDBY", "PREP", "NPREP", "AT", "VAL", "QUOTED", "TAGGED", "UNTAGGED", "IF", "ONLYIF", "WHERE",
        "WHOSE", "AND", "OR", "BUT", "EXC", "TV", "AGO", "SINCE", "SILENT", "NOACT", "ACT", "FACT", "CLOSED",
        "UNSUB", "SUBBED", "NEW", "EMPTYW", "NHAVE", "NBE", "DOMAIN", "EMAILADDR", "INLAST", "INNEXT", "WITHIN",
        "DATE", "CAL", "CALEDGE", "LPAR", "CONNECTOR", "ENTPOSS", "BOUNCED", "NOOWNER", "TAGN", "UPDATED", "BEFORE",
        "AFTERD", "OLDER", "NEWER", "ENTERED", "WORKAT", "NAMED", "CLOSEDAS", "NEITHER", "EITHER", "BOTH", "OWNER",
        "EMAILN", "REPLYW",
    }
)  # fmt: skip


def _size_at(tokens: Tokens, below: bool) -> bool:
    """Is a size bounded on that side: money, a count, or how long a meeting lasts?"""
    wanted = {"LE", "LT", "POSTLE"} if below else {"GE", "GT", "POSTGE"}
    meeting = any(one.type == "OBJ" and one.value == "meeting" for one in tokens)
    for index, token in enumerate(tokens):
        if token.type not in wanted:
            continue
        post = token.type.startswith("POST")
        sized = tokens[index - 1] if post and index else tokens[index + 1] if index + 1 < len(tokens) else token
        beside = tokens[index + (1 if post else 2) : index + (2 if post else 3)]
        people = {"COUNTN", "RECIP", "ENT"} if meeting else {"COUNTN", "RECIP"}
        counted = sized.type == "NUM" and bool(beside) and beside[0].type in people
        if sized.type == "MONEY" or counted or (meeting and sized.type in {"DUR", "AHOUR"}):
            return True
    return False


def _unasked(part: Tokens, words: Words) -> Tokens:
    """ "Never send it without me": not by this rule. "…, to any other channel not": nor that."""
    if part and part[-1].type == "NOT":
        comma = next((i for i in range(len(part) - 1, 0, -1) if part[i].type == "COMMA"), None)
        end = {one.type for one in part[comma:]} if comma is not None else set()
        if end & {"OTHER", "ELSEW"} and end <= _OTHER_PLACES:
            part = part[:comma]
    forbids = bool(part) and part[0].type in {"NEVERDO", "NOSEND", "EXC", "NOT"}
    found = [
        token
        for index, token in enumerate(part)
        if token.type != "RUNNOW" or not index or not (forbids or part[index - 1].type == "NOSEND")
    ]
    if len(found) > 2 and found[0].type == "NOSEND" and found[1].type in {"TO", "DET", *_SENT}:
        first = found[0]
        if any(token.type in {"ENT", "ENTLC", "THOSE", "RECIP"} for token in found):
            mail = [] if any(one.type in _SENT for one in found[1:3]) else [implied(found[1], "EMAILOBJ", "messages")]
            found = [like(first, "NEVERDO", "never"), like(first, "SEND", "send"), *mail, *found[1:]]
    whole = [token.type for token in found]
    if whole in (["NEVERDO", "OPV", "DET", "ACTIONS"], ["NEVERDO", "OPV", "ACTIONS"], ["NEVERDO", "OPV", "THOSE"]):
        return found[:2]
    return found


def _split(statement: Tokens, words: Words) -> list[Tokens]:
    """ "… needs my approval, the others are fine", "archive …, but anything over $10k waits for me": two statements."""
    for index, token in enumerate(statement):
        if index == 0 or token.type not in {"COMMA", "BUT", "BUTDO"}:
            continue
        after = index + 1
        if token.type == "COMMA" and after < len(statement) and statement[after].type in {"BUT", "BUTDO", "AND"}:
            after += 1
        left, right = statement[:index], statement[after:]
        if not right or not left:
            continue
        forbids = left[0].type in {"NEVERDO", "EXC", "NOT"}
        if (
            right[0].type == "NEVERDO"
            and len(right) > 2
            and right[1].type in _DONE
            and statement[after - 1].type == "BUT"
        ) and not any(one.type in {"COMMA", "BUT"} for one in right):
            return [left, right]
        if _holds(left[-1], words) and right[0].type != "ONLYIF":
            return [left, *_split(right, words)]
        if forbids and (statement[after - 1].type == "BUTDO" or right[0].type in {"PERM", "OTHERWISE"}):
            return [left, *_split(right, words)]
        starts = right[0].type in {"DET", "ENT", "ENTLC", "THOSE", "ELSEW", "OTHER", "BIGGER", "SMALLER", "VAL", "OBJ"}
        if (
            starts
            and (_holds(right[-1], words) or right[-1].type == "ISFINE")
            and right[0].type in {"BIGGER", "SMALLER"}
        ):
            return [left, right]
        if starts and _holds(right[-1], words) and not any(one.type in {"COMMA", "BUT"} for one in right):
            return [left, right]
    return [statement]


def _holds(token: Token, words: Words) -> bool:
    return token.type == "HOLDS" or (token.type == "ASKFIRST" and words.said(token).startswith(_APPROVAL))


def _forbids(part: Tokens, words: Words, others: list[Tokens], apart: bool) -> list[Tokens] | None:
    """The exceptions that a statement says, none where it adds nothing; None where it forbids nothing. `apart`: the
    sentence speaks of the others, so that what it forbids of some is an exception to whatever it permits."""
    held = next((index for index, token in enumerate(part) if index and _holds(token, words)), None)
    if held is not None and (held + 1 == len(part) or part[held + 1].type in {"IF", "EXC", "WHERE", "ONLYIF"}):
        return _held([*part[:held], *part[held + 1 :]], words, others)
    if part[0].type == "NOTHINGELSE" and len(part) <= 4 and any(one.type == "MODAL" for one in part[1:]):
        return []
    if len(part) == 1 and part[0].type in {"BIGGER", "SMALLER"}:
        return None
    if (condition := _conditional(part, words)) is not None:
        return [condition]
    for index, token in enumerate(part):
        must_not = token.type == "MUSTNOT" or (token.type == "NBE" and words.said(token).startswith(
            ("must", "should", "cannot", "can't", "shouldn't", "mustn't")
        ))  # fmt: skip
        allowed_none = part[0].type == "NEITHER" and token.type == "MODAL"
        if not (must_not or allowed_none) or index == 0 or index + 1 >= len(part):
            continue
        if part[0].type in {"OTHER", "ELSEW"} and index <= 2 and len(part) == index + 2:
            return []  # "other contacts may not be archived": nor does the rule
        done, rest = part[index + 1], [one for one in part[index + 2 :] if one.type not in {"AUTO", "RUNNOW"}]
        if done.type not in {"OPP", "UPDATED", "TV", "SETW", "MADE", "SEND", "MOVE", "REMOVE", "TAGGED"}:
            return None
        tail = rest if rest and rest[0].type in {"IF", "EXC", "WHERE", "ONLYIF"} else []
        if rest and not tail and not _target_only(rest):
            return None
        mailed = words.said(done) in MAILED
        update = words.value("update") if done.type == "UPDATED" else done.value
        if not apart and (not rest or tail) and (mailed or done.type in {"OPP", "UPDATED"}):
            verb = like(done, "EMAILN", "email") if mailed else like(done, "OPV", update)
            return [[like(token, "NEVERDO", "never"), verb, *one, *tail] for one in _each(part[:index])]
        return [_left_alone([*one, *tail]) for one in _each(part[:index])]
    first = part[0]
    if first.type == "NEVERDO" and len(part) > 2 and part[1].type == "TOUCH":
        part = [like(first, "EXC", "never touch"), *part[2:]]
        first = part[0]
    if first.type == "EXC" and (first.value == "never touch" or words.said(first).endswith(_TOUCH)) and len(part) > 1:
        return _untouched(part, words)
    if first.type == "NEVERDO" and len(part) > 3 and part[1].type == "SEND":
        at = next((i for i, one in enumerate(part) if one.type == "TO"), None)
        single = part[2].type == "DET" and words.said(part[2]) in {"a", "an", "any", "one"}  # to each, not altogether
        if at is not None and single and at + 3 == len(part) - 1 and part[at + 1].type in {"GT", "GE"}:
            return [[like(first, "HELD", "held"), *_recipients(part[at:])]]
    if first.type in {"NEVERDO", "NOT"} and len(part) > 2 and _takes_target(part[1]):
        end = next((i for i in range(3, len(part)) if _target_only(part[i:], part[1])), None)
        if end is not None and [one.type for one in part[2:end]] in _ANYTHING and part[-1].type in _PINNED:
            return [[like(part[0], "NOTTO", "never to"), part[-1]]]
        if end is not None and any(one.type in {"ENT", "ENTLC", "THOSE"} for one in part[2:end]):
            return [_left_alone(part[2:end])]
    forbidding = first.type in {"NEVERDO", "NOT"} and len(part) > 2 and part[1].type in {"OPV", "EMAILN", "MAILINGV"}
    if apart and forbidding and part[2].type in {"ENT", "ENTLC", "THOSE", "DET", "VAL"}:
        return [_left_alone(part[2:])]
    return None


def _recipients(tokens: Tokens) -> Tokens:
    """ "To more than 3 people": recipients."""
    return [*tokens[:-1], like(tokens[-1], "RECIP", "recipients")] if tokens[-1].type == "ENT" else tokens


def _left_alone(subject: Tokens) -> Tokens:
    return [implied(subject[0], "LEAVEV", "leave"), *subject, implied(subject[-1], "ALONEW", "alone")]


def _each(subject: Tokens) -> list[Tokens]:
    """ "Neither … nor …": each of them."""
    if subject[0].type != "NEITHER":
        return [subject]
    found: list[Tokens] = [[]]
    for token in subject[1:]:
        if token.type == "NOR":
            found.append([])
        else:
            found[-1].append(token)
    return [one for one in found if one]


def _takes_target(verb: Token) -> bool:
    """Is it done to records and something else: a stage, an owner, a sequence?"""
    if verb.type == "OPV" and isinstance(verb.value, tuple):
        return all(str(name).endswith((".assign", ".add_to_sequence")) for name in verb.value)
    return verb.type in {"ADD", "MOVE"}


def _target_only(tokens: Tokens, verb: Token | None = None) -> bool:
    """Is this no more than "to the sequence "x""?"""
    kinds = [token.type for token in tokens if token.type not in {"DET", "SEQW", "LISTW", "FACT"}]
    into = {"TO", "MOVETO"}
    if verb is None or verb.type == "ADD" or "add_to_sequence" in str(verb.value):
        into |= {"PREP", "ON"}
    names = {"QUOTED"} if kinds[:1] == ["PREP"] else {"QUOTED", "EMAILADDR", "VAL", "CLOSED"}
    return len(kinds) == 2 and kinds[0] in into and kinds[1] in names


def _conditional(part: Tokens, words: Words) -> Tokens | None:
    """ "If a deal is worth £20k or more, don't touch it": unless it is."""
    if part[0].type != "IF" or len(part) < 5 or part[-1].type not in {"PRON", "THOSE"}:
        return None
    ends = len(part) - 2
    touch = part[ends].type == "EXC" and words.said(part[ends]).endswith(_TOUCH)
    if not touch and ends > 2 and part[ends].type in {"OPV", "TOUCH", "EMAILN"} and part[ends - 1].type == "NEVERDO":
        ends, touch = ends - 1, True
    if not touch:
        return None
    conditions = part[1:ends]
    if conditions and conditions[-1].type == "COMMA":
        conditions = conditions[:-1]
    return [like(part[0], "HELD", "held"), *conditions] if conditions else None


def _untouched(part: Tokens, words: Words) -> list[Tokens] | None:
    rest = part[1:]
    fields = rest[1:] if rest[0].type in {"DET", "POSS"} else rest
    if fields and fields[0].type in {"FACT", "EMAILN", "COUNTN"}:
        article = [rest[0]] if rest[0].type in {"DET", "POSS"} else [implied(rest[0], "DET", "the")]
        return [[like(part[0], "NEVERDO", "never"), like(part[0], "OPV", words.value("update")), *article, *fields]]
    if any(token.type in {"ENT", "ENTLC", "THOSE"} for token in rest):
        return [_left_alone(rest)]
    return None


def _held(subject: Tokens, words: Words, others: list[Tokens]) -> list[Tokens] | None:
    """What waits for its owner: an exception, or nothing where it is what the rule leaves out anyway."""
    kinds = [token.type for token in subject]
    if kinds[0] == "ELSEW" and len(kinds) == 1:
        return []
    if kinds[0] == "OTHER" and kinds[1:] in ([], ["ENT"], ["ENTLC"], ["ACTIONS"]):
        return []
    if kinds in (["BIGGER"], ["SMALLER"]):
        return [] if _bounded(others, kinds[0]) else None
    if kinds[-3:] == ["GT", "NUM", "CREDITS"] and set(kinds[:-3]) <= {"ACTIONS", "THOSE", "SPEND", "THAT", "DET"}:
        cap = [implied(subject[0], "SPEND", "costs"), like(subject[-3], "LE", "at most"), *subject[-2:]]
        return [[*cap, implied(subject[-1], "PERACTION", "per action")]]
    start = 1 if kinds[0] == "DET" else 0
    if kinds[start] in _SENT or kinds[start] == "OBJ":
        tail = subject[start + 1 :]
        shape = [token.type for token in tail if token.type != "THAT"]
        over = ("GT", "GE")
        if len(shape) == 4 and shape[0] in {"TO", "WITH"} and shape[1] in over and shape[2] == "NUM":
            people = tail if shape[0] == "WITH" else _recipients(tail)
            if shape[0] == "TO" and kinds[start] == "OBJ":
                people = [like(tail[0], "WITH", "with"), *tail[1:3], like(tail[3], "COUNTN", "action.attendee_count")]
            return [[implied(subject[0], "HELD", "held"), *people]]
        lasts = kinds[start] == "OBJ" and subject[start].value == "meeting"
        if lasts and shape[-2:] and shape[-2] in over and shape[-1] in {"DUR", "AHOUR"} and len(shape) <= 3:
            return [[implied(subject[0], "HELD", "held"), implied(tail[-2], "FOR", "for"), *tail[-2:]]]
        if len(tail) > 1 and tail[0].type in {"TO", "FOR", "WITH"} and tail[1].type in {"ENT", "ENTLC", "DET", "THOSE"}:
            return [_left_alone(tail[1:])]
        return None
    if kinds[0] in {"OPV", "OPG", "SEND", "DRAFT", "MAKEV", "MOVE", "ADD", "REMOVE", "PERM", "AUTO", "NEVERDO", "IF"}:
        return None  # "archive … and … are off limits": two statements
    return [_left_alone(one) for one in _each(subject)]


def _bounded(others: list[Tokens], kind: str) -> bool:
    """Does what is permitted end at one side, so that what lies on the other is not permitted?"""
    below = kind == "BIGGER"
    kinds = {token.type for one in others for token in one}
    other = {"GE", "GT", "POSTGE"} if below else {"LE", "LT", "POSTLE"}
    return (
        any(_size_at(one, below) for one in others)
        and not kinds & other
        and not kinds & {"BETWEEN", "OR", "EITHER", "EXC"}
    )


def _apart_from(part: Tokens, words: Words, forbade: Tokens | None) -> Tokens:
    """ "All other contacts … may be": with what was forbidden before, the same as "all contacts … may be archived"."""
    if forbade is None:
        return part
    if part and part[0].type == "OTHERWISE" and len(part) > 1:
        part = part[2:] if part[1].type == "COMMA" else part[1:]
    found: Tokens = []
    for index, token in enumerate(part):
        after = part[index + 1].type if index + 1 < len(part) else ""
        if token.type in {"SMALLER", "BIGGER"} and _beside(forbade, token.type):
            if words.said(token).endswith("ones"):
                noun = next((one for one in forbade if one.type in {"ENT", "OBJ", *_SENT}), None)
                if noun is None:
                    return part
                found.append(like(token, noun.type, noun.value))
            elif after not in {"ENT", "ENTLC", "OBJ", "ACTIONS", "OPG", *_SENT}:
                return part
        elif token.type == "POSS" and after == "FIELDW" and (entity := _entity(forbade)) is not None:
            found += [like(token, "DET", "all"), like(token, "ENT", entity)]
        elif token.type == "FIELDW" and part[index - 1].type == "POSS" and found[-1].type == "ENT":
            continue
        elif token.type == "PRON" and index and part[index - 1].type == "OPV" and found[0].type != "IF":
            if any(one.type in {"ENT", "ENTLC", "THOSE"} for one in part) or (entity := _entity(forbade)) is None:
                return part
            found += [like(token, "DET", "all"), like(token, "ENT", entity)]
        elif token.type == "OTHER" and after in {
            "ENT",
            "ENTLC",
            "VAL",
            "EMAILOBJ",
            "EMAILN",
            "OBJ",
            "CLOSED",
            "OPV",
            "ACTIONS",
        }:
            if found and found[-1].type == "DET":
                continue
            found.append(like(token, "DET", "any" if words.said(token).startswith("any") else "all"))
        elif (token.type == "ELSEW" or words.said(token).endswith("others")) and (
            entity := _entity(forbade)
        ) is not None:
            if words.said(token) in _PERSONS:
                if entity != "contact":
                    return part
                found.append(like(token, "THOSE", "everyone"))
            else:
                found += [like(token, "DET", "all"), like(token, "ENT", entity)]
        else:
            found.append(token)
    return _elliptic(found, words, forbade)


def _beside(forbade: Tokens, side: str) -> bool:
    """Was what lies on the other side forbidden, and nothing said but its size?"""
    below = side == "BIGGER"
    kinds = {one.type for one in forbade}
    other = {"GT", "GE", "POSTGE"} if below else {"LT", "LE", "POSTLE"}
    return _size_at(forbade, below) and not kinds & other and not kinds & _MORE_THAN_SIZE


def _entity(forbade: Tokens) -> str | None:
    for token in forbade:
        if token.type == "ENT":
            return str(token.value)
        if token.type == "ENTLC" or (token.type == "THOSE" and str(token.value) not in {"anything", "everything"}):
            return "contact"
    return None


def _elliptic(part: Tokens, words: Words, forbade: Tokens) -> Tokens:
    """ "… must never be enriched; all other companies may be": enriched."""
    if len(part) < 2 or part[0].type not in {"DET", "THOSE", "ENT", "ENTLC", "VAL"}:
        return part
    last = part[-1]
    passive = last.type == "MODAL"
    active = last.type == "PERM" and words.said(last) in {"may", "can"}
    if not (passive or active or last.type == "ISFINE"):
        return part
    for index, token in enumerate(forbade):
        if token.type in {"MUSTNOT", "NBE", "MODAL"} and index + 1 < len(forbade):
            done = forbade[index + 1 :]
            if done[0].type in {"OPP", "UPDATED", "TV", "MOVE"}:
                return [*part[:-1], like(last, "MODAL", "may be"), *done]
    if forbade[0].type in {"NEVERDO", "NOT"} and len(forbade) > 2:
        verb = forbade[1]
        if verb.type == "OPV" and isinstance(verb.value, tuple):
            takes = _takes_target(verb)
            ends = (i for i in range(4, len(forbade)) if takes and _target_only(forbade[i:], verb))
            end = next(ends, len(forbade))
            return [verb, *part[:-1], *forbade[end:]]
        if verb.type in {"EMAILN", "MAILINGV"}:
            return [verb, *part[:-1]]
    return part


def _nothing_else(part: Tokens, words: Words) -> Tokens:
    """ "…, nothing else": what is not covered waits anyway. After tags or addresses it may say that these are all there
    are, and is left for the grammar to refuse."""
    if not part or part[-1].type != "NOTHINGELSE":
        return part
    last = part[-1]
    if len(part) == 1:
        return [like(last, "ASKELSE", "ask me otherwise")]
    before = part[:-1]
    while before and before[-1].type in {"COMMA", "AND", "BUT"}:
        before = before[:-1]
    joined = len(before) < len(part) - 1 or words.said(last).startswith(("and", "but"))
    addressed = any(token.type in {"DOMAIN", "EMAILADDR"} for token in before)
    people = words.said(last).endswith(("nobody else", "no one else"))
    told = any(token.type in {"TAGGED", "TAGN", "COUNTN", "INCL"} for token in before)
    if not joined or told or (people and not addressed):
        return part
    return [*before, implied(last, "COMMA", ","), like(last, "ASKELSE", "ask me otherwise")]
