"""The text form of conditions: parsed into `genret.index.filters` values.

    condition := any | all of it                    price < 5 and (brand = "Acme" or not stores has "north")
    any       := all ("or" all)*
    all       := one ("and" one)*
    one       := "not" one | "(" any ")" | test | name
    test      := column ("=" | "==" | "!=" | "<" | "<=" | ">" | ">=") value
               | column ["not"] "in" "(" value ("," value)* ")"
               | column ["not"] "under" text         category under "Pantry > Pasta Sauces"
               | column ["not"] "has" text           stores has "north"
                 each with "nocase" after it where upper and lower case are one: brand = "acme" nocase
    column    := a name, or attributes.NAME          attributes.diet, or just diet; attributes."screen size"
    name      := a named filter                      available, store:north, store:"North Side"
    value     := text in single or double quotes, a number, true, false

Words may be written in capitals (AND, NOT, IN). Inside quotes, \\" and \\\\ stand for " and \\, and in a path \\> for a
`>` that separates nothing. Time grows with the length of the text, which is limited; nesting is not.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from genret.ground.checks import plain_text, shown
from genret.ground.errors import GenretError
from genret.index.conditions import (
    Comparison,
    Condition,
    Has,
    Named,
    OneOf,
    Operator,
    Under,
    all_of,
    any_of_these,
)
from genret.index.filter_columns import Value, cut

KEYWORDS = {"and", "or", "not", "in", "under", "has", "true", "false"}
MAX_LENGTH = 20_000
"""Characters of a condition as text."""
OPERATORS: dict[str, Operator] = {
    "=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="
}  # fmt: skip
TOKEN = re.compile(
    r"""\s*(?:
    (?P<store>store:(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\w.-]+))
  | (?P<attribute>attributes\.(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))
  | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?(?![\w.]))
  | (?P<word>[^\W\d][\w.-]*)
  | (?P<operator><=|>=|==|!=|<>|[=<>])
  | (?P<mark>[(),])
  | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    kind: str
    text: str
    at: int
    """The column it starts in, from 1."""


def parse(text: str) -> Condition:
    """The condition that the text states. A GenretError, with the column, where it does not parse."""
    text = plain_text("where", text)
    if len(text) > MAX_LENGTH:
        raise GenretError(
            f"where has {len(text):,} characters, at most {MAX_LENGTH:,} are read; "
            "give a long list of values in Python, as column('id').isin([...])"
        )
    return _Parser(_tokens(text)).condition()


def as_condition(where: Condition | str) -> Condition:
    """A condition given as itself or as text."""
    if isinstance(where, str):
        return parse(where)
    if isinstance(where, Condition):
        return where
    raise GenretError(f"where={shown(where)}: expected text or a condition, like column('price') < 5")


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while not tokens or tokens[-1].kind != "end":
        match = TOKEN.match(text, at)
        if match is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            problem = "a quote that is never closed" if text[start] in "\"'" else f"{text[start : start + 12]!r}"
            _fail(start + 1, f"cannot read {problem}; write a column, an operator and a value, like price < 5")
        kind = str(match.lastgroup)
        tokens.append(_keyword(Token(kind, match.group(kind), match.start(kind) + 1)))
        at = match.end()
    return tokens


def _keyword(token: Token) -> Token:
    word = token.text.lower()
    return Token(word, word, token.at) if token.kind == "word" and word in KEYWORDS else token


class _Group:
    """What is read of the inside of one pair of parentheses."""

    def __init__(self) -> None:
        self.alternatives: list[Condition] = []
        self.factors: list[Condition] = []
        self.negated = False
        """Whether an odd number of `not` stands before what comes next."""

    def add(self, condition: Condition) -> None:
        self.factors.append(~condition if self.negated else condition)
        self.negated = False

    def next_alternative(self) -> None:
        self.alternatives.append(all_of(self.factors))
        self.factors = []

    def whole(self) -> Condition:
        self.next_alternative()
        return any_of_these(self.alternatives)


