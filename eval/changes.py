"""What a live index costs: changes that survive a power cut, following other processes, and searches meanwhile.

    python eval/changes.py                 # 100,000 products; table and JSON to eval/results/changes
    python eval/changes.py --products 1000000 --out eval/results/changes-million

    disk       how often a second the disk makes 4 KiB durable: the most single puts that one writer can make on it
    puts       products with codes and embeddings, each batch on the disk (fsync) before the call returns
    first      the first search after 100,000 inserts and the second: in the process that made them, in one that had the
               index open, and in one that opens it; before all, in one that opens it without them
    follow     the first snapshot after another's change, with nothing else changed since the generation, and with 10 %
    found      the first search of a loaded Retriever after another put one product, and the second; with a semantic ID
               that the model knows, as it knows those of the index when it was built, and with a new one
    compact    a compaction, the first search after it, and that of another process that follows
    search     the same queries on an index with 10 % changed (a third each inserted, moved and deleted) and on one
               built anew with the same products, in turns; the ratio is the median over turns

The models are drawn at random (see speed_systems.py): what a change costs does not depend on the weights. Every
duration stands beside the processor time that this process spent, which company on the machine lengthens less.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch
from script import RESULTS, rows_table, run_script, write_results
from speed_systems import SIZES, TEXT_TOKENS, Shape, make_model, skewed_codes

from genret.data.records import Catalogue
from genret.embed.subwords import train_text_tokenizer
from genret.ground.arrays import Ints
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.index.build import Contents, build_index
from genret.index.index import Index
from genret.model.seq2seq import GenretForConditionalGeneration
from genret.pipeline.retriever import Retriever
from genret.search.beam import BeamSettings, beam_search

WIDTH = 64
"""Of the embeddings."""
PRICE = 1000
"""Of the one product that is to be found."""
Row = dict[str, Any]


class Took(NamedTuple):
    """Seconds by the clock, and of this process's processor time."""

    wall: float
    cpu: float

    def ms(self, name: str) -> Row:
        return {f"{name}_ms": round(self.wall * 1e3, 2), f"{name}_cpu_ms": round(self.cpu * 1e3, 2)}


