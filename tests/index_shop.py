"""A small shop whose index is changed beside a plain dict of what it should hold; shared by the tests of the index."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genret.data.records import Catalogue
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index import generations
from genret.index.build import Contents, build_index
from genret.index.index import Index
from genret.index.snapshot import Snapshot
from genret.index.store import ACKNOWLEDGED, STORE
from genret.search.trie import Allowed

SIZES = (3, 2, 3)


WIDTH = 4
LoggedChange = tuple[str, list[Product], list[list[int]], np.ndarray]
"""A change of the first format: insert, update or delete, products, codes, embeddings."""


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
        build_index(Contents(catalogue, codes, vectors if self.embedded else None), SIZES, path, {"tokenizer": "t"})
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
    found = iter(zip(snapshot.products(positions), vectors.tolist(), strict=True))
    return [(tuple(one), [next(found) for _ in places]) for one, places in zip(ids.tolist(), below, strict=True)]


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


def old_format(path: Path, changes: Sequence[LoggedChange] = ()) -> None:
    """Turns an index without changes since its last generation into one of the first format with changes in its log."""
    *older, generation = sorted(path.glob("gen-*"))
    for one in older:
        shutil.rmtree(one)
    fingerprint = json.loads((generation / "manifest.json").read_text())["fingerprint"]
    for name in (STORE, ACKNOWLEDGED, generations.LOCK):
        (path / name).unlink(missing_ok=True)
    for file in list(generation.iterdir()):
        file.rename(path / file.name)
    generation.rmdir()
    values: list[dict[str, Any]] = [{"changes_of": fingerprint}]
    for kind, products, codes, vectors in changes:
        number = len(values)
        if kind == "delete":
            values.append({"op": kind, "ids": [one.id for one in products], "number": number})
        else:
            packed = base64.b64encode(vectors.astype("<f4").tobytes()).decode()
            rows = [{**one._asdict(), "attributes": dict(one.attributes)} for one in products]
            values.append({"op": kind, "products": rows, "codes": codes, "embeddings": packed, "number": number})
    data = [json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() for value in values]
    (path / "changes.log").write_bytes(b"".join(b"%08x %b\n" % (zlib.crc32(one), one) for one in data))


def seen(path: Path) -> Any:
    """Everything that can be found in an index that is opened now."""
    index = Index.open(path)
    try:
        return listing(index.snapshot(), None)
    finally:
        index.close()


def folders(index: Path) -> list[str]:
    return sorted(path.name for path in index.glob("gen-*"))


def outcome(call: Callable[[], Any]) -> tuple[str, Any]:
    """The one line of the error, or "" and what the call returns."""
    try:
        return "", call()
    except GenretError as error:
        said = str(error)
    assert said
    assert "\n" not in said
    return said, None


def rebuild(shop: Shop, path: Path, **options: Any) -> None:
    from genret.data.records import Catalogue

    catalogue = Catalogue.from_products([Product("only", "t")])
    contents = Contents(catalogue, np.zeros((1, 3), np.int64), np.zeros((1, 4), np.float32))
    build_index(contents, (3, 2, 3), path, {"tokenizer": "other"}, **options)
