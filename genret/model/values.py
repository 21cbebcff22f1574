"""What a prefix is worth to a query: the log of the sum of exp(score) over the products below it.

With these as logits, normalised among siblings, the log-probability of a whole ID is the score of its products less one
number per query, so that the decoder starts as exact search over its own embedding. Summing over all products would
cost as much as that search does; `PrefixValues` looks below the prefixes that matter. It keeps two tables of vectors:
`coarse`, one for every prefix of the first levels (the mean of its products: one matrix product scores all of them),
and `leaves`, one for every ID. A query's most promising coarse prefixes are valued by the leaves below them, the others
by their own vector; prefixes above the coarse level by the sum of these, and those below it by their leaves.

Letters: Q queries, R rows, D width, n nodes of a level.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from genret.model.prefix import Prefixes, products, ranges
from genret.search.first import first_levels
from genret.search.ranking import best_places_of_each

REACH = 80.0
"""How far (nats) values may lie from a query's best before they are cut: exp of more leaves float32."""
SPREAD_FROM = 1 << 17
"""So many IDs make it worth knowing how far the IDs of a coarse prefix lie apart: `PrefixValues.spread`."""
AT_ONCE = 1 << 16
"""IDs that are looked at together to find that."""
TINY = 1e-30
NEVER = -1e9
"""As a logit: no probability. Not -inf, whose gradients are NaN."""


class Worth(NamedTuple):
    """What prefixes are worth to each of Q queries, as far as they share it: down to the coarse level."""

    query: Tensor
    """(Q, D) float32, what vectors are multiplied by."""
    shift: Tensor
    """(Q, 1) what is subtracted from all values before exp."""
    masses: list[Tensor]
    """(Q, n) exp(value - shift) of the nodes of each level down to the coarse one."""

    def select(self, queries: Tensor) -> Worth:
        """The same of the given (Q',) queries."""
        return Worth(self.query[queries], self.shift[queries], [mass[queries] for mass in self.masses])


class LeafPart(NamedTuple):
    """Of some ranges of leaves, those whose vectors are in one table."""

    vectors: Tensor
    """(n, D) float32, the table."""
    weights: Tensor
    """(n,)"""
    first: Tensor
    """(C,) the first of each range, by its row there."""
    sizes: Tensor
    """(C,) how many each has."""
    left_out: Tensor | None = None
    """Rows that do not count."""


def coarse_level(codebook_sizes: Sequence[int]) -> int:
    """The level, from 0, whose prefixes have vectors of their own; -1 where IDs have but one level."""
    return first_levels(codebook_sizes) - 1 if len(codebook_sizes) > 1 else -1


