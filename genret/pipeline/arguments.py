"""The queries that `Retriever.search` is asked, checked, and named by number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Literal, NamedTuple, TypeAlias

from genret.ground.checks import choice, plain_text, shown
from genret.ground.errors import GenretError
from genret.ground.types import SearchResult

Errors: TypeAlias = Literal["raise", "return"]
"""What becomes of a query that cannot be searched: an exception, or a result that carries the error."""
MAX_QUERY = 10_000
"""Characters of a query. The model reads a fraction of that; more would only cost time."""


class Asked(NamedTuple):
    """The queries of a call: those that can be searched, and what is wrong with the others."""

    texts: list[str]
    """To be searched, in order."""
    wrong: Mapping[int, SearchResult]
    """Place of a query that can't be searched -> a result that carries its error."""

    def results(self, found: Sequence[SearchResult]) -> list[SearchResult]:
        """What was found for `texts`, with the errors in their places."""
        rest = iter(found)
        return [
            self.wrong[place] if place in self.wrong else next(rest) for place in range(len(found) + len(self.wrong))
        ]


def check_queries(queries: Any, errors: Any = "raise") -> Asked:
    """The queries of a call, one or several. A wrong one is a GenretError, or with errors="return" a result."""
    choice("errors", errors, ("raise", "return"))
    given = [queries] if isinstance(queries, str) else _listed(queries)
    texts: list[str] = []
    wrong: dict[int, SearchResult] = {}
    for place, query in enumerate(given):
        try:
            texts.append(
                check_query(query, "query" if isinstance(queries, str) else f"query {place + 1} of {len(given)}")
            )
        except GenretError as error:
            if errors == "raise":
                raise
            text = query[:MAX_QUERY] if isinstance(query, str) else shown(query)
            wrong[place] = SearchResult(text, (), False, error=str(error))
    return Asked(texts, wrong)


def check_query(query: Any, name: str = "query") -> str:
    """The query; a GenretError that begins with `name` if it is no text, empty, too long or holds half a character."""
    if isinstance(query, str) and len(query) > MAX_QUERY:
        raise GenretError(f"{name} has {len(query):,} characters, at most {MAX_QUERY:,} are read; shorten it")
    text = plain_text(name, query)
    if not text.strip():
        raise GenretError(f"{name} is empty; give at least one word")
    return text


def _listed(queries: Any) -> list[Any]:
    if isinstance(queries, bytes | Mapping | Set) or not isinstance(queries, Iterable):
        raise GenretError(f"queries={shown(queries)}: expected a text, or a list of texts")
    return list(queries)