class _Parser:
    """Reads the tokens from left to right, with a stack of open parentheses."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._next = tokens, 0

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    def take(self, *kinds: str) -> Token | None:
        """The token, and on to the next, if it is one of these."""
        token = self.token
        if token.kind not in kinds and not (token.kind == "mark" and token.text in kinds):
            return None
        self._next += 1
        return token

    def expect(self, kind: str, what: str) -> Token:
        token = self.take(kind)
        if token is None:
            got = "the end" if self.token.kind == "end" else f"`{cut(self.token.text, 40)}`"
            _fail(self.token.at, f"expected {what}, got {got}")
        return token

    def condition(self) -> Condition:
        """The condition that all the tokens make."""
        open_groups = [_Group()]
        while True:
            if self.take("not"):
                open_groups[-1].negated = not open_groups[-1].negated
            elif self.take("("):
                open_groups.append(_Group())
            else:
                open_groups[-1].add(self.one())
                if self.closed(open_groups):
                    return open_groups[0].whole()

    def closed(self, open_groups: list[_Group]) -> bool:
        """Read what may follow a condition; whether that is the end."""
        while True:
            if self.take("and"):
                return False
            if self.take("or"):
                open_groups[-1].next_alternative()
                return False
            if len(open_groups) == 1:
                self.expect("end", "`and`, `or` or the end")
                return True
            self.expect(")", "`)`")
            inside = open_groups.pop().whole()
            open_groups[-1].add(inside)

    def one(self) -> Condition:
        """A test, or a named filter."""
        store = self.take("store")
        if store is not None:
            name = store.text.removeprefix("store:")
            return Named("store:" + (_unquoted(name) if name[0] in "\"'" else name), at=store.at)
        attribute = self.take("attribute")
        if attribute is not None:
            prefix, _, name = attribute.text.partition(".")
            return self.test(attribute._replace(text=f"{prefix}.{_unquoted(name)}"))
        return self.test(self.expect("word", 'a column, like price or brand; text goes in quotes, "like this"'))

    def test(self, name: Token) -> Condition:
        negated = self.take("not") is not None
        condition = self.list_test(name)
        if condition is not None:
            return ~condition if negated else condition
        operator = None if negated else self.take("operator")
        if operator is not None:
            value = self.value()
            return Comparison(name.text, OPERATORS[operator.text], value, at=name.at, nocase=self.nocase())
        if negated:
            self.expect("in", f"in, under or has after {cut(name.text)} not")
        if self.token.kind not in ("and", "or", "end") and self.token.text != ")":
            self.expect("operator", f"an operator (= != < <= > >= in under has) after {cut(name.text)}")
        return Named(name.text, at=name.at)

    def list_test(self, name: Token) -> Condition | None:
        if self.take("in"):
            self.expect("(", '`(` and values, like ("A", "B")')
            values = [self.value()]
            while self.take(","):
                values.append(self.value())
            self.expect(")", "`,` or `)`")
            return OneOf(name.text, tuple(values), at=name.at, nocase=self.nocase())
        if self.take("under"):
            path = _path(self.text_token().text[1:-1])
            return Under(name.text, path, at=name.at, nocase=self.nocase())
        if self.take("has"):
            value = _unquoted(self.text_token().text)
            return Has(name.text, value, at=name.at, nocase=self.nocase())
        return None

    def nocase(self) -> bool:
        """Whether the word stands here that makes upper and lower case one."""
        said = self.token.kind == "word" and self.token.text.lower() == "nocase"
        return said and self.take("word") is not None

    def text_token(self) -> Token:
        return self.expect("text", 'text in quotes, "like this"')

    def value(self) -> Value:
        token = self.take("text", "number", "true", "false")
        if token is None:
            token = self.expect("text", 'a number, true, false, or text in quotes, "like this"')
        if token.kind == "number":
            return float(token.text)
        return token.kind == "true" if token.kind in ("true", "false") else _unquoted(token.text)


def _path(text: str) -> tuple[str, ...]:
    """The names of a path between its `>`; an escaped one belongs to the name."""
    parts = re.findall(r"(?:[^>\\]|\\.)+", text, flags=re.DOTALL)
    names = (re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL).strip() for part in parts)
    return tuple(name for name in names if name)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _fail(at: int, message: str) -> NoReturn:
    raise GenretError(f"where, column {at}: {message}")