class PrefixValues(Prefixes):
    """Prefixes and what they are worth. `width` D of the vectors; see the module for what it looks at.

    `look_below` is how many coarse prefixes a query looks below; 0 values every coarse prefix by its own vector.
    """

    def __init__(
        self, codebook_sizes: Sequence[int], counts: Sequence[int], width: int, backoff: float, look_below: int
    ) -> None:
        super().__init__(codebook_sizes, counts, backoff)
        self.coarse_level, self.look_below = coarse_level(codebook_sizes), look_below
        coarse = counts[self.coarse_level] if self.coarse_level >= 0 else 0
        self.coarse, self.leaves = (nn.Parameter(torch.zeros(count, width)) for count in (coarse, counts[-1]))
        self.coarse_bias, self.leaf_bias = (nn.Parameter(torch.zeros(count)) for count in (coarse, counts[-1]))
        self._spread: tuple[tuple[int, int], Tensor] | None = None  # what `leaves` were when it was found

    @torch.no_grad()
    def start_from(self, codes: Tensor, vectors: Tensor) -> None:
        """Set the values of the prefixes from the (N, L) codes and (N, D) vectors of the products that filled them."""
        for own, bias, depth in self.tables():
            found, counts = means(self.find(codes[:, :depth]), vectors, len(own))
            own.copy_(found)
            bias.copy_(counts.log())

    def vectors_require_grad(self, learn: bool) -> None:
        """Whether training changes the vectors; the weights it does change."""
        self.coarse.requires_grad_(learn)
        self.leaves.requires_grad_(learn)

    def worth(self, query: Tensor) -> Worth:
        """(Q, D) queries -> what all prefixes down to the coarse level are worth to them."""
        with torch.autocast(query.device.type, enabled=False):
            query = query.float()
            if self.coarse_level < 0:
                return Worth(query, query.new_zeros(len(query), 1), [])
            scores = self._coarse_scores(query)  # (Q, n)
            shift = scores.detach().amax(1, keepdim=True)
            mass = (scores - shift).clamp_min_(-REACH).exp_()
            if self.look_below:
                best = best_of(self._promise(scores.detach(), query), self.look_below)
                mass = mass.scatter(1, best, self._seen(query, shift, best))
            masses = [mass]
            for level in range(self.coarse_level, 0, -1):
                masses.insert(0, segment_sum(masses[0], self._starts(level)))
        return Worth(query, shift, masses)

    @torch.no_grad()
    def spread(self) -> Tensor | None:
        """(n,) by how much an ID below a coarse prefix promises more than their mean, per squared length of a query.
        None where there are fewer IDs than `SPREAD_FROM`.

        The log of the mean of exp(score) exceeds the mean score by half the scores' variance, to second order; and
        that is the mean squared distance of its IDs' vectors from its own, where these lie alike in all directions.
        """
        count, width = self.leaves.shape
        if count < SPREAD_FROM or self.coarse_level < 0 or self.training:  # training changes the vectors all the time
            return None
        read = self.leaves.data_ptr(), 0 if self.leaves.is_inference() else self.leaves._version
        if self._spread is None or self._spread[0] != read:
            nodes = torch.arange(len(self.coarse) + 1, device=self.leaves.device)
            for level in range(self.coarse_level + 1, self.levels):
                nodes = self._starts(level)[nodes]
            owner = torch.repeat_interleave(torch.arange(len(self.coarse), device=nodes.device), nodes.diff())
            pairs = zip(self.leaves.split(AT_ONCE), owner.split(AT_ONCE), strict=True)
            apart = torch.cat([(ids.float() - self.coarse[own].float()).square().sum(1) for ids, own in pairs])
            self._spread = read, torch.segment_reduce(apart, "mean", lengths=nodes.diff()) / (2 * width)
        return self._spread[1]

    def _promise(self, scores: Tensor, query: Tensor) -> Tensor:
        """(Q, n) by what the prefixes to look below are chosen, of their (Q, n) scores by their own vectors.

        By their value, where there are few IDs; else by what they promise of each ID below: those with many cost as
        much more to read.
        """
        spread = self.spread()
        if spread is None:
            return scores
        return query.detach().square().sum(1, keepdim=True) * spread - self._coarse_weights() + scores

    def log_probs(self, level: int, correction: Tensor, worth: Worth, queries: Tensor, nodes: Tensor) -> Tensor:
        """(R, K_level) float32 log-probabilities of the codes that follow `nodes` (R,), for the queries of `worth`.

        `queries` (R,) says which of these a row is of; `correction` (R, K_level) is added to the values. The codes that
        lead to no known prefix share a fixed part of the probability by how common they are and by the correction.
        """
        starts, children = self._children(level, nodes)
        codes = self._codes(level, children)
        rows = torch.repeat_interleave(torch.arange(len(nodes), device=nodes.device), starts.diff())
        if level <= self.coarse_level:
            mass = worth.masses[level][queries[rows], children]
        else:
            mass = self._leaf_masses(level, worth.query[queries], worth.shift[queries], starts, children)
        values = mass.log() + correction.float()[rows, codes]
        logits = torch.full_like(correction, NEVER, dtype=torch.float32).index_put((rows, codes), values)
        known = logits > NEVER / 2
        others = (correction.float() + self._share(level).log()).masked_fill(known, NEVER).log_softmax(1)
        # The known and the other codes have a fixed part each, but for rows that have only one of these kinds.
        part = self.backoff * (~known).any(1, keepdim=True)
        some = (nodes >= 0)[:, None]
        rest = torch.where(some, (part / (1 + part)).clamp_min(TINY).log(), 0.0)
        return torch.where(known, logits.log_softmax(1) - part.log1p(), others + rest)

    def tables(self) -> list[tuple[nn.Parameter, nn.Parameter, int]]:
        """Vectors, biases and depth of the coarse prefixes and of the IDs."""
        coarse = [(self.coarse, self.coarse_bias, self.coarse_level + 1)] if self.coarse_level >= 0 else []
        return [*coarse, (self.leaves, self.leaf_bias, self.levels)]

    def _seen(self, query: Tensor, shift: Tensor, nodes: Tensor) -> Tensor:
        """(Q, M) the masses of coarse nodes (Q, M), ascending, by the leaves below them."""
        starts = torch.arange(0, nodes.numel() + 1, nodes.shape[1], device=nodes.device)
        return self._leaf_masses(self.coarse_level, query, shift, starts, nodes.flatten()).view(nodes.shape)

    def _leaf_masses(self, level: int, query: Tensor, shift: Tensor, starts: Tensor, nodes: Tensor) -> Tensor:
        """(C,) the masses of R rows' nodes of a level, row after row from `starts` (R + 1,), by the leaves below them.

        `query` (R, D) and `shift` (R, 1) are the rows'.
        """
        first, stop = nodes, nodes + 1
        for below in range(level + 1, self.levels):
            first, stop = self._begins(below, first), self._begins(below, stop)
        found = shift.new_zeros(len(nodes))
        for part in self._leaf_parts(first, stop):
            ends, leaves = ranges(part.first, part.sizes)
            values = products(ends[starts], leaves, query, part.vectors) + part.weights[leaves]
            shifts = torch.repeat_interleave(shift[:, 0], ends[starts].diff())
            masses = (values - shifts).clamp(-REACH, REACH).exp()
            if part.left_out is not None:
                masses = masses.masked_fill(torch.isin(leaves, part.left_out), 0.0)
            owner = torch.repeat_interleave(torch.arange(len(nodes), device=nodes.device), part.sizes)
            found = found.index_add_(0, owner, masses)
        return found

    def _leaf_parts(self, first: Tensor, stop: Tensor) -> list[LeafPart]:
        """The leaves from `first` to `stop` (C,) each, by the tables that their vectors are in."""
        return [LeafPart(self.leaves.float(), self.leaf_bias, first, stop - first)]

    def _coarse_weights(self) -> Tensor:
        """(n,) what of the scores of the coarse prefixes is not by their vectors: how many products they have."""
        return self.coarse_bias.detach().float()

    def _coarse_scores(self, query: Tensor) -> Tensor:
        """(Q, n) the scores of the coarse prefixes by their own vectors, to (Q, D) queries."""
        return torch.addmm(self.coarse_bias.float(), query, self.coarse.float().t())


