"""Which of a level's candidates survive: the best B, all that reach a floor, at most so many a group.

Knows scores and groups, not what they stand for. Candidates of a query stand in ID order, so that a lower index is a
lower ID, and ties are broken by index.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genret.ranking import rank_in_group

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

NEVER = float("-inf")


class Dropped(NamedTuple):
    """Prefixes not followed: (Q, n) scores and the groups that they belong to, -1 for none."""

    scores: Floats
    groups: Ints


def keep_beam(scores: Tensor, groups: Ints, width: int, cap: int | None) -> tuple[Tensor, Dropped]:
    """(Q, W) the best `width` of (Q, M) candidates of each query, ascending indices; and what was dropped for them.

    At most `cap` candidates of a group are kept; `groups` (Q, M), or (Q, 1) for all, are -1 where there is none yet.
    """
    if cap is None or (groups < 0).all():
        return _with_best_dropped(*keep_best(scores, width))
    crowded = torch.from_numpy(rank_in_group(scores.cpu().numpy(), groups) >= cap).to(scores.device)
    index, _ = keep_best(scores.masked_fill(crowded, NEVER), width)
    return index, Dropped(scores.scatter(1, index, NEVER).cpu().numpy(), groups)


def keep_above(scores: Tensor, floor: Floats, budget: int) -> tuple[Tensor, Dropped]:
    """The same for every candidate that reaches its floor (Q, M or 1), as far as `budget` rows a query go.

    Candidates below the floor are put at -inf, in place: they count neither as kept nor as dropped.
    """
    scores.masked_fill_(scores < torch.from_numpy(floor).to(scores), NEVER)
    width = int((scores > NEVER).sum(1).max())
    return _with_best_dropped(*keep_best(scores, max(1, min(width, budget))))


def keep_best(scores: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """(Q, w) ascending indices of the best `width` of (Q, M) scores, the lower index where scores tie; and (Q,) the
    best score left out, -inf if none. w is `width`, or less where no query has so many above -inf; at least 1."""
    width = min(width, scores.shape[1])
    values, index = scores.topk(min(width + 1, scores.shape[1]), dim=1)
    if values.shape[1] == width:
        values = torch.cat([values, values.new_full((len(values), 1), NEVER)], 1)
    tied = (values[:, width - 1] == values[:, width]) & (values[:, width] > NEVER)
    if tied.any():  # topk takes any of them
        index[tied, :width] = _first_of_ties(scores[tied], values[tied, width - 1], width)
    live = max(1, int((values[:, :width] > NEVER).sum(1).max())) if len(values) else 1
    return index[:, :live].sort(1).values, values[:, width]


def _first_of_ties(scores: Tensor, least: Tensor, width: int) -> Tensor:
    """(n, width) indices: all scores above `least` (n,), and the first of those equal to it."""
    above, equal = scores > least[:, None], scores == least[:, None]
    room = width - above.sum(1, keepdim=True)
    return (above | (equal & (equal.cumsum(1) <= room))).nonzero()[:, 1].view(-1, width)


def _with_best_dropped(index: Tensor, best: Tensor) -> tuple[Tensor, Dropped]:
    return index, Dropped(best[:, None].cpu().numpy(), np.full((len(best), 1), -1))
