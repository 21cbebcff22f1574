"""From scored semantic IDs to the k best products: buckets opened, filter applied inside them, cap on a prefix's hits.

Imports no torch. Every result follows one order: higher score first, then the lower ID (lexicographic), then the lower
trie position.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from genret.ground.arrays import Floats, Ints

if TYPE_CHECKING:
    from genret.search.trie import Allowed, Trie


SAMPLED = 16
"""Of so many scores one is looked at, to know where the best of all begin."""


class Ranking(NamedTuple):
    """The k best products of each query, best first, and for how much a prefix's own hits stand."""

    positions: Ints
    """(Q, k), -1 where there is no hit."""
    scores: Floats
    """(Q, k), -inf where there is no hit."""
    full: FullGroups
    """The prefixes that reached their cap, with the score of the last product that they may show."""


class FullGroups:
    """(query, group) -> the score that a product of this group must reach to be shown; -inf for groups not full."""

    def __init__(self, queries: Ints, groups: Ints, scores: Floats) -> None:
        order = np.lexsort((groups, queries))
        self.queries, self.groups, self.scores = queries[order], groups[order], scores[order]

    def __len__(self) -> int:
        return len(self.scores)

    def bar(self, groups: Ints) -> Floats:
        """(Q, n) groups (-1: none) -> (Q, n) scores to be reached."""
        if not len(self):
            return np.full(groups.shape, -np.inf, dtype=np.float32)
        span = int(max(self.groups.max(), groups.max(initial=-1))) + 1
        known = self.queries * span + self.groups  # ascending, since sorted by query, then group
        asked = np.arange(len(groups))[:, None] * span + groups
        slot = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        return np.where((known[slot] == asked) & (groups >= 0), self.scores[slot], np.float32(-np.inf))

    def select(self, queries: Ints) -> FullGroups:
        """The same table for the given (Q',) queries, renumbered from 0."""
        rows, renumbered = np.nonzero(self.queries[:, None] == queries[None, :])
        return FullGroups(renumbered, self.groups[rows], self.scores[rows])

    def lowered(self, by: float) -> FullGroups:
        return FullGroups(self.queries, self.groups, self.scores - np.float32(by))


NONE_FULL = FullGroups(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32))


def rank_products(
    trie: Trie, nodes: Ints, scores: Floats, groups: Ints, k: int, cap: int | None, allowed: Allowed | None
) -> Ranking:
    """The k best products below (Q, B) complete IDs with (Q, B) scores; the rows of a query in ID order.

    `groups` (Q, B) names the prefix that counts against `cap` hits (None: no cap). Rows with node -1 or score -inf
    hold nothing.
    """
    query = np.arange(len(scores))[:, None]
    order = np.argsort(-scores, axis=1, kind="stable")  # ties keep the order of the IDs
    nodes, groups, scores = nodes[query, order], groups[query, order], scores[query, order]
    start, stop = product_span(trie, trie.levels, np.where(np.isneginf(scores), -1, nodes), allowed)
    take = np.minimum(stop - start, k)  # (Q, B) products that each row may show
    full = NONE_FULL
    if cap is not None:
        take, full = _within_cap(take, scores, groups, cap)
    some = np.argsort(take == 0, axis=1, kind="stable")[:, :k]  # the rows to show: each fills a place at least
    take, start, scores = take[query, some], start[query, some], scores[query, some]
    row, offset = fill_places(take, k)
    hit = row >= 0
    nth = np.where(hit, start[query, row] + offset, 0)  # row -1 reads the last row, and is masked
    positions = nth if allowed is None else allowed.nth(nth.reshape(-1)).reshape(nth.shape)
    return Ranking(np.where(hit, positions, -1), np.where(hit, scores[query, row], np.float32(-np.inf)), full)


def fill_places(take: Ints, k: int) -> tuple[Ints, Ints]:
    """(Q, k) the row that fills each place, -1 if none, and which of the row's products it is, from 0."""
    ends = np.cumsum(take, axis=1)  # row r fills the places ends[r] - take[r] up to ends[r]
    places, queries = np.arange(k), np.arange(len(take))[:, None]
    span = max(k, int(ends.max(initial=0))) + 1  # each query's ends and places lie in a stretch of their own
    row = np.searchsorted((ends + queries * span).ravel(), places + queries * span, "right") - queries * take.shape[1]
    row = np.where(row < take.shape[1], row, -1)
    return row, places - np.take_along_axis(ends - take, row, 1)


def product_span(trie: Trie, level: int, nodes: Ints, allowed: Allowed | None) -> tuple[Ints, Ints]:
    """(start, stop) of the products below `nodes` (any shape): trie positions, or ranks among the allowed ones."""
    start, stop = trie.product_range(level, nodes.reshape(-1))
    if allowed is not None:
        start, stop = allowed.rank(start), allowed.rank(stop)
    return start.reshape(nodes.shape), stop.reshape(nodes.shape)


def _within_cap(take: Ints, scores: Floats, groups: Ints, cap: int) -> tuple[Ints, FullGroups]:
    """`take` cut so that no group shows more than `cap` products; rows come best first."""
    order, first = _group_order(groups)
    sorted_take = np.take_along_axis(take, order, 1)
    ends = np.cumsum(sorted_take, axis=1)
    before = ends - sorted_take
    before -= np.take_along_axis(before, first, 1)  # products of the same group in better rows
    cut = np.empty_like(take)
    np.put_along_axis(cut, order, np.clip(cap - before, 0, sorted_take), 1)
    filling = (before < cap) & (before + sorted_take >= cap)  # the row with which a group becomes full
    queries, columns = np.nonzero(filling)
    rows = order[queries, columns]
    return cut, FullGroups(queries, groups[queries, rows], scores[queries, rows])


