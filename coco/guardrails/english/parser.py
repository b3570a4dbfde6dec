"""The grammar at work: every derivation of a statement, found with lark's Earley parser.

Two things are added to lark. The lexer is ours (it hands over finished tokens). And the predictor looks one token
ahead: of the rules that could begin at a place, only those that can begin with the token that stands there are
followed, which is what makes a compile take milliseconds. Neither changes which sentences parse, or how.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedEOF, UnexpectedToken
from lark.lexer import Lexer as LarkLexer
from lark.parsers.earley import Parser as EarleyParser

MAX_DERIVATIONS = 64
_END = "$END"
_ANY = ""  # in place of a token's type: look ahead to nothing, follow every rule


class _TokenLexer(LarkLexer):
    def __init__(self, _conf: object) -> None:
        super().__init__()

    def lex(self, data: Any) -> Iterator[Token]:  # type: ignore[override]
        yield from data


class _Predictions(dict[Any, list[Any]]):
    """Rules by origin, only those that can begin with one token (or with nothing)."""

    def __init__(self, full: dict[Any, list[Any]], admits: Any, token_type: str) -> None:
        super().__init__()
        self._full, self._admits, self._type = full, admits, token_type

    def __missing__(self, origin: Any) -> list[Any]:
        found = [rule for rule in self._full[origin] if self._admits(rule, self._type)]
        self[origin] = found
        return found


class _Once:
    """Predictions at one place: what was predicted there already is not predicted again."""

    def __init__(self, view: _Predictions) -> None:
        self._view, self._seen = view, set[Any]()

    def __getitem__(self, origin: Any) -> list[Any]:
        if origin in self._seen:
            return []
        self._seen.add(origin)
        return self._view[origin]


class _LookaheadEarley(EarleyParser):
    """lark's Earley parser, with one token of lookahead in the predictor and each rule predicted once at each place."""

    predictions: Any

    _types: list[str]

    def prepare(self) -> None:
        # lark lists under a symbol all that its rules can begin with as well, which would be predicted over and over
        full = {origin: [r for r in rules if r.origin == origin] for origin, rules in self.predictions.items()}
        first, nullable = self.FIRST, self.NULLABLE
        admitted: dict[Any, frozenset[str] | None] = {}
        for rules in full.values():
            for rule in rules:
                names: set[str] = set()
                for symbol in rule.expansion:
                    names |= {symbol.name} if symbol.is_term else {terminal.name for terminal in first[symbol]}
                    if symbol not in nullable:
                        admitted[rule] = frozenset(names)
                        break
                else:
                    admitted[rule] = None  # may be empty: always follow

        def admits(rule: Any, token_type: str) -> bool:
            names = admitted[rule]
            return names is None or token_type == _ANY or token_type in names

        self._views: dict[str, _Predictions] = {}
        self._full, self._admits = full, admits

    def for_tokens(self, tokens: list[Token]) -> _LookaheadEarley:
        """A parser of its own for one parse."""
        one = copy.copy(self)
        one._types = [*(token.type for token in tokens), _END]
        one._look(0)
        return one

    def _look(self, index: int) -> None:
        token_type = self._types[index]
        view = self._views.get(token_type)
        if view is None:
            view = self._views.setdefault(token_type, _Predictions(self._full, self._admits, token_type))
        self.predictions = view

    def predict_and_complete(self, i: int, *rest: Any) -> None:
        self._look(i)
        self.predictions = _Once(self.predictions)
        super().predict_and_complete(i, *rest)  # type: ignore[no-untyped-call]


class NoParse(Exception):
    """The tokens form no statement. `index` is the first token that does not fit (len(tokens) at the end)."""

    def __init__(self, tokens: list[Token], index: int) -> None:
        super().__init__(index)
        self._tokens, self.index = tokens, index

    @property
    def expected(self) -> frozenset[str]:
        """Every token that could stand at `index`. Found by parsing again without looking ahead, which takes many
        times as long as the parse that failed: ask only where it is said."""
        return _expected(self._tokens, self.index)


@lru_cache(maxsize=1)
def _lark() -> tuple[Lark, _LookaheadEarley]:
    text = files(__package__).joinpath("grammar.lark").read_text("utf-8")
    lark = Lark(text, parser="earley", lexer=_TokenLexer, ambiguity="explicit")
    plain = lark.parser.parser
    parser = _LookaheadEarley(
        plain.lexer_conf, plain.parser_conf, plain.term_matcher, resolve_ambiguity=False, tree_class=Tree
    )
    parser.prepare()
    return lark, parser


class _Stream:
    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens

    def lex(self, _expects: object) -> Iterator[Token]:
        return iter(self._tokens)


def parse(tokens: list[Token]) -> list[Tree[Any]]:
    """Every derivation of these tokens, up to MAX_DERIVATIONS. Raises NoParse."""
    _, shared = _lark()
    try:
        tree = shared.for_tokens(tokens).parse(_Stream(tokens), "start")  # type: ignore[no-untyped-call]
    except UnexpectedToken as problem:
        index = next((i for i, token in enumerate(tokens) if token is problem.token), len(tokens))
        raise NoParse(tokens, index) from None
    except UnexpectedEOF:
        raise NoParse(tokens, len(tokens)) from None
    found = []
    for one in _expand(tree):
        found.append(one)
        if len(found) >= MAX_DERIVATIONS:
            break
    return found


def _expected(tokens: list[Token], index: int) -> frozenset[str]:
    """Every token that could stand at `index`, after the tokens before it."""
    _, shared = _lark()
    stop = Token("PROBLEM", "")  # fits nowhere: the parser then says what would have
    before = tokens[:index]
    one = shared.for_tokens(before)
    one._types = [*(token.type for token in before), _ANY, _END]
    one._look(0)
    try:
        one.parse(_Stream([*before, stop]), "start")  # type: ignore[no-untyped-call]
    except (UnexpectedToken, UnexpectedEOF) as problem:
        return frozenset(str(name) for name in problem.expected or ())
    return frozenset()


def _expand(tree: Any) -> Iterator[Any]:
    if not isinstance(tree, Tree):
        yield tree
        return
    if tree.data == "_ambig":
        for child in tree.children:
            yield from _expand(child)
        return
    yield from _products(str(tree.data), tree.children)


def _products(data: str, children: list[Any]) -> Iterator[Any]:
    def choose(index: int, chosen: list[Any]) -> Iterator[Any]:
        if index == len(children):
            yield Tree(data, list(chosen))
            return
        for option in _expand(children[index]):
            yield from choose(index + 1, [*chosen, option])

    yield from choose(0, [])
