"""The run's products over HTTP: looked up with their neighbours, put and removed as the command line does it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from genret.data.products import ProductFile
from genret.data.sources import read_more
from genret.data.validate import BadRows
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.pipeline.folder import RunFolder
from genret.pipeline.stock import Stock
from genret.server import views
from genret.server.runs import Runs, Served, version_of

STATIC = Path(__file__).with_name("static")
NEIGHBOURS = 4
"""Products shown on each side of a product."""


def page_of(served: Served, product_id: str) -> dict[str, Any]:
    """A product with its semantic ID, the products next to it, and its true substitutes where the data names them."""
    index = served.retriever.index.snapshot()
    at = index.position(product_id)
    alive = index.compile(None)
    rank = at if alive is None else int(alive.rank(np.array([at]))[0])
    count = len(index)
    ranks = np.array([one for one in range(rank - NEIGHBOURS, rank + NEIGHBOURS + 1) if 0 <= one < count])
    places = ranks if alive is None else alive.nth(ranks)
    ids = index.trie.id_of(places).tolist()
    found = list(zip(places.tolist(), ids, index.products(places), strict=True))
    substitutes = served.substitutes.of(product_id)
    return {
        "product": views.product_json(index.product(at)),
        "semantic_id": index.trie.id_of([at])[0].tolist(),
        "neighbours": [
            {"semantic_id": codes, "product": views.product_json(product)}
            for place, codes, product in found
            if place != at
        ],
        "substitutes": None if substitutes is None else sorted(substitutes)[:500],
    }


def products_in(rows: Sequence[Mapping[str, Any]], run: str | Path) -> list[Product]:
    """The rows as products, read as those of the run were. A GenretError for one that breaks the rules."""
    read = RunFolder(run).artifact("data").settings
    with TemporaryDirectory(prefix="genret-put-") as folder:
        file = Path(folder) / "request.jsonl"
        file.write_text("".join(json.dumps(_flat(row)) + "\n" for row in rows), encoding="utf-8")
        return read_more(read, ProductFile(file), BadRows("error"))


def _flat(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its numbers among its attributes, as a file has them."""
    attributes = {**row.get("attributes", {}), **row.get("numbers", {})}
    return {**{name: value for name, value in row.items() if name != "numbers"}, "attributes": attributes}


class Shelf:
    """The first run's products, to be changed: what embeds new ones is loaded once. One call at a time."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._open: tuple[str, Stock] | None = None

    def stock(self) -> Stock:
        """The stock of the version that is served. A GenretError if it is not the one on disk."""
        served = self._runs.get()
        if version_of(served.folder) != served.version:
            raise GenretError(f"run {served.name!r} on disk is not the version that is served; it takes no changes")
        if self._open is None or self._open[0] != served.version:
            self._open = served.version, Stock(served.folder)
        return self._open[1]
