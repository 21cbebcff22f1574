"""The index on disk and under change: whatever is done to it, it answers as one built from the products as they are."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from index_shop import FILTERS, SIZES, Shop, assert_like_a_rebuild, listing
from table_decoder import TableDecoder

from genret.data.records import Catalogue
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.build import Contents, build_index, current
from genret.index.filter_cache import FilterCache
from genret.index.filters import column
from genret.index.index import Index
from genret.search.beam import BeamSettings, beam_search
from genret.search.trie import Allowed, Trie

OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert", "update", "move", "delete", "compact", "reopen", "look"]),
        st.integers(0, 6),
        st.booleans(),  # whether anyone looks between this and the last
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 15), seed=st.integers(0, 2**32 - 1), operations=OPERATIONS, embedded=st.booleans())
def test_any_sequence_of_changes_equals_a_rebuild(
    count: int,
    seed: int,
    operations: Sequence[tuple[str, int, bool]],
    embedded: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Inserts, updates, moves, deletions, compactions and reopenings, and another who has it open and looks on."""
    shop = Shop(count, seed, tmp_path_factory.mktemp("shop"), embedded=embedded)
    follower = Index.open(shop.folder / "index")
    for what, size, look in operations:
        before = shop.index.snapshot() if look else None
        seen = [] if before is None else listing(before, None)
        if what in {"insert", "update", "move", "delete"}:
            shop.do(what, size)
        elif what == "compact":
            shop.index.compact()
            assert shop.index.pending == 0
        elif what == "look":
            assert listing(follower.snapshot(), None) == listing(shop.index.snapshot(), None)
        else:
            shop.index.close()
            shop.index = Index.open(shop.folder / "index")
        assert before is None or listing(before, None) == seen  # a snapshot never changes
    assert_like_a_rebuild(shop, "rebuilt")
    shutil.rmtree(shop.folder)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.lists(st.tuples(st.sampled_from(["insert", "move", "delete"]), st.integers(1, 6)), min_size=1, max_size=4),
    where=st.sampled_from(FILTERS),
    beam=st.sampled_from([(3, 4), (10, 50)]),
    cap=st.sampled_from([None, 1]),
)
def test_a_beam_finds_the_same_on_a_changed_index(
    seed: int,
    steps: Sequence[tuple[str, int]],
    where: str | None,
    beam: tuple[int, int],
    cap: int | None,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """The beam search itself, narrow and wide, with scores that tie and a cap on prefixes."""
    shop = Shop(20, seed, tmp_path_factory.mktemp("shop"), embedded=False)
    for what, size in steps:
        shop.do(what, size)
    options = BeamSettings(k=beam[0], beam_width=beam[1], max_per_prefix=cap)
    found = []
    for snapshot in (shop.index.snapshot(), Index.open(shop.build(shop.folder / "rebuilt")).snapshot()):
        decoder = TableDecoder(range(5), SIZES, seed, grain=0.5)
        result = beam_search(decoder, snapshot.trie, options, snapshot.compile(where))
        hits = [[one.id for one in snapshot.products(row[row >= 0])] for row in result.positions]
        found.append((hits, result.scores.tolist(), result.ids.tolist(), result.proven.tolist(), result.bound.tolist()))
    assert found[0] == found[1]
    shutil.rmtree(shop.folder)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(12, 0, tmp_path)


def test_products_of_one_id_stand_by_popularity_then_id(tmp_path: Path) -> None:
    shelf = [Product(name, "t", popularity=rank) for name, rank in [("b", 1), ("a", 1), ("c", 5), ("d", 0.5)]]
    build_index(Contents(Catalogue.from_products(shelf), np.ones((4, 2), int)), (2, 2), tmp_path / "index")
    index = Index.open(tmp_path / "index")
    assert [one.id for one in index.products(range(4))] == ["c", "a", "b", "d"]
    index.insert([Product("aa", "t", popularity=1), Product("z", "t", popularity=9)], [[1, 1], [1, 1]])
    assert [one.id for one in index.products(range(6))] == ["z", "c", "a", "aa", "b", "d"]


def test_an_empty_index_finds_nothing_and_can_be_filled(tmp_path: Path) -> None:
    shop = Shop(0, 0, tmp_path)
    assert listing(shop.index.snapshot(), "price < 3") == []
    assert len(shop.index) == 0
    shop.do("insert", 5)
    assert_like_a_rebuild(shop, "rebuilt")


def test_everything_deleted_finds_nothing(shop: Shop) -> None:
    shop.index.delete(list(shop.truth))
    assert listing(shop.index.snapshot(), None) == []
    allowed = shop.index.compile("price < 3")
    assert allowed is not None
    assert allowed.num_allowed == 0
    shop.index.compact()
    assert len(Index.open(shop.folder / "index")) == 0


def test_the_same_products_make_the_same_bytes(shop: Shop) -> None:
    first, second = (current(shop.build(shop.folder / name)) for name in ("one", "two"))
    assert first.fingerprint == second.fingerprint


def test_compaction_keeps_lineage_and_takes_in_the_changes(shop: Shop) -> None:
    shop.do("insert", 3)
    shop.do("delete", 2)
    expected = listing(shop.index.snapshot(), None)
    assert shop.index.pending > 0
    artifact, outcome = shop.index.compact()
    assert outcome == "written"
    assert artifact.inputs == {"tokenizer": "t"}
    assert shop.index.pending == 0
    assert listing(shop.index.snapshot(), None) == expected
    assert listing(Index.open(shop.folder / "index").snapshot(), None) == expected
    assert shop.index.compact() == (artifact, "nothing to do")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda index: index.insert([Product("p001", "t")], [[0, 0, 0]], np.zeros((1, 4))), "'p001' is in the index"),
        (lambda index: index.insert([Product("x", "t")] * 2, [[0, 0, 0]] * 2, np.zeros((2, 4))), "'x' is given twice"),
        (lambda index: index.insert([Product("", "t")], [[0, 0, 0]], np.zeros((1, 4))), "expected text"),
        (lambda index: index.insert([Product("x", "t")], [[0, 0]], np.zeros((1, 4))), r"shape \(1, 2\)"),
        (lambda index: index.insert([Product("x", "t")], [[0, 2, 0]], np.zeros((1, 4))), "code 2 at level 2"),
        (lambda index: index.insert([Product("x", "t")], [[0, 0, 0]]), r"give \(1, 4\)"),
        (lambda index: index.insert([Product("x", "t")], [[0, 0, 0]], np.zeros((1, 3))), r"expected \(1, 4\) finite"),
        (lambda index: index.insert([Product("x", "t")], [[0, 0, 0]], np.full((1, 4), np.nan)), "finite"),
        (lambda index: index.insert([Product("x", "t", popularity=0)], [[0, 0, 0]], np.zeros((1, 4))), "popularity"),
        (lambda index: index.insert([Product("x", "t", price=np.inf)], [[0, 0, 0]], np.zeros((1, 4))), "price inf"),
        (lambda index: index.insert([Product("x", " ")], [[0, 0, 0]], np.zeros((1, 4))), "no title"),
        (lambda index: index.update([Product("x", "t")]), "update: no product 'x'"),
        (lambda index: index.delete(["p001", "x"]), "delete: no product 'x'"),
        (lambda index: index.compile("colour = 'red'"), "no column or attribute 'colour'"),
        (lambda index: index.compile(3), "expected Condition or text"),
        (lambda index: index.define("odd", "price <"), "column 8"),
        (lambda index: index.snapshot().position("x"), "no product 'x'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_changes_nothing(shop: Shop, call: Any, message: str) -> None:
    before = listing(shop.index.snapshot(), None)
    with pytest.raises(GenretError, match=message):
        call(shop.index)
    assert shop.index.pending == 0
    assert listing(shop.index.snapshot(), None) == before


def test_embeddings_are_refused_where_the_index_holds_none(tmp_path: Path) -> None:
    shop = Shop(3, 0, tmp_path, embedded=False)
    with pytest.raises(GenretError, match="holds none"):
        shop.index.insert([Product("x", "t")], [[0, 0, 0]], np.zeros((1, 4)))
    assert shop.index.embeddings is None


@pytest.mark.parametrize(
    ("codes", "embeddings", "message"),
    [
        (np.zeros((2, 3), int), None, "one row per product"),
        (np.full((3, 3), 9), None, "code 9"),
        (np.zeros((3, 3), int), np.zeros((2, 4)), "one row per product"),
    ],
)
def test_building_from_parts_that_disagree_is_refused(
    tmp_path: Path, codes: np.ndarray, embeddings: np.ndarray | None, message: str
) -> None:
    catalogue = Catalogue.from_products([Product(name, "t") for name in "abc"])
    with pytest.raises(GenretError, match=message):
        build_index(Contents(catalogue, codes, embeddings), SIZES, tmp_path / "index")
    assert not (tmp_path / "index").exists()


def test_readers_see_whole_changes_only(tmp_path: Path) -> None:
    """Pairs of products come and go together while other threads read: never one without the other."""
    shop = Shop(20, 0, tmp_path)
    halves: list[str] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            snapshot = shop.index.snapshot()
            found = {one.id for _, products in listing(snapshot, "price < 100") for one, _ in products}
            halves.extend(one for one in found if one.startswith("left") and f"right{one[4:]}" not in found)

    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for i in range(30):
        pair = [Product(f"{side}{i}", "t", price=1.0) for side in ("left", "right")]
        shop.index.insert(pair, [[0, 0, 0], [2, 1, 2]], np.zeros((2, 4)))
        if i % 3 == 0:
            shop.index.delete([one.id for one in pair])
        if i % 10 == 9:
            shop.index.compact()
    done.set()
    for thread in threads:
        thread.join()
    assert not halves
    assert sum(one.id.startswith("left") for one in shop.index.products(range(len(shop.index)))) == 20


def test_named_filters_follow_changes(shop: Shop) -> None:
    shop.index.define("cheap", "price < 3")
    condition = column("price") < 3
    assert listing(shop.index.snapshot(), "cheap") == listing(shop.index.snapshot(), "price < 3")
    shop.index.insert([Product("x", "t", price=1.0, available=True)], [[0, 0, 0]], np.zeros((1, 4)))
    found = [one.id for _, products in listing(shop.index.snapshot(), "cheap and available") for one, _ in products]
    assert "x" in found
    assert shop.index.compile(condition) is shop.index.compile("price < 3")  # compiled once
    with pytest.raises(GenretError, match="named filters: cheap, available"):
        shop.index.compile("dear")


def test_an_attribute_that_only_new_products_have_can_be_asked_for(shop: Shop) -> None:
    with pytest.raises(GenretError, match="'colour'"):
        shop.index.compile('colour = "red"')
    new = Product("x", "t", attributes={"colour": "red"})
    shop.index.insert([new], [[0, 0, 0]], np.zeros((1, 4)))
    assert [[one for one, _ in found] for _, found in listing(shop.index.snapshot(), 'colour = "red"')] == [[new]]


def test_the_filter_cache_keeps_the_last_used() -> None:
    trie, _ = Trie.build(np.zeros((1000, 1), int), (1,))
    one = Allowed.from_positions(trie, np.ones(1000, bool))
    cache = FilterCache(max_bytes=2 * one.nbytes)
    cache.put("a", one)
    cache.put("b", one)
    assert cache.get("a") is one
    cache.put("c", one)
    assert cache.get("b") is None
    assert cache.get("a") is cache.get("c") is one


def test_a_trie_that_is_built_anew_is_the_one_that_patching_gives(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever costs less is done; array by array they are the same."""
    monkeypatch.setattr("genret.index.live.BUILT_BELOW", 0)
    readers = {most: Index.open(shop.folder / "index") for most in (0, 1 << 30)}
    for _ in range(25):
        shop.do(str(shop.rng.choice(["insert", "insert", "update", "move", "delete"])), 3)
        tries = []
        for most, reader in readers.items():
            monkeypatch.setattr("genret.index.live.PATCHED_FROM", most)
            delta = reader.snapshot().delta
            tries.append({} if delta is None else delta.trie._arrays())
        patched, built = tries
        assert patched.keys() == built.keys()
        for name, array in patched.items():
            assert array.dtype == built[name].dtype, name
            assert np.array_equal(array, built[name]), name