class _SegmentSum(torch.autograd.Function):
    """`segment_sum`: torch has none that is fast over the last of two dimensions."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, starts: Tensor) -> Tensor:
        ctx.save_for_backward(starts)
        if values.device.type == "cpu" and values.dtype == torch.float32:
            return torch.from_numpy(np.add.reduceat(values.numpy(), starts[:-1].numpy(), axis=1))
        owner = torch.repeat_interleave(torch.arange(len(starts) - 1, device=starts.device), starts.diff())
        return values.new_zeros(len(values), len(starts) - 1).index_add_(1, owner, values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (starts,) = ctx.saved_tensors
        return torch.repeat_interleave(gradients[0], starts.diff(), dim=1), None


def segment_sum(values: Tensor, starts: Tensor) -> Tensor:
    """(Q, n) values -> (Q, m) the sum of each of m segments, none of them empty, that begin at `starts` (m + 1,)."""
    found: Tensor = _SegmentSum.apply(values, starts)
    return found


def best_of(scores: Tensor, count: int) -> Tensor:
    """(Q, count) ascending: where the best of (Q, n) scores are; all, where there are fewer."""
    if scores.device.type == "cpu":  # which is faster than torch's topk
        return torch.from_numpy(best_places_of_each(scores.float().numpy(), count))
    width = scores.shape[1]
    if count >= width:
        return torch.arange(width, device=scores.device).expand(len(scores), -1)
    return scores.topk(count, sorted=False).indices.sort(1).values


def means(nodes: Tensor, vectors: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """(count, D) the mean of the vectors of each node, and (count,) how many they are; nodes (N,), vectors (N, D)."""
    counts = torch.bincount(nodes, minlength=count).float()
    sums = torch.zeros(count, vectors.shape[1], device=vectors.device).index_add_(0, nodes, vectors.float())
    return sums / counts.clamp_min(1)[:, None], counts
