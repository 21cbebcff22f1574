"""The first levels of a beam, searched where the prefixes are known and the products are not.

`first_beam(decoder, known, width)` keeps the prefixes of `first_levels` codes that the beam of all products keeps, and
says what no product of each part can score more than. A part is a number from 0, in the order of its first codes. A
prefix is a number too: its codes as the digits of one, so that ascending numbers are prefixes in ID order.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from genret.ground.arrays import Bools, Floats, Ints
from genret.ground.errors import GenretError
from genret.search.decoder import Decoder
from genret.search.pruning import NEVER, NOT_NUMBERS, keep_best
from genret.search.trie import Allowed, Trie

MOST_PREFIXES = 1 << 16
"""The first levels are as many as cannot have more prefixes than this."""


def first_levels(codebook_sizes: Sequence[int]) -> int:
    """How many levels are the first ones: at least one and, where there are several, not the last."""
    levels, prefixes = 1, codebook_sizes[0]
    for size in codebook_sizes[1:-1]:
        prefixes *= size
        if prefixes > MOST_PREFIXES:
            break
        levels += 1
    return levels


def prefixes_of(trie: Trie, allowed: Allowed | None = None) -> Ints:
    """(n,) the prefixes of the first levels that lead to an allowed product, ascending."""
    depth = first_levels(trie.codebook_sizes)
    prefixes, nodes = np.zeros(1, np.int64), np.full(1, trie.root)
    for level, size in enumerate(trie.codebook_sizes[:depth]):
        found = trie.children(level, nodes)
        prefixes, nodes = prefixes[found.rows] * size + found.codes, found.nodes
    return prefixes if allowed is None else prefixes[allowed.count(depth, nodes) > 0]


class Known(NamedTuple):
    """The prefixes of the first levels that lead to an allowed product, and whose they are."""

    trie: Trie
    """Of these prefixes, as if they were IDs."""
    owners: Ints
    """(K_1,) the part of each first code."""
    prefixes: Ints
    """(n,) the numbers of all, ascending."""
    some: Bools
    """(P,) whether a part has any allowed product."""

    @classmethod
    def of(cls, prefixes: Sequence[Ints], codebook_sizes: Sequence[int], owners: Ints) -> Known:
        """Of the numbers of each part's prefixes."""
        sizes = tuple(codebook_sizes[: first_levels(codebook_sizes)])
        every = np.concatenate(prefixes)
        trie, _ = Trie.build(np.stack(np.unravel_index(every, sizes), 1), sizes)
        return cls(trie, owners, every, np.array([len(own) > 0 for own in prefixes], np.bool_))

    def owner(self, prefixes: Ints) -> Ints:
        """The parts of some prefixes; any for -1."""
        owners: Ints = self.owners[prefixes // math.prod(self.trie.codebook_sizes[1:])]
        return owners

    @property
    def span(self) -> int:
        """Numbers of prefixes that there may be."""
        return math.prod(self.trie.codebook_sizes)

    def part(self, number: int, prefixes: Ints) -> Ints:
        """(Q, n) prefixes -> those of one part, moved to the front, with -1 behind them."""
        return in_front(prefixes, (prefixes >= 0) & (self.owner(prefixes) == number))


class FirstBeam(NamedTuple):
    """What is known of Q queries before any part is asked."""

    prefixes: Ints
    """(Q, n) the prefixes that the beam keeps, ascending, with -1 behind them."""
    bound: Floats
    """(Q,) the best prefix of any first level that it does not keep; -inf where there is none."""
    kept: Floats
    """(Q, P) the best of a part's prefixes that are kept."""
    bests: Floats
    """(Q, P) no allowed product of a part scores higher."""


@torch.inference_mode()
def first_beam(decoder: Decoder, known: Known, width: int) -> FirstBeam:
    """The first levels of the beam of `width` over all allowed products. A GenretError where a score is no number."""
    trie, queries = known.trie, decoder.num_queries
    shape = (queries, len(known.some))
    kept, bests, bound = (np.full(size, NEVER, np.float32) for size in (shape, shape, queries))
    query = np.arange(queries)[:, None]
    nodes = np.full((queries, 1), trie.root if trie.num_products else -1)
    scores, numbers, owner = np.zeros((queries, 1), np.float32), np.zeros((queries, 1), np.int64), known.owners[None]
    codes = parents = None
    for level, size in enumerate(trie.codebook_sizes):
        step = decoder.step(level, codes, parents)  # (Q, B, K)
        step += torch.from_numpy(scores).to(step.device)[:, :, None]
        mask = trie.children_mask(level, nodes.reshape(-1)).reshape(step.shape)
        flat = step.masked_fill_(torch.from_numpy(~mask).to(step.device), NEVER).view(queries, -1)
        best = keep_best(flat, width)
        if np.isnan(best.scores).any():
            raise GenretError(NOT_NUMBERS)
        bound = np.maximum(bound, best.dropped.scores.max(1))
        if level < trie.levels - 1:  # what lies below those that are kept is bounded at the next level
            flat.scatter_(1, torch.from_numpy(best.place).to(flat.device), NEVER)
        top = (step[:, 0] if level == 0 else step.amax(2)).cpu().numpy()  # (Q, K) of codes, then (Q, B) of rows
        np.maximum.at(bests, (query, owner), top)
        row, code = np.divmod(best.place, size)
        live = best.scores > NEVER
        numbers, scores = np.where(live, numbers[query, row] * size + code, -1), best.scores
        owner = known.owners[code] if level == 0 else owner[query, row]
        nodes = np.where(
            live, trie.child(level, nodes[query, row].reshape(-1), code.reshape(-1)).reshape(row.shape), -1
        )
        codes, parents = (torch.from_numpy(one).to(step.device) for one in (code, row))
    np.maximum.at(kept, (query, owner), scores)
    return FirstBeam(in_front(numbers, numbers >= 0), bound, kept, bests)


class Followed(NamedTuple):
    """(Q, n) rows below which a part goes on, in ID order; dead ones have node -1 and score -inf."""

    nodes: Ints
    scores: Floats
    codes: torch.Tensor
    parents: torch.Tensor


def follow(decoder: Decoder, trie: Trie, prefixes: Ints) -> Followed:
    """The given (Q, n) prefixes (ascending, with -1 behind them), decoded over a part's trie."""
    sizes = trie.codebook_sizes[: first_levels(trie.codebook_sizes)]
    query = np.arange(len(prefixes))[:, None]
    nodes, scores = np.full((len(prefixes), 1), trie.root), np.zeros((len(prefixes), 1), np.float32)
    codes = parents = None
    for level, size in enumerate(sizes):
        step = decoder.step(level, codes, parents)  # (Q, B, K)
        wanted = np.where(prefixes < 0, -1, prefixes // math.prod(sizes[level + 1 :]))
        wanted = in_front(wanted, (wanted >= 0) & (np.diff(wanted, prepend=-1) != 0))
        above, code = np.divmod(wanted, size)
        row = np.clip((np.diff(above, prepend=-1) != 0).cumsum(1) - 1, 0, nodes.shape[1] - 1)  # every parent has one
        cell = torch.from_numpy((query * nodes.shape[1] + row) * size + code).to(step.device)
        found = scores[query, row] + step.reshape(-1)[cell].cpu().numpy()
        child = trie.child(level, nodes[query, row].reshape(-1), code.reshape(-1)).reshape(row.shape)
        nodes = np.where(wanted >= 0, child, -1)
        scores = np.where(nodes >= 0, found, np.float32(NEVER))
        codes, parents = (torch.from_numpy(one).to(step.device) for one in (code, row))
    assert codes is not None
    assert parents is not None
    return Followed(nodes, scores, codes, parents)


def in_front(values: Ints, chosen: Bools) -> Ints:
    """(Q, n) values -> (Q, m) those that are chosen, in their order, with -1 behind them; m at least 1."""
    order = np.argsort(~chosen, axis=1, kind="stable")[:, : max(1, int(chosen.sum(1).max(initial=0)))]
    return np.where(np.take_along_axis(chosen, order, 1), np.take_along_axis(values, order, 1), -1)
