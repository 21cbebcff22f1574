"""What a live index costs: inserts a second that survive a crash, and searches of a changed index beside a rebuilt one.

    python eval/changes.py                 # 100,000 products; table and JSON to eval/results/changes

    inserts    batches of products with codes and embeddings, each batch on the disk (fsync) before the call returns
    search     the same queries on an index with 10 % changed (a third each inserted, moved and deleted) and on one
               built anew with the same products, in turns; the ratio is the median over turns

The model is drawn at random (see speed_systems.py): what a change costs does not depend on the weights.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from speed_systems import SIZES, TEXT_TOKENS, Shape, make_model, skewed_codes

from genret.data.records import Catalogue
from genret.ground.artifacts import write_json
from genret.ground.types import Product
from genret.index.index import Index, build_index
from genret.model.seq2seq import GenretForConditionalGeneration
from genret.search.beam import BeamSettings, beam_search

RESULTS = Path(__file__).parent / "results" / "changes"
WIDTH = 64
"""Of the embeddings."""


def products(first: int, count: int) -> list[Product]:
    return [
        Product(f"p{number:09d}", f"title {number}", price=float(number % 50)) for number in range(first, first + count)
    ]


def insert_rate(index: Index, first: int, batch: int, seconds: float) -> dict[str, Any]:
    """Products per second, inserted batch after batch for so many seconds."""
    rng, done, spent = np.random.default_rng(1), 0, 0.0
    while spent < seconds:
        new, codes = products(first + done, batch), skewed_codes(batch, first + done)
        vectors = rng.standard_normal((batch, WIDTH)).astype(np.float32)
        start = time.perf_counter()
        index.insert(new, codes, vectors)
        spent += time.perf_counter() - start
        done += batch
    start = time.perf_counter()
    index.snapshot()
    seen = time.perf_counter() - start
    return {
        "batch": batch,
        "inserted": done,
        "inserts_per_second": round(done / spent),
        "next_snapshot_s": round(seen, 3),
    }


def change_a_tenth(index: Index, count: int) -> None:
    """A third each of 10 % of the products inserted, moved to other IDs, and deleted."""
    rng, part = np.random.default_rng(2), count // 30
    index.insert(products(count, part), skewed_codes(part, 3), rng.standard_normal((part, WIDTH)).astype(np.float32))
    index.update(products(0, part), skewed_codes(part, 4))
    index.delete([product.id for product in products(part, part)])


def search_ratio(
    changed: Index, rebuilt: Index, model: GenretForConditionalGeneration, queries: int, beams: int, turns: int
) -> dict[str, Any]:
    """Milliseconds a search on both, and the median over turns of their quotient."""
    inputs = torch.randint(5, 1000, (queries, TEXT_TOKENS), generator=torch.Generator().manual_seed(1))
    settings = BeamSettings(k=10, beam_width=beams)

    def search(index: Index) -> float:
        start = time.perf_counter()
        beam_search(model.decoder_for(inputs), index.trie, settings, index.compile())
        return time.perf_counter() - start

    pairs = [(search(changed), search(rebuilt)) for _ in range(turns + 1)][1:]  # the first warms caches
    return {
        "queries": queries,
        "beams": beams,
        "changed_ms": round(statistics.median(a for a, _ in pairs) * 1e3, 2),
        "rebuilt_ms": round(statistics.median(b for _, b in pairs) * 1e3, 2),
        "ratio": round(statistics.median(a / b for a, b in pairs), 3),
    }


def measure(count: int, turns: int, seconds: float) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((count, WIDTH)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        catalogue = Catalogue.from_products(products(0, count))
        for name in ("inserts", "changed", "rebuilt"):
            build_index(catalogue, skewed_codes(count, 0), SIZES, root / name, {}, vectors)
        inserts = []
        for number, batch in enumerate((100, 1000, 10_000)):
            index = Index.open(root / "inserts")
            inserts.append(insert_rate(index, (number + 1) * 10_000_000, batch, seconds))
            index.close()
        changed, rebuilt = Index.open(root / "changed"), Index.open(root / "rebuilt")
        for index in (changed, rebuilt):
            change_a_tenth(index, count)
        rebuilt.compact()
        model = make_model(Shape())
        search = [
            search_ratio(changed, rebuilt, model, queries, beams, turns)
            for queries, beams in ((1, 10), (1, 50), (16, 50), (64, 50))
        ]
    return {"products": count, "threads": torch.get_num_threads(), "turns": turns, "inserts": inserts, "search": search}


@click.command()
@click.option("--products", "count", default=100_000, show_default=True)
@click.option("--turns", default=30, show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="Of inserting, for each size of batch.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: eval/results/changes.")
def main(count: int, turns: int, seconds: float, out: Path | None) -> None:
    """Measure inserts a second, and searches of a changed index."""
    results = measure(count, turns, seconds)
    out = out or RESULTS
    write_json(out / "changes.json", results)
    lines = [f"# Live changes: {count:,} products, {results['threads']} threads, medians of {turns} turns", ""]
    for name in ("inserts", "search"):
        rows = results[name]
        lines += ["| " + " | ".join(rows[0]) + " |", "|" + "---|" * len(rows[0])]
        lines += ["| " + " | ".join(map(str, row.values())) + " |" for row in rows] + [""]
    (out / "changes.md").write_text("\n".join(lines), encoding="utf-8")
    click.echo("\n".join(lines))


if __name__ == "__main__":
    main()
