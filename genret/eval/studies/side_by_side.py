"""Two runs on the same queries, side by side: how much their answers share, and where they differ most.

`side_by_side(a, b, queries)` needs no judgements; `genret compare` prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from genret.ground.percent import percent
from genret.ground.types import SearchResult


@dataclass(frozen=True)
class Difference:
    """One query's two answers, and the share of products that both have among their top k."""

    query: str
    overlap: float
    first: SearchResult
    second: SearchResult

    def to_json(self) -> dict[str, Any]:
        """Plain values: the query, the overlap, and both lists of ids."""
        lists = {name: [hit.product.id for hit in found] for name, found in (("a", self.first), ("b", self.second))}
        return {"query": self.query, "overlap": self.overlap, **lists}


def side_by_side(first: Sequence[SearchResult], second: Sequence[SearchResult]) -> list[Difference]:
    """The queries of two lists of results, those that differ most first; then in the order given.

    The overlap is the products in both over the length of the longer list; two empty lists agree.
    """
    rows = []
    for a, b in zip(first, second, strict=True):
        ids = [{hit.product.id for hit in found} for found in (a, b)]
        longest = max(map(len, ids))
        rows.append(Difference(a.query, len(ids[0] & ids[1]) / longest if longest else 1.0, a, b))
    return sorted(rows, key=lambda row: row.overlap)


def format_differences(rows: Sequence[Difference], names: tuple[str, str], show: int) -> str:
    """The mean overlap, and the `show` queries that differ most, rank by rank; `+` marks what the other list lacks."""
    mean = sum(row.overlap for row in rows) / len(rows)
    same = sum(row.overlap == 1 for row in rows)
    lines = [f"{len(rows)} queries, mean overlap {percent(mean, 0)}; {same} have the same products"]
    for row in rows[:show]:
        if row.overlap == 1:
            break
        lines += ["", f"{row.query}  (overlap {percent(row.overlap, 0)})", f"    {names[0]:<52}  {names[1]}"]
        left, right = _marked(row.first, row.second), _marked(row.second, row.first)
        for rank in range(max(len(left), len(right))):
            a, b = (side[rank] if rank < len(side) else "" for side in (left, right))
            lines.append(f"{rank + 1:>3} {a:<52}  {b}")
    return "\n".join(lines)


def _marked(found: SearchResult, other: SearchResult) -> list[str]:
    known = {hit.product.id for hit in other}
    return [f"{' ' if hit.product.id in known else '+'} {hit.product.title[:50]}" for hit in found]
