"""Scoring every ID: the answer that a beam is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch

from genret.ground.arrays import Floats, Ints
from genret.search.beam import BeamResult, BeamSettings
from genret.search.decoder import Decoder
from genret.search.ranking import rank_products

if TYPE_CHECKING:
    from genret.search.trie import Allowed, Trie


ROWS_AT_ONCE = 8_192
"""Decoder rows in one call."""


def brute_force(
    decoder: Decoder, trie: Trie, settings: BeamSettings | None = None, allowed: Allowed | None = None
) -> BeamResult:
    """What `beam_search` approximates: every ID scored, then ranked by the same rule. `beam_width` plays no part."""
    return rank_all(trie, score_ids(decoder, trie.all_ids()), settings or BeamSettings(), allowed)


def rank_all(trie: Trie, scores: Floats, settings: BeamSettings, allowed: Allowed | None = None) -> BeamResult:
    """The answer that (Q, num_ids) scores of all IDs give."""
    queries, ids = len(scores), trie.all_ids()
    nodes, groups = np.arange(len(ids)), _prefix_of_each(ids, settings.prefix_levels)
    if not len(ids):  # one row that holds nothing
        scores, nodes, groups = np.full((queries, 1), -np.inf, np.float32), np.array([-1]), np.array([-1])
    nodes, groups = np.broadcast_to(nodes, scores.shape), np.broadcast_to(groups, scores.shape)
    ranking = rank_products(trie, nodes, scores, groups, settings.k, settings.max_per_prefix, allowed)
    hit = ranking.positions >= 0
    found = np.full((*hit.shape, trie.levels), -1)
    found[hit] = trie.id_of(ranking.positions[hit])
    everything, nothing = np.ones(queries, bool), np.zeros(queries, bool)
    bound = np.full(queries, -np.inf, np.float32)
    rows = np.full(queries, sum(trie.num_nodes(depth) for depth in range(trie.levels)))
    return BeamResult(ranking.positions, ranking.scores, found, everything, bound, rows, nothing)


@torch.inference_mode()
def score_ids(decoder: Decoder, ids: Ints) -> Floats:
    """(Q, n) log-probability of each of (n, L) sorted codes for each of the decoder's queries."""
    parts = [_score(decoder, part) for part in _parts(ids, max(1, ROWS_AT_ONCE // max(1, decoder.num_queries)))]
    return np.concatenate(parts, 1) if parts else np.empty((decoder.num_queries, 0), np.float32)


def _score(decoder: Decoder, ids: Ints) -> Floats:
    """The same for codes that fit into one call, each distinct prefix decoded once."""
    queries = decoder.num_queries
    scores = torch.zeros(queries, 1)
    codes = parents = None
    above = np.zeros(len(ids), np.int64)  # the row of each ID's prefix
    for level in range(ids.shape[1]):
        step = decoder.step(level, codes, parents).clamp_(max=0.0)  # (Q, n, K)
        row = _prefix_of_each(ids, level + 1)
        _, first = np.unique(row, return_index=True)  # one ID for each prefix
        code, parent = torch.from_numpy(ids[first, level]), torch.from_numpy(above[first])
        scores = (step + scores.to(step.device)[:, :, None])[:, parent, code]  # (Q, rows)
        codes, parents = code.expand(queries, -1).to(step.device), parent.expand(queries, -1).to(step.device)
        above = row
    return np.asarray(scores.cpu().numpy(), dtype=np.float32)


def _parts(ids: Ints, size: int) -> Iterator[Ints]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _prefix_of_each(ids: Ints, depth: int) -> Ints:
    """(n,) the number, from 0, of the prefix of `depth` codes that each of (n, L) sorted codes begins with."""
    if not len(ids):
        return np.empty(0, np.int64)
    new = (ids[1:, :depth] != ids[:-1, :depth]).any(1)
    return np.concatenate([[0], np.cumsum(new)])
