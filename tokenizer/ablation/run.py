"""The ablation: train and judge a tokenizer for every cell of a preset's grid, then write the table and the report.

    python tokenizer/ablation/run.py tokenizer/presets/grocery.toml --jobs 2

Read on in this order: `cell.py` trains and judges one cell; `table.py` takes means over seeds and differences to
lambda = 0, with the intervals of `intervals.py`; `answers.py` puts them into sentences and `plots.py` draws them;
`report.py` writes it all. Every finished cell is a folder of its own and a cell's training is checkpointed, so a killed
run goes on where it was and ends with the same table. Cells run in processes of one thread each: results do not depend
on `--jobs`.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any

import click
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent))

from cell import Cell, describe, run_cell
from table import Judged

from genret.data.pseudo_queries import make_pseudo_queries
from genret.data.records import Catalogue, Dataset
from genret.ground.artifacts import read_json, write_json
from genret.ground.errors import GenretError
from genret.ground.settings import make_settings, read_preset, settings_dict
from genret.ground.types import Judgement, Query
from genret.pipeline.folder import RunFolder
from genret.tokenizer.settings import TokenizerSettings

CONTRAST = ("schedule", "temperature", "grades", "supervision", "engagement", "balance", "pair_weight")
"""Settings of the contrastive loss, without a say where lambda is 0."""
KNOWN_ITEM_NOISE = 0.2
"""Share of the known-item queries with a typo or another form of a unit."""
RESULTS = Path(__file__).resolve().parents[1] / "results"


def expand(preset: dict[str, Any]) -> list[Cell]:
    """The preset's cells: every block's product of values over the base settings, once each, block by block.

    With a `downstream` table each has a retriever, but for those of a block that says `downstream = false`.
    With lambda = 0 the contrast's own settings have no say, so those cells are one.
    """
    base: dict[str, Any] = preset.get("base", {})
    cells: dict[str, Cell] = {}
    for block in preset["grid"]:
        block = dict(block)
        seeds = range(block.pop("seeds", preset.get("seeds", 3)))
        downstream = block.pop("downstream", "downstream" in preset)
        values = [[(name, value) for value in _values(name, given)] for name, given in block.items()]
        for chosen, seed in itertools.product(itertools.product(*values), seeds):
            settings = make_settings(TokenizerSettings, base, dict(chosen), {"seed": seed})
            if settings.lam == 0 or settings.objective != "rqvae":
                plain = make_settings(TokenizerSettings, base)
                settings = replace(settings, lam=0.0, **{name: getattr(plain, name) for name in CONTRAST})
            cell = Cell(settings, downstream)
            name = json.dumps(settings_dict(settings), sort_keys=True)
            cells[name] = cells.get(name, cell)._replace(
                downstream=downstream or (name in cells and cells[name].downstream)
            )
    return list(cells.values())


def _values(name: str, given: Any) -> list[Any]:
    if not isinstance(given, list):
        return [given]
    if name in ("codebook_sizes", "grades") and not isinstance(given[0], list):
        return [tuple(given)]
    return [tuple(value) if isinstance(value, list) else value for value in given]


def prepare(work: Path, data: dict[str, Any], folder: Path | None) -> None:
    """WORK/data and WORK/embeddings, as a run folder's."""
    from genret.data.grocery import GrocerySettings, make_grocery
    from genret.data.sources import read_dataset
    from genret.embed.settings import EmbedSettings
    from genret.pipeline.stages import data_stage, embed_stage

    name = data["name"]
    if name == "grocery":
        settings = make_settings(GrocerySettings, data.get("grocery", {}))
        data_stage(work, lambda: make_grocery(settings), {"name": name, **settings_dict(settings)})
    else:
        if folder is None:
            raise GenretError(f"the preset reads {name!r} from files; pass --data FOLDER")
        some = data.get("products")
        asked = data.get("known_items", 0)
        record = {"name": name, "products": some, "known_items": asked}
        data_stage(work, lambda: with_known_items(sample(read_dataset(name, folder), some), asked), record)
    embed_stage(work, make_settings(EmbedSettings, data.get("embed", {})))


