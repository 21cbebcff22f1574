"""The stages of a build that `scale.py` measures, one in a process of its own: run it by hand to profile one.

    python eval/scale_stages.py embed runs/scale/30000 --set products=30000     # its facts, as one line of JSON

A stage reads what the ones before it left in the folder, removes what an earlier run of it left, and makes that anew.
`data` to `index` are the build (`BUILD`). `read` reads the catalogue as a user's file, `samples` trains the tokenizer
on parts of the products, `assign-bucket` and `assign-suffix` give IDs under the policies that the build does not use,
and `latency` and `evaluate` search.
"""

from __future__ import annotations

import json
import resource
import shutil
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import click
import numpy as np
import torch
from script import run_script

from genret.data.grocery import GrocerySettings, make_grocery
from genret.data.products import read_catalogue
from genret.data.records import save_dataset
from genret.embed.settings import EmbedSettings
from genret.eval.evaluation import GradedQueries, own_queries
from genret.eval.measures import evaluate
from genret.eval.result import Grading
from genret.eval.runs import RankedList
from genret.ground.errors import GenretError
from genret.ground.files import folder_bytes
from genret.ground.hardware import one_thread, prepare_threads
from genret.ground.settings import make_settings
from genret.ground.types import Query
from genret.model.values import PrefixValues
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.pipeline.stages import embed_stage, index_stage, train_stage
from genret.search.beam import BeamSettings
from genret.tokenizer import assign_ids, save_tokenizer, train_tokenizer
from genret.tokenizer.assign import collision_rate, squared_error
from genret.tokenizer.judging.health import health
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.tokenizer import Tokenizer, load_tokenizer
from genret.training.settings import ModelSettings, TrainSettings

K = 10
TURNS = 5
SAME = 1e-5
"""Scores that differ by less are of products that are alike."""
FITTED = "fitted"
"""Folder of the tokenizer before a collision policy gave IDs."""
Facts: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """What is measured; the same for every size but for `products`."""

    products: int
    seed: int = 0
    model: str = "towers"
    """The embedder: towers or lsa."""
    dim: int = 64
    embed_steps: int = 450
    tokenizer_steps: int = 200
    codes: int = 256
    """Per level, of four."""
    max_steps: int = 0
    """Of the model's training; 0 leaves it at its dense start."""
    beam_width: int = 50
    query_scale: float = 0.0
    """Of the model's values; 0 for what a catalogue of that size has by default."""
    queries: int = 200
    """Of the test split: all are evaluated together, and half of them timed one at a time."""

    @property
    def tokenizer(self) -> TokenizerSettings:
        sizes, steps = (self.codes,) * 4, self.tokenizer_steps
        made = TokenizerSettings(codebook_sizes=sizes, latent_dim=self.dim, steps=steps, seed=self.seed)
        small = self.products < 16 * self.codes  # too few to fill the codebooks
        return replace(made, max_dead=1.0, max_share=1.0) if small else made

    @property
    def lenient(self) -> TokenizerSettings:
        """The same for so few products that they do not fill the codebooks."""
        return replace(self.tokenizer, max_dead=1.0, max_share=1.0)

    @property
    def baseline(self) -> TokenizerSettings:
        """Residual k-means, without an encoder."""
        return replace(self.lenient, objective="rkmeans")

    @property
    def shape(self) -> ModelSettings:
        return ModelSettings(
            d_model=self.dim, ffn=2 * self.dim, query_scale=self.query_scale, beam_width=self.beam_width
        )


Stage: TypeAlias = Callable[[RunFolder, Plan], Facts]


def data(run: RunFolder, plan: Plan) -> Facts:
    """The procedural catalogue with its query log, generated and written."""
    made = make_grocery(GrocerySettings(products=plan.products, seed=plan.seed))
    save_dataset(made, run.folder("data"), {"format": "grocery", "products": plan.products, "seed": plan.seed})
    return {"bytes": folder_bytes(run.folder("data"))}


def read(run: RunFolder, plan: Plan) -> Facts:
    """The catalogue read as a user's Parquet file: every row parsed and validated."""
    return {"rows": len(read_catalogue(run.folder("data") / "products.parquet"))}


def embed(run: RunFolder, plan: Plan) -> Facts:
    """Texts to vectors: the embedder fitted, every product encoded."""
    settings = EmbedSettings(model=plan.model, dim=plan.dim, steps=plan.embed_steps, seed=plan.seed)
    embed_stage(run.path, settings, progress=False)
    return {"bytes": folder_bytes(run.folder("embeddings"))}


def tokenizer(run: RunFolder, plan: Plan) -> Facts:
    """k-means and the RQ-VAE's training; every product encoded to its nearest codes."""
    dataset, vectors, fingerprints = run.embedded()
    found = train_tokenizer(vectors, dataset.catalogue.categories, plan.tokenizer, progress=False)
    save_tokenizer(found, found.encode(vectors), dataset.catalogue.ids, run.path / FITTED, fingerprints)
    return {}