def took(call: Callable[[], Any]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return Took(time.perf_counter() - wall, time.process_time() - cpu)


def products(first: int, count: int) -> list[Product]:
    return [
        Product(f"p{number:09d}", f"title {number}", price=float(number % 50)) for number in range(first, first + count)
    ]


class Stream:
    """New products without end, each with codes and an embedding."""

    def __init__(self, first: int) -> None:
        self._next, self._rng = first, np.random.default_rng(first)

    def take(self, count: int) -> tuple[list[Product], Any, Any]:
        first = self._next
        self._next += count
        vectors = self._rng.standard_normal((count, WIDTH)).astype(np.float32)
        return products(first, count), skewed_codes(count, first), vectors


def durable_writes(folder: Path, count: int = 300) -> Row:
    """4 KiB overwritten and synced, again and again: what SQLite's log does in a commit."""
    handle = os.open(folder / "disk", os.O_RDWR | os.O_CREAT)
    os.pwrite(handle, bytes(4096 * 1000), 0)
    os.fsync(handle)

    def write() -> None:
        for number in range(count):
            os.pwrite(handle, os.urandom(4096), number * 4096)
            os.fdatasync(handle)

    wall = took(write).wall
    os.close(handle)
    return {"durable_writes_per_second": round(count / wall)}


def put_rate(index: Index, stream: Stream, batch: int, seconds: float) -> Row:
    """Products a second, put batch after batch for so many seconds."""
    done, wall, cpu = 0, 0.0, 0.0
    while wall < seconds:
        new = stream.take(batch)
        spent = took(lambda new=new: index.insert(*new))  # type: ignore[misc]
        wall, cpu, done = wall + spent.wall, cpu + spent.cpu, done + batch
    return {"batch": batch, "put": done, "per_second": round(done / wall), "per_cpu_second": round(done / cpu)}


class Searcher:
    """The same queries, again and again, with a model drawn at random."""

    def __init__(self, model: GenretForConditionalGeneration, queries: int, beams: int) -> None:
        self._model, self._settings = model, BeamSettings(k=10, beam_width=beams)
        generator = torch.Generator().manual_seed(1)
        self._inputs = torch.randint(5, 1000, (queries, TEXT_TOKENS), generator=generator)

    def search(self, index: Index) -> None:
        snapshot = index.snapshot()
        found = beam_search(self._model.decoder_for(self._inputs), snapshot.trie, self._settings, snapshot.compile())
        for row in found.positions:
            snapshot.products(row[row >= 0])


def first_searches(path: Path, searcher: Searcher, inserts: int) -> list[Row]:
    """The first search after so many inserts, and the second; and in one that opens the index before them."""
    writer, follower, stream = Index.open(path), Index.open(path), Stream(200_000_000)
    for index in (writer, follower):
        searcher.search(index)
    new = stream.take(inserts)
    before = two_searches("opens it", lambda: Index.open(path), searcher, writer.pending)
    writer.insert(*new)
    processes: dict[str, Callable[[], Index]] = {
        "writer": lambda: writer,
        "had it open": lambda: follower,
        "opens it": lambda: Index.open(path),
    }
    return [before, *(two_searches(name, index_of, searcher, writer.pending) for name, index_of in processes.items())]


def two_searches(name: str, index_of: Callable[[], Index], searcher: Searcher, pending: int) -> Row:
    found: list[Index] = []

    def search() -> None:
        found.append(found[0] if found else index_of())
        searcher.search(found[0])

    first, second = took(search), took(search)
    extra = Took(first.wall - second.wall, first.cpu - second.cpu)
    return {"process": name, "changes": pending, **first.ms("first"), **second.ms("second"), **extra.ms("extra")}


def following(path: Path, turns: int) -> list[Row]:
    """The first snapshot after another's change."""
    writer, follower, stream, rows = Index.open(path), Index.open(path), Stream(300_000_000), []
    idle = took(lambda: [follower.snapshot() for _ in range(1000)])
    rows.append({"others": 0, "change": 0, "follow_ms": round(idle.wall, 4), "follow_cpu_ms": round(idle.cpu, 4)})
    for others in (0, len(writer) // 10):
        if others:
            writer.insert(*stream.take(others))
            follower.snapshot()
        for size in (1, 100, 1000, 10_000):
            times = []
            for _ in range(turns if size < 10_000 else 3):
                writer.insert(*stream.take(size))
                times.append(took(follower.snapshot))
            middle = Took(*(statistics.median(part) for part in zip(*times, strict=True)))
            rows.append({"others": others, "change": size, **middle.ms("follow")})
    return rows


def finding(path: Path, known: Ints, turns: int) -> list[Row]:
    """The first search of a loaded Retriever after another put one product, and the second."""
    texts = [product.title for product in products(0, 1000)]
    model = make_model(Shape(d_model=WIDTH), known)
    retriever = Retriever(model, train_text_tokenizer(texts, 1000, model.config.max_text_tokens), Index.open(path))
    writer, stream, rng, rows = Index.open(path), Stream(500_000_000), np.random.default_rng(5), list[Row]()
    for others in (0, len(known) // 10):
        if others:
            writer.insert(*stream.take(others))
        for kind, codes in (("known", known), ("new", skewed_codes(len(known), 6))):
            times = []
            for code in codes[rng.integers(0, len(codes), turns + 1)]:
                (product,), _, vector = stream.take(1)
                writer.insert([product._replace(price=float(PRICE))], code[None], vector)
                times.append([took(lambda: retriever.search(texts[:1], hybrid=False)) for _ in range(2)])
                hits = retriever.search("title", 1, where=f"price = {PRICE}", hybrid=False).hits
                if [hit.product.id for hit in hits] != [product.id]:
                    raise GenretError(f"{product.id} was put, and is not found")
                writer.update([product._replace(price=0.0)])
            first, second = (Took(*np.median(one, 0).tolist()) for one in zip(*times[1:], strict=True))
            extra = Took(first.wall - second.wall, first.cpu - second.cpu)
            row = {"others": others, "id": kind}
            rows.append({**row, **first.ms("first"), **second.ms("second"), **extra.ms("extra")})
    return rows


def compaction(path: Path, searcher: Searcher) -> Row:
    writer, follower = Index.open(path), Index.open(path)
    for index in (writer, follower):
        searcher.search(index)
    changes, done = writer.pending, took(writer.compact)
    first, followed = took(lambda: searcher.search(writer)), took(lambda: searcher.search(follower))
    spent = {"seconds": round(done.wall, 2), "cpu_seconds": round(done.cpu, 2)}
    return {"changes": changes, **spent, **first.ms("first_search"), **followed.ms("follow_and_search")}


def change_a_tenth(index: Index, count: int) -> None:
    """A third each of 10 % of the products inserted, moved to other IDs, and deleted."""
    rng, part = np.random.default_rng(2), count // 30
    index.insert(products(count, part), skewed_codes(part, 3), rng.standard_normal((part, WIDTH)).astype(np.float32))
    index.update(products(0, part), skewed_codes(part, 4))
    index.delete([product.id for product in products(part, part)])


def search_ratio(changed: Index, rebuilt: Index, searcher: Searcher, turns: int) -> Row:
    """Milliseconds a search on both, and the median over turns of their quotient."""
    pairs = [
        (took(lambda: searcher.search(changed)).wall, took(lambda: searcher.search(rebuilt)).wall)
        for _ in range(turns + 1)
    ][1:]  # the first warms caches
    return {
        "changed_ms": round(statistics.median(a for a, _ in pairs) * 1e3, 2),
        "rebuilt_ms": round(statistics.median(b for _, b in pairs) * 1e3, 2),
        "ratio": round(statistics.median(a / b for a, b in pairs), 3),
    }


def measure(root: Path, count: int, turns: int, seconds: float, inserts: int) -> dict[str, Any]:
    vectors = np.random.default_rng(0).standard_normal((count, WIDTH)).astype(np.float32)
    path, model = root / "index", make_model(Shape())
    results: dict[str, Any] = {
        "products": count,
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "load": [round(one, 1) for one in os.getloadavg()],
        "turns": turns,
        "disk": [durable_writes(root)],
    }
    build_index(Contents(Catalogue.from_products(products(0, count)), skewed_codes(count, 0), vectors), SIZES, path)
    searcher = Searcher(model, 1, 50)
    results["follow"] = following(path, turns)
    results["found"] = finding(path, skewed_codes(count, 0), turns)
    results["compact"] = [compaction(path, searcher)]
    results["first"] = first_searches(path, searcher, inserts)
    index, stream = Index.open(path), Stream(400_000_000)
    results["puts"] = [put_rate(index, stream, batch, seconds) for batch in (1, 100, 1000, 10_000)]
    index.close()
    changed, rebuilt = Index.open(path), Index.open(path)
    changed.compact()
    rebuilt = Index.open(build_like(changed, root / "rebuilt"))
    for one in (changed, rebuilt):
        change_a_tenth(one, count)
    rebuilt.compact()
    shapes = ((1, 10), (1, 50), (16, 50), (64, 50))
    results["search"] = [
        {"queries": queries, "beams": beams, **search_ratio(changed, rebuilt, Searcher(model, queries, beams), turns)}
        for queries, beams in shapes
    ]
    return results


def build_like(index: Index, path: Path) -> Path:
    """An index of the same products in a place of its own."""
    catalogue, codes, vectors = index.contents()
    build_index(Contents(catalogue, codes, vectors), SIZES, path)
    return path


@click.command()
@click.option("--products", "count", default=100_000, show_default=True)
@click.option("--inserts", default=100_000, show_default=True, help="Before the first search.")
@click.option("--turns", default=30, show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="Of putting, for each size of batch.")
@click.option(
    "--folder", type=click.Path(path_type=Path, exists=True), help="On the disk to measure; default: temporary."
)
@click.option("--out", type=click.Path(path_type=Path), help="Default: eval/results/changes.")
def main(count: int, inserts: int, turns: int, seconds: float, folder: Path | None, out: Path | None) -> None:
    """Measure what changes of a live index cost."""
    with tempfile.TemporaryDirectory(dir=folder) as root:
        results = measure(Path(root), count, turns, seconds, inserts)
    load = ", ".join(map(str, results["load"]))
    lines = [
        f"# Live changes: {count:,} products, {results['threads']} threads, {results['cores']} cores",
        "",
        f"Medians of {turns} turns; load averages {load} at the start.",
        "",
    ]
    for name in ("disk", "puts", "first", "follow", "found", "compact", "search"):
        rows = results[name]
        lines += [f"## {name}", "", rows_table(rows), ""]
    write_results(out or RESULTS / "changes", "changes", results, "\n".join(lines))


if __name__ == "__main__":
    run_script(main)
