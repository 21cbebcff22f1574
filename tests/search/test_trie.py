"""The prefix trie against marisa-trie and against plain Python sets, for random codes, nodes and filters."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import marisa_trie
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret import level
from genret.ground.errors import GenretError
from genret.search import bits
from genret.search.patched import inserted, removed
from genret.search.trie import Allowed, Trie, sort_rows

SIZES = (1, 2, 3, 64, 70, 256, 300, 65_536)


class Case(NamedTuple):
    codes: np.ndarray
    sizes: tuple[int, ...]
    mask: np.ndarray
    seed: int


@st.composite
def cases(draw: st.DrawFn, max_products: int = 80) -> Case:
    """Random IDs that share prefixes and collide, with a random filter."""
    sizes = tuple(draw(st.lists(st.sampled_from(SIZES), min_size=1, max_size=8)))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    count, spread = draw(st.integers(0, max_products)), draw(st.sampled_from((1, 2, 4, 40, 65_536)))
    codes = (
        np.stack([rng.integers(0, min(size, spread), count) for size in sizes], 1)
        if count
        else np.zeros((0, len(sizes)), int)
    )
    return Case(codes, sizes, rng.random(count) < draw(st.sampled_from((0.0, 0.1, 0.5, 1.0))), seed)


def prefixes(codes: np.ndarray, depth: int) -> list[tuple[int, ...]]:
    """The nodes of a depth, by brute force: a root even where there are no products."""
    return sorted({tuple(row[:depth]) for row in codes.tolist()}) or ([()] if depth == 0 else [])


@settings(max_examples=60, deadline=None)
@given(case=cases(), budget=st.sampled_from([(0.0, 0.0), (6.0, 3.5), (0.0, 1e9), (1e9, 0.0)]))
def test_children_match_brute_force(case: Case, budget: tuple[float, float]) -> None:
    """Whatever share of the nodes holds bit sets, masks, children and ranges are those of the set of prefixes."""
    codes, sizes, mask, _ = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(level, "BYTES_A_CHILD", budget[0])
        patch.setattr(level, "BYTES_A_CHILD_OF_SOME", budget[1])
        patch.setattr(level, "SHARE_OF_SOME", 0.0)
        trie, order = Trie.build(codes, sizes)
        allowed = Allowed.from_positions(trie, mask)
    rows = codes[order].tolist()
    for depth, size in enumerate(sizes):
        nodes = prefixes(codes, depth)
        asked = np.array([-1, *range(len(nodes)), -1])
        masks, filtered = trie.children_mask(depth, asked), trie.children_mask(depth, asked, allowed)
        start, stop = trie.product_range(depth, asked)
        children = trie.children(depth, asked)
        assert masks.shape == filtered.shape == (len(asked), size)
        assert masks.flags.c_contiguous
        for i, node in enumerate([None, *nodes, None]):
            below = [p for p, row in enumerate(rows) if tuple(row[:depth]) == node]
            expected = sorted({rows[p][depth] for p in below})
            assert np.flatnonzero(masks[i]).tolist() == expected
            assert np.flatnonzero(filtered[i]).tolist() == sorted({rows[p][depth] for p in below if mask[p]})
            assert children.codes[children.rows == i].tolist() == expected
            assert list(range(start[i], stop[i])) == below
            assert allowed.positions(int(start[i]), int(stop[i])).tolist() == [p for p in below if mask[p]]
        assert (trie.child(depth, asked[children.rows], children.codes) == children.nodes).all()
        assert allowed.count(depth, asked).tolist() == [int(mask[s:e].sum()) for s, e in zip(start, stop, strict=True)]


@settings(max_examples=60, deadline=None)
@given(case=cases())
def test_ids_match_marisa(case: Case) -> None:
    """Order, distinct IDs, IDs of positions, and finding IDs (present and not) agree with a marisa trie."""
    codes, sizes, _, seed = case
    trie, order = Trie.build(codes, sizes)
    assert order.tolist() == sorted(range(len(codes)), key=lambda row: (*codes[row].tolist(), row))
    assert np.array_equal(trie.id_of(np.arange(len(codes))), codes[order])
    reference = marisa_trie.BinaryTrie([row.astype(">u2").tobytes() for row in codes])
    assert trie.num_ids == len(reference)
    assert trie.num_products == len(codes)
    rng = np.random.default_rng(seed)
    asked = np.concatenate([codes, np.stack([rng.integers(0, min(size, 5), 20) for size in sizes], 1)])
    found = trie.find(asked)
    assert [node >= 0 for node in found] == [row.astype(">u2").tobytes() in reference for row in asked]
    start, stop = trie.product_range(trie.levels, found)
    points = trie.bucket(asked)[0]
    ordered = [tuple(row) for row in codes[order].tolist()]
    for row, first, last, point in zip(map(tuple, asked.tolist()), start, stop, points, strict=True):
        assert ordered[first:last] == [one for one in ordered if one == row]
        assert point == sum(one < row for one in ordered)


@settings(max_examples=40, deadline=None)
@given(case=cases())
def test_rank_and_nth_are_inverse(case: Case) -> None:
    trie, _ = Trie.build(case.codes, case.sizes)
    allowed = Allowed.from_positions(trie, case.mask)
    positions = np.flatnonzero(case.mask)
    assert np.array_equal(allowed.mask(), case.mask)
    assert allowed.num_allowed == len(positions)
    assert np.array_equal(allowed.rank(np.arange(len(case.mask) + 1)), np.append(0, np.cumsum(case.mask)))
    if len(positions):
        assert np.array_equal(allowed.nth(np.arange(len(positions))), positions)


@settings(max_examples=20, deadline=None)
@given(case=cases())
def test_saved_trie_answers_the_same(case: Case, tmp_path_factory: pytest.TempPathFactory) -> None:
    trie, _ = Trie.build(case.codes, case.sizes)
    folder = tmp_path_factory.mktemp("trie")
    trie.save(folder)
    opened = Trie.open(folder)
    assert opened.codebook_sizes == trie.codebook_sizes
    assert opened.nbytes == trie.nbytes
    nodes = np.array([trie.root])
    for depth in range(trie.levels):
        assert np.array_equal(opened.children_mask(depth, nodes), trie.children_mask(depth, nodes))
        nodes = trie.children(depth, nodes).nodes
    assert np.array_equal(opened.id_of(np.arange(len(case.codes))), trie.id_of(np.arange(len(case.codes))))


@pytest.mark.parametrize("sizes", [(256,) * 4, (65_536,) * 3, (65_536,) * 8, (2,) * 8, (300, 5)])
def test_rows_are_sorted_stably_whatever_the_width_of_the_key(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, min(size, 3), 2000) * (size // min(size, 3)) for size in sizes], 1)
    expected = np.lexsort([np.arange(len(codes)), *codes.T[::-1]])
    assert np.array_equal(sort_rows(codes, sizes), expected)


def test_a_large_skewed_trie_uses_all_three_kinds_of_level_and_stays_small() -> None:
    rng = np.random.default_rng(0)
    weights = 1 / np.arange(1, 257) ** 0.8
    draws = [rng.choice(256, 100_000, p=weights / weights.sum()) for _ in range(4)]
    codes = np.stack(draws, 1)
    trie, order = Trie.build(codes, (256,) * 4)
    sets = [one.sets for one in trie._levels]
    assert sets[0] is not None
    assert sets[0].slots is None  # every node has a bit set
    assert sets[2] is not None
    assert sets[2].slots is not None  # some have
    assert sets[3] is None  # none has
    assert trie.nbytes < 14 * trie.num_ids
    mask = rng.random(len(codes)) < 0.01
    allowed = Allowed.from_positions(trie, mask)
    nodes = np.zeros(400, np.int64)
    picked = codes[order][rng.integers(0, len(codes), 400)]
    for depth in range(4):
        masks = trie.children_mask(depth, nodes)
        start, stop = trie.product_range(depth, nodes)
        for row in range(0, 400, 40):
            below = slice(start[row], stop[row])
            assert np.array_equal(np.flatnonzero(masks[row]), np.unique(codes[order][below, depth]))
            kept = codes[order][below][mask[below]]
            filtered = trie.children_mask(depth, nodes[row : row + 1], allowed)
            assert np.array_equal(np.flatnonzero(filtered[0]), np.unique(kept[:, depth]))
        nodes = trie.child(depth, nodes, picked[:, depth])
    assert (nodes >= 0).all()


def test_codes_out_of_range_have_no_child() -> None:
    trie, _ = Trie.build([[0, 1], [2, 0]], (3, 3))
    assert trie.child(0, np.zeros(4, np.int64), np.array([-1, 3, 1, 0])).tolist() == [-1, -1, -1, 0]


def test_one_product() -> None:
    trie, order = Trie.build([[1, 2]], (3, 3))
    assert order.tolist() == [0]
    assert np.flatnonzero(trie.children_mask(0, np.array([trie.root]))[0]).tolist() == [1]
    start, stop = trie.product_range(0, np.array([trie.root]))
    assert (start.tolist(), stop.tolist()) == ([0], [1])


def test_no_products() -> None:
    trie, order = Trie.build(np.zeros((0, 2), int), (3, 3))
    assert (len(order), trie.num_products, trie.num_ids) == (0, 0, 0)
    assert not trie.children_mask(0, np.array([trie.root])).any()
    assert trie.find([[0, 0]]).tolist() == [-1]
    assert Allowed.from_positions(trie, np.zeros(0, bool)).num_allowed == 0


def test_all_in_one_bucket() -> None:
    trie, order = Trie.build(np.full((50, 3), 7), (8, 8, 8))
    assert order.tolist() == list(range(50))
    assert trie.num_ids == 1
    assert [int(edge[0]) for edge in trie.product_range(3, trie.find([[7, 7, 7]]))] == [0, 50]


@pytest.mark.parametrize(
    ("codes", "sizes", "message"),
    [
        ([[0, 3]], (3, 3), "row 0: code 3 at level 2, but that codebook has 3 codes"),
        ([[0, 1], [-1, 0]], (3, 3), "row 1: code -1 at level 1"),
        ([[0, 1, 2]], (3, 3), r"shape \(1, 3\)"),
        ([[0.5, 1.0]], (3, 3), "float64"),
        ([[0]], (70_000,), "1 to 65536 codes"),
        ([[0] * 9], (3,) * 9, "1 to 8 levels"),
    ],
)
def test_codes_that_do_not_fit_are_refused(codes: list[list[float]], sizes: tuple[int, ...], message: str) -> None:
    with pytest.raises(GenretError, match=message):
        Trie.build(codes, sizes)


def test_a_filter_of_another_trie_is_refused() -> None:
    trie, _ = Trie.build([[0, 1], [2, 0]], (3, 3))
    other, _ = Trie.build([[0, 1], [2, 0]], (3, 3))
    allowed = Allowed.from_positions(other, np.array([True, False]))
    with pytest.raises(GenretError, match="another trie"):
        trie.children_mask(0, np.array([0]), allowed)
    with pytest.raises(GenretError, match="shape"):
        Allowed.from_positions(trie, np.array([True]))


@pytest.mark.parametrize("damage", ["truncated", "missing", "swapped"])
def test_damaged_arrays_are_named(tmp_path: Path, damage: str) -> None:
    Trie.build([[0, 1], [2, 0], [2, 2]], (3, 3))[0].save(tmp_path)
    victim = tmp_path / "codes1.npy"
    if damage == "truncated":
        victim.write_bytes(victim.read_bytes()[:-2])
    elif damage == "missing":
        victim.unlink()
    else:
        victim.write_bytes((tmp_path / "codes0.npy").read_bytes())
    with pytest.raises(GenretError, match=r"codes1\.npy|level 2"):
        Trie.open(tmp_path)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_bits_are_counted_alike_on_every_numpy(values: list[int]) -> None:
    words = np.array(values, dtype="<u8")
    expected = [value.bit_count() for value in values]
    assert bits.popcount(words).tolist() == expected
    assert bits._popcount_by_halves(words).tolist() == expected


@given(st.integers(0, 200), st.integers(0, 2**32 - 1))
def test_bits_pack_and_unpack(count: int, seed: int) -> None:
    flags = np.random.default_rng(seed).random((3, count)) < 0.5
    assert np.array_equal(bits.unpack(bits.pack(flags), count), flags)
    assert np.array_equal(bits.test(bits.pack(flags[0]), np.arange(count)), flags[0])


@settings(max_examples=60, deadline=None)
@given(case=cases(), some=st.sampled_from([0.0, 1e9]))
def test_a_patched_filter_is_the_filter_compiled_anew(case: Case, some: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(level, "BYTES_A_CHILD_OF_SOME", some)
        patch.setattr(level, "SHARE_OF_SOME", 0.0)
        trie, _ = Trie.build(case.codes, case.sizes)
    rng = np.random.default_rng(case.seed)
    gone = np.flatnonzero(rng.random(len(case.mask)) < rng.random())
    mask = case.mask.copy()
    mask[gone] = False
    patched, anew = Allowed.from_positions(trie, case.mask).without(gone), Allowed.from_positions(trie, mask)
    assert np.array_equal(patched.mask(), mask)
    assert patched.num_allowed == anew.num_allowed
    for depth in range(trie.levels):
        nodes = np.arange(-1, trie.num_nodes(depth))
        assert np.array_equal(patched.count(depth, nodes), anew.count(depth, nodes))
        one, other = (trie.children_mask(depth, nodes, allowed) for allowed in (patched, anew))
        assert np.array_equal(one, other)


def arrays(trie: Trie) -> list[tuple[str, list[int]]]:
    """What a trie is made of, with the types."""
    return [(str(array.dtype), array.ravel().tolist()) for array in trie._arrays().values()]


@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_a_patched_trie_is_the_trie_built_anew(case: Case) -> None:
    """Array by array, when some products of it go and others come."""
    codes, sizes, _, seed = case
    rng = np.random.default_rng(seed)
    came = np.zeros(len(codes), np.bool_) if rng.random() < 0.1 else rng.random(len(codes)) < rng.random()
    trie, order = Trie.build(codes[~came], sizes)
    gone = np.flatnonzero(rng.random(len(order)) < rng.random())
    fewer = removed(trie, gone)
    kept = np.delete(codes[~came][order], gone, axis=0)
    assert arrays(fewer) == arrays(Trie.build(kept, sizes).trie)
    new = codes[came][sort_rows(codes[came], sizes)]
    start, stop = fewer.bucket(new)
    points = np.sort(start + rng.integers(0, stop - start + 1))  # anywhere among those of the same ID
    more = inserted(fewer, new, points)
    everything = np.concatenate([kept, new])
    assert arrays(more) == arrays(Trie.build(everything, sizes).trie)
    assert np.insert(kept, points, new, axis=0).tolist() == more.id_of(np.arange(len(everything))).tolist()


@given(case=cases())
def test_the_filter_that_allows_everything(case: Case) -> None:
    trie, _ = Trie.build(case.codes, case.sizes)
    every, compiled = Allowed.every(trie), Allowed.from_positions(trie, np.ones(len(case.codes), np.bool_))
    assert every.num_allowed == compiled.num_allowed == len(case.codes)
    for depth in range(trie.levels):
        nodes = np.arange(-1, trie.num_nodes(depth))
        assert np.array_equal(every.count(depth, nodes), compiled.count(depth, nodes))
        wanted, found = (trie.children_mask(depth, nodes, one) for one in (every, compiled))
        assert np.array_equal(wanted, found)
