"""One cell of the ablation: a tokenizer trained and judged, and a small retriever trained on its IDs."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from functools import lru_cache
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from intervals import ASKED, asked_figures

from genret.ground.artifacts import write_json
from genret.ground.errors import GenretError
from genret.ground.files import whole_file
from genret.ground.settings import make_settings, settings_dict
from genret.pipeline.folder import RunFolder
from genret.tokenizer.settings import TokenizerSettings

WIDTHS = (10, 50)
"""Beams in which substitutes should meet; the wider one answers the queries."""
APART = ("codebook_sizes", "seed", "checkpoint_every", "collisions", "max_collisions", "max_dead", "max_share")
"""Settings that tell no two configurations apart: named otherwise, or without a say in what is measured."""
MAIN = ("objective", "lam")
"""What every configuration is named by, beside its codebook sizes."""
NAMES = tuple(name for name in settings_dict(TokenizerSettings()) if name not in APART)


class Cell(NamedTuple):
    """One tokenizer to train and judge."""

    settings: TokenizerSettings
    downstream: bool
    """Whether a retriever is trained on its IDs as well."""

    def folder(self, work: Path, model: dict[str, Any]) -> Path:
        """WORK/cells/KEY: the key is a digest of everything that the cell's figures depend on."""
        embeddings = RunFolder(work).artifact("embeddings").fingerprint
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
    with open(os.devnull, "w", encoding="utf-8") as quiet, redirect_stdout(quiet), redirect_stderr(quiet):
        row, arrays = judge_cell(work, cell, folder, model)  # its progress bars would run over that of the cells
    for name, array in arrays.items():
        with whole_file(folder / f"{name}.npy") as temporary:
            np.save(temporary, array)
    write_json(folder / "row.json", row)  # last: this file says that the cell is whole
    shutil.rmtree(folder / "checkpoint", ignore_errors=True)
    return perf_counter() - started


def judge_cell(
    work: Path, cell: Cell, folder: Path, model: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """(one row of the table, what intervals need).

    `agreed` is (P, L), whether each substitute pair agrees by depth; `asked`, where there is a retriever, (Q, F).
    """
    from genret.data.engagement import co_engaged
    from genret.tokenizer.assign import assign_ids
    from genret.tokenizer.judging.coherence import agreement
    from genret.tokenizer.judging.health import health
    from genret.tokenizer.learning.train import train_tokenizer

    dataset, vectors = _open(work)
    categories = dataset.catalogue.categories
    pairs = dataset.substitute_rows()
    engaged = co_engaged(dataset, cell.settings.engagement) if cell.settings.needs_pairs else None
    try:
        tokenizer = train_tokenizer(
            vectors, categories, cell.settings, pairs=engaged, progress=False, checkpoint=folder / "checkpoint"
        )
    except GenretError as error:
        agreed = np.zeros((len(pairs), cell.settings.levels), bool)
        return {"failed": str(error)}, {"agreed": agreed}
    codes = tokenizer.encode(vectors)  # (N, L): what the tokenizer says, before the collision policy
    row = {"failed": "", **figures(health(tokenizer, codes, vectors, categories, pairs))}
    assigned = assign_ids(tokenizer, vectors)
    effect = assigned.effect
    row |= {"collisions_assigned": effect.collisions_after, "error_assigned": effect.error_after}
    row["pull"] = tokenizer.history[-1].get("pull") if tokenizer.history else None
    row |= {name: share for entry in tokenizer.history for name, share in entry.items() if name.startswith("died_")}
    row |= {f"random_L{depth}": chance(codes[:, :depth]) for depth in (1, 2)}
    arrays = {"agreed": agreement(codes[pairs[:, 0]], codes[pairs[:, 1]])}
    if cell.downstream:
        columns, arrays["asked"] = downstream(work, folder, tokenizer, assigned.codes, model)
        row |= columns
    return row, arrays


def chance(codes: np.ndarray) -> float:
    """The share of all pairs of products that agree on these (N, l) codes."""
    sizes = np.unique(codes, axis=0, return_counts=True)[1].astype(np.float64)
    return float((sizes * (sizes - 1)).sum() / (len(codes) * (len(codes) - 1)))


@lru_cache(maxsize=1)
def _open(work: Path) -> tuple[Any, np.ndarray]:
    dataset, vectors, _ = RunFolder(work).embedded()
    return dataset, np.asarray(vectors)


def describe(cell: Cell, base: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that say which cell it is; `unusual` names what differs from the preset's `base` settings."""
    settings, usual = cell.settings, make_settings(TokenizerSettings, base)
    unusual = [name for name in NAMES if name not in MAIN and getattr(settings, name) != getattr(usual, name)]
    return {
        "codebook_sizes": "x".join(map(str, settings.codebook_sizes)),
        "seed": settings.seed,
        "unusual": " ".join(unusual),
        **{name: _plain(getattr(settings, name)) for name in NAMES},
    }


def _plain(value: Any) -> Any:
    return "/".join(f"{item:g}" for item in value) if isinstance(value, tuple) else value


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
    out["similarity_depth_random"] = similar.correlation_random if similar else None
    return out


def downstream(
    work: Path, folder: Path, tokenizer: Any, codes: np.ndarray, model: dict[str, Any]
) -> tuple[dict[str, Any], np.ndarray]:
    """A small retriever trained on these IDs: (its figures as columns, (Q, F) what they are made of by query).

    Asked are the first `queries` of the test split; `model` holds their number and the settings to train with.
    """
    from genret.eval.evaluation import beams, exact_answers
    from genret.eval.measures import evaluate
    from genret.eval.runs import run_of_results
    from genret.eval.studies.substitutes import beam_counts
    from genret.pipeline.retriever import Retriever
    from genret.pipeline.stages import index_stage, train_stage
    from genret.tokenizer.tokenizer import save_tokenizer
    from genret.training.settings import ModelSettings, TrainSettings

    run = folder / "run"
    forked = RunFolder(work).fork(run)
    dataset, _, inputs = forked.embedded()
    save_tokenizer(tokenizer, codes, dataset.catalogue.ids, forked.folder("tokenizer"), inputs)
    settings = make_settings(TrainSettings, model.get("train", {}), {"seed": tokenizer.settings.seed})
    train_stage(run, make_settings(ModelSettings, model.get("model", {})), settings)
    index_stage(run)
    retriever = Retriever.load(run)
    judgements = dataset.split_judgements("test")
    exact = exact_answers(judgements, dataset.relevant_at)
    asked = [query for query in dataset.split_queries("test") if query.id in exact][: model.get("queries", 500)]
    exact = {query.id: exact[query.id] for query in asked}
    width = max(WIDTHS)
    found = retriever.search([query.text for query in asked], width, beam_width=width)
    ranked = run_of_results([query.id for query in asked], found)
    judged = [judgement for judgement in judgements if judgement.query_id in exact]
    scores = evaluate(ranked, judged, dataset.relevant_at, dataset.irrelevant_grade).per_query
    by_query = [np.array([[scores[name][query.id]] for query in asked]) for name in ASKED]
    if dataset.substitutes:
        wide = {query: set(answer.products) for query, answer in ranked.items()}
        narrow = beams(retriever, asked, WIDTHS[0])
        by_query += [beam_counts(beam, exact, dataset.substitutes) for beam in (narrow, wide)]
    shutil.rmtree(run)
    figures = np.hstack(by_query)  # (Q, F)
    return asked_figures(figures), figures
