"""Beam search constrained by the prefix trie. Knows ids and a step function only: no text and no product.

Level by level, every kept prefix is scored with every code that the trie (and the filter) lets follow it, and the best
B prefixes of each query are kept. Two facts carry the file:

- A prefix scores at least as high as every ID below it. If the k-th hit scores higher than the best prefix that was
  ever dropped, no dropped ID can belong to the top k: the answer is *proven* exact.
- The same fact bounds what an exact search has to look at. A first pass gives k hits, the last of which scores θ; the
  prefixes that score θ or more, at most e^-θ of them a level, hold every ID of the true top k.

One order rules everywhere: higher score first, then the lower ID (lexicographic), then the lower trie position. The
rows of a query stay in ID order from level to level, so that "lower ID" is "lower index" at every step.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genret.errors import GenretError
from genret.pruning import NEVER, Dropped, drop_below, keep_all, keep_beam
from genret.ranking import FullGroups, product_span, rank_products

if TYPE_CHECKING:
    from genret.trie import Allowed, Trie

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

MARGIN = 1e-3
"""How far (nats) below the first pass's k-th hit the exact pass looks, so that rounding in another batch shape, which
changes a score by some 1e-6, cannot lose a hit. What is proven is proven in the exact pass's own arithmetic."""
QUERIES_AT_ONCE = 16
"""Queries that an exact pass decodes together; the one that needs most sets the rows for all."""


