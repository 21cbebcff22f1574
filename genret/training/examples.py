"""Training examples: texts, the products that are right for each, and which path is practised when.

The whole schedule is drawn beforehand from the seed: visit i of the training always practises the same text and path,
whatever was interrupted, resumed or spread over processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from genret.ground.arrays import Floats, Ints
from genret.search.vocab import Vocab
from genret.training.teacher import Neighbours

MEGABATCH = 64
"""Batches that are sorted by length together."""


@dataclass(frozen=True)
class Examples:
    """n texts as tokens, and the products that are right for each, weighted."""

    tokens: npt.NDArray[np.int32]
    """(n, T), padded on the right."""
    lengths: Ints
    """(n,)."""
    right: Neighbours
    share: Floats
    """(n,) how often each is practised, relative to the others."""

    def __len__(self) -> int:
        return len(self.lengths)


def join(parts: Sequence[Examples]) -> Examples:
    """The examples of all parts, one after the other."""
    width = max(part.tokens.shape[1] for part in parts)
    ends = np.cumsum([0, *(len(part.right.rows) for part in parts)])
    return Examples(
        np.concatenate([np.pad(part.tokens, ((0, 0), (0, width - part.tokens.shape[1]))) for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        Neighbours(
            np.concatenate([[0], *(part.right.starts[1:] + end for part, end in zip(parts, ends, strict=False))]),
            np.concatenate([part.right.rows for part in parts]),
            np.concatenate([part.right.weights for part in parts]),
        ),
        np.concatenate([part.share for part in parts]),
    )


class Visit(NamedTuple):
    """One practice: text `example`, along the path of the product at `right.rows[path]`."""

    example: int
    path: int


class Schedule(Dataset[Visit]):
    """`visits` draws of (text, path): texts by their share, paths by the weight of the product."""

    def __init__(self, examples: Examples, share: Floats, visits: int, batch_size: int, seed: int) -> None:
        """`share` (n,) may differ from the examples' own: zero for those that are not to be visited."""
        rng = np.random.default_rng(seed)
        drawn = _stratified(share, visits, rng)
        self.examples = _by_length(drawn, examples.lengths, batch_size, rng)
        self.paths = _weighted(examples.right, self.examples, rng.random(visits))

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Visit:
        return Visit(int(self.examples[index]), int(self.paths[index]))


def _stratified(share: Floats, visits: int, rng: np.random.Generator) -> Ints:
    """`visits` indices in random order, each as often as its share asks, give or take one (systematic sampling)."""
    places = (np.arange(visits) + rng.random()) / max(visits, 1) * float(share.sum(dtype=np.float64))
    order = rng.permutation(len(share))
    drawn = order[
        np.searchsorted(np.cumsum(share[order], dtype=np.float64), places, side="right").clip(max=len(order) - 1)
    ]
    return rng.permutation(drawn)


def _by_length(drawn: Ints, lengths: Ints, batch_size: int, rng: np.random.Generator) -> Ints:
    """The same draws, arranged so that a batch holds texts of like length; batches in random order."""
    batches = []
    for start in range(0, len(drawn), batch_size * MEGABATCH):
        part = drawn[start : start + batch_size * MEGABATCH]
        part = part[np.argsort(lengths[part], kind="stable")]
        full = [part[at : at + batch_size] for at in range(0, len(part), batch_size)]
        tail = [full.pop()] if len(full[-1]) < batch_size else []  # a short batch stays last, or it would shift all
        batches += [full[i] for i in rng.permutation(len(full))] + tail
    return np.concatenate([np.zeros(0, np.int64), *batches])


def _weighted(right: Neighbours, examples: Ints, uniform: npt.NDArray[np.float64]) -> Ints:
    """One index into `right.rows` for each example, with probability in proportion to the weights."""
    total = np.concatenate([[0.0], np.cumsum(right.weights, dtype=np.float64)])
    first, last = right.starts[examples], right.starts[examples + 1]
    place = total[first] + uniform * (total[last] - total[first])
    return np.clip(np.searchsorted(total, place, side="right") - 1, first, last - 1)


class Collator:
    """Visits -> a batch of tensors: tokens, the path, and at every level the exact distribution over its codes.

    The target at level l is the share of each code among the weights of the right products that agree with the path on
    the levels before: the marginal of "any right product", not of one product drawn.
    """

    def __init__(self, examples: Examples, codes: Ints, vocab: Vocab) -> None:
        self.examples, self.codes, self.vocab = examples, codes, vocab

    def __call__(self, visits: Sequence[Visit]) -> dict[str, Tensor]:
        example = np.asarray([visit.example for visit in visits])
        path = self.codes[self.examples.right.rows[[visit.path for visit in visits]]]  # (R, L)
        width = int(self.examples.lengths[example].max())
        return {
            "input_ids": torch.from_numpy(self.examples.tokens[example, :width].astype(np.int64)),
            "attention_mask": torch.from_numpy(
                (np.arange(width) < self.examples.lengths[example, None]).astype(np.int64)
            ),
            "labels": torch.from_numpy(self.vocab.encode(path)),
            "targets": torch.from_numpy(self.targets(example, path)),
        }

    def targets(self, example: Ints, path: Ints) -> Floats:
        """(R, V): each level's slice sums to 1."""
        right, vocab = self.examples.right, self.vocab
        first, count = right.starts[example], right.starts[example + 1] - right.starts[example]
        row = np.repeat(np.arange(len(example)), count)  # (M,) batch row of each right product
        flat = np.arange(len(row)) + np.repeat(first - (np.cumsum(count) - count), count)
        codes, weight = self.codes[right.rows[flat]], right.weights[flat].astype(np.float64)
        targets = np.zeros((len(example), len(vocab)), np.float32)
        for level, size in enumerate(vocab.codebook_sizes):
            mass = np.bincount(row * size + codes[:, level], weight, len(example) * size).reshape(-1, size)
            targets[:, vocab.level_slice(level)] = mass / mass.sum(1, keepdims=True)
            weight = weight * (codes[:, level] == path[row, level])
        return targets
