"""The text form of conditions: parsed into `genret.index.filters` values.

    condition := any | all of it                    price < 5 and (brand = "Acme" or not stores has "north")
    any       := all ("or" all)*
    all       := one ("and" one)*
    one       := "not" one | "(" any ")" | test | name
    test      := column ("=" | "==" | "!=" | "<" | "<=" | ">" | ">=") value
               | column ["not"] "in" "(" value ("," value)* ")"
               | column ["not"] "under" text         category under "Pantry > Pasta Sauces"
               | column ["not"] "has" text           stores has "north"
    column    := a name, or attributes.NAME          attributes.diet, or just diet; attributes."screen size"
    name      := a named filter                      available, store:north, store:"North Side"
    value     := text in single or double quotes, a number, true, false

Words may be written in capitals (AND, NOT, IN). Inside quotes, \\" and \\\\ stand for " and \\.
"""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from genret.ground.errors import GenretError
from genret.index.filters import Comparison, Condition, Has, Named, OneOf, Operator, Under, Value, split_path

KEYWORDS = {"and", "or", "not", "in", "under", "has", "true", "false"}
MAX_DEPTH = 100
OPERATORS: dict[str, Operator] = {
    "=": "=", "==": "=", "!=": "!=", "<>": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="
}  # fmt: skip
TOKEN = re.compile(
    r"""\s*(?:
    (?P<store>store:(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[\w.-]+))
  | (?P<attribute>attributes\.(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'))
  | (?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
  | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
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
    parser = _Parser(_tokens(text))
    condition = parser.any()
    parser.expect("end", "`and`, `or` or the end")
    return condition


def as_condition(where: Condition | str) -> Condition:
    """A condition given as itself or as text."""
    if isinstance(where, str):
        return parse(where)
    if isinstance(where, Condition):
        return where
    raise GenretError(f"where={where!r}: expected text or a condition, like column('price') < 5")


def _tokens(text: str) -> list[Token]:
    tokens: list[Token] = []
    at = 0
    while not tokens or tokens[-1].kind != "end":
        match = TOKEN.match(text, at)
        if match is None:
            start = at + len(text[at:]) - len(text[at:].lstrip())
            problem = "a quote that is never closed" if text[start] in "\"'" else f"{text[start:][:12]!r}"
            _fail(start + 1, f"cannot read {problem}; write a column, an operator and a value, like price < 5")
        kind = str(match.lastgroup)
        tokens.append(_keyword(Token(kind, match.group(kind), match.start(kind) + 1)))
        at = match.end()
    return tokens


def _keyword(token: Token) -> Token:
    word = token.text.lower()
    return Token(word, word, token.at) if token.kind == "word" and word in KEYWORDS else token


class _Parser:
    """Recursive descent over the tokens."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens, self._next, self._depth = tokens, 0, 0

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
            got = "the end" if self.token.kind == "end" else f"`{self.token.text}`"
            _fail(self.token.at, f"expected {what}, got {got}")
        return token

    def any(self) -> Condition:
        condition = self.all()
        while self.take("or"):
            condition = condition | self.all()
        return condition

    def all(self) -> Condition:
        condition = self.one()
        while self.take("and"):
            condition = condition & self.one()
        return condition

    def one(self) -> Condition:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            _fail(self.token.at, f"more than {MAX_DEPTH} `not` and `(` inside each other; write it flatter")
        condition = self.one_inside()
        self._depth -= 1
        return condition

    def one_inside(self) -> Condition:
        if self.take("not"):
            return ~self.one()
        if self.take("("):
            condition = self.any()
            self.expect(")", "`)`")
            return condition
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
            return Comparison(name.text, OPERATORS[operator.text], self.value(), at=name.at)
        if negated:
            self.expect("in", f"in, under or has after {name.text} not")
        if self.token.kind not in ("and", "or", "end") and self.token.text != ")":
            self.expect("operator", f"an operator (= != < <= > >= in under has) after {name.text}")
        return Named(name.text, at=name.at)

    def list_test(self, name: Token) -> Condition | None:
        if self.take("in"):
            self.expect("(", '`(` and values, like ("A", "B")')
            values = [self.value()]
            while self.take(","):
                values.append(self.value())
            self.expect(")", "`,` or `)`")
            return OneOf(name.text, tuple(values), at=name.at)
        if self.take("under"):
            return Under(name.text, split_path(self.text()), at=name.at)
        if self.take("has"):
            return Has(name.text, self.text(), at=name.at)
        return None

    def text(self) -> str:
        return _unquoted(self.expect("text", 'text in quotes, "like this"').text)

    def value(self) -> Value:
        token = self.take("text", "number", "true", "false")
        if token is None:
            token = self.expect("text", 'a number, true, false, or text in quotes, "like this"')
        if token.kind == "number":
            return float(token.text)
        return token.kind == "true" if token.kind in ("true", "false") else _unquoted(token.text)


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _fail(at: int, message: str) -> NoReturn:
    raise GenretError(f"where, column {at}: {message}")
