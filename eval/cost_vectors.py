"""The beam beside faiss over the same vectors, at equal recall, as the catalogue grows: single queries and batches.

    python eval/cost_vectors.py --sizes 20000,100000            # table and JSON to eval/results/cost-vectors
    python eval/cost_vectors.py --sizes 1000000 --work runs/cost-vectors

The vectors, their IDs and the prefix values are those of `scale.py --vectors`; nothing is embedded, so that
what is timed is the search alone. HNSW and IVF are taken at the smallest setting that finds as much of the exact top 10
as the beam does, or at their largest. All systems take turns, query by query and batch by batch; times are medians, of
the clock and, on one thread, of the processor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import click
import faiss
import numpy as np
import numpy.typing as npt
import torch
from scale_stages import Facts, K, Plan, nearest
from scale_vectors import VECTORS, _opened
from script import RESULTS, run_script, whole_numbers, write_rows

from genret.ground.arrays import Floats
from genret.ground.hardware import processor, threads_within
from genret.model.decoder import CodewordDecoder, DecoderShape, StepDecoder
from genret.model.single import SingleModel
from genret.model.values import PrefixValues
from genret.pipeline.folder import RunFolder
from genret.search.beam import BeamSettings, beam_search
from genret.search.single import search_single
from genret.search.trie import Trie
from genret.training.settings import ModelSettings

Search = Callable[[Floats], npt.NDArray[np.int64]]
"""(Q, D) queries -> (Q, K) positions in the trie's order."""
EFS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512)
PROBES = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
LINKS, WHILE_BUILDING = 32, 200
SINGLE_WARM_UP = 5


class System(NamedTuple):
    """A way to search, at one setting."""

    name: str
    setting: str
    search: Search
    recall: float


class Made(NamedTuple):
    """What is searched, and for what."""

    vectors: Floats
    """(N, D) in the trie's order."""
    queries: Floats
    exact: npt.NDArray[np.int64]
    """(Q, K) the exact nearest."""

    def recall(self, found: npt.NDArray[np.int64]) -> float:
        """The share of the exact top K that is found."""
        return float(np.mean([len({*a} & {*b}) / K for a, b in zip(self.exact.tolist(), found.tolist(), strict=True)]))

    def system(self, name: str, setting: str, search: Search) -> System:
        return System(name, setting, search, self.recall(search(self.queries)))


def build(run: RunFolder, plan: Plan) -> None:
    """Vectors, IDs, trie and values in the run's folder, unless they are there."""
    run.path.mkdir(parents=True, exist_ok=True)
    for name, stage in VECTORS.items():
        done = run.path / f".{name}.done"
        if name != "search" and not done.exists():
            facts: Facts = stage(run, plan)
            click.echo(f"{plan.products:,} {name}: {facts}", err=True)
            done.touch()


def opened(run: RunFolder, plan: Plan, count: int) -> Made:
    """The vectors, and some of them with noise as queries."""
    vectors = np.load(run.path / "ordered.npy")
    rng = np.random.default_rng(plan.seed + 1)
    asked = vectors[np.sort(rng.choice(len(vectors), min(count, len(vectors)), replace=False))]
    noise = rng.standard_normal(asked.shape, dtype=np.float32) / plan.dim**0.5
    queries = (asked + 0.5 * noise).astype(np.float32)
    return Made(vectors, queries, nearest(queries, vectors, K))


def beams(known: PrefixValues, trie: Trie, widths: Sequence[int]) -> Iterator[tuple[str, Search]]:
    """The beam by width: one query alone the way that a search takes for one, several together."""
    dim = known.leaves.shape[1]
    counts = [trie.num_nodes(depth) for depth in range(1, trie.levels + 1)]
    shape = DecoderShape(
        codebook_sizes=known.sizes,
        d_model=8,
        layers=1,
        heads=1,
        ffn=8,
        d_code=dim,
        prefixes=counts,
        backoff=known.backoff,
        look_below=known.look_below,
    )
    decoder = CodewordDecoder(shape, 8).eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.zero_()
        decoder.value_scale.fill_(np.log(ModelSettings().scale(counts[-1])))  # type: ignore[union-attr]
    single = SingleModel.of(decoder.requires_grad_(False), known)
    assert single is not None, "values on a CPU in float32"

    def search(queries: Floats, settings: BeamSettings) -> npt.NDArray[np.int64]:
        given = torch.from_numpy(queries)
        if len(queries) == 1:
            found = search_single(single.begin(None, given), trie, settings)
            assert found is not None, "the decoder knows the trie's prefixes"
            return found.positions
        asked, mask = decoder.asked(given, known), torch.zeros(len(queries), 1, 1, 1)
        return beam_search(StepDecoder(decoder, [], mask, asked, known), trie, settings).positions

    for width in widths:
        settings = BeamSettings(K, width)
        yield str(width), lambda queries, settings=settings: search(queries, settings)  # type: ignore[misc]


def of_faiss(index: Any, parameter: str, values: Sequence[int]) -> Iterator[tuple[str, Search]]:
    """An index of faiss by one of its parameters."""
    space = faiss.ParameterSpace()

    def search(queries: Floats, value: int) -> npt.NDArray[np.int64]:
        space.set_index_parameter(index, parameter, value)
        return index.search(queries, K)[1]  # type: ignore[no-any-return]

    for value in values:
        yield f"{parameter} {value}", lambda queries, value=value: search(queries, value)  # type: ignore[misc]


