"""Which of a level's candidates survive: the best B, all that reach a floor, at most so many per group.

Candidates of a query stand in ID order, so that a lower index is a lower ID, and ties are broken by index.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from genret.ground.arrays import Floats, Ints
from genret.search.ranking import rank_in_group

NEVER = float("-inf")
NOT_NUMBERS = "the model's log-probabilities are not numbers (NaN); train it again at a lower rate"
"""What every search says of a model that was trained to pieces."""


class Dropped(NamedTuple):
    """Prefixes not followed: (Q, n) scores and the groups that they belong to, -1 for none."""

    scores: Floats
    groups: Ints


class Kept(NamedTuple):
    """What survives a level."""

    place: Ints
    """(Q, W) indices into the candidates, ascending; of a -inf where a query has fewer than W."""
    scores: Floats
    """(Q, W) of these."""
    dropped: Dropped


def keep_beam(scores: Tensor, groups: Ints, width: int, cap: int | None) -> Kept:
    """The best `width` of (Q, M) candidates of each query, at most `cap` of a group.

    `groups` (Q, M), or (Q, 1) for all, are -1 where there is none yet.
    """
    if cap is None or (groups < 0).all():
        return keep_best(scores, width)
    crowded = torch.from_numpy(rank_in_group(scores.cpu().numpy(), groups) >= cap).to(scores.device)
    kept = keep_best(scores.masked_fill(crowded, NEVER), width)
    lost = scores.cpu().numpy().copy()
    spared = np.take_along_axis(lost, kept.place, 1)  # a query with room to spare keeps some of the crowded
    np.put_along_axis(lost, kept.place, NEVER, 1)
    return Kept(kept.place, spared, Dropped(lost, groups))


def keep_above(scores: Tensor, floor: Floats, budget: int) -> Kept:
    """Every candidate that reaches its floor (Q, M or 1), as far as `budget` rows per query go.

    Candidates below the floor are put at -inf, in place: they count neither as kept nor as dropped.
    """
    scores.masked_fill_(scores < torch.from_numpy(floor).to(scores), NEVER)
    width = int((scores > NEVER).sum(1).max())
    return keep_best(scores, max(1, min(width, budget)))


def keep_best(scores: Tensor, width: int) -> Kept:
    """The best `width` of (Q, M) scores, the lower index where scores tie, and the best of those left out.

    W is `width`, or less where no query has so many scores above -inf; at least 1.
    """
    width = min(width, scores.shape[1])
    best, place = scores.topk(min(width + 1, scores.shape[1]), dim=1)
    values, index = best.cpu().numpy(), place.cpu().numpy()  # small from here on
    if values.shape[1] == width:
        values = np.pad(values, ((0, 0), (0, 1)), constant_values=NEVER)
    tied = np.flatnonzero((values[:, width - 1] == values[:, width]) & (values[:, width] > NEVER))
    if len(tied):  # topk takes any of them
        first = _first_of_ties(scores[tied], best[tied, width - 1], width)
        index[tied, :width], values[tied, :width] = first.cpu().numpy(), scores[tied].gather(1, first).cpu().numpy()
    live = max(1, int((values[:, :width] > NEVER).sum(1).max(initial=0)))
    order = index[:, :live].argsort(1)
    query = np.arange(len(index))[:, None]
    dropped = Dropped(values[:, width:].copy(), np.full((len(values), 1), -1))
    return Kept(index[query, order], values[query, order], dropped)


def _first_of_ties(scores: Tensor, least: Tensor, width: int) -> Tensor:
    """(n, width) indices: all scores above `least` (n,), and the first of those equal to it."""
    above, equal = scores > least[:, None], scores == least[:, None]
    room = width - above.sum(1, keepdim=True)
    return (above | (equal & (equal.cumsum(1) <= room))).nonzero()[:, 1].view(-1, width)
