"""New products by their own titles: real rows of another catalogue put into an index, each searched for.

    python eval/new_products.py runs/demo ../shared/data/grocerydb --format grocerydb

The rows' brands and categories are those of the other catalogue, so that most of them are new to the RUN. They go into
a copy of it by `put_products`; nothing is retrained. Beside the beam stand exact nearest neighbours by the cosine of
the run's own embeddings, and as many products that the run was trained on. Writes table and JSON to
eval/results/new-products/NAME.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from script import RESULTS, run_script, whole_numbers, write_rows

from genret.data.sources import SOURCES, read_dataset
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.pipeline.retriever import Retriever
from genret.pipeline.stock import put_products


def drawn(products: Sequence[Product], count: int, seed: int) -> list[Product]:
    """`count` of the products, their titles distinct, with ids that no run has."""
    titles = {product.title.lower(): product for product in products}
    names = sorted(titles)
    if len(names) < count:
        raise GenretError(f"--count {count}, but the catalogue has {len(names)} distinct titles; ask for fewer")
    rows = np.random.default_rng(seed).permutation(len(names))[:count]
    return [titles[names[row]]._replace(id=f"new:{i}") for i, row in enumerate(rows)]


def ranks(retriever: Retriever, products: Sequence[Product], widths: Sequence[int]) -> dict[str, list[int]]:
    """System -> the rank of each product in the answer to its own title; 0 where it is not in the top 10."""
    found: dict[str, list[int]] = {}
    for width in widths:
        answers = retriever.search([product.title for product in products], 10, beam_width=width)
        found[f"beam {width}"] = [
            next((hit.rank for hit in answer.hits if hit.product.id == product.id), 0)
            for product, answer in zip(products, answers, strict=True)
        ]
    catalogue, _, vectors = retriever.index.contents()
    if vectors is None:
        raise GenretError("the run's index holds no embeddings; build it again with the run's embeddings")
    scores = retriever.embedder.encode([product.title for product in products]) @ np.asarray(vectors, np.float32).T
    own = scores[np.arange(len(products)), [catalogue.row(product.id) for product in products]]
    places = (scores > own[:, None]).sum(1) + 1
    found["exact nearest neighbours"] = [int(place) if place <= 10 else 0 for place in places]
    return found


def measure(run: Path, products: Sequence[Product], widths: Sequence[int], seed: int) -> list[dict[str, Any]]:
    """A row per system and kind of product: how many are in the top 10 and at the top of it."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(shutil.copytree(run, Path(scratch) / "run"))
        trained = list(Retriever.load(copy).index.contents()[0])
        put_products(copy, products)
        retriever = Retriever.load(copy)
        old = [trained[row] for row in np.random.default_rng(seed).permutation(len(trained))[: len(products)]]
        kinds = {"new": ranks(retriever, products, widths), "trained on": ranks(retriever, old, widths)}
    return [
        {
            "products": kind,
            "system": system,
            "of": len(places),
            "top 10": sum(place > 0 for place in places),
            "first": sum(place == 1 for place in places),
        }
        for kind, found in kinds.items()
        for system, places in found.items()
    ]


@click.command()
@click.argument("run", type=click.Path(exists=True, path_type=Path))
@click.argument("catalogue", type=click.Path(exists=True, path_type=Path))
@click.option("--format", "name", type=click.Choice(list(SOURCES)), default="grocerydb", show_default=True)
@click.option("--count", default=200, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--widths", type=whole_numbers, default="10,50,100", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/new-products/NAME]")
def main(run: Path, catalogue: Path, name: str, count: int, seed: int, widths: list[int], out: Path | None) -> None:
    """How many of COUNT new products the RUN finds in its top 10 by their own titles."""
    products = drawn(list(read_dataset(name, catalogue).catalogue), count, seed)
    rows = measure(run, products, widths, seed)
    head = (
        f"{run.resolve().name}: {count} products of {name} put into its index (seed {seed}), each searched by its own "
        f"title; float32, torch {torch.__version__}, {torch.get_num_threads()} threads."
    )
    figures = {"run": run.resolve().name, "catalogue": name, "seed": seed}
    out = out or RESULTS / "new-products" / run.resolve().name
    write_rows(out, "new_products", head, figures, rows)


if __name__ == "__main__":
    run_script(main)
