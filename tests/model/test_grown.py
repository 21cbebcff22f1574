"""Prefixes that grew beside a model's are those of one table: whatever came and went, and in whatever order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from random_model import TEXT, assert_same, made, shapes

from genret.ground.arrays import Ints
from genret.model import values
from genret.model.grown import GrownValues, Values
from genret.model.plain import Searched
from genret.model.values import PrefixValues
from genret.search.beam import BeamSettings, beam_search
from genret.search.overlay import OverlayTrie
from genret.search.several import search_several
from genret.search.single import search_single
from genret.search.trie import Trie


class Step(NamedTuple):
    """What was known after a change."""

    grown: GrownValues
    anew: GrownValues
    """The same, made at once."""
    ids: Ints
    """(m, L) what came."""


def values_of(own: PrefixValues, ids: Ints, seed: int) -> Values:
    """Random ones, which depend on an ID and on nothing else."""
    depth, width = own.coarse_level + 1, own.leaves.shape[1] + 1

    def drawn(prefixes: Ints) -> Any:
        rows = [np.random.default_rng([seed, *row]).normal(0, 0.4, width) for row in prefixes.tolist()]
        return np.array(rows, np.float32).reshape(len(rows), width)

    known = own.knows(torch.from_numpy(ids[:, :depth])).numpy()
    firsts = np.flatnonzero(~known & np.append(True, (ids[1:, :depth] != ids[:-1, :depth]).any(1))[: len(ids)])
    firsts = firsts if depth else firsts[:0]
    return Values(ids, drawn(ids), firsts, drawn(ids[firsts, :depth]))


def changes(own: PrefixValues, seed: int, turns: int) -> Iterator[Step]:
    """IDs come, go and change their values, some at a time."""
    rng, grown, seeds = np.random.default_rng(seed), GrownValues.of(own), 0
    came = np.zeros((0, own.levels), np.int64)
    for turn in range(turns):
        gone = rng.random(len(came)) < (0.4 if turn % 2 else 0.0)
        grown, came = grown.without(came[gone]), came[~gone]
        new = rng.integers(0, own.sizes, (int(rng.integers(0, 8)), own.levels))
        new = np.unique(new[~own.knows(torch.from_numpy(new)).numpy()], axis=0)
        came = np.unique(np.concatenate([came, new]), axis=0)
        seeds += turn % 3 == 2  # then all have other values
        grown = grown.with_values(values_of(own, came if turn % 3 == 2 else new, seeds))
        if turn % 3 == 2:
            yield Step(grown, GrownValues.of(own).with_values(values_of(own, came, seeds)), came)


@given(shapes, st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_growing_change_by_change_is_growing_at_once(shape: dict[str, Any], seed: int) -> None:
    own = made(**shape)[0].decoder.prefixes
    assert isinstance(own, PrefixValues)
    for grown, anew, ids in changes(own, seed, 9):
        whole, wanted = grown.whole.state_dict(), anew.whole.state_dict()
        assert whole.keys() == wanted.keys()
        for name, tensor in wanted.items():
            assert torch.equal(whole[name], tensor), name
        assert grown.whole.knows(torch.from_numpy(ids)).all()
        assert len(grown.whole.leaves) == len(own.leaves) + len(ids)
        every = torch.cat([own.ids(), torch.from_numpy(ids)])
        filled = PrefixValues(own.sizes, PrefixValues.counts(every), 8, own.backoff, own.look_below)
        filled.fill(every)
        for level in range(own.levels):
            for name in (f"keys{level}", f"starts{level}"):
                assert torch.equal(whole[name], filled.get_buffer(name)), name


def found_by_all(model: Searched, grown: GrownValues, ids: Ints, seed: int) -> None:
    """One query, several, and the whole table find the same over a trie of the model's IDs and those that came."""
    known = grown.base.ids().numpy()
    base, delta = (Trie.build(part, grown.base.sizes).trie for part in (known, ids))
    trie = OverlayTrie(base, delta, base.bucket(ids)[0]) if len(ids) else base
    tokens = torch.randint(1, TEXT, (3, 4), generator=torch.Generator().manual_seed(seed))
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
    asked = BeamSettings(5, 1 + seed % 12 if seed % 12 > 4 else 40)
    several = model.several_for(tokens, mask, grown)
    assert several is not None
    found = search_several(several, trie, asked)
    assert found is not None
    wanted = beam_search(model.decoder_for(tokens, mask, grown.whole), trie, asked)
    assert_same(found, wanted)
    assert_same(beam_search(model.decoder_for(tokens, mask, grown), trie, asked), wanted)
    single = model.single_for(tokens[:1], grown)
    assert single is not None
    alone = search_single(single, trie, asked)
    assert alone is not None
    assert_same(alone, beam_search(model.decoder_for(tokens[:1], None, grown.whole), trie, asked))


@pytest.mark.parametrize("spread_from", [1, values.SPREAD_FROM])
@given(shape=shapes, seed=st.integers(0, 999))
@settings(max_examples=40, deadline=None)
def test_all_ways_of_search_find_what_one_table_finds(spread_from: int, shape: dict[str, Any], seed: int) -> None:
    before, values.SPREAD_FROM = values.SPREAD_FROM, spread_from
    try:
        model, _ = made(**shape)
        own = model.decoder.prefixes
        assert isinstance(own, PrefixValues)
        for grown, _, ids in changes(own, seed, 9):
            found_by_all(model, grown, ids, seed)
    finally:
        values.SPREAD_FROM = before
