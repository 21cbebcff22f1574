"""What is written by hand here although a library has it: are the two equal, and which is faster?

    python eval/libraries.py                  # prints a table, and writes eval/results/libraries

Each row computes one thing twice from the same seeded input: by genret, and by the library. `difference` is the largest
one between the two answers, in units of the answer's own scale; the ratio is that of median times, taken in turns.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import ftfy
import numpy as np
import torch
from scipy import sparse
from script import RESULTS, run_script, write_results
from sklearn.covariance import ShrunkCovariance
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge

from genret.data.clean import repair_mojibake
from genret.embed.bag import bag_of_vectors
from genret.eval.result import table
from genret.ground.hardware import processor
from genret.tokenizer.judging.audit import SHRINKAGE, discriminant
from genret.tokenizer.rqvae import principal_axes


class Pair(NamedTuple):
    """One thing, computed by both."""

    name: str
    library: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any]
    difference: Callable[[Any, Any], float]


def scaled(ours: Any, theirs: Any) -> float:
    """The largest difference over the largest value."""
    first, second = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.abs(first - second).max() / max(np.abs(second).max(), 1e-12))


def pairs(products: int) -> Iterator[Pair]:
    """All of them, for a catalogue of so many products, with random vectors."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((products, 128)).astype(np.float32)
    leaf = rng.integers(0, max(2, products // 50), products)
    yield Pair(
        "principal axes (RQ-VAE's start)",
        "sklearn.decomposition.PCA",
        lambda: principal_axes(torch.from_numpy(vectors - vectors.mean(0)), 32).numpy(),
        lambda: PCA(32, svd_solver="covariance_eigh").fit(vectors).components_,
        lambda a, b: scaled(np.abs(a), np.abs(b)),
    )
    yield Pair(
        "discriminant (catalogue audit)",
        "sklearn LinearDiscriminantAnalysis",
        lambda: logits(vectors, *discriminant(vectors, leaf)[:2]),
        lambda: by_sklearn(vectors, leaf),
        scaled,
    )
    tokens = rng.integers(0, 4000, (products, 12)).astype(np.int32)
    lengths = rng.integers(1, 13, products)
    yield Pair(
        "token vectors (bag of tokens), solved",
        "sklearn Ridge(solver='sparse_cg')",
        lambda: bag_of_vectors(tokens, lengths, vectors, 4000, steps=200),
        lambda: by_ridge(tokens, lengths, vectors, 4000),
        scaled,
    )
    yield Pair(
        "token vectors, as far as a start needs",
        "sklearn Ridge(solver='sparse_cg')",
        lambda: bag_of_vectors(tokens, lengths, vectors, 4000),
        lambda: by_ridge(tokens, lengths, vectors, 4000),
        scaled,
    )
    misread = [text.encode().decode("latin-1") for text in ("Häagen-Dazs Crème brûlée", "Jalapeño – Piñata™", "plain")]
    yield Pair(
        "mojibake in 3,000 texts",
        "ftfy.fix_encoding",
        lambda: [repair_mojibake(text) for text in misread * 1000],
        lambda: [ftfy.fix_encoding(text) for text in misread * 1000],
        lambda a, b: float(np.mean([x != y for x, y in zip(a, b, strict=True)])),
    )


def logits(vectors: Any, weights: Any, offsets: Any) -> Any:
    """(N, C) less each row's own mean: a discriminant's scores have no zero of their own."""
    scores = vectors @ weights.T + offsets
    return scores - scores.mean(1, keepdims=True)


def by_sklearn(vectors: Any, leaf: Any) -> Any:
    """The same of scikit-learn's, whose class covariances are shrunk one by one, which comes to the same sum."""
    model = LinearDiscriminantAnalysis("lsqr", covariance_estimator=ShrunkCovariance(shrinkage=SHRINKAGE))
    scores = model.fit(vectors, leaf).decision_function(vectors)
    return scores - scores.mean(1, keepdims=True)


def by_ridge(tokens: Any, lengths: Any, vectors: Any, size: int) -> Any:
    """(size, D) token vectors by scikit-learn, as exact as it goes."""
    real = np.arange(tokens.shape[1]) < lengths[:, None]
    weight = (lengths**-0.5)[np.nonzero(real)[0]].astype(np.float32)
    bag = sparse.csr_matrix((weight, (np.nonzero(real)[0], tokens[real])), shape=(len(tokens), size))
    return Ridge(alpha=1.0, fit_intercept=False, solver="sparse_cg", tol=1e-6).fit(bag, vectors).coef_.T


def seconds(call: Callable[[], Any]) -> float:
    """Of this process, all its threads."""
    start = time.process_time()
    call()
    return time.process_time() - start


@click.command()
@click.option("--products", type=click.IntRange(100), default=20_000, show_default=True)
@click.option("--turns", type=click.IntRange(1), default=5, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/libraries]")
def main(products: int, turns: int, out: Path | None) -> None:
    """Compare, time, print and write."""
    rows = []
    for pair in pairs(products):
        difference = pair.difference(pair.ours(), pair.theirs())
        times = [(seconds(pair.ours), seconds(pair.theirs)) for _ in range(turns)]
        ours, theirs = (statistics.median(column) for column in zip(*times, strict=True))
        rows.append(
            {"what": pair.name, "library": pair.library, "difference": difference, "ours": ours, "theirs": theirs}
        )
    lines = [
        [
            row["what"],
            row["library"],
            f"{row['difference']:.1e}",
            f"{row['ours']:.3f}",
            f"{row['theirs']:.3f}",
            f"{row['theirs'] / row['ours']:.1f} x",
        ]
        for row in rows
    ]
    head = f"{products} products, seed 0, {turns} turns, CPU-seconds (medians), {processor()}."
    text = f"{head}\n\n{table(['what', 'library', 'difference', 'genret', 'library', 'ratio'], lines)}"
    write_results(out or RESULTS / "libraries", "libraries", {"products": products, "rows": rows}, text)


if __name__ == "__main__":
    run_script(main)