def sample(dataset: Dataset, products: int | None) -> Dataset:
    """The data set with so many of its products, drawn at random, and what is known of these; all of it for None."""
    if products is None or products >= len(dataset.catalogue):
        return dataset
    rows = np.sort(np.random.default_rng(0).choice(len(dataset.catalogue), products, replace=False))
    catalogue = Catalogue.from_products(dataset.catalogue[int(row)] for row in rows)
    kept = set(catalogue.ids)
    sessions = [tuple(product for product in session if product in kept) for session in dataset.sessions]
    return replace(
        dataset,
        catalogue=catalogue,
        judgements=[judgement for judgement in dataset.judgements if judgement.product_id in kept],
        substitutes=[pair for pair in dataset.substitutes if kept.issuperset(pair)],
        sessions=[session for session in sessions if len(session) > 1],
    )


def with_known_items(dataset: Dataset, count: int) -> Dataset:
    """The data set with so many test queries: words of a product's name, some mistyped, and that product to be found.

    For catalogues that come without queries. Drawn with another seed than the pseudo-queries that a model practises on.
    """
    if not count:
        return dataset
    made = make_pseudo_queries(dataset.catalogue, np.arange(len(dataset.catalogue)), count, KNOWN_ITEM_NOISE, seed=17)
    queries = [Query(f"known-{number}", text) for number, text in enumerate(made.texts)]
    judged = [
        Judgement(query.id, dataset.catalogue.ids[row], 1.0) for query, row in zip(queries, made.rows, strict=True)
    ]
    return replace(dataset, queries={"test": queries}, judgements=judged)


def run_all(work: Path, cells: Sequence[Cell], jobs: int, model: dict[str, Any]) -> Iterator[tuple[Cell, float]]:
    """Every cell with the seconds it took, as they finish."""
    if jobs == 1:
        for cell in cells:
            yield cell, run_cell(work, cell, model)
        return
    with ProcessPoolExecutor(jobs, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        waiting = {pool.submit(run_cell, work, cell, model): cell for cell in cells}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


def _end_with(parent: int) -> None:
    """End this process when its parent is gone: a killed ablation must not leave cells training behind it."""

    def watch() -> None:
        while os.getppid() == parent:
            sleep(0.2)
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def judged(work: Path, cells: Sequence[Cell], model: dict[str, Any], base: dict[str, Any]) -> Judged:
    """What the finished cells of WORK measured, and those that are missing."""
    folders = [cell.folder(work, model) for cell in cells]
    whole = [(folder / "row.json").exists() for folder in folders]
    finished = [(cell, folder) for cell, folder, there in zip(cells, folders, whole, strict=True) if there]
    return Judged(
        rows=[{**describe(cell, base), **read_json(folder / "row.json")} for cell, folder in finished],
        agreed=[np.load(folder / "agreed.npy") for _, folder in finished],
        asked=[np.load(folder / "asked.npy") if (folder / "asked.npy").exists() else None for _, folder in finished],
        pairs=RunFolder(work).dataset().substitute_rows(),
        missing=[describe(cell, base) for cell, there in zip(cells, whole, strict=True) if not there],
    )


@click.command()
@click.argument("preset", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--jobs", default=os.cpu_count() or 1, show_default=True, help="Cells trained at a time.")
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Where a public set's files are."
)
@click.option("--work", type=click.Path(path_type=Path), help="Scratch folder [default: runs/ablation/PRESET].")
@click.option("--out", type=click.Path(path_type=Path), help="Results folder [default: tokenizer/results/PRESET].")
@click.option(
    "--only-finished", is_flag=True, help="Run nothing: report the cells that are there, and name the others."
)
def main(preset: Path, jobs: int, data: Path | None, work: Path | None, out: Path | None, only_finished: bool) -> None:
    """Train and judge every cell of PRESET; write table.csv, report.md and plots."""
    from report import write_report

    os.environ["OMP_NUM_THREADS"] = "1"
    work = work or Path("runs") / "ablation" / preset.stem
    out = out or RESULTS / preset.stem
    try:
        plan = read_preset(preset)
        cells, model = expand(plan), plan.get("downstream", {})
        if not only_finished:
            prepare(work, plan["data"], data)
            for cell, seconds in tqdm(run_all(work, cells, jobs, model), "cells", len(cells)):
                if seconds:
                    times = read_json(work / "timings.json") if (work / "timings.json").exists() else {}
                    write_json(work / "timings.json", {**times, cell.folder(work, model).name: round(seconds, 1)})
        write_report(out, preset.name, plan, judged(work, cells, model, plan.get("base", {})))
    except GenretError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{out / 'report.md'}")


if __name__ == "__main__":
    main()