def samples(run: RunFolder, plan: Plan) -> Facts:
    """How large a sample the tokenizer needs: trained on parts of the products, its error and collisions on all."""
    dataset, vectors, _ = run.embedded()
    order, categories = np.random.default_rng(plan.seed).permutation(len(vectors)), dataset.catalogue.categories
    facts: Facts = {}
    for part in (64, 16, 4, 1):
        rows = np.sort(order[: max(1, len(order) // part)])
        found = train_tokenizer(vectors[rows], [categories[row] for row in rows], plan.lenient, progress=False)
        codes = found.encode(vectors)
        facts[f"error_of_1/{part}"] = round(squared_error(found, vectors, codes), 5)
        facts[f"collisions_of_1/{part}"] = round(collision_rate(codes), 5)
    return facts


def assigned(policy: str) -> Stage:
    """The stage that gives IDs under a collision policy."""

    def assign(run: RunFolder, plan: Plan) -> Facts:
        fitted, vectors = _fitted(run), run.vectors()[0]
        found = assign_ids(fitted, vectors, policy)  # type: ignore[arg-type]
        np.save(run.path / f"codes-{policy}.npy", found.codes.astype(np.int32))
        return {name: round(value, 5) for name, value in found.report.items()}

    return assign


def ids(run: RunFolder, plan: Plan) -> Facts:
    """The health of the IDs, and the tokenizer's artifact, of the IDs under `reassign`."""
    dataset, vectors, fingerprints = run.embedded()
    fitted, codes = _fitted(run), np.load(run.path / "codes-reassign.npy").astype(np.int64)
    report = health(fitted, codes, vectors, dataset.catalogue.categories, dataset.substitute_rows())
    save_tokenizer(fitted, codes, dataset.catalogue.ids, run.folder("tokenizer"), fingerprints, health=report.to_json())
    return {"ids": report.ids, "error": round(report.error, 5)}


def model(run: RunFolder, plan: Plan) -> Facts:
    """The prefix table, prefix values and the dense start; training steps, if the plan has any."""
    train = TrainSettings(max_steps=plan.max_steps, seed=plan.seed)
    train_stage(run.path, plan.shape, train)
    return {"bytes": folder_bytes(run.folder("model"))}


def index(run: RunFolder, plan: Plan) -> Facts:
    """Trie, ID map, products, words and embeddings."""
    index_stage(run.path)
    return {"bytes": folder_bytes(run.folder("index"))}


def latency(run: RunFolder, plan: Plan) -> Facts:
    """One query at a time on one thread: medians of `TURNS` turns after a first that does not count; loading apart.

    In the first turn queries still meet memory that was not touched before.
    """
    started = time.perf_counter()
    retriever = Retriever.load(run.path, device="cpu")
    loaded = time.perf_counter() - started
    texts = [query.text for query in _asked(run, plan)[0]]
    texts = texts[: max(1, len(texts) // 2)]
    with one_thread():
        times = [_timed(retriever, text, plan) for text in texts * (1 + TURNS)]
    wall, used = zip(*times[len(texts) :], strict=True)
    return {
        "load_s": round(loaded, 3),
        "ms": round(statistics.median(wall) * 1e3, 2),
        "cpu_ms": round(statistics.median(used) * 1e3, 2),
    }


def evaluated(run: RunFolder, plan: Plan) -> Facts:
    """Recall of the beam and of exact nearest neighbours, and the share of these that the beam finds.

    And of the products that the model scores highest by their own vectors: what a beam that lost no prefix would find.
    """
    queries, grading = _asked(run, plan)
    texts = [query.text for query in queries]
    rows: list[list[str]] = []
    retriever, positions = Retriever.load(run.path, device="cpu"), []
    for batch in retriever.search_positions(texts, BeamSettings(K, plan.beam_width)):
        positions.append(batch.result.positions)
        rows += [batch.index.base.ids_at(row[row >= 0].tolist()) for row in batch.result.positions]
    vectors, ids = run.vectors()[0], run.dataset().catalogue.ids
    near = nearest(run.embedder().encode(texts), vectors, K)
    exact = [[ids[row] for row in found] for found in near.tolist()]
    shared = [len({*a} & {*b}) / len(b) for a, b in zip(rows, exact, strict=True)]
    return {
        f"recall@{K}": _recall(queries, rows, grading),
        f"exact_recall@{K}": _recall(queries, exact, grading),
        f"of_exact_top_{K}": round(statistics.mean(shared), 4),
        f"of_own_top_{K}": round(of_own_best(retriever, texts, np.concatenate(positions)), 4),
    }


def of_own_best(retriever: Retriever, texts: Sequence[str], positions: Any) -> float:
    """Of (Q, k) positions found, the share that the model's own vectors score no lower than the k-th best product."""
    model, trie = retriever.model, retriever.index.trie
    known = model.decoder.prefixes
    assert isinstance(known, PrefixValues), "an untrained model starts dense"
    with torch.inference_mode():
        encoded = model.encoder.encode(*retriever.tokens(texts)).pooler_output
    assert encoded is not None, "a dense start embeds queries"
    asked = encoded.numpy()
    vectors, found = known.leaves.detach().numpy(), trie.owner(trie.levels, positions.reshape(-1))
    best = nearest(asked, vectors, positions.shape[1])
    least = np.einsum("qd,qd->q", asked, vectors[best[:, -1]])
    scores = np.einsum("qd,qkd->qk", asked, vectors[found].reshape(*positions.shape, -1))
    return float((scores >= least[:, None] - SAME).mean())


def nearest(queries: Any, vectors: Any, k: int, chunk: int = 1 << 16) -> Any:
    """(Q, k) rows of highest inner product, best first, from (Q, D) and (N, D), of which `chunk` are read at a time."""
    best = np.full((len(queries), 0), 0, np.int64)
    scores = np.full((len(queries), 0), 0, np.float32)
    for start in range(0, len(vectors), chunk):
        some = queries @ np.asarray(vectors[start : start + chunk], np.float32).T  # (Q, chunk)
        near = np.sort(np.argpartition(-some, min(k, some.shape[1]) - 1, axis=1)[:, :k], axis=1)
        best = np.concatenate([best, start + near], 1)
        scores = np.concatenate([scores, np.take_along_axis(some, near, 1)], 1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
        best, scores = np.take_along_axis(best, order, 1), np.take_along_axis(scores, order, 1)
    return best


def _fitted(run: RunFolder) -> Tokenizer:
    return load_tokenizer(run.path / FITTED)[0]


def _asked(run: RunFolder, plan: Plan) -> GradedQueries:
    asked = own_queries(run.dataset(), "test")
    return asked._replace(queries=asked.queries[: plan.queries])


def _recall(queries: Sequence[Query], found: Sequence[Sequence[str]], grading: Grading) -> float:
    run = {
        query.id: RankedList(tuple(ids), tuple(float(-rank) for rank in range(len(ids))))
        for query, ids in zip(queries, found, strict=True)
    }
    judged = [one for one in grading.judgements if one.query_id in run]
    return round(evaluate(run, judged, grading.relevant_at, grading.irrelevant_grade).means[f"recall@{K}"], 4)


def _timed(retriever: Retriever, text: str, plan: Plan) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    wall, used = time.perf_counter(), time.process_time()
    retriever.search(text, K, beam_width=plan.beam_width, hybrid=False)
    return time.perf_counter() - wall, time.process_time() - used


STAGES: Mapping[str, Stage] = {
    "data": data,
    "read": read,
    "embed": embed,
    "tokenizer": tokenizer,
    "samples": samples,
    "assign-bucket": assigned("bucket"),
    "assign-suffix": assigned("suffix"),
    "assign-reassign": assigned("reassign"),
    "ids": ids,
    "model": model,
    "index": index,
    "latency": latency,
    "evaluate": evaluated,
}
"""In the order in which they follow each other."""
BUILD = ("data", "embed", "tokenizer", "assign-reassign", "ids", "model", "index")
"""What `genret build` does."""
LEFT: Mapping[str, str] = {"data": "data", "embed": "embeddings", "tokenizer": FITTED, "ids": "tokenizer"}
"""Stage -> the folder that it leaves, where that has another name."""


def perform(name: str, stage: Stage, run: RunFolder, plan: Plan) -> Facts:
    """Run one stage anew; its facts, and the megabytes that this process held before it began."""
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    shutil.rmtree(run.path / LEFT.get(name, name), ignore_errors=True)
    run.path.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(plan.seed)
    return {"idle_mb": round(idle, 1), "threads": torch.get_num_threads(), **stage(run, plan)}


@click.command()
@click.argument("stage", type=click.Choice(list(STAGES)))
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--set", "given", multiple=True, help="A value of the plan, NAME=VALUE; products must be given.")
def main(stage: str, run: Path, given: Sequence[str]) -> None:
    """Run one STAGE of a build in the folder RUN and print its facts as JSON."""
    prepare_threads()
    defaults = asdict(Plan(products=0))
    values = {}
    for one in given:
        name, _, text = one.partition("=")
        if name not in defaults:
            raise GenretError(f"--set {one}: expected one of {', '.join(defaults)}")
        values[name] = type(defaults[name])(text)
    click.echo(json.dumps(perform(stage, STAGES[stage], RunFolder(run), make_settings(Plan, values))))


if __name__ == "__main__":
    run_script(main)
