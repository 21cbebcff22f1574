"""Prefixes that follow an index: as if they were grown at once, whatever came and went, and found by every search."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from random_model import TEXT, WIDTH, assert_same, made

from genret.data.records import Catalogue
from genret.ground.arrays import Ints
from genret.ground.types import Product
from genret.index.build import Contents, build_index
from genret.index.index import Index
from genret.index.snapshot import Snapshot
from genret.model.grown import GrownValues
from genret.model.seq2seq import GenretForConditionalGeneration
from genret.model.values import PrefixValues
from genret.pipeline.growth import Growth
from genret.search.beam import BeamResult, BeamSettings, beam_search
from genret.search.several import search_several
from genret.search.single import search_single
from genret.search.trie import Trie

SHAPES = [(4, 3, 5), (3, 3, 3, 3), (2, 9), (40,)]


def shop(folder: Path, seed: int, embeddings: bool = True, learnt: bool = True) -> GenretForConditionalGeneration:
    """An index of some products, and a model that knows their IDs."""
    model, _ = made(SHAPES[seed % len(SHAPES)], 25, seed, look_below=3)
    own, rng = model.decoder.prefixes, np.random.default_rng(seed)
    assert isinstance(own, PrefixValues)
    known = own.ids().numpy()
    codes = np.concatenate([known, known[rng.integers(0, len(known), 10)]])
    vectors = rng.standard_normal((len(codes), WIDTH)).astype(np.float32)
    if not learnt:
        own.start_from(torch.from_numpy(codes), torch.from_numpy(vectors))
    products = Catalogue.from_products([Product(f"p{number}", f"title {number}") for number in range(len(codes))])
    build_index(Contents(products, codes, vectors if embeddings else None), own.sizes, folder)
    return model


class Changes:
    """What another process does to an index."""

    def __init__(self, folder: Path, sizes: tuple[int, ...], seed: int, embeddings: bool = True) -> None:
        self._index, self._sizes, self._embeddings = Index.open(folder), sizes, embeddings
        self._rng, self._there, self._came = np.random.default_rng(seed), [f"p{n}" for n in range(11)], 0

    def some(self) -> None:
        """A few at random."""
        for _ in range(int(self._rng.integers(1, 4))):
            kind = self._rng.choice(
                ["insert", "insert", "delete", "move", "price", "compact"], p=[0.3, 0.2, 0.2, 0.1, 0.15, 0.05]
            )
            getattr(self, kind)()

    def insert(self) -> None:
        count = int(self._rng.integers(1, 5))
        new = [Product(f"new{self._came + number}", "new") for number in range(count)]
        self._came += count
        self._index.insert(new, self._codes(count), self._vectors(count))
        self._there += [product.id for product in new]

    def delete(self) -> None:
        self._index.delete([self._there.pop(int(self._rng.integers(len(self._there))))])

    def move(self) -> None:
        self._index.update([Product(self._one(), "moved")], self._codes(1), self._vectors(1))

    def price(self) -> None:
        self._index.update([Product(self._one(), "cheap", price=2.0)])

    def compact(self) -> None:
        self._index.compact()

    def _one(self) -> str:
        return self._there[int(self._rng.integers(len(self._there)))]

    def _codes(self, count: int) -> npt.NDArray[np.int64]:
        return self._rng.integers(0, self._sizes, (count, len(self._sizes)))

    def _vectors(self, count: int) -> npt.NDArray[np.float32] | None:
        return self._rng.standard_normal((count, WIDTH)).astype(np.float32) if self._embeddings else None


def found_alike(model: GenretForConditionalGeneration, growth: Growth, index: Snapshot, seed: int) -> None:
    """One query, several, and the search that can do all find the same, and every product that is there."""
    prefixes, allowed, whole = growth.over(index), index.compile(), growth.whole(index)
    tokens = torch.randint(1, TEXT, (3, 4), generator=torch.Generator().manual_seed(seed))
    mask, asked = torch.ones_like(tokens), BeamSettings(len(index), 400)
    wanted = beam_search(model.decoder_for(tokens, mask, whole), index.trie, asked, allowed)
    several, single = model.several_for(tokens, mask, prefixes), model.single_for(tokens[:1], prefixes)
    assert several is not None
    assert single is not None
    found = search_several(several, index.trie, asked, allowed)
    alone = search_single(single, index.trie, asked, allowed)
    assert found is not None
    assert alone is not None
    assert_same(found, wanted)
    assert_same(beam_search(model.decoder_for(tokens, mask, prefixes), index.trie, asked, allowed), wanted)
    assert_same(alone, BeamResult._make(one[:1] for one in wanted))
    assert (found.positions >= 0).all()


@pytest.mark.parametrize("seed", range(8))
def test_following_change_by_change_is_growing_at_once(tmp_path: Path, seed: int) -> None:
    embeddings = seed % 3 != 2
    model = shop(tmp_path / "index", seed, embeddings, learnt=seed < 4)
    own = model.decoder.prefixes
    assert isinstance(own, PrefixValues)
    growth, index = Growth(own), Index.open(tmp_path / "index")
    others, beside = Changes(tmp_path / "index", own.sizes, seed, embeddings), 0
    for turn in range(25):
        others.some()
        now = index.snapshot()
        found, anew = growth.whole(now).state_dict(), Growth(own).whole(now).state_dict()
        assert found.keys() == anew.keys()
        for name, tensor in anew.items():
            assert torch.equal(found[name], tensor), name
        if turn % 4 == 0:
            found_alike(model, growth, now, turn)
        beside += isinstance(growth.over(now), GrownValues)
    assert beside > 5


def test_older_snapshots_are_searched_while_newer_ones_are_grown(tmp_path: Path) -> None:
    model = shop(tmp_path / "index", 1)
    own = model.decoder.prefixes
    assert isinstance(own, PrefixValues)
    growth, index, snapshots = Growth(own), Index.open(tmp_path / "index"), list[Snapshot]()
    others = Changes(tmp_path / "index", own.sizes, 1)
    for _ in range(12):
        others.insert()
        others.some()
        snapshots.append(index.snapshot())
    wanted = [Growth(own).whole(one).state_dict() for one in snapshots]

    def look(turn: int) -> None:
        number = (turn * 7) % len(snapshots)
        grown = growth.over(snapshots[number])
        found_alike(model, growth, snapshots[number], turn)
        state = grown.whole.state_dict() if isinstance(grown, GrownValues) else grown.state_dict()
        for name, tensor in wanted[number].items():
            assert torch.equal(state[name], tensor), name

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(look, range(48)))


def test_a_trie_is_compared_once_whatever_comes_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, index = shop(tmp_path / "index", 1), Index.open(tmp_path / "index")
    compared: list[Trie] = []

    def has_nodes(trie: Trie, codes: Sequence[Ints], starts: Sequence[Ints]) -> bool:
        compared.append(trie)
        return found(trie, codes, starts)

    found, own = Trie.has_nodes, model.decoder.prefixes
    monkeypatch.setattr(Trie, "has_nodes", has_nodes)
    assert isinstance(own, PrefixValues)
    growth = Growth(own)
    new = [[code] * len(own.sizes) for code in range(3)]  # some of them known, and some not
    for step, codes in enumerate([own.ids()[:1].tolist(), *([one] for one in new)]):
        index.insert([Product(f"new{step}", "a title")], codes, np.ones((1, WIDTH), np.float32))
        for _ in range(2):
            snapshot = index.snapshot()
            single = model.single_for(torch.ones((1, 4), dtype=torch.int64), growth.over(snapshot))
            assert single is not None
            hits = search_single(single, snapshot.trie, BeamSettings(len(snapshot), 400), snapshot.compile())
            assert hits is not None
            assert (hits.positions >= 0).all()
    assert compared == [index.snapshot().base.trie]
