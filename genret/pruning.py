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
    """Prefixes not followed: (Q, n) scores and the groups that they belong to."""

    scores: Floats
    groups: Ints


def keep_beam(candidates: Tensor, groups: Ints, width: int, cap: int | None) -> tuple[Tensor, list[Dropped]]:
    """(Q, W) the best `width` of (Q, B, K) candidates of each query, ascending indices; and what was dropped for them.

    `groups` (Q, B) are those of the rows, -1 above the groups' depth; below it, at most `cap` of a group are kept.
    """
    if cap is None or (groups < 0).all():
        index, best = keep_best(candidates.flatten(1), width)
        return index, [Dropped(best[:, None].cpu().numpy(), np.full((len(groups), 1), -1))]
    queries, beams, size = candidates.shape
    index, best = keep_best(candidates.flatten(0, 1), cap)  # (Q * B, c): no row gives more than its group may
    most = index.shape[1]
    index = (index.view(queries, beams, most) + torch.arange(beams).to(index)[:, None] * size).flatten(1)
    scores, wide = candidates.flatten(1).gather(1, index), np.repeat(groups, most, axis=1)  # (Q, B * c)
    crowded = torch.from_numpy(rank_in_group(scores.cpu().numpy(), wide) >= cap).to(scores.device)
    chosen, _ = keep_best(scores.masked_fill(crowded, NEVER), width)
    lost = scores.scatter(1, chosen, NEVER)
    return index.gather(1, chosen), [
        Dropped(best.view(queries, beams).cpu().numpy(), groups),
        Dropped(lost.cpu().numpy(), wide),
    ]


def keep_all(candidates: Tensor, budget: int) -> tuple[Tensor, list[Dropped]]:
    """The same for every candidate above -inf, as far as `budget` rows go."""
    flat = candidates.flatten(1)
    width = int((flat > NEVER).sum(1).max())
    index, best = keep_best(flat, max(1, min(width, budget)))
    return index, [Dropped(best[:, None].cpu().numpy(), np.full((len(flat), 1), -1))]


def keep_best(scores: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """(n, w) ascending indices of the best `width` of (n, C) scores, the lower index where scores tie; (n,) the best
    score left out, -inf if none. w is `width`, or less where no row has so many scores above -inf; at least 1."""
    width = min(width, scores.shape[1])
    values, index = scores.topk(min(width + 1, scores.shape[1]), dim=1)
    if values.shape[1] == width:
        values = torch.cat([values, values.new_full((len(values), 1), NEVER)], 1)
    tied = (values[:, width - 1] == values[:, width]) & (values[:, width] > NEVER)
    if tied.any():  # topk takes any of them
        index[tied, :width] = _first_of_ties(scores[tied], values[tied, width - 1], width)
    live = max(1, int((values[:, :width] > NEVER).sum(1).max()))
    return index[:, :live].sort(1).values, values[:, width]


def _first_of_ties(scores: Tensor, least: Tensor, width: int) -> Tensor:
    """(n, width) indices: all scores above `least` (n,), and the first of those equal to it."""
    above, equal = scores > least[:, None], scores == least[:, None]
    room = width - above.sum(1, keepdim=True)
    return (above | (equal & (equal.cumsum(1) <= room))).nonzero()[:, 1].view(-1, width)


def drop_below(candidates: Tensor, floor: Floats) -> None:
    """Drop, in place, those of (Q, B, K) candidates that don't reach the (Q, B) floor of their row."""
    least = torch.from_numpy(floor).to(candidates)[:, :, None]
    candidates.masked_fill_(candidates < least, NEVER)
