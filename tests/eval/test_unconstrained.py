"""The free decode: equal to brute force over every ID, and it counts what the catalogue lacks."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from torch import Tensor

from genret.eval.studies.unconstrained import InvalidIds, count_invalid, count_invented, spell_freely
from genret.ground.errors import GenretError
from genret.search.trie import Trie

SIZES = (3, 4, 2)


class TableDecoder:
    """A decoder whose log-probabilities are a table over all prefixes: a full model, small enough to enumerate."""

    def __init__(self, tables: list[Tensor], history: Tensor | None = None) -> None:
        self.tables = tables  # level l: (Q, K_0, ..., K_l), normalised over the last axis
        self.history = history

    @classmethod
    def random(cls, queries: int, sizes: tuple[int, ...] = SIZES, seed: int = 0) -> TableDecoder:
        generator = torch.Generator().manual_seed(seed)
        shapes = [(queries, *sizes[: level + 1]) for level in range(len(sizes))]
        return cls([torch.randn(shape, generator=generator).mul(3).log_softmax(-1) for shape in shapes])

    @property
    def num_queries(self) -> int:
        return len(self.tables[0])

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return tuple(self.tables[-1].shape[1:])

    def select(self, queries: Tensor) -> TableDecoder:
        return TableDecoder([table[queries] for table in self.tables])

    def step(self, level: int, codes: Tensor | None, parents: Tensor | None) -> Tensor:
        if codes is None or parents is None:
            self.history = torch.zeros(self.num_queries, 1, 0, dtype=torch.long)
            return self.tables[0][:, None]
        assert self.history is not None
        kept = self.history.gather(1, parents[:, :, None].expand(-1, -1, self.history.shape[2]))
        self.history = torch.cat([kept, codes[:, :, None]], dim=2)
        rows = torch.arange(self.num_queries)[:, None].expand_as(codes)
        return self.tables[level][(rows, *self.history.unbind(2))]

    def score(self, query: int, code: tuple[int, ...]) -> float:
        return sum(float(table[(query, *code[: level + 1])]) for level, table in enumerate(self.tables))


def test_a_beam_as_wide_as_everything_equals_brute_force() -> None:
    decoder = TableDecoder.random(4)
    spelled = spell_freely(decoder, beam_width=24, k=10)
    for query in range(4):
        every = sorted(
            itertools.product(*map(range, SIZES)),
            key=lambda code: -decoder.score(query, code),
        )
        assert [tuple(code) for code in spelled.codes[query].tolist()] == every[:10]
        assert spelled.scores[query].tolist() == pytest.approx([decoder.score(query, c) for c in every[:10]], abs=1e-5)


def test_narrow_beams_give_sorted_distinct_ids() -> None:
    spelled = spell_freely(TableDecoder.random(3, seed=1), beam_width=4, k=4)
    assert (spelled.scores.diff(dim=1) <= 0).all()
    assert all(len({tuple(code) for code in row}) == 4 for row in spelled.codes.tolist())


def test_counts_exactly_what_does_not_exist() -> None:
    codes = np.array([[0, 0, 0], [0, 1, 1], [2, 3, 1]])
    trie = Trie.build(codes, SIZES).trie
    free = torch.tensor([[[0, 0, 0], [0, 1, 0]], [[2, 3, 1], [0, 1, 1]], [[1, 0, 0], [2, 3, 0]]])
    assert count_invalid(free, trie) == InvalidIds(3, 6, 3, 2)
    assert count_invalid(free, trie).share == 0.5


def test_a_full_catalogue_leaves_nothing_to_invent_and_an_almost_empty_one_nearly_all() -> None:
    every = np.array(list(itertools.product(*map(range, SIZES))))
    decoder = TableDecoder.random(5, seed=2)
    assert count_invented(decoder, Trie.build(every, SIZES).trie, beam_width=10).invalid == 0
    only = Trie.build(every[:1], SIZES).trie
    counts = count_invented(decoder, only, beam_width=24)
    assert counts.total == 50
    assert counts.invalid >= 45


def test_counts_add_up_over_batches() -> None:
    trie = Trie.build(np.array([[0, 0, 0], [2, 1, 1]]), SIZES).trie
    decoder = TableDecoder.random(6, seed=3)
    parts = [count_invented(decoder.select(torch.tensor(rows)), trie, 24) for rows in ([0, 1], [2, 3, 4, 5])]
    assert parts[0] + parts[1] == count_invented(decoder, trie, 24)
    assert InvalidIds(0, 0, 0, 0).share == 0.0


@pytest.mark.parametrize(("width", "k"), [(5, 6), (5, 0)])
def test_bad_widths(width: int, k: int) -> None:
    with pytest.raises(GenretError, match="expected 1 <= k"):
        spell_freely(TableDecoder.random(1), width, k)
