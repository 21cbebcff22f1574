"""Two lists in one, by hand; the best of many columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.search.fusion import Scored, fuse, least, union
from genret.search.ranking import best_columns

NONE = -np.inf


SCORES = st.sampled_from([0.0, 1.0, 2.0, 3.0, NONE])


@given(st.integers(1, 40).flatmap(lambda n: st.lists(st.lists(SCORES, min_size=n, max_size=n), min_size=1, max_size=5)))
def test_the_best_columns_are_those_of_a_full_sort(rows: list[list[float]]) -> None:
    for k, above in ((1, NONE), (3, NONE), (45, NONE), (3, 0.0)):
        positions, scores = best_columns(np.array(rows, np.float32), k, above)
        assert positions.shape == scores.shape == (len(rows), k)
        for row, values in enumerate(rows):
            known = [column for column, value in enumerate(values) if value > above]
            expected = sorted(known, key=lambda column: (-values[column], column))[:k]
            assert positions[row].tolist() == expected + [-1] * (k - len(expected))
            assert scores[row].tolist() == [values[column] for column in expected] + [NONE] * (k - len(expected))


def test_fusion_by_hand() -> None:
    cosine = Scored(np.array([[0.9, 0.5, 0.1]], np.float32), np.array([0.5], np.float32))  # its own list ended at .5
    bm25 = Scored(np.array([[NONE, 4.0, 6.0]], np.float32), np.array([2.0], np.float32))
    assert fuse((cosine, bm25), (np.ones(1), 1.0))[0].tolist() == pytest.approx([0.5, 0.25, 0.5])
    assert fuse((cosine, bm25), (np.ones(1), 0.5))[0].tolist() == pytest.approx([2 / 3, 1 / 6, 1 / 3])


def test_what_both_lack_scores_nothing_and_one_product_everything() -> None:
    nothing = Scored(np.full((1, 2), NONE, np.float32), np.zeros(1, np.float32))
    assert fuse((nothing, nothing), (np.ones(1), 1.0)).tolist() == [[0, 0]]
    alone = Scored(np.array([[3.0, NONE]], np.float32), np.array([3.0], np.float32))
    assert fuse((alone, nothing), (np.ones(1), 1.0)).tolist() == [[0.5, 0]]


def test_a_union_keeps_the_first_lists_order_and_each_position_once() -> None:
    first, second = np.array([[5, 2, -1], [-1, -1, -1]]), np.array([[7, 2, 1, -1], [5, 2, -1, -1]])
    assert union(first, second).tolist() == [[5, 2, -1, 7, -1, 1, -1], [-1, -1, -1, 5, 2, -1, -1]]
    assert least(np.array([[3, 1, NONE], [NONE, NONE, NONE]], np.float32)).tolist() == [1, 0]