def systems(made: Made, known: PrefixValues, trie: Trie, widths: Sequence[int]) -> list[System]:
    """The beams, and exact and approximate nearest neighbours that find as much."""
    dim, count = made.vectors.shape[1], len(made.vectors)
    flat = faiss.IndexFlatIP(dim)
    flat.add(made.vectors)
    hnsw = faiss.IndexHNSWFlat(dim, LINKS, faiss.METRIC_INNER_PRODUCT)
    hnsw.hnsw.efConstruction = WHILE_BUILDING
    hnsw.add(made.vectors)
    lists = max(1, round(4 * count**0.5))
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, lists, faiss.METRIC_INNER_PRODUCT)
    ivf.train(made.vectors)
    ivf.add(made.vectors)
    found = [made.system("genret beam", name, search) for name, search in beams(known, trie, widths)]
    found.append(made.system("faiss flat", "", lambda queries: flat.search(queries, K)[1]))
    approximate = {
        f"faiss HNSW {LINKS}": [*of_faiss(hnsw, "efSearch", EFS)],
        f"faiss IVF {lists}": [*of_faiss(ivf, "nprobe", [probes for probes in PROBES if probes <= lists])],
    }
    for name, settings in approximate.items():
        ladder = [made.system(name, setting, search) for setting, search in settings]
        for bar in dict.fromkeys(one.recall for one in found if one.name == "genret beam"):
            chosen = next((one for one in ladder if one.recall >= bar), ladder[-1])
            if chosen not in found:
                found.append(chosen)
    return found


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch, numpy and faiss on so many threads."""
    before = faiss.omp_get_max_threads()
    with threads_within(count):
        faiss.omp_set_num_threads(count)
        try:
            yield
        finally:
            faiss.omp_set_num_threads(before)


def timed(found: Sequence[System], parts: Sequence[Floats]) -> Mapping[System, tuple[float, float]]:
    """Milliseconds a query: medians over the parts, by the clock and of the processor; systems take turns."""
    times: dict[System, list[tuple[float, float]]] = {system: [] for system in found}
    for part in parts:
        for system in found:
            wall, used = time.perf_counter(), time.process_time()
            system.search(part)
            took = time.perf_counter() - wall, time.process_time() - used
            times[system].append((1000 * took[0] / len(part), 1000 * took[1] / len(part)))
    return {system: tuple(np.median(values, axis=0)) for system, values in times.items()}


def measure(run: RunFolder, plan: Plan, widths: Sequence[int], count: int, batch: int) -> list[dict[str, Any]]:
    """A row per system and number of threads."""
    made = opened(run, plan, count)
    found = systems(made, _opened(run, plan), Trie.open(run.path / "trie"), widths)
    one, many = (np.split(made.queries, range(size, len(made.queries), size)) for size in (1, batch))
    rows = []
    for number in (1, 2):
        with threads(number):
            timed(found, one[:SINGLE_WARM_UP])
            single, batched = timed(found, one), timed(found, many)
        for system in found:
            row: dict[str, Any] = {
                "products": plan.products,
                "threads": number,
                "system": system.name,
                "setting": system.setting,
            }
            row |= {"recall@10": round(system.recall, 4)}
            for name, values in (("one", single[system]), (f"of {batch}", batched[system])):
                row[f"ms, {name}"] = round(float(values[0]), 3)
                row[f"processor ms, {name}"] = round(float(values[1]), 3) if number == 1 else None
            rows.append(row)
    return rows


@click.command()
@click.option("--sizes", type=whole_numbers, default="20000,100000", show_default=True, help="Vectors.")
@click.option("--widths", type=whole_numbers, default="10,20,50", show_default=True, help="Of the beam.")
@click.option("--dim", default=128, show_default=True)
@click.option("--queries", default=256, show_default=True)
@click.option("--batch", default=64, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), default=Path("runs/cost-vectors"), show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/cost-vectors]")
def main(
    sizes: list[int], widths: list[int], dim: int, queries: int, batch: int, seed: int, work: Path, out: Path | None
) -> None:
    """The beam beside faiss HNSW and IVF at equal recall."""
    rows: list[dict[str, Any]] = []
    for size in sizes:
        plan, run = Plan(size, seed, dim=dim), RunFolder(work / f"{size}-{dim}-{seed}")
        build(run, plan)
        rows += measure(run, plan, widths, queries, batch)
    given = f"--sizes {','.join(map(str, sizes))} --widths {','.join(map(str, widths))}"
    command = f"python eval/cost_vectors.py {given} --queries {queries} --batch {batch}"
    versions = f"{processor()}, torch {torch.__version__}, faiss {faiss.__version__}"
    head = (
        f"`{command} --dim {dim} --seed {seed}`: random vectors of width {dim}, milliseconds a query, one at a time "
        f"and in batches, medians of {queries} queries. {versions}."
    )
    write_rows(out or RESULTS / "cost-vectors", "cost", head, {"what": head}, rows)


if __name__ == "__main__":
    run_script(main)
