"""The index on disk and under change: whatever is done to it, it answers as one built from the products as they are."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.artifacts import read_artifact
from genret.changes import LOG
from genret.data.records import Catalogue
from genret.errors import GenretError
from genret.filters import column
from genret.idmap import IdMap
from genret.index import Index, build_index
from genret.overlay import OverlayAllowed, OverlayTrie
from genret.snapshot import FilterCache, Snapshot
from genret.trie import Allowed, Trie
from genret.types import Product

SIZES = (3, 2, 3)
WIDTH = 4
FILTERS = (
    None,
    "price < 3",
    'attributes.diet = "vegan" or not available',
    'category under "A > B"',
    "store:n and price != 2",
    "price > 99",
)


def product(number: int, rng: np.random.Generator) -> Product:
    return Product(
        f"p{number:03d}",
        f"title {rng.integers(1000)}",
        category=("A", str(rng.choice(["B", "C"]))),
        attributes={"diet": str(rng.choice(["vegan", "none"]))},
        price=float(rng.integers(0, 5)),
        available=bool(rng.random() < 0.5),
        stores=("n",) if rng.random() < 0.5 else (),
        popularity=float(rng.integers(1, 4)),
    )


class Shop:
    """What an index should hold, as a plain dict; and the index itself."""

    def __init__(self, count: int, seed: int, folder: Path, *, embedded: bool = True) -> None:
        self.rng = np.random.default_rng(seed)
        self.folder, self.embedded = folder, embedded
        self.truth: dict[str, tuple[Product, list[int], np.ndarray]] = {}
        self.next = 0
        for one, codes, vector in self.fresh(count):
            self.truth[one.id] = one, codes, vector
        self.index = Index.open(self.build(folder / "index"))

    def fresh(self, count: int) -> list[tuple[Product, list[int], np.ndarray]]:
        numbers = range(self.next, self.next + count)
        self.next += count
        return [(product(number, self.rng), self.codes(), self.vector()) for number in numbers]

    def codes(self) -> list[int]:
        return [int(self.rng.integers(size)) for size in SIZES]

    def vector(self) -> np.ndarray:
        return self.rng.standard_normal(WIDTH).astype(np.float32)

    def some(self, count: int) -> list[str]:
        return sorted(self.rng.permutation(sorted(self.truth))[:count].tolist())

    def build(self, path: Path) -> Path:
        """An index built anew from the products as they are, in shuffled order."""
        values = [self.truth[key] for key in self.rng.permutation(sorted(self.truth))]
        codes = np.array([value[1] for value in values], np.int64).reshape(-1, len(SIZES))
        vectors = np.array([value[2] for value in values], np.float32).reshape(-1, WIDTH)
        catalogue = Catalogue.from_products([value[0] for value in values])
        build_index(catalogue, codes, SIZES, path, {"tokenizer": "t"}, vectors if self.embedded else None)
        return path

    def do(self, what: str, count: int) -> None:
        if what == "insert":
            rows = self.fresh(count)
        elif what in {"update", "move"}:
            rows = [(product(int(one[1:]), self.rng), *self.truth[one][1:]) for one in self.some(count)]
            if what == "move":
                rows = [(one, self.codes(), self.vector()) for one, _, _ in rows]
        if what == "delete":
            gone = self.some(count)
            self.index.delete(gone)
            for one in gone:
                del self.truth[one]
            return
        codes, vectors = [row[1] for row in rows], np.array([row[2] for row in rows]).reshape(-1, WIDTH)
        if what == "insert":
            self.index.insert([row[0] for row in rows], codes, vectors if self.embedded else None)
        elif what == "update":
            self.index.update([row[0] for row in rows])
        else:
            self.index.update([row[0] for row in rows], codes, vectors if self.embedded else None)
        self.truth |= {row[0].id: row for row in rows}


def listing(snapshot: Snapshot, where: str | None) -> list[tuple[tuple[int, ...], list[tuple[Product, list[float]]]]]:
    """Everything that a search could reach, in its order: walked down the trie as the beam walks it."""
    trie, allowed = snapshot.trie, snapshot.compile(where)
    nodes, ids = np.array([trie.root]), np.zeros((1, 0), np.int64)
    for level in range(trie.levels):
        rows, codes = np.nonzero(trie.children_mask(level, nodes, allowed))
        nodes = trie.child(level, nodes[rows], codes)
        ids = np.concatenate([ids[rows], codes[:, None]], axis=1)
        assert (nodes >= 0).all()
    below = [below_id(snapshot, allowed, node) for node in nodes]
    positions = np.concatenate([*below, np.zeros(0, np.int64)])
    assert np.array_equal(trie.id_of(positions), np.repeat(ids, [len(one) for one in below], axis=0))
    vectors = np.zeros((len(positions), 0)) if snapshot.embeddings is None else snapshot.embeddings[positions]
    rows = iter(zip(snapshot.products(positions), vectors.tolist(), strict=True))
    return [(tuple(one), [next(rows) for _ in places]) for one, places in zip(ids.tolist(), below, strict=True)]


def below_id(snapshot: Snapshot, allowed: Allowed | None, node: int) -> np.ndarray:
    """The positions of an ID's allowed products, in both of the ways that there are to ask for them."""
    start, stop = snapshot.trie.product_range(snapshot.trie.levels, np.array([node]))
    if allowed is None:
        return np.arange(start[0], stop[0])
    positions = allowed.nth(np.arange(allowed.rank(start)[0], allowed.rank(stop)[0]))
    assert positions.tolist() == allowed.positions(int(start[0]), int(stop[0])).tolist()
    return positions


