"""Hierarchical batches: half of each from one part of the taxonomy, half from elsewhere.

Every epoch puts every product into a focus half exactly once, so one epoch covers the catalogue. A batch is a function
of (categories, seed, step) alone: nothing needs saving to resume, and lambda cannot change what is drawn.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from genret.ground.types import CategoryPath

Rows = npt.NDArray[np.int64]
RUN = 4
"""Products of one leaf that are kept together, so that a focus half holds several products per leaf."""


def focus_size(products: int, batch_size: int) -> int:
    """Products in a batch's focus half; all of them, where one batch holds the catalogue."""
    return products if products <= batch_size else batch_size // 2


def epoch_steps(products: int, batch_size: int) -> int:
    """Batches that put every one of N products into a focus half once."""
    return -(-products // max(focus_size(products, batch_size), 1))


class HierarchicalSampler:
    """Batches of `batch_size` rows (all N where N is not larger).

    The focus half walks through the parents in random order: runs of `RUN` products per leaf, the leaves of a parent
    mixed. A parent too small to fill the half shares it with the next one; a large one takes several batches. The
    other half is drawn from other top-level categories (from other parents where there is one root only, and from
    anywhere where there is but one parent). A product without a category, and a category of a flat taxonomy, is a
    parent of its own.
    """

    def __init__(self, categories: Sequence[CategoryPath], batch_size: int, seed: int) -> None:
        self.size = len(categories)
        self.batch_size = min(batch_size, self.size)
        self.focus = focus_size(self.size, batch_size)
        self.seed = seed
        leaves: dict[CategoryPath, dict[CategoryPath, list[int]]] = defaultdict(lambda: defaultdict(list))
        for row, path in enumerate(categories):
            parent = (path[:-1] or path) if path else ("", str(row))
            leaves[parent][path].append(row)
        self._parents = [[np.asarray(rows) for rows in group.values()] for group in leaves.values()]
        self._parent_of = np.empty(self.size, np.int64)
        for number, group in enumerate(self._parents):
            self._parent_of[np.concatenate(group)] = number
        roots: dict[tuple[str, ...], int] = {}
        keys = [path[:1] if path else ("", str(row)) for row, path in enumerate(categories)]
        self._root_of = np.asarray([roots.setdefault(key, len(roots)) for key in keys])
        self._epoch: tuple[int, Rows] | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Batches that cover every product."""
        return epoch_steps(self.size, self.batch_size)

    def batch(self, step: int) -> Rows:
        """(B,) distinct rows of the catalogue, the focus half first."""
        epoch, position = divmod(step, self.steps_per_epoch)
        focus = self._order(epoch)[position * self.focus : (position + 1) * self.focus]
        if len(focus) == self.batch_size:
            return focus
        return np.concatenate([focus, self._elsewhere(focus, self.batch_size - len(focus), step)])

    def _order(self, epoch: int) -> Rows:
        """(N,) every row once, in the order in which the epoch's focus halves take them."""
        if self._epoch is None or self._epoch[0] != epoch:
            rng = np.random.default_rng((self.seed, 1, epoch))
            parts = [self._mixed(self._parents[number], rng) for number in rng.permutation(len(self._parents))]
            self._epoch = (epoch, np.concatenate(parts))
        return self._epoch[1]

    @staticmethod
    def _mixed(leaves: list[Rows], rng: np.random.Generator) -> Rows:
        """The rows of one parent: each leaf shuffled and cut into runs, the runs shuffled."""
        runs = [rows[i : i + RUN] for rows in map(rng.permutation, leaves) for i in range(0, len(rows), RUN)]
        return np.concatenate([runs[i] for i in rng.permutation(len(runs))])

    def _elsewhere(self, focus: Rows, count: int, step: int) -> Rows:
        """`count` rows outside of `focus`, from other roots first, then other parents, then anywhere."""
        rng = np.random.default_rng((self.seed, 2, step))
        candidates = rng.permutation(self.size)[: max(8 * count, len(focus) + count)]
        near = _marked(self._parent_of, focus)[self._parent_of[candidates]].astype(np.int64)
        near += _marked(self._root_of, focus)[self._root_of[candidates]]
        near[np.isin(candidates, focus)] = 3  # never twice in a batch
        return candidates[np.argsort(near, kind="stable")[:count]]


def _marked(groups: Rows, rows: Rows) -> npt.NDArray[np.bool_]:
    """(groups,) whether any of `rows` is in each group."""
    marks = np.zeros(int(groups.max()) + 1, bool)
    marks[groups[rows]] = True
    return marks
