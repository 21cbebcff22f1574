"""The ablation: train and judge a tokenizer for every cell of a preset's grid, then write the table and the report.

    python tokenizer/ablate.py tokenizer/presets/grocery.toml --jobs 2

Knows the grid and the folders; measuring is `genret.tokenizer.health`, writing is `ablation_report.py`. Every finished
cell is a folder of its own and a cell's training is checkpointed, so a killed run goes on where it was and ends with
the same table. Cells run in processes of one thread each: results do not depend on `--jobs`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import click
import numpy as np
from tqdm import tqdm

sys.path.insert(0, str(Path(__file__).resolve().parent))

from genret.artifacts import read_json, write_json
from genret.errors import GenretError
from genret.settings import make_settings, read_preset, settings_dict
from genret.tokenizer.settings import TokenizerSettings

HERE = Path(__file__).resolve().parent


class Cell(NamedTuple):
    """One tokenizer to train and judge."""

    settings: TokenizerSettings
    downstream: bool
    """Whether a retriever is trained on its IDs as well."""

    @property
    def key(self) -> str:
        """The cell's folder: a digest of what it trains."""
        text = json.dumps([settings_dict(self.settings), self.downstream], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def expand(preset: dict[str, Any]) -> list[Cell]:
    """The preset's cells: every block's product of values over the base settings, once each, block by block.

    With lambda = 0 schedule, temperature and grades have no say, so those cells are one.
    """
    base, cells = preset.get("base", {}), {}
    for block in preset["grid"]:
        block = dict(block)
        seeds = range(block.pop("seeds", preset.get("seeds", 3)))
        downstream = block.pop("downstream", False)
        values = [[(name, value) for value in _values(name, given)] for name, given in block.items()]
        for chosen, seed in itertools.product(itertools.product(*values), seeds):
            settings = make_settings(TokenizerSettings, base, dict(chosen), {"seed": seed})
            if settings.lam == 0 or settings.objective != "rqvae":
                plain = TokenizerSettings()
                settings = replace(settings, lam=0.0, schedule=plain.schedule, grades=plain.grades)
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
    from genret.embed import EmbedSettings
    from genret.pipeline import data_stage, embed_stage

    name = data["name"]
    if name == "grocery":
        settings = make_settings(GrocerySettings, data.get("grocery", {}))
        data_stage(work, lambda: make_grocery(settings), {"name": name, **settings_dict(settings)})
    else:
        if folder is None:
            raise GenretError(f"the preset reads {name!r} from files; pass --data FOLDER")
        data_stage(work, lambda: read_dataset(name, folder), {"name": name})
    embed_stage(work, make_settings(EmbedSettings, data.get("embed", {})))


def run_cell(work: Path, cell: Cell, model: dict[str, Any]) -> float:
    """Train and judge one cell into WORK/cells/KEY; returns the seconds it took, 0 if it was there."""
    folder = work / "cells" / cell.key
    if (folder / "row.json").exists():
        return 0.0
    import torch

    torch.set_num_threads(1)
    started = perf_counter()
    row, agreed = judge_cell(work, cell, folder, model)
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".agreed-{os.getpid()}.npy"
    np.save(temporary, agreed)
    os.replace(temporary, folder / "agreed.npy")
    write_json(folder / "row.json", row)  # last: this file says that the cell is whole
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    return perf_counter() - started


def judge_cell(work: Path, cell: Cell, folder: Path, model: dict[str, Any]) -> tuple[dict[str, Any], np.ndarray]:
    """(one row of the table, (P, L) bool whether each substitute pair agrees by depth)."""
    from genret.tokenizer.assign import assign_ids
    from genret.tokenizer.coherence import agreement
    from genret.tokenizer.health import health
    from genret.tokenizer.training import train_tokenizer
    from genret.tokenizer.verbs import open_embeddings, substitute_rows

    dataset, vectors = open_embeddings(work)
    categories = dataset.catalogue.categories
    pairs = substitute_rows(dataset)
    engaged = session_pairs(dataset) if needs_pairs(cell.settings) else None
    try:
        tokenizer = train_tokenizer(
            vectors, categories, cell.settings, pairs=engaged, progress=False, checkpoint=folder / "checkpoint"
        )
    except GenretError as error:
        return {**describe(cell), "failed": str(error)}, np.zeros((len(pairs), cell.settings.levels), bool)
    codes = assign_ids(tokenizer, vectors).codes
    row = {**describe(cell), "failed": "", **figures(health(tokenizer, codes, vectors, categories, pairs))}
    row["pull"] = tokenizer.history[-1].get("pull") if tokenizer.history else None
    if cell.downstream:
        row |= downstream(work, folder, tokenizer, codes, model)
    return row, agreement(codes[pairs[:, 0]], codes[pairs[:, 1]])


def describe(cell: Cell) -> dict[str, Any]:
    """The columns that say which cell it is."""
    names = ("objective", "lam", "schedule", "reconstruction", "supervision", "balance", "gradient", "codebook_update")
    settings = cell.settings
    sizes = "x".join(map(str, settings.codebook_sizes))
    return {
        **{name: getattr(settings, name) for name in names},
        "codebook_sizes": sizes,
        "sinkhorn": settings.sinkhorn,
        "seed": settings.seed,
    }


def figures(measured: Any) -> dict[str, Any]:
    """The health as flat columns."""
    out: dict[str, Any] = {"error": measured.error, "cosine": measured.cosine, "collisions": measured.collisions}
    for level in measured.levels:
        out |= {f"usage_L{level.level}": level.usage, f"perplexity_L{level.level}": level.perplexity}
        out |= {f"dead_L{level.level}": level.dead, f"largest_L{level.level}": level.largest_share}
    out["hourglass"] = measured.hourglass
    similar = measured.similarity
    lists = {
        "leaf": measured.same_leaf,
        "substitutes": measured.substitutes,
        "purity": measured.purity,
        "purity_shuffled": measured.purity_shuffled,
        "cosine9": similar.shared_at_9 if similar else None,
    }
    for name, shares in lists.items():
        for level in range(len(measured.levels)):
            out[f"{name}_L{level + 1}"] = shares[level] if shares else None
    out["similarity_depth"] = similar.correlation if similar else None
    return out


def needs_pairs(settings: TokenizerSettings) -> bool:
    """Whether the cell learns from co-engagement."""
    return settings.supervision != "taxonomy" or settings.objective == "twotower"


def session_pairs(dataset: Any, limit: int = 200_000) -> np.ndarray:
    """(P, 2) rows of products that share a basket, each unordered pair once, the first `limit`."""
    row = dataset.catalogue.row
    pairs: dict[tuple[int, int], None] = {}
    for session in dataset.sessions:
        rows = sorted({row(product) for product in session})
        pairs |= dict.fromkeys(itertools.combinations(rows, 2))
    return np.asarray(list(pairs)[:limit], np.int64).reshape(-1, 2)


def downstream(work: Path, folder: Path, tokenizer: Any, codes: np.ndarray, model: dict[str, Any]) -> dict[str, Any]:
    """Recall of a small retriever trained on these IDs, and how often substitutes are found in the same beam."""
    from genret.data.records import load_dataset
    from genret.embed import load_embeddings
    from genret.eval.evaluation import beams, evaluate_run, exact_answers
    from genret.eval.substitutes import same_beam
    from genret.pipeline import fork_run, index_stage, train_stage
    from genret.retriever import Retriever
    from genret.tokenizer.tokenizer import save_tokenizer
    from genret.training import ModelSettings, TrainSettings

    run = folder / "run"
    fork_run(work, run)
    dataset, data = load_dataset(run / "data")
    inputs = {"dataset": data.fingerprint, "embeddings": load_embeddings(run / "embeddings")[1].fingerprint}
    save_tokenizer(tokenizer, codes, dataset.catalogue.ids, run / "tokenizer", inputs)
    settings = make_settings(TrainSettings, model.get("train", {}), {"seed": tokenizer.settings.seed})
    train_stage(run, make_settings(ModelSettings, model.get("model", {})), settings)
    index_stage(run)
    result = evaluate_run(run, "test", systems=("generative",), baseline=(), free_decode=False)
    exact = exact_answers(dataset.split_judgements("test"), dataset.relevant_at)
    queries = [query for query in dataset.split_queries("test") if query.id in exact]
    out = {name: interval.value for name, interval in result.system("generative").measures.items()}
    for width in (10, 50):
        share = same_beam(beams(Retriever.load(run), queries, width), exact, dataset.substitutes, width)
        out[f"same_beam_{width}"] = share.given.value
    shutil.rmtree(run)
    return out


def run_all(work: Path, cells: Sequence[Cell], jobs: int, model: dict[str, Any]) -> Iterator[tuple[Cell, float]]:
    """Every cell with the seconds it took, as they finish."""
    if jobs == 1:
        for cell in cells:
            yield cell, run_cell(work, cell, model)
        return
    with ProcessPoolExecutor(jobs) as pool:
        waiting = {pool.submit(run_cell, work, cell, model): cell for cell in cells}
        for done in as_completed(waiting):
            yield waiting[done], done.result()


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
    from ablation_report import write_report

    os.environ["OMP_NUM_THREADS"] = "1"
    work = work or Path("runs") / "ablation" / preset.stem
    out = out or HERE / "results" / preset.stem
    try:
        plan = read_preset(preset)
        cells = expand(plan)
        if not only_finished:
            prepare(work, plan["data"], data)
            for cell, seconds in tqdm(run_all(work, cells, jobs, plan.get("downstream", {})), "cells", len(cells)):
                if seconds:
                    times = read_json(work / "timings.json") if (work / "timings.json").exists() else {}
                    write_json(work / "timings.json", {**times, cell.key: round(seconds, 1)})
        finished = [cell for cell in cells if (work / "cells" / cell.key / "row.json").exists()]
        missing = [describe(cell) for cell in cells if cell not in finished]
        rows = [read_json(work / "cells" / cell.key / "row.json") for cell in finished]
        agreed = [np.load(work / "cells" / cell.key / "agreed.npy") for cell in finished]
        write_report(out, preset.name, plan, rows, agreed, missing)
    except GenretError as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"{out / 'report.md'}")


if __name__ == "__main__":
    main()
