"""How long training takes until it has converged, and how many new products per second get an ID.

    python tokenizer/training_speed.py --products 50000 --dim 384
    python tokenizer/training_speed.py --run runs/mine

Without `--run` the embeddings are drawn around a made-up taxonomy of three
levels. Trains at the default settings (`--set` changes them), then with twice the steps, and again: a training has
converged if one of twice the steps takes less than `STILL` off the error of products that took no part in it. The error
of those that did goes on falling for as long as anyone trains, since codebooks can learn a catalogue by heart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import click
import numpy as np

from genret.ground.errors import GenretError
from genret.ground.settings import make_settings
from genret.ground.types import CategoryPath
from genret.pipeline.folder import RunFolder
from genret.tokenizer.settings import TokenizerSettings

STILL = 0.02
"""Share of the held-out error that counts as no improvement any more."""
HELD_OUT = 0.1
"""Products held out, as a share of those trained on."""
ROUNDS, TRIES = 5, 4


def made_up(products: int, dim: int, seed: int = 0) -> tuple[np.ndarray, list[CategoryPath]]:
    """((N, D) unit rows, category paths): a leaf's products around its centre, which is near its parent's."""
    rng = np.random.default_rng(seed)
    roots, parents, leaves = 20, 10, 5
    leaf = rng.integers(roots * parents * leaves, size=products)
    parent, root = leaf // leaves, leaf // (leaves * parents)
    rows = rng.normal(size=(roots, dim))[root] + 0.7 * rng.normal(size=(roots * parents, dim))[parent]
    rows += 0.5 * rng.normal(size=(roots * parents * leaves, dim))[leaf] + 0.7 * rng.normal(size=(products, dim))
    paths: list[CategoryPath] = [(f"r{a}", f"p{b}", f"l{c}") for a, b, c in zip(root, parent, leaf, strict=True)]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), paths


class Timing(NamedTuple):
    """One training."""

    steps: int
    seconds: float
    error: float
    """Squared reconstruction error of the products trained on, as a share of their variance."""
    held_out: float
    """The same of those held out."""
    encoded: float
    """Products per second, the best of a few rounds."""


def measure(
    vectors: np.ndarray, categories: Sequence[CategoryPath], settings: TokenizerSettings, products: int
) -> Timing:
    """Train on the first `products` rows, and encode all of them."""
    from genret.tokenizer.assign import squared_error
    from genret.tokenizer.learning.train import train_tokenizer

    started = perf_counter()
    tokenizer = train_tokenizer(vectors[:products], categories[:products], settings, progress=False)
    trained = perf_counter() - started
    seconds = []
    for _ in range(ROUNDS):
        started = perf_counter()
        codes = tokenizer.encode(vectors)
        seconds.append(perf_counter() - started)
    seen, held_out = (
        squared_error(tokenizer, vectors[rows], codes[rows]) for rows in (slice(products), slice(products, None))
    )
    return Timing(settings.steps, trained, seen, held_out, len(vectors) / min(seconds))


def gained(once: Timing, twice: Timing) -> float:
    """The share of the held-out error that the second training takes off that of the first."""
    return 1 - twice.held_out / once.held_out


def shuffled(vectors: np.ndarray, categories: Sequence[CategoryPath]) -> tuple[np.ndarray, list[CategoryPath]]:
    """The rows in a random order, so that the last ones are any."""
    order = np.random.default_rng(0).permutation(len(vectors))
    return np.asarray(vectors)[order], [categories[row] for row in order.tolist()]


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
    """Print the seconds of training, whether it has converged, and products encoded per second."""
    import torch

    try:
        if run is None:
            vectors, categories = made_up(products + round(HELD_OUT * products), dim)
        else:
            dataset, vectors, _ = RunFolder(run).embedded()
            vectors, categories = shuffled(vectors, dataset.catalogue.categories)
            products = round(len(vectors) / (1 + HELD_OUT))
        settings = make_settings(TokenizerSettings, dict(_parsed(item) for item in given))
        click.echo(
            f"{products:,} products x {vectors.shape[1]} dimensions, {len(vectors) - products:,} held out, "
            f"{torch.get_num_threads()} thread(s)"
        )
        timings: list[Timing] = []
        while len(timings) < 2 or (gained(*timings[-2:]) >= STILL and len(timings) < TRIES):
            steps = settings.steps * 2 ** len(timings)
            timings.append(measure(vectors, categories, replace(settings, steps=steps), products))
            steps, seconds, error, held_out, _ = timings[-1]
            click.echo(f"{steps:>6} steps  {seconds:6.1f} s  error {error:.4f}, held out {held_out:.4f}")
    except GenretError as error:
        raise click.UsageError(str(error)) from None
    last, share = timings[-2], gained(*timings[-2:])
    verdict = f"converged in {last.seconds:.1f} s" if share < STILL else "not converged"
    click.echo(f"twice the steps take {share:.2%} off the held-out error of {last.steps}: {verdict}")
    click.echo(f"encoding  {max(timing.encoded for timing in timings):,.0f} products/s")


if __name__ == "__main__":
    main()