def rank_in_group(scores: Floats, groups: Ints) -> Ints:
    """(Q, n) from 0: how many better entries (ties: earlier ones) of the same group stand in an entry's query."""
    best_first = np.argsort(-scores, axis=1, kind="stable")
    order, first = _group_order(np.take_along_axis(groups, best_first, 1))
    ranks = np.empty_like(groups)
    rank = np.arange(groups.shape[1]) - first
    np.put_along_axis(ranks, np.take_along_axis(best_first, order, 1), rank, 1)
    return ranks


def best_columns(scores: Floats, k: int, above: float = -np.inf) -> tuple[Ints, Floats]:
    """The columns of the k highest of each row of (Q, N) scores, and these: best first, ties by column.

    (Q, k) both; a row that has fewer scores `above` ends in -1 and -inf.
    """
    count, size = scores.shape
    kept = scores > above
    if above == -np.inf and k < size:  # most are
        kept &= scores >= np.partition(scores, size - k, axis=1)[:, size - k, None]
    cells = np.flatnonzero(kept)
    owners, columns = np.divmod(cells, size)
    worth = scores.reshape(-1)[cells]
    table, places = _in_rows(worth, owners, count, k)
    if table.shape[1] > k:
        some = worth >= np.partition(table, -k, axis=1)[:, -k][owners]
        owners, columns, worth = owners[some], columns[some], worth[some]
        table, places = _in_rows(worth, owners, count, k)  # still wider where scores tie
    found = np.full(table.shape, -1)
    found.reshape(-1)[places] = columns
    order = np.argsort(-table, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(found, order, 1), np.take_along_axis(table, order, 1)


def _in_rows(worth: Floats, owners: Ints, count: int, width: int) -> tuple[Floats, Ints]:
    """(count, M) the scores of each owner side by side, -inf behind them, and (n,) the cells where they went.

    `owners` (n,) are ascending; M is at least `width`.
    """
    sizes = np.bincount(owners, minlength=count)
    table = np.full((count, max(width, int(sizes.max(initial=0)))), -np.inf, np.float32)
    places = owners * table.shape[1] + np.arange(len(owners)) - (np.cumsum(sizes) - sizes)[owners]
    table.reshape(-1)[places] = worth
    return table, places


def best_places(scores: Floats, count: int) -> Ints | None:
    """Some of the places of (n,) scores, ascending, with the best `count` and all that tie with these among them.

    None where they would be most of all. A sample says where they begin, so that nothing of the length of `scores` is
    put in order.
    """
    sample, rank = scores[::SAMPLED], _sample_rank(count)
    if 4 * rank > len(sample):
        return None
    bar = np.partition(sample, len(sample) - rank)[len(sample) - rank]
    places: Ints = (scores >= bar).nonzero()[0]
    return places if count <= len(places) <= len(scores) // 2 else None


def best_places_of_each(scores: Floats, count: int) -> Ints:
    """(Q, count) where the best of each row of (Q, N) scores are, ascending; all, where there are fewer."""
    size = scores.shape[1]
    sample, rank = scores[:, ::SAMPLED], _sample_rank(count)
    if 4 * rank > sample.shape[1]:
        return np.sort(_best_cells(scores, count), axis=1)
    bars = np.partition(sample, sample.shape[1] - rank, axis=1)[:, sample.shape[1] - rank]
    above = scores >= bars[:, None]
    counts = above.sum(1)
    misled = np.flatnonzero((counts < count) | (counts > size // 4))  # by the sample: too few, or too many that tie
    above[misled] = False
    cells = np.flatnonzero(above)
    owners, columns = np.divmod(cells, size)
    table, places = _in_rows(scores.reshape(-1)[cells], owners, len(scores), count)
    standing = np.zeros(table.shape, np.int64)
    standing.reshape(-1)[places] = columns
    found = np.take_along_axis(standing, _best_cells(table, count), 1)
    if len(misled):
        found[misled] = _best_cells(scores[misled], count)
    return np.sort(found, axis=1)


def _sample_rank(count: int) -> int:
    """The place, from the best, of the score of a sample above which the best `count` of all most likely are."""
    return 2 * count // SAMPLED + 8


def _best_cells(scores: Floats, count: int) -> Ints:
    """(Q, count) where the best of each row of (Q, N) scores are, in any order; all, where there are fewer."""
    least = max(0, scores.shape[1] - count)
    return np.argpartition(scores, min(least, scores.shape[1] - 1), axis=1)[:, least:]


def ranges(first: Ints, count: Ints) -> tuple[Ints, Ints]:
    """The numbers first[r], first[r] + 1, ... of each of R ranges, one after the other, and where each range begins."""
    ends = np.add.accumulate(count)
    starts = ends - count
    numbers = (first - starts).repeat(count)
    numbers += np.arange(len(numbers))
    return numbers, starts


def _group_order(groups: Ints) -> tuple[Ints, Ints]:
    """(order, first): a stable order (Q, B) that puts rows of one group side by side, and where each group starts."""
    order = np.argsort(groups, axis=1, kind="stable")
    ordered = np.take_along_axis(groups, order, 1)
    starts = np.ones(groups.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.maximum.accumulate(np.where(starts, np.arange(groups.shape[1]), 0), axis=1)
    return order, first
