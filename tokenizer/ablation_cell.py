"""One cell of the ablation: a tokenizer trained and judged, and a small retriever trained on its IDs.

Knows the library and a work folder (`data`, `embeddings`); nothing of grids, processes or reports.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from genret.artifacts import read_artifact, write_json
from genret.errors import GenretError
from genret.settings import make_settings, settings_dict
from genret.tokenizer.settings import TokenizerSettings

NAMES = ("objective", "lam", "schedule", "reconstruction", "supervision", "balance", "gradient", "codebook_update")
"""Settings that the table names one by one, beside codebook sizes, width of the latents, Sinkhorn and the seed."""


class Cell(NamedTuple):
    """One tokenizer to train and judge."""

    settings: TokenizerSettings
    downstream: bool
    """Whether a retriever is trained on its IDs as well."""

    def folder(self, work: Path, model: dict[str, Any]) -> Path:
        """WORK/cells/KEY: the key is a digest of everything that the cell's figures depend on."""
        embeddings = read_artifact(work / "embeddings", "embeddings", verify=False).fingerprint
        text = json.dumps(
            [settings_dict(self.settings), embeddings, model if self.downstream else None], sort_keys=True
        )
        return work / "cells" / hashlib.sha256(text.encode()).hexdigest()[:16]


def run_cell(work: Path, cell: Cell, model: dict[str, Any]) -> float:
    """Train and judge one cell into its folder; returns the seconds it took, 0 if it was there."""
    folder = cell.folder(work, model)
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
    from genret.tokenizer.verbs import substitute_rows

    dataset, vectors = _open(work)
    categories = dataset.catalogue.categories
    pairs = substitute_rows(dataset)
    engaged = session_pairs(dataset) if cell.settings.needs_pairs else None
    try:
        tokenizer = train_tokenizer(
            vectors, categories, cell.settings, pairs=engaged, progress=False, checkpoint=folder / "checkpoint"
        )
    except GenretError as error:
        return {**describe(cell), "failed": str(error)}, np.zeros((len(pairs), cell.settings.levels), bool)
    codes = tokenizer.encode(vectors)  # (N, L): what the tokenizer says, before the collision policy
    row = {**describe(cell), "failed": "", **figures(health(tokenizer, codes, vectors, categories, pairs))}
    assigned = assign_ids(tokenizer, vectors)
    row |= {
        "collisions_assigned": assigned.report["collisions_after"],
        "error_assigned": assigned.report["error_after"],
    }
    row["pull"] = tokenizer.history[-1].get("pull") if tokenizer.history else None
    if cell.downstream:
        row |= downstream(work, folder, tokenizer, assigned.codes, model)
    return row, agreement(codes[pairs[:, 0]], codes[pairs[:, 1]])


@lru_cache(maxsize=1)
def _open(work: Path) -> tuple[Any, np.ndarray]:
    from genret.tokenizer.verbs import open_embeddings

    return open_embeddings(work)


def describe(cell: Cell) -> dict[str, Any]:
    """The columns that say which cell it is."""
    settings = cell.settings
    return {
        **{name: getattr(settings, name) for name in NAMES},
        "codebook_sizes": "x".join(map(str, settings.codebook_sizes)),
        "latent_dim": settings.latent_dim,
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


def session_pairs(dataset: Any, limit: int = 200_000) -> np.ndarray:
    """(P, 2) rows of products that share a basket, each unordered pair once, the first `limit`."""
    row = dataset.catalogue.row
    pairs: dict[tuple[int, int], None] = {}
    for session in dataset.sessions:
        rows = sorted({row(product) for product in session})
        pairs |= dict.fromkeys(itertools.combinations(rows, 2))
    return np.asarray(list(pairs)[:limit], np.int64).reshape(-1, 2)


def downstream(work: Path, folder: Path, tokenizer: Any, codes: np.ndarray, model: dict[str, Any]) -> dict[str, Any]:
    """Recall of a small retriever trained on these IDs, and how often substitutes are found in the same beam.

    Asked are the first `queries` of the test split; `model` holds its number and the settings to train with.
    """
    from genret.data.records import load_dataset
    from genret.embed import load_embeddings
    from genret.eval.evaluation import beams, evaluate_run, exact_answers
    from genret.eval.result import Grading
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
    judgements = dataset.split_judgements("test")
    exact = exact_answers(judgements, dataset.relevant_at)
    asked = [query for query in dataset.split_queries("test") if query.id in exact][: model.get("queries", 500)]
    ids = {query.id for query in asked}
    grading = Grading([j for j in judgements if j.query_id in ids], dataset.relevant_at, dataset.irrelevant_grade)
    result = evaluate_run(
        run, "test", queries=asked, grading=grading, systems=("generative",), baseline=(), free_decode=False
    )
    out = {name: interval.value for name, interval in result.system("generative").measures.items()}
    retriever, exact = Retriever.load(run), {query.id: exact[query.id] for query in asked}
    for width in (10, 50):
        share = same_beam(beams(retriever, asked, width), exact, dataset.substitutes, width)
        out[f"same_beam_{width}"], out[f"both_found_{width}"] = share.given_found.value, share.both.value
    shutil.rmtree(run)
    return out
