"""How long training takes until it has converged, and how many new products a second get an ID.

    python tokenizer/speed.py --products 50000 --dim 384
    python tokenizer/speed.py --run runs/mine

Knows arrays, a run folder and the clock. Without `--run` the embeddings are drawn around a made-up taxonomy of three
levels. Training runs at the default settings (`--set` changes them), and has converged where the last quarter of
its steps takes less than `STILL` off the reconstruction loss.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from time import perf_counter
from typing import Any

import click
import numpy as np

from genret.errors import GenretError
from genret.settings import make_settings

STILL = 0.02
"""Share of the reconstruction loss that counts as no improvement any more."""
ROUNDS = 5


def made_up(products: int, dim: int, seed: int = 0) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """((N, D) unit rows, category paths): a leaf's products around its centre, which is near its parent's."""
    rng = np.random.default_rng(seed)
    roots, parents, leaves = 20, 10, 5
    leaf = rng.integers(roots * parents * leaves, size=products)
    parent, root = leaf // leaves, leaf // (leaves * parents)
    rows = rng.normal(size=(roots, dim))[root] + 0.7 * rng.normal(size=(roots * parents, dim))[parent]
    rows += 0.5 * rng.normal(size=(roots * parents * leaves, dim))[leaf] + 0.7 * rng.normal(size=(products, dim))
    paths = [(f"r{a}", f"p{b}", f"l{c}") for a, b, c in zip(root, parent, leaf, strict=True)]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), paths


def measure(vectors: np.ndarray, categories: list[tuple[str, ...]], settings: dict[str, Any]) -> dict[str, Any]:
    """Seconds of training, the course of the loss, and products encoded a second (the best of a few rounds)."""
    from genret.tokenizer.settings import TokenizerSettings
    from genret.tokenizer.training import train_tokenizer

    chosen = make_settings(TokenizerSettings, settings)
    started = perf_counter()
    tokenizer = train_tokenizer(vectors, categories, chosen, progress=False)
    trained = perf_counter() - started
    seconds = []
    for _ in range(ROUNDS):
        started = perf_counter()
        tokenizer.encode(vectors)
        seconds.append(perf_counter() - started)
    course = {entry["step"]: entry["reconstruction"] for entry in tokenizer.history}
    late = [loss for step, loss in course.items() if step >= 0.75 * chosen.steps]
    return {
        "trained": trained,
        "encoded": len(vectors) / min(seconds),
        "course": course,
        "gained": 1 - late[-1] / late[0],
    }


def _parsed(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


@click.command()
@click.option("--products", default=50_000, show_default=True)
@click.option("--dim", default=384, show_default=True)
@click.option("--run", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Take RUN's embeddings.")
@click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A tokenizer setting, such as lam=0.")
def main(products: int, dim: int, run: Path | None, given: tuple[str, ...]) -> None:
    """Print the seconds that training takes, whether it has converged, and products encoded a second."""
    import torch

    try:
        if run is None:
            vectors, categories = made_up(products, dim)
        else:
            from genret.tokenizer.verbs import open_embeddings

            dataset, vectors = open_embeddings(run)
            categories = dataset.catalogue.categories
        figures = measure(vectors, categories, dict(_parsed(item) for item in given))
    except GenretError as error:
        raise click.UsageError(str(error)) from None
    threads = int(os.environ.get("OMP_NUM_THREADS", torch.get_num_threads()))
    click.echo(f"{len(vectors):,} products x {vectors.shape[1]} dimensions, {threads} thread(s)")
    click.echo("reconstruction loss  " + "  ".join(f"{step}: {loss:.4f}" for step, loss in figures["course"].items()))
    verdict = "converged" if figures["gained"] < STILL else "still falling"
    click.echo(f"last quarter of the steps  {-figures['gained']:+.2%}: {verdict}")
    click.echo(f"training  {figures['trained']:.1f} s")
    click.echo(f"encoding  {figures['encoded']:,.0f} products/s")


if __name__ == "__main__":
    main()
