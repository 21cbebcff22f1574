"""Two tries that answer as one, against the one trie of both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_shop import SIZES

from genret.ground.errors import GenretError
from genret.search.overlay import OverlayAllowed, OverlayTrie
from genret.search.trie import Allowed, Trie


@settings(max_examples=40, deadline=None)
@given(counts=st.tuples(st.integers(0, 40), st.integers(1, 40)), seed=st.integers(0, 2**32 - 1))
def test_an_overlay_equals_the_trie_of_both(counts: tuple[int, int], seed: int) -> None:
    """Nodes, masks, ranges, counts, ranks and IDs, with and without a filter; the delta's products after the base's."""
    rng = np.random.default_rng(seed)
    both = np.stack([rng.integers(0, size, sum(counts)) for size in SIZES], 1)
    base, base_order = Trie.build(both[: counts[0]], SIZES)
    delta, order = Trie.build(both[counts[0] :], SIZES)
    whole, whole_order = Trie.build(both, SIZES)
    ids = both[counts[0] :][order]
    overlay = OverlayTrie(base, delta, base.bucket(ids)[1])
    mask = rng.random(sum(counts)) < 0.5
    allowed, merged = Allowed.from_positions(whole, mask), OverlayAllowed.from_positions(overlay, mask)
    assert overlay.num_products == whole.num_products
    assert overlay.num_ids == whole.num_ids
    assert np.array_equal(merged.mask(), mask)
    positions = np.arange(sum(counts))
    assert np.array_equal(overlay.id_of(positions), whole.id_of(positions))
    of_delta, own = overlay.segments(positions)
    rows = np.where(of_delta, counts[0] + order[own % len(order)], np.append(base_order, 0)[np.where(of_delta, 0, own)])
    assert np.array_equal(rows, whole_order)
    pairs = [(np.array([-1, whole.root]), np.array([-1, overlay.root]))]
    for level in range(3):
        left, right = pairs[-1]
        assert np.array_equal(whole.children_mask(level, left), overlay.children_mask(level, right))
        assert np.array_equal(whole.children_mask(level, left, allowed), overlay.children_mask(level, right, merged))
        assert np.array_equal(whole.product_range(level, left), overlay.product_range(level, right))
        assert np.array_equal(allowed.count(level, left), merged.count(level, right))
        mine, theirs = whole.children(level, left), overlay.children(level, right)
        assert np.array_equal(mine.rows, theirs.rows)
        assert np.array_equal(mine.codes, theirs.codes)
        pairs.append((np.append(mine.nodes, -1), np.append(theirs.nodes, -1)))
        assert overlay.num_nodes(level + 1) == whole.num_nodes(level + 1)
    assert np.array_equal(overlay.find(both) >= 0, np.ones(len(both), bool))
    probe = np.stack([rng.integers(0, size, 30) for size in SIZES], 1)
    assert np.array_equal(overlay.bucket(probe), whole.bucket(probe))
    with pytest.raises(GenretError, match="compact"):
        overlay.save("nowhere")
    with pytest.raises(GenretError, match="another trie"):
        overlay.children_mask(0, np.array([overlay.root]), allowed)
