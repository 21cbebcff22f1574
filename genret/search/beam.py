"""Beam search constrained by the prefix trie.

Level by level, every kept prefix is scored with every code that the trie (and the filter) lets follow it, and the best
B prefixes of each query are kept. Two facts carry the file:

- A prefix scores at least as high as every ID below it. If the k-th hit scores higher than the best prefix that was
  ever dropped, no dropped ID can belong to the top k: the answer is *proven* exact.
- The same fact bounds what an exact search has to look at. A first pass gives k hits, the last of which scores θ; the
  prefixes that score θ or more, at most e^-θ of them per level, hold every ID of the true top k.

One order rules everywhere: higher score first, then the lower ID (lexicographic), then the lower trie position. The
rows of a query stay in ID order from level to level, so that "lower ID" is "lower index" at every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from genret.ground.arrays import Bools, Floats, Ints
from genret.ground.checks import flag, whole
from genret.ground.errors import GenretError
from genret.search.decoder import Decoder as Decoder
from genret.search.pruning import NEVER, NOT_NUMBERS, Dropped, Kept, keep_above, keep_beam
from genret.search.ranking import FullGroups, product_span, rank_products

if TYPE_CHECKING:
    from genret.search.trie import Allowed, Trie


MARGIN = 1e-3
"""How far (nats) below the first pass's k-th hit the exact pass looks, so that rounding in another batch shape, which
changes a score by some 1e-6, cannot lose a hit. What is proven is proven in the exact pass's own arithmetic."""
MOST = 0.4
"""Above this share of the cells, picking the candidates out costs more than looking at all."""
ROWS_AT_ONCE = 512
"""Decoder rows that an exact pass aims at in one call. The query that needs most sets the rows of all that are decoded
with it, so queries are put together while all of them need few, and one that needs this many goes alone."""


