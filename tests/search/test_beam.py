"""The search against brute force, over decoders whose every log-probability is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from table_decoder import TableDecoder

from genret.ground.arrays import Ints
from genret.ground.errors import GenretError
from genret.search.beam import BeamResult, BeamSettings, BeamTrace, beam_search
from genret.search.exact import brute_force, score_ids
from genret.search.trie import Allowed, Trie


class Case(NamedTuple):
    trie: Trie
    decoder: TableDecoder
    allowed: Allowed | None


@st.composite
def cases(draw: st.DrawFn) -> Case:
    sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    count = draw(st.integers(0, 60))
    codes = np.stack([rng.integers(0, size, count) for size in sizes], 1)  # small codebooks: IDs collide
    trie, _ = Trie.build(codes, sizes)
    share = draw(st.sampled_from([None, 0.0, 0.1, 0.5, 1.0]))
    allowed = None if share is None else Allowed.from_positions(trie, rng.random(count) < share)
    queries = draw(st.integers(1, 4))
    grain = draw(st.sampled_from([0.0, 0.5, 2.0]))
    return Case(trie, TableDecoder(range(queries), sizes, seed, grain), allowed)


def reference(case: Case, k: int, cap: int | None = None, prefix_levels: int = 2) -> list[list[tuple[float, int]]]:
    """The rule, word by word: every allowed product, sorted by score, ID, position; a walk down with the cap."""
    ids = case.trie.id_of(np.arange(case.trie.num_products))
    mask = np.ones(len(ids), bool) if case.allowed is None else case.allowed.mask()
    answers = []
    for row in _scores_one_by_one(case.decoder, ids):
        order = sorted((-score, tuple(code), p) for p, (score, code) in enumerate(zip(row, ids.tolist(), strict=True)))
        shown: dict[tuple[int, ...], int] = {}
        hits: list[tuple[float, int]] = []
        for negative, code, position in order:
            prefix = code[:prefix_levels]
            if mask[position] and len(hits) < k and (cap is None or shown.get(prefix, 0) < cap):
                shown[prefix] = shown.get(prefix, 0) + 1
                hits.append((-negative, position))
        answers.append(hits)
    return answers


def _scores_one_by_one(decoder: TableDecoder, ids: Ints) -> list[list[float]]:
    """Each ID on its own, one row a call."""
    columns = []
    for code in ids:
        total, last = torch.zeros(decoder.num_queries), None
        for level, value in enumerate(code.tolist()):
            zero = torch.zeros(decoder.num_queries, 1, dtype=torch.int64)
            step = decoder.step(level, last, None if last is None else zero)
            total = total + step[:, 0, value]
            last = torch.full((decoder.num_queries, 1), value)
        columns.append(total)
    return torch.stack(columns, 1).tolist() if columns else [[] for _ in range(decoder.num_queries)]


def hits(result: BeamResult) -> list[list[tuple[float, int]]]:
    """The hits of each query as (score, position)."""
    return [
        [(score, position) for score, position in zip(scores, positions, strict=True) if position >= 0]
        for scores, positions in zip(result.scores.tolist(), result.positions.tolist(), strict=True)
    ]


def check_sound(result: BeamResult, case: Case) -> None:
    """What holds of every result: real products, once each, allowed, with their own IDs, best first, padding last."""
    mask = np.ones(case.trie.num_products, bool) if case.allowed is None else case.allowed.mask()
    for positions, ids, scores in zip(result.positions, result.ids, result.scores, strict=True):
        found = positions[positions >= 0]
        assert (positions[len(found) :] == -1).all()
        assert (ids[len(found) :] == -1).all()
        assert np.isneginf(scores[len(found) :]).all()
        assert len(set(found.tolist())) == len(found)
        assert mask[found].all()
        if len(found):
            assert (ids[: len(found)] == case.trie.id_of(found)).all()
            assert (np.diff(scores[: len(found)]) <= 0).all()


@given(cases(), st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_wide_beam_equals_brute_force(case: Case, k: int) -> None:
    """With collisions, filters, exact ties, empty catalogues and beams wider than the catalogue."""
    result = beam_search(case.decoder, case.trie, BeamSettings(k=k, beam_width=100), case.allowed)
    check_sound(result, case)
    assert hits(result) == reference(case, k)
    assert result.proven.all()
    every = brute_force(case.decoder, case.trie, BeamSettings(k=k), case.allowed)
    assert hits(every) == hits(result)
    assert (every.ids == result.ids).all()


@given(cases(), st.integers(1, 5), st.integers(0, 6))
@settings(max_examples=200, deadline=None)
def test_narrow_beam_is_right_where_it_says_so_and_always_full(case: Case, k: int, extra: int) -> None:
    result = beam_search(case.decoder, case.trie, BeamSettings(k=k, beam_width=k + extra), case.allowed)
    check_sound(result, case)
    for mine, truth, proven in zip(hits(result), reference(case, k), result.proven, strict=True):
        assert len(mine) == len(truth)
        if proven:
            assert mine == truth


@given(cases(), st.integers(1, 6), st.sampled_from([None, 1, 2, 3]), st.integers(1, 3))
@settings(max_examples=300, deadline=None)
def test_exact_equals_brute_force(case: Case, k: int, cap: int | None, prefix_levels: int) -> None:
    """From the narrowest first pass, with and without a cap, whose rule is the walk down the full ranking."""
    chosen = BeamSettings(k=k, beam_width=k, exact=True, max_per_prefix=cap, prefix_levels=prefix_levels)
    result = beam_search(case.decoder, case.trie, chosen, case.allowed)
    check_sound(result, case)
    assert hits(result) == reference(case, k, cap, prefix_levels)
    assert result.proven.all()
    assert not result.budget_ended.any()
    assert hits(brute_force(case.decoder, case.trie, chosen, case.allowed)) == hits(result)


@given(cases(), st.integers(1, 6), st.integers(0, 8), st.integers(1, 3), st.integers(1, 3))
@settings(max_examples=200, deadline=None)
def test_cap_holds_inside_the_search(case: Case, k: int, extra: int, cap: int, prefix_levels: int) -> None:
    chosen = BeamSettings(k=k, beam_width=k + extra, max_per_prefix=cap, prefix_levels=prefix_levels)
    result = beam_search(case.decoder, case.trie, chosen, case.allowed)
    check_sound(result, case)
    truth = reference(case, k, cap, prefix_levels)
    for mine, best, ids, proven in zip(hits(result), truth, result.ids.tolist(), result.proven, strict=True):
        prefixes = [tuple(code[:prefix_levels]) for code in ids[: len(mine)]]
        assert all(prefixes.count(prefix) <= cap for prefix in prefixes)
        assert len(mine) == len(best)  # never fewer than the catalogue can fill
        if proven:
            assert mine == best


@given(cases(), st.integers(1, 4), st.integers(1, 12))
@settings(max_examples=100, deadline=None)
def test_budget_is_kept_and_told(case: Case, k: int, max_rows: int) -> None:
    chosen = BeamSettings(k=k, beam_width=k, exact=True, max_rows=max_rows)
    plain = beam_search(case.decoder, case.trie, BeamSettings(k=k, beam_width=k), case.allowed)
    result = beam_search(case.decoder, case.trie, chosen, case.allowed)
    check_sound(result, case)
    assert (result.rows <= plain.rows + max(max_rows, case.trie.levels)).all()
    assert (result.budget_ended == ~result.proven).all()
    for mine, before, truth, proven in zip(hits(result), hits(plain), reference(case, k), result.proven, strict=True):
        assert len(mine) == len(truth)
        assert sum(score for score, _ in mine) >= sum(score for score, _ in before)
        if proven:
            assert mine == truth


def flat_trie(count: int = 500, sizes: tuple[int, ...] = (16, 16, 16), seed: int = 0) -> Trie:
    rng = np.random.default_rng(seed)
    return Trie.build(np.stack([rng.integers(0, size, count) for size in sizes], 1), sizes).trie


def test_ties_at_every_level_are_broken_by_id() -> None:
    """All codes equally likely: the answer is the first products in ID order, in any batch."""
    trie = flat_trie()
    decoder = TableDecoder(range(3), trie.codebook_sizes, 0, grain=1e6)  # every log-probability rounds to 0
    result = beam_search(decoder, trie, BeamSettings(k=10, beam_width=10))
    assert result.positions.tolist() == [list(range(10))] * 3
    assert not result.proven.any()  # a dropped prefix scores as much as the last hit
    exact = beam_search(decoder, trie, BeamSettings(k=10, beam_width=10, exact=True))
    assert exact.positions.tolist() == result.positions.tolist()
    assert exact.proven.all()


def test_same_search_same_bytes() -> None:
    trie = flat_trie()
    for chosen in (BeamSettings(), BeamSettings(exact=True), BeamSettings(max_per_prefix=2)):
        once, again = (beam_search(TableDecoder(range(5), trie.codebook_sizes, 1), trie, chosen) for _ in range(2))
        assert all(np.asarray(a).tobytes() == np.asarray(b).tobytes() for a, b in zip(once, again, strict=True))


def test_a_query_is_answered_alike_alone_and_in_a_batch() -> None:
    trie = flat_trie()
    chosen = BeamSettings(k=5, beam_width=8, exact=True)
    batch = hits(beam_search(TableDecoder(range(20), trie.codebook_sizes, 1), trie, chosen))
    alone = [hits(beam_search(TableDecoder([q], trie.codebook_sizes, 1), trie, chosen))[0] for q in range(20)]
    assert batch == alone


def test_rows_are_those_that_the_decoder_ran() -> None:
    trie = flat_trie()
    decoder = TableDecoder(range(3), trie.codebook_sizes, 0)
    result = beam_search(decoder, trie, BeamSettings(k=10, beam_width=12))
    assert result.rows.tolist() == [1 + 12 + 12] * 3  # the first level runs one row a query
    single = Trie.build(np.zeros((50, 3), np.int64), (16, 16, 16)).trie
    assert beam_search(decoder, single, BeamSettings()).rows.tolist() == [3] * 3  # no row without a prefix


def test_bucket_counts_products_and_filters_inside() -> None:
    codes = np.array([[0, 0]] * 5 + [[1, 1]] * 2)
    trie, _ = Trie.build(codes, (2, 2))
    decoder = TableDecoder([0], (2, 2), 3)
    mask = np.array([False, True, False, True, True, True, True])
    result = beam_search(decoder, trie, BeamSettings(k=4), Allowed.from_positions(trie, mask))
    first, second = ([1, 3, 4], [5, 6]) if result.positions[0, 0] == 1 else ([5, 6], [1, 3, 4])
    assert result.positions[0].tolist() == (first + second)[:4]


def test_no_queries_no_products_nothing_allowed() -> None:
    trie = flat_trie()
    sizes = trie.codebook_sizes
    empty = Trie.build(np.empty((0, 3), np.int64), sizes).trie
    nothing = Allowed.from_positions(trie, np.zeros(trie.num_products, bool))
    for chosen in (BeamSettings(k=3), BeamSettings(k=3, exact=True, max_per_prefix=1)):
        none = beam_search(TableDecoder([], sizes, 0), trie, chosen)
        assert none.positions.shape == (0, 3)
        assert none.ids.shape == (0, 3, 3)
        for result in (
            beam_search(TableDecoder([1, 2], sizes, 0), empty, chosen),
            beam_search(TableDecoder([1, 2], sizes, 0), trie, chosen, nothing),
        ):
            assert (result.positions == -1).all()
            assert result.ids.shape == (2, 3, 3)
            assert result.proven.all()
            assert result.rows.tolist() == [0, 0]


def test_score_ids_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    trie = flat_trie()
    decoder = TableDecoder(range(3), trie.codebook_sizes, 0)
    whole = score_ids(decoder, trie.all_ids())
    monkeypatch.setattr("genret.search.exact.ROWS_AT_ONCE", 50)
    assert (score_ids(decoder, trie.all_ids()) == whole).all()
    assert whole.tolist() == _scores_one_by_one(decoder, trie.all_ids())


def test_trace_accounts_for_every_candidate() -> None:
    trie = flat_trie()
    decoder = TableDecoder(range(2), trie.codebook_sizes, 0)
    trace = BeamTrace(max_pruned=10_000)
    result = beam_search(decoder, trie, BeamSettings(k=5, beam_width=6), trace=trace)
    assert len(trace.levels) == 3
    first = trace.levels[0]
    assert first.kept_codes.shape == (2, 6, 1)
    below = np.where(np.isneginf(first.pruned_scores), 0, first.pruned_products).sum(1)
    assert (first.kept_products.sum(1) + below == trie.num_products).all()
    for level in trace.levels:
        assert (np.diff(level.kept_scores, axis=1) <= 0).all()
        assert (level.kept_scores.min(1) >= level.pruned_scores.max(1)).all()
    assert (trace.levels[-1].kept_codes[:, 0] == result.ids[:, 0]).all()
    assert (trace.levels[-1].kept_scores[:, 0] == result.scores[:, 0]).all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"k": 0}, "k=0"),
        ({"k": 2.5}, "k=2.5"),
        ({"k": 60}, "beam_width=50"),
        ({"beam_width": True}, "beam_width=True"),
        ({"max_per_prefix": 0}, "max_per_prefix=0"),
        ({"max_rows": -1}, "max_rows=-1"),
    ],
)
def test_settings_are_checked(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(GenretError, match=words):
        BeamSettings(**wrong)


def test_a_decoder_of_other_codebooks_is_refused() -> None:
    with pytest.raises(GenretError, match=r"\(4, 4, 4\)"):
        beam_search(TableDecoder([0], (4, 4, 4), 0), flat_trie())


def test_nan_is_an_error_and_not_a_ranking() -> None:
    trie = flat_trie()
    decoder = TableDecoder([0], trie.codebook_sizes, 0)
    decoder._tables[1][:] = float("nan")
    with pytest.raises(GenretError, match="NaN"):
        beam_search(decoder, trie)


def decode_many(beams: int) -> int:
    """Beams of random tries, filters and decoders until so many are decoded; each ID checked against the catalogue."""
    rng = np.random.default_rng(5)
    decoded = 0
    while decoded < beams:
        sizes = tuple(rng.integers(2, 40, rng.integers(1, 5)).tolist())
        codes = np.stack([rng.integers(0, size, rng.integers(1, 3_000)) for size in sizes[:1]], 1)
        codes = np.concatenate([codes, *(rng.integers(0, size, (len(codes), 1)) for size in sizes[1:])], 1)
        trie, order = Trie.build(codes, sizes)
        mask = rng.random(len(codes)) < rng.choice([0.001, 0.01, 0.1, 0.5, 1.0])
        queries, k = int(rng.integers(1, 9)), int(rng.choice([10, 200, 4_000]))  # beams wider than the catalogue too
        decoder = TableDecoder(range(queries), sizes, int(rng.integers(1 << 30)))
        cap = None if rng.random() < 0.7 else 3
        found = beam_search(
            decoder, trie, BeamSettings(k=k, beam_width=k, max_per_prefix=cap), Allowed.from_positions(trie, mask)
        )
        hit = found.positions >= 0
        assert mask[found.positions[hit]].all()
        assert (codes[order[found.positions[hit]]] == found.ids[hit]).all()
        assert cap is not None or (hit.sum(1) == min(k, mask.sum())).all()
        decoded += int(hit.sum())
    return decoded


@pytest.mark.parametrize("beams", [50_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_no_invalid_id_over_many_beams(beams: int) -> None:
    assert decode_many(beams) >= beams