class Decoder(Protocol):
    """Q encoded queries, ready to be decoded level by level. `model.py` makes one; `beam.search` drives it.

    A decoder carries its own cache. A call at level 0 starts anew; a call at level l > 0 continues the rows of the
    call before it, reordered by `parents`. B may differ from call to call; rows that the search has no use for carry
    any valid parent and code, and what comes back for them is not read.
    """

    @property
    def num_queries(self) -> int: ...

    @property
    def codebook_sizes(self) -> tuple[int, ...]: ...

    def select(self, queries: Tensor) -> Decoder:
        """The same decoder for the queries at the given (Q',) int64 positions only, its cache empty."""
        ...

    def step(self, level: int, codes: Tensor | None, parents: Tensor | None) -> Tensor:
        """(Q, B, K_level) float32 log-probabilities of the codes of `level`, normalised over that level's codes.

        Level 0: `codes` and `parents` are None and B is 1. Level l > 0: `codes` (Q, B) int64 are the codes chosen at
        level l - 1, `parents` (Q, B) int64 the row of the previous call that each of them continues. The caller may
        write into what it gets.
        """
        ...


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
    """Prefixes kept a level, at least k: each leads to a product of its own, so k places are always filled."""
    exact: bool = False
    """Look again, where the first pass is not proven, at all that could still matter."""
    max_rows: int = 20_000
    """Decoder rows that an exact search may spend on one query after the first pass."""
    max_per_prefix: int | None = None
    prefix_levels: int = 2

    def __post_init__(self) -> None:
        for name in ("k", "beam_width", "max_rows", "prefix_levels", "max_per_prefix"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise GenretError(f"{name}={value!r}: expected a whole number of at least 1")
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


class _Beam(NamedTuple):
    """The kept prefixes of one level, in ID order within a query; dead rows score -inf."""

    nodes: Ints  # (Q, B), -1 where dead
    codes: Ints  # (Q, B, l)
    groups: Ints  # (Q, B) the node at depth `prefix_levels`, -1 above it
    scores: Tensor  # (Q, B) float32


class _Floor(NamedTuple):
    """What a prefix must score to matter, given hits already in hand."""

    queries: Floats  # (Q,) the k-th hit's score
    groups: FullGroups  # and that of the last hit that a full prefix may show

    def of(self, groups: Ints) -> Floats:
        return np.maximum(self.queries[:, None], self.groups.bar(groups))

    def lowered(self, queries: Ints) -> _Floor:
        """The floor of some queries, lowered by the margin for another batch's rounding."""
        return _Floor(self.queries[queries] - np.float32(MARGIN), self.groups.select(queries).lowered(MARGIN))


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
    result, floor = _search(decoder, trie, settings, allowed, None, trace)
    if settings.exact and not result.proven.all():
        result = _exact(decoder, trie, settings, allowed, result, floor)
    return result


def _search(
    decoder: Decoder,
    trie: Trie,
    settings: BeamSettings,
    allowed: Allowed | None,
    floor: _Floor | None,
    trace: BeamTrace | None,
) -> tuple[BeamResult, _Floor]:
    """One pass over the levels: the best `beam_width` prefixes, or with a floor all that reach it."""
    queries, rows, dropped = decoder.num_queries, 0, list[Dropped]()
    beam = _root(queries, trie, settings, allowed)
    codes = parents = None
    for level in range(trie.levels):
        if not queries or not (beam.nodes >= 0).any():
            break
        rows += beam.nodes.shape[1]
        candidates = _candidates(decoder, trie, level, beam, codes, parents, allowed)  # (Q, B, K)
        last = level == trie.levels - 1
        if floor is None:
            index, lost = keep_beam(candidates, beam.groups, settings.beam_width, settings.rows_per_prefix)
        else:
            drop_below(candidates, floor.of(beam.groups))
            spare = settings.max_rows - rows - (trie.levels - level - 2)  # later levels need a row at least
            budget = candidates[0].numel() if last else spare  # complete IDs need no rows
            index, lost = keep_all(candidates, budget)
        if not last:  # complete IDs are ranked among themselves: one that was dropped has k better ones before it
            dropped += lost
        if trace is not None:
            trace.levels.append(_trace_level(trie, level, beam, candidates, index, trace.max_pruned, allowed))
        beam, codes, parents = _advance(trie, level, beam, candidates, index, settings)
    return _result(trie, settings, allowed, beam, dropped, rows, floor)


def _root(queries: int, trie: Trie, settings: BeamSettings, allowed: Allowed | None) -> _Beam:
    start, stop = product_span(trie, 0, np.full(1, trie.root), allowed)
    node = trie.root if stop[0] > start[0] else -1
    shape = (queries, 1)
    return _Beam(np.full(shape, node), np.empty((*shape, 0), np.int64), np.full(shape, -1), torch.zeros(shape))


def _candidates(
    decoder: Decoder,
    trie: Trie,
    level: int,
    beam: _Beam,
    codes: Tensor | None,
    parents: Tensor | None,
    allowed: Allowed | None,
) -> Tensor:
    """(Q, B, K) scores of every prefix one code longer, -inf where the trie or the filter has none."""
    scores = decoder.step(level, codes, parents)
    mask = trie.children_mask(level, beam.nodes.reshape(-1), allowed)  # (Q * B, K)
    outside = torch.from_numpy(~mask).view(scores.shape).to(scores.device)
    # A log-probability is at most 0; rounding may say otherwise, and the bound must hold to the last bit.
    return scores.clamp_(max=0.0).add_(beam.scores.to(scores.device)[:, :, None]).masked_fill_(outside, NEVER)


def _advance(
    trie: Trie, level: int, beam: _Beam, candidates: Tensor, index: Tensor, settings: BeamSettings
) -> tuple[_Beam, Tensor, Tensor]:
    """The beam of the kept `index` (Q, W) into the flat candidates, with its last codes and the rows it continues."""
    size = candidates.shape[2]
    scores = candidates.flatten(1).gather(1, index)  # (Q, W)
    if torch.isnan(scores).any():
        raise GenretError("the model's log-probabilities are not numbers (NaN); train it again at a lower rate")
    parents, codes = index // size, index % size
    row, code = parents.cpu().numpy(), codes.cpu().numpy()
    dead = torch.isneginf(scores).cpu().numpy()
    above = np.where(dead, -1, np.take_along_axis(beam.nodes, row, 1))
    nodes = trie.child(level, above.reshape(-1), code.reshape(-1)).reshape(row.shape)
    history = np.concatenate([np.take_along_axis(beam.codes, row[..., None], 1), code[..., None]], axis=2)
    depth = min(settings.prefix_levels, trie.levels)
    groups = nodes if level + 1 == depth else np.take_along_axis(beam.groups, row, 1)
    return _Beam(nodes, history, groups, scores), codes, parents


def _result(
    trie: Trie,
    settings: BeamSettings,
    allowed: Allowed | None,
    beam: _Beam,
    dropped: list[Dropped],
    rows: int,
    floor: _Floor | None,
) -> tuple[BeamResult, _Floor]:
    """The products below the complete IDs of the last beam, and what is proven about them."""
    scores = beam.scores.cpu().numpy()
    ranking = rank_products(trie, beam.nodes, scores, beam.groups, settings.k, settings.max_per_prefix, allowed)
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
    return result, _Floor(least, ranking.full)


def _ids(trie: Trie, positions: Ints) -> Ints:
    """(Q, k) positions -> (Q, k, L) codes; anything for -1."""
    if not trie.num_products:
        return np.full((*positions.shape, trie.levels), -1)
    return trie.id_of(np.maximum(positions, 0).reshape(-1)).reshape(*positions.shape, trie.levels)


def _exact(
    decoder: Decoder,
    trie: Trie,
    settings: BeamSettings,
    allowed: Allowed | None,
    first: BeamResult,
    floor: _Floor,
) -> BeamResult:
    """`first`, with the queries that it did not prove searched again above the floor of their k-th hit."""
    positions, scores, ids = first.positions.copy(), first.scores.copy(), first.ids.copy()
    proven, bound = first.proven.copy(), first.bound.copy()
    rows, ended = first.rows.copy(), first.budget_ended.copy()
    todo = np.flatnonzero(~first.proven)
    todo = todo[np.argsort(-floor.queries[todo], kind="stable")]  # queries that need alike many rows side by side
    for queries in np.array_split(todo, -(-len(todo) // QUERIES_AT_ONCE)):
        part = decoder.select(torch.from_numpy(queries))
        again, _ = _search(part, trie, settings, allowed, floor.lowered(queries), None)
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


def _is_better(again: BeamResult, first: BeamResult, queries: Ints) -> Bools:
    """Where a search that ran out of rows found more hits than the first pass, or as many of higher scores."""

    def worth(result: BeamResult) -> tuple[Ints, Floats]:
        hit = result.positions >= 0
        return hit.sum(1), np.where(hit, result.scores, 0).sum(1)

    (hits, total), (hits_before, total_before) = worth(again), worth(first)
    hits_before, total_before = hits_before[queries], total_before[queries]
    return (hits > hits_before) | ((hits == hits_before) & (total > total_before))


def _trace_level(
    trie: Trie, level: int, beam: _Beam, candidates: Tensor, index: Tensor, pruned: int, allowed: Allowed | None
) -> LevelTrace:
    """What one level kept, and the best of what it dropped, best first."""
    flat = candidates.flatten(1)
    rest = flat.scatter(1, index, NEVER)
    kept = index.gather(1, flat.gather(1, index).argsort(stable=True, dim=1, descending=True))
    lost = rest.topk(min(pruned, rest.shape[1]), 1).indices
    return LevelTrace(
        *_traced(trie, level, beam, flat, kept, allowed), *_traced(trie, level, beam, rest, lost, allowed)
    )


def _traced(
    trie: Trie, level: int, beam: _Beam, flat: Tensor, index: Tensor, allowed: Allowed | None
) -> tuple[Ints, Floats, Ints]:
    """Codes (Q, n, l + 1), scores (Q, n) and products below (Q, n) of the candidates at `index` (Q, n)."""
    size = flat.shape[1] // beam.nodes.shape[1]
    row, code = (index // size).cpu().numpy(), (index % size).cpu().numpy()
    scores = flat.gather(1, index).cpu().numpy()
    above = np.where(np.isneginf(scores), -1, np.take_along_axis(beam.nodes, row, 1))
    nodes = trie.child(level, above.reshape(-1), code.reshape(-1)).reshape(row.shape)
    start, stop = product_span(trie, level + 1, nodes, allowed)
    codes = np.concatenate([np.take_along_axis(beam.codes, row[..., None], 1), code[..., None]], axis=2)
    return codes, scores, stop - start
