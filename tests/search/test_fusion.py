"""Two lists in one, by hand; the best rows of many."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.search.fusion import Scored, fuse, union
from genret.search.ranking import best_rows

NONE = -np.inf


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, NONE]), min_size=1, max_size=40), st.integers(1, 45))
def test_best_rows_equals_a_full_sort(values: list[float], k: int) -> None:
    known = [row for row, value in enumerate(values) if value > NONE]
    expected = sorted(known, key=lambda row: (-values[row], row))[:k]
    assert best_rows(np.array(values, np.float32), k).tolist() == expected


def test_fusion_by_hand() -> None:
    cosine = Scored(np.array([0.9, 0.5, 0.1], np.float32), least=0.5)  # its own list ended at .5
    bm25 = Scored(np.array([NONE, 4.0, 6.0], np.float32), least=2.0)
    assert fuse((cosine, bm25), (1.0, 1.0)).tolist() == pytest.approx([0.5, 0.25, 0.5])
    assert fuse((cosine, bm25), (1.0, 0.5)).tolist() == pytest.approx([2 / 3, 1 / 6, 1 / 3])


def test_what_both_lack_scores_nothing_and_one_product_everything() -> None:
    nothing = Scored(np.full(2, NONE, np.float32), 0.0)
    assert fuse((nothing, nothing), (1.0, 1.0)).tolist() == [0, 0]
    alone = Scored(np.array([3.0, NONE], np.float32), 3.0)
    assert fuse((alone, nothing), (1.0, 1.0)).tolist() == [0.5, 0]


def test_a_union_keeps_the_first_lists_order() -> None:
    assert union(np.array([5, 2, -1]), np.array([7, 2, 1, -1, -1])).tolist() == [5, 2, 7, 1]
    assert union(np.array([-1]), np.array([], np.int64)).tolist() == []