@dataclass(frozen=True)
class BeamSettings:
    """What to look for, and how wide.

    `max_per_prefix` = m shows at most m products that share their first `prefix_levels` codes: the answer is what a
    walk down the full ranking would collect that skips a product whose prefix already shows m. It holds inside the
    search, so a capped search still fills k places wherever the catalogue can.
    """

    k: int = 10
    """Products asked for: hits, not IDs."""
    beam_width: int = 50
    """Prefixes kept per level, at least k: each leads to a product of its own, so k places are always filled."""
    exact: bool = False
    """Where the first pass is not proven, search again among everything that could still matter."""
    max_rows: int = 20_000
    """Decoder rows that an exact search may spend on one query after the first pass."""
    max_per_prefix: int | None = None
    prefix_levels: int = 2

    def __post_init__(self) -> None:
        for name in ("k", "beam_width", "max_rows", "prefix_levels", "max_per_prefix"):
            if name != "max_per_prefix" or self.max_per_prefix is not None:
                object.__setattr__(self, name, whole(name, getattr(self, name)))
        object.__setattr__(self, "exact", flag("exact", self.exact))
        if self.beam_width < self.k:
            raise GenretError(
                f"beam_width={self.beam_width} cannot fill k={self.k} places; pass beam_width={self.k} or more"
            )

    @property
    def rows_per_prefix(self) -> int | None:
        """Rows c that a first pass spends on one capped prefix (at most m hits), with c = max(m, B // k).

        B rows then lead to k hits: if c = m, each row shows one; if not, at least B / c >= k prefixes show one.
        """
        return None if self.max_per_prefix is None else max(self.max_per_prefix, self.beam_width // self.k)


class BeamResult(NamedTuple):
    """The best k products of each of Q queries, best first. Rows of fewer hits end in -1 (scores: -inf)."""

    positions: Ints
    """(Q, k) trie positions."""
    scores: Floats
    """(Q, k) log-probabilities of the products' IDs, in nats."""
    ids: Ints
    """(Q, k, L) codes."""
    proven: Bools
    """(Q,) True: the top k is what scoring every allowed ID would give."""
    bound: Floats
    """(Q,) score of the best prefix dropped that could still have led to a hit; -inf where there is none."""
    rows: Ints
    """(Q,) decoder rows spent, padding included."""
    budget_ended: Bools
    """(Q,) True: an exact search stopped at `max_rows` before it could prove the answer."""


@dataclass
class BeamTrace:
    """Filled by `beam_search` when given, level by level: what was kept, and the best of what was dropped."""

    max_pruned: int = 10
    levels: list[LevelTrace] = field(default_factory=list)


class LevelTrace(NamedTuple):
    """Prefixes after one level: (Q, n, l + 1) codes, (Q, n) scores (-inf: none), (Q, n) products below; best first."""

    kept_codes: Ints
    kept_scores: Floats
    kept_products: Ints
    pruned_codes: Ints
    pruned_scores: Floats
    pruned_products: Ints


class _Task(NamedTuple):
    """What stays the same through a search."""

    decoder: Decoder
    trie: Trie
    settings: BeamSettings
    allowed: Allowed | None

    @property
    def group_depth(self) -> int:
        return min(self.settings.prefix_levels, self.trie.levels)


class _Beam(NamedTuple):
    """The kept prefixes of one level, in ID order within a query; dead rows have node -1 and score -inf."""

    nodes: Ints  # (Q, B)
    groups: Ints  # (Q, B) the node at depth `prefix_levels`, -1 above it
    scores: Floats  # (Q, B)
    codes: Tensor | None  # (Q, B) the last codes
    parents: Tensor | None  # (Q, B) the rows of the beam before that they continue


class _Candidates(NamedTuple):
    """The prefixes one code longer that the trie and the filter have, in ID order within a query.

    A cell is row * K + code, rows counted over all queries. Where the trie has most of them, a query's candidates are
    its B * K cells, those that it has not at -inf; else only those that it has.
    """

    scores: Tensor  # (Q, M) float32, -inf where a query has fewer than M
    cells: Ints | None  # (n,) the cells of all candidates; None: all cells
    starts: Ints  # (Q, 1) where those of a query begin
    groups: Ints  # (Q, M) those of the rows, or (Q, 1) -1 where nothing is capped

    def cell(self, index: Ints) -> Ints:
        """The cells of the candidates at `index` (Q, W); another query's where the score is -inf."""
        place = self.starts + index
        return place if self.cells is None else self.cells.take(place, mode="clip")


class _Floor(NamedTuple):
    """What a prefix must score to matter, given hits already in hand, and how many prefixes do."""

    queries: Floats  # (Q,) the k-th hit's score
    groups: FullGroups  # and that of the last hit that a full prefix may show
    need: Ints  # (Q,) rows per level that an exact pass needs at least

    def of(self, groups: Ints) -> Floats:
        return np.maximum(self.queries[:, None], self.groups.bar(groups))

    def lowered(self, queries: Ints) -> _Floor:
        """The floor of some queries, lowered by the margin for another batch's rounding."""
        groups = self.groups.select(queries).lowered(MARGIN)
        return _Floor(self.queries[queries] - np.float32(MARGIN), groups, self.need[queries])


@torch.inference_mode()
def beam_search(
    decoder: Decoder,
    trie: Trie,
    settings: BeamSettings | None = None,
    allowed: Allowed | None = None,
    trace: BeamTrace | None = None,
) -> BeamResult:
    """The k best products of each of the decoder's Q queries among those of the trie that `allowed` lets pass.

    Fewer valid products than k give a shorter list. With `settings.exact` the answer is the true top k, unless
    `budget_ended` says otherwise. The trace, if one is given, is of the first pass.
    """
    settings = settings or BeamSettings()
    if decoder.codebook_sizes != trie.codebook_sizes:
        raise GenretError(
            f"the decoder spells codebooks {decoder.codebook_sizes}, the trie holds {trie.codebook_sizes}; "
            "use the model that was trained on this index's semantic IDs"
        )
    task = _Task(decoder, trie, settings, allowed)
    result, floor = _search(task, None, trace)
    if settings.exact and not result.proven.all():
        result = _exact(task, result, floor)
    return result


@torch.inference_mode()
def search_above(
    decoder: Decoder, trie: Trie, settings: BeamSettings, floors: Floats, allowed: Allowed | None = None
) -> BeamResult:
    """The k best products of those that score at least their query's (Q,) floor, less what is beyond `max_rows`.

    `bound` says of the latter how high they may score; `proven` is of no use here.
    """
    none = np.zeros(0, np.int64)
    floor = _Floor(floors, FullGroups(none, none, np.zeros(0, np.float32)), np.zeros(len(floors), np.int64))
    return _search(_Task(decoder, trie, settings, allowed), floor, None)[0]


def _search(task: _Task, floor: _Floor | None, trace: BeamTrace | None) -> tuple[BeamResult, _Floor]:
    """One pass over the levels: the best `beam_width` prefixes, or with a floor all that reach it."""
    settings, levels = task.settings, task.trie.levels
    beam, rows, dropped, seen = _root(task), 0, list[Dropped](), list[Tensor]()
    for level in range(levels):
        if not (beam.nodes >= 0).any():
            break
        rows += beam.nodes.shape[1]
        candidates = _candidates(task, level, beam)
        last = level == levels - 1
        if floor is None:
            kept = keep_beam(candidates.scores, candidates.groups, settings.beam_width, settings.rows_per_prefix)
        else:
            spare = settings.max_rows - rows - (levels - level - 2)  # each later level needs at least one row
            budget = candidates.scores.numel() if last else spare  # complete IDs need no row
            kept = keep_above(candidates.scores, floor.of(candidates.groups), budget)
        if not last:  # complete IDs are ranked among themselves: one that was dropped has k better ones before it
            dropped.append(kept.dropped)
            seen.append(candidates.scores)
        if trace is not None:
            trace.levels.append(_trace_level(task, level, beam, candidates, kept.place, trace.max_pruned))
        beam = _advance(task, level, beam, candidates, kept)
    result, full = _result(task, beam, dropped, rows, floor)
    least = result.scores[:, -1]
    need = [(scores.cpu().numpy() >= least[:, None]).sum(1) for scores in seen] if settings.exact else []
    return result, _Floor(least, full, np.max(need, axis=0) if need else np.zeros(len(least), np.int64))


def _root(task: _Task) -> _Beam:
    _, stop = product_span(task.trie, 0, np.full(1, task.trie.root), task.allowed)
    shape = (task.decoder.num_queries, 1)
    nodes = np.full(shape, task.trie.root if stop[0] else -1)
    return _Beam(nodes, np.full(shape, -1), np.zeros(shape, np.float32), None, None)


def _candidates(task: _Task, level: int, beam: _Beam) -> _Candidates:
    """All ways to go on from the beam: the decoder's next step, read where the trie has a child."""
    scores = task.decoder.step(level, beam.codes, beam.parents)  # (Q, B, K)
    scores += torch.from_numpy(beam.scores).to(scores.device)[:, :, None]
    mask = task.trie.children_mask(level, beam.nodes.reshape(-1), task.allowed)  # (Q * B, K)
    queries, codes = len(beam.nodes), mask.shape[1]
    groups = np.full((queries, 1), -1)
    if np.count_nonzero(mask) > MOST * mask.size:
        missing = torch.from_numpy(~mask).to(scores.device).view(queries, -1)
        starts = np.arange(0, mask.size, mask.size // queries)[:, None]
        if task.settings.max_per_prefix is not None:
            groups = beam.groups.repeat(codes, axis=1)
        return _Candidates(scores.view(queries, -1).masked_fill_(missing, NEVER), None, starts, groups)
    cells = np.flatnonzero(mask)
    bounds = np.searchsorted(cells, np.arange(0, mask.size + 1, mask.size // queries))[:, None]
    counts = np.diff(bounds, axis=0)  # (Q, 1)
    real = np.arange(counts.max()) < counts  # (Q, M)
    found = scores.view(-1).index_select(0, torch.from_numpy(cells).to(scores.device))
    table = scores.new_full(real.shape, NEVER).masked_scatter_(torch.from_numpy(real).to(scores.device), found)
    if task.settings.max_per_prefix is not None:
        groups = np.full(real.shape, -1)
        groups[real] = beam.groups.reshape(-1)[cells // codes]
    return _Candidates(table, cells, bounds[:-1], groups)


def _advance(task: _Task, level: int, beam: _Beam, candidates: _Candidates, kept: Kept) -> _Beam:
    """The beam of the candidates that were kept."""
    if np.isnan(kept.scores).any():
        raise GenretError(NOT_NUMBERS)
    nodes, row, code = _children(task.trie, level, beam, candidates, kept.place, kept.scores)
    groups = nodes if level + 1 == task.group_depth else beam.groups.reshape(-1).take(row)
    parents = row - (np.arange(len(row)) * beam.nodes.shape[1])[:, None]
    device = candidates.scores.device
    return _Beam(nodes, groups, kept.scores, torch.from_numpy(code).to(device), torch.from_numpy(parents).to(device))


def _children(
    trie: Trie, level: int, beam: _Beam, candidates: _Candidates, index: Ints, scores: Floats
) -> tuple[Ints, Ints, Ints]:
    """(Q, W) nodes (-1 where the score is -inf), rows and codes of the candidates at `index` (Q, W)."""
    real = scores > NEVER
    row, code = np.divmod(candidates.cell(index), trie.codebook_sizes[level])
    row = np.where(real, row, (np.arange(len(row)) * beam.nodes.shape[1])[:, None])
    above = np.where(real, beam.nodes.reshape(-1).take(row), -1)
    return trie.child(level, above.reshape(-1), code.reshape(-1)).reshape(row.shape), row, code


def _result(
    task: _Task, beam: _Beam, dropped: list[Dropped], rows: int, floor: _Floor | None
) -> tuple[BeamResult, FullGroups]:
    """The products below the complete IDs of the last beam, and what is proven about them."""
    trie, settings = task.trie, task.settings
    ranking = rank_products(
        trie, beam.nodes, beam.scores, beam.groups, settings.k, settings.max_per_prefix, task.allowed
    )
    least = ranking.scores[:, -1]  # -inf if fewer than k
    bound = np.full(len(least), NEVER, np.float32)
    for lost in dropped:  # a group that shows its fill already has no use for worse prefixes
        matters = lost.scores >= ranking.full.bar(lost.groups)
        bound = np.maximum(bound, np.where(matters, lost.scores, NEVER).max(1, initial=NEVER))
    proven = np.isneginf(bound) | (least > bound)
    if floor is not None:
        proven &= least >= floor.queries
    ids = np.where((ranking.positions >= 0)[..., None], _ids(trie, ranking.positions), -1)
    spent = np.full(len(least), rows)
    result = BeamResult(ranking.positions, ranking.scores, ids, proven, bound, spent, np.zeros(len(least), bool))
    return result, ranking.full


def _ids(trie: Trie, positions: Ints) -> Ints:
    """(Q, k) positions -> (Q, k, L) codes; anything for -1."""
    if not trie.num_products:
        return np.full((*positions.shape, trie.levels), -1)
    return trie.id_of(np.maximum(positions, 0).reshape(-1)).reshape(*positions.shape, trie.levels)


def _exact(task: _Task, first: BeamResult, floor: _Floor) -> BeamResult:
    """`first`, with the queries that it did not prove searched again above the floor of their k-th hit."""
    positions, scores, ids = first.positions.copy(), first.scores.copy(), first.ids.copy()
    proven, bound = first.proven.copy(), first.bound.copy()
    rows, ended = first.rows.copy(), first.budget_ended.copy()
    for queries in _batches(np.flatnonzero(~first.proven), floor.need):
        part = task._replace(decoder=task.decoder.select(torch.from_numpy(queries)))
        again, _ = _search(part, floor.lowered(queries), None)
        better = again.proven | _is_better(again, first, queries)
        chosen = queries[better]
        positions[chosen], scores[chosen], ids[chosen] = (
            again.positions[better],
            again.scores[better],
            again.ids[better],
        )
        bound[chosen] = again.bound[better]
        rows[queries] += again.rows
        proven[queries], ended[queries] = again.proven, ~again.proven
    return BeamResult(positions, scores, ids, proven, bound, rows, ended)


def _batches(queries: Ints, need: Ints) -> Iterator[Ints]:
    """The queries in batches: those that need about as many rows together, `ROWS_AT_ONCE` rows at most per batch."""
    queries = queries[np.argsort(-need[queries], kind="stable")]
    while len(queries):
        count = max(1, ROWS_AT_ONCE // max(1, int(need[queries[0]])))
        yield queries[:count]
        queries = queries[count:]


def _is_better(again: BeamResult, first: BeamResult, queries: Ints) -> Bools:
    """Where a search that ran out of rows found more hits than the first pass, or as many of higher scores."""

    def worth(result: BeamResult) -> tuple[Ints, Floats]:
        hit = result.positions >= 0
        return hit.sum(1), np.where(hit, result.scores, 0).sum(1)

    (hits, total), (hits_before, total_before) = worth(again), worth(first)
    hits_before, total_before = hits_before[queries], total_before[queries]
    return (hits > hits_before) | ((hits == hits_before) & (total > total_before))


def _trace_level(
    task: _Task, level: int, beam: _Beam, candidates: _Candidates, index: Ints, max_pruned: int
) -> LevelTrace:
    """What one level kept, and the best of what it dropped, best first."""
    scores = candidates.scores.cpu().numpy()
    rest = scores.copy()
    np.put_along_axis(rest, index, NEVER, 1)
    order = np.argsort(-np.take_along_axis(scores, index, 1), axis=1, kind="stable")
    kept, lost = np.take_along_axis(index, order, 1), np.argsort(-rest, axis=1, kind="stable")[:, :max_pruned]
    return LevelTrace(
        *_traced(task, level, beam, candidates, kept, scores), *_traced(task, level, beam, candidates, lost, rest)
    )


def _traced(
    task: _Task, level: int, beam: _Beam, candidates: _Candidates, index: Ints, scores: Floats
) -> tuple[Ints, Floats, Ints]:
    """Codes (Q, n, l + 1), scores (Q, n) and products below (Q, n) of the candidates at `index` (Q, n)."""
    found = np.take_along_axis(scores, index, 1)
    nodes, _, _ = _children(task.trie, level, beam, candidates, index, found)
    first, _ = product_span(task.trie, level + 1, nodes, None)
    start, stop = product_span(task.trie, level + 1, nodes, task.allowed)
    codes = np.where((nodes >= 0)[..., None], _ids(task.trie, first)[..., : level + 1], -1)
    return codes, found, stop - start