def assert_like_a_rebuild(shop: Shop, name: str) -> None:
    path = shop.build(shop.folder / name)
    rebuilt = Index.open(path).snapshot()
    current = shop.index.snapshot()
    assert len(current) == len(rebuilt) == len(shop.truth)
    for where in FILTERS:
        expected = listing(rebuilt, where)
        assert listing(current, where) == expected
        for allowed, trie in ((current.compile(where), current.trie), (rebuilt.compile(where), rebuilt.trie)):
            count = trie.num_products if allowed is None else allowed.num_allowed
            assert count == sum(len(products) for _, products in expected)
    for one, (_, codes, _) in shop.truth.items():
        assert one in current
        assert current.semantic_id(one) == tuple(codes)
        assert current.product(current.position(one)) == shop.truth[one][0]
    shutil.rmtree(path)


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert", "update", "move", "delete", "compact", "reopen", "refresh", "cut"]),
        st.integers(0, 6),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(count=st.integers(0, 15), seed=st.integers(0, 2**32 - 1), operations=OPERATIONS, embedded=st.booleans())
def test_any_sequence_of_changes_equals_a_rebuild(
    count: int,
    seed: int,
    operations: Sequence[tuple[str, int]],
    embedded: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Inserts, updates, moves, deletions, compactions, reopenings, and tails of the log torn by a crash."""
    shop = Shop(count, seed, tmp_path_factory.mktemp("shop"), embedded=embedded)
    follower = Index.open(shop.folder / "index")
    for what, size in operations:
        before = shop.index.snapshot()
        seen = listing(before, None)
        if what in {"insert", "update", "move", "delete"}:
            shop.do(what, size)
        elif what == "compact":
            shop.index.compact()
            assert not (shop.folder / "index" / LOG).exists()
        elif what == "refresh":
            follower.refresh()
            assert listing(follower.snapshot(), None) == listing(shop.index.snapshot(), None)
        else:
            shop.index.close()
            log = shop.folder / "index" / LOG
            if what == "cut" and log.exists():
                with open(log, "ab") as file:
                    file.write(b'00c0ffee {"op":"delete","ids":["p0')
            shop.index = Index.open(shop.folder / "index")
        assert listing(before, None) == seen  # a snapshot never changes
    assert_like_a_rebuild(shop, "rebuilt")
    shutil.rmtree(shop.folder)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(12, 0, tmp_path)


def test_products_of_one_id_stand_by_popularity_then_id(tmp_path: Path) -> None:
    shelf = [Product(name, "t", popularity=rank) for name, rank in [("b", 1), ("a", 1), ("c", 5), ("d", 0.5)]]
    build_index(Catalogue.from_products(shelf), np.ones((4, 2), int), (2, 2), tmp_path / "index")
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
    assert shop.index.compile("price < 3").num_allowed == 0
    shop.index.compact()
    assert len(Index.open(shop.folder / "index")) == 0


def test_the_same_products_make_the_same_bytes(shop: Shop) -> None:
    first, second = (read_artifact(shop.build(shop.folder / name), "index") for name in ("one", "two"))
    assert first.fingerprint == second.fingerprint


def test_compaction_keeps_lineage_and_drops_the_log(shop: Shop) -> None:
    shop.do("insert", 3)
    shop.do("delete", 2)
    expected = listing(shop.index.snapshot(), None)
    assert shop.index.pending > 0
    artifact = shop.index.compact()
    assert artifact.inputs == {"tokenizer": "t"}
    assert shop.index.pending == 0
    assert listing(shop.index.snapshot(), None) == expected
    assert listing(Index.open(shop.folder / "index").snapshot(), None) == expected
    assert artifact.fingerprint == shop.index.compact().fingerprint  # nothing to do


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
        (lambda index: index.compile(3), "expected text or a condition"),
        (lambda index: index.define("odd", "price <"), "column 8"),
        (lambda index: index.snapshot().position("x"), "no product 'x'"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_changes_nothing(shop: Shop, call: Any, message: str) -> None:
    before = listing(shop.index.snapshot(), None)
    with pytest.raises(GenretError, match=message):
        call(shop.index)
    assert not (shop.folder / "index" / LOG).exists()
    assert listing(shop.index.snapshot(), None) == before


def test_embeddings_are_refused_where_the_index_holds_none(tmp_path: Path) -> None:
    shop = Shop(3, 0, tmp_path, embedded=False)
    with pytest.raises(GenretError, match="holds none"):
        shop.index.insert([Product("x", "t")], [[0, 0, 0]], np.zeros((1, 4)))
    assert shop.index.embeddings is None


@pytest.mark.parametrize(
    ("codes", "embeddings", "message"),
    [
        (np.zeros((2, 3), int), None, "one row a product"),
        (np.full((3, 3), 9), None, "code 9"),
        (np.zeros((3, 3), int), np.zeros((2, 4)), "one row a product"),
    ],
)
def test_building_from_parts_that_disagree_is_refused(
    tmp_path: Path, codes: np.ndarray, embeddings: np.ndarray | None, message: str
) -> None:
    catalogue = Catalogue.from_products([Product(name, "t") for name in "abc"])
    with pytest.raises(GenretError, match=message):
        build_index(catalogue, codes, SIZES, tmp_path / "index", {}, embeddings)
    assert not (tmp_path / "index").exists()


def damage_log(path: Path, how: str) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    if how == "flipped":
        lines[2] = lines[2].replace(b'"price":', b'"prize":')
    elif how == "missing":
        del lines[2]
    elif how == "foreign":
        lines[0] = lines[0][:40] + b"0" + lines[0][41:]
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize(
    ("how", "message"), [("flipped", "line 3: damaged"), ("missing", "line 3: a change is missing")]
)
def test_a_damaged_log_is_an_error(shop: Shop, how: str, message: str) -> None:
    for _ in range(3):
        shop.do("insert", 1)
    shop.index.close()
    damage_log(shop.folder / "index" / LOG, how)
    with pytest.raises(GenretError, match=message):
        Index.open(shop.folder / "index")


def test_the_log_of_another_index_is_refused(shop: Shop) -> None:
    shop.do("insert", 1)
    shop.index.close()
    other = Shop(5, 1, shop.folder / "other")
    shutil.copy(shop.folder / "index" / LOG, other.folder / "index" / LOG)
    with pytest.raises(GenretError, match="changes of another index"):
        Index.open(other.folder / "index")


@pytest.mark.parametrize("keep", [0, 10, -1, -20])
def test_a_torn_change_was_never_made_and_the_next_one_is(shop: Shop, keep: int) -> None:
    """Wherever a crash cut the last line (or the first), the index is that before the change."""
    if keep <= 0:
        shop.do("insert", 2)
    whole = len(shop.truth)
    expected = listing(shop.index.snapshot(), None)
    shop.index.insert([Product("torn", "t")], [[0, 0, 0]], np.zeros((1, 4)))
    shop.index.close()
    log = shop.folder / "index" / LOG
    lines = log.read_bytes().splitlines(keepends=True)
    cut = lines[-1][:keep] if keep else b""
    log.write_bytes(b"".join(lines[:-1]) + cut if keep <= 0 else lines[0][:keep])
    shop.index = Index.open(shop.folder / "index")
    assert len(shop.index) == whole
    assert listing(shop.index.snapshot(), None) == expected
    shop.do("insert", 1)
    shop.index.close()
    assert len(Index.open(shop.folder / "index")) == whole + 1


def test_a_killed_writer_loses_nothing_that_was_acknowledged(shop: Shop) -> None:
    """Another process inserts one product after another, says so, and is killed without warning."""
    program = (
        "import sys, os, numpy as np\n"
        "from genret.index import Index\nfrom genret.types import Product\n"
        "index = Index.open(sys.argv[1])\n"
        "for i in range(10**6):\n"
        "    index.insert([Product(f'new{i}', 't')], [[0, 1, 2]], np.zeros((1, 4)))\n"
        "    print(i, flush=True)\n"
    )
    path = str(shop.folder / "index")
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) >= 20:
                break
        with pytest.raises(GenretError, match="another process is changing this index"):
            shop.index.delete("p001")
        writer.kill()
    index = Index.open(path)
    assert all(f"new{i}" in index for i in range(21))
    shop.index.refresh()
    shop.index.delete("p001")
    assert listing(Index.open(path).snapshot(), None) == listing(shop.index.snapshot(), None)


@pytest.mark.parametrize("stage", ["before", "between", "after"])
def test_a_compaction_cut_off_at_any_point_leaves_a_whole_index(shop: Shop, stage: str) -> None:
    """A process that dies before, between or after the two renames that put the new index in place."""
    shop.do("insert", 3)
    expected = listing(shop.index.snapshot(), None)
    program = (
        "import os, sys\n"
        "from genret import artifacts\nfrom genret.index import Index\n"
        "real, calls = os.replace, []\n"
        "def replace(source, target):\n"
        "    if any(os.path.basename(path).startswith('.index.') for path in (source, target)):\n"
        "        calls.append(source)\n"
        "        if len(calls) == {'before': 1, 'between': 2}.get(sys.argv[2]):\n"
        "            os._exit(9)\n"
        "    real(source, target)\n"
        "    if len(calls) == 2:\n"
        "        os._exit(9)\n"
        "artifacts.os.replace = replace\n"
        "Index.open(sys.argv[1]).compact()\n"
    )
    shop.index.close()
    died = subprocess.run([sys.executable, "-c", program, str(shop.folder / "index"), stage], check=False)
    assert died.returncode == 9
    assert (shop.folder / "index").exists() == (stage != "between")
    index = Index.open(shop.folder / "index")
    assert listing(index.snapshot(), None) == expected
    assert index.pending == (0 if stage == "after" else 3)
    index.delete("p001")
    index.compact()
    assert listing(Index.open(shop.folder / "index").snapshot(), None) == listing(index.snapshot(), None)
    assert [path.name for path in shop.folder.iterdir()] == ["index"]


def test_two_writers_in_turn_must_see_each_other(shop: Shop) -> None:
    other = Index.open(shop.folder / "index")
    shop.do("delete", 1)
    shop.index.close()
    with pytest.raises(GenretError, match="refresh"):
        other.delete("p001")
    other.refresh()
    before = len(other)
    other.delete(next(iter(shop.truth)))
    assert len(other) == before - 1


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
    start, stop = base.product_range(3, base.find(ids))
    overlay = OverlayTrie(base, delta, np.where(stop > start, stop, base.insertion_point(ids)))
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
    assert np.array_equal(overlay.insertion_point(probe), whole.insertion_point(probe))
    with pytest.raises(GenretError, match="compact"):
        overlay.save("nowhere")
    with pytest.raises(GenretError, match="another trie"):
        overlay.children_mask(0, np.array([overlay.root]), allowed)


IDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@settings(max_examples=30, deadline=None)
@given(rows=st.dictionaries(IDS, st.tuples(*[st.integers(0, 65_535)] * 3), max_size=20))
def test_the_durable_map_goes_both_ways(
    rows: dict[str, tuple[int, ...]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("map")
    IdMap.build(list(rows), np.array(list(rows.values()), np.int64).reshape(-1, 3)).save(folder)
    found = IdMap.open(folder, 3)
    assert len(found) == len(rows)
    for one, codes in rows.items():
        assert found.semantic_id(one) == codes
        assert found.products(codes) == sorted(other for other, theirs in rows.items() if theirs == codes)
    assert found.products((1, 2, 65_535)) == sorted(one for one, codes in rows.items() if codes == (1, 2, 65_535))
    with pytest.raises(GenretError, match="no product"):
        found.semantic_id("no such product")
    with pytest.raises(GenretError, match="NUL"):
        IdMap.build(["a\0"], np.zeros((1, 3), int))


def test_the_log_can_be_read_by_eye(shop: Shop) -> None:
    shop.do("delete", 1)
    lines = (shop.folder / "index" / LOG).read_text().splitlines()
    assert json.loads(lines[0][9:]) == {"changes_of": shop.index.artifact.fingerprint}
    assert json.loads(lines[1][9:])["op"] == "delete"
