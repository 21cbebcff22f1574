"""How often a beam is already right, what certainty costs, and what a filter does to a beam; on a trained run.

    python eval/exactness.py --run runs/demo        # tables and JSON to eval/results/exactness/NAME

Three tables over the run's test queries, each against scoring every ID of the catalogue:

    beams      share of queries whose top k is certified by a plain beam of 10, 20, 50 and 100, and is exact in fact
    exact      what exact=True adds in decoder rows and time, from each of these beams; beside them the time of
               transformers.generate with a dict trie and 50 beams
    filters    hits returned of k asked, and recall of the true filtered top k, for random stocks of 50, 10, 1 and
               0.1 % of the products: filtered inside the beam, exact inside the beam, and decoded then filtered

The quality of the answers is measured by eval/recall.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click
import numpy as np
import numpy.typing as npt
import torch
from script import RESULTS, rows_table, run_script, write_results

from genret.ground.arrays import Ints
from genret.ground.errors import GenretError
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.search.beam import BeamResult, BeamSettings, beam_search
from genret.search.decoder import Decoder
from genret.search.exact import rank_all, score_ids
from genret.search.trie import Allowed, Trie
from genret.search.vocab import PAD, Vocab
from genret.training.saved import load_model

T = TypeVar("T")

K = 10
BATCH = 16
BEAMS = (10, 20, 50, 100)
SHARES = (0.5, 0.1, 0.01, 0.001)


class Run(NamedTuple):
    """A trained model's test queries, ready to be decoded batch after batch."""

    folder: Path
    retriever: Retriever
    queries: list[str]
    trie: Trie

    def decoders(self) -> Iterator[Decoder]:
        for start in range(0, len(self.queries), BATCH):
            yield self.retriever.decoder(self.queries[start : start + BATCH])

    def search(self, settings: BeamSettings, allowed: Allowed | None = None) -> BeamResult:
        return _joined(beam_search(decoder, self.trie, settings, allowed) for decoder in self.decoders())

    def scores(self) -> npt.NDArray[np.float32]:
        """(Q, num_ids) of every query and ID."""
        ids = self.trie.all_ids()
        return np.concatenate([score_ids(decoder, ids) for decoder in self.decoders()])


def generate(run: Run, beam: int) -> None:
    """The same queries by `transformers.generate`, made to obey the trie by `prefix_allowed_tokens_fn` over dicts."""
    model, dicts = load_model(run.folder / "model")[0], nested_dicts(run.trie)

    def children(_: int, tokens: torch.Tensor) -> list[int]:
        node = dicts
        for token in tokens[1:].tolist():
            node = node.get(token, {})
        return list(node) or [PAD]

    for start in range(0, len(run.queries), BATCH):
        tokens, mask = run.retriever.tokens(run.queries[start : start + BATCH])
        model.generate(
            input_ids=tokens,
            attention_mask=mask,
            prefix_allowed_tokens_fn=children,
            num_beams=beam,
            num_return_sequences=K,
            max_length=1 + run.trie.levels,
            do_sample=False,
            length_penalty=0.0,
        )


def nested_dicts(trie: Trie) -> dict[int, Any]:
    """The trie as people write one in Python: token -> dict of what follows."""
    root: dict[int, Any] = {}
    for row in Vocab(trie.codebook_sizes).encode(trie.all_ids()).tolist():
        node = root
        for token in row:
            node = node.setdefault(token, {})
    return root


def load(folder: Path, limit: int) -> Run:
    """The run's test queries, or the first `limit` of them (0: all)."""
    retriever = Retriever.load(folder)
    texts = [query.text for query in RunFolder(folder).dataset().queries["test"]]
    if not texts:
        raise GenretError(f"{folder}: no test queries in this run's data")
    return Run(folder, retriever, texts[: limit or None], retriever.index.snapshot().trie)


def beams_table(run: Run, truth: BeamResult) -> list[dict[str, Any]]:
    rows = []
    for beam in BEAMS:
        plain, seconds = timed(partial(run.search, BeamSettings(k=K, beam_width=beam)))
        exact, exact_seconds = timed(partial(run.search, BeamSettings(k=K, beam_width=beam, exact=True)))
        same = (plain.positions == truth.positions).all(1)
        rows.append(
            {
                "beam": beam,
                "certified": share(plain.proven),
                "exact in fact": share(same),
                "recall of true top k": recall(plain.positions, truth.positions),
                "rows a query": mean(plain.rows),
                "ms a query": ms(seconds, run),
                "exact=True: certified": share(exact.proven),
                "equal to brute force": share(_agree(exact, truth)),
                "rows a query (exact)": mean(exact.rows),
                "most rows": int(exact.rows.max()),
                "ms a query (exact)": ms(exact_seconds, run),
            }
        )
    return rows


def filters_table(run: Run, scores: npt.NDArray[np.float32], beam: int) -> list[dict[str, Any]]:
    rows, rng = [], np.random.default_rng(0)
    for asked in SHARES:
        mask = rng.random(run.trie.num_products) < asked
        allowed = Allowed.from_positions(run.trie, mask)
        truth = rank_all(run.trie, scores, BeamSettings(k=K), allowed)
        possible = min(K, int(mask.sum()))
        inside = run.search(BeamSettings(k=K, beam_width=beam), allowed)
        exact = run.search(BeamSettings(k=K, beam_width=beam, exact=True), allowed)
        after = _filtered(run.search(BeamSettings(k=beam, beam_width=beam)).positions, mask)
        variants = (
            ("inside", inside.positions, share(inside.proven), mean(inside.rows)),
            ("exact", exact.positions, share(exact.proven), mean(exact.rows)),
            ("decode, then filter", after, None, None),
        )
        for name, found, proven, spent in variants:
            rows.append(
                {
                    "allowed": f"{asked:.1%}",
                    "products": int(mask.sum()),
                    "filter": name,
                    "fill": round(float((found >= 0).sum(1).mean()) / possible, 4) if possible else None,
                    "recall of true top k": recall(found, truth.positions),
                    "certified": proven,
                    "rows a query": spent,
                }
            )
    return rows


def _filtered(positions: Ints, mask: npt.NDArray[np.bool_]) -> Ints:
    """(Q, B) products of an unfiltered beam -> (Q, K): the first k that the mask allows, -1 after them."""
    keep = (positions >= 0) & mask[positions]
    order = np.argsort(~keep, axis=1, kind="stable")[:, :K]
    return np.where(np.take_along_axis(keep, order, 1), np.take_along_axis(positions, order, 1), -1)


def recall(found: Ints, truth: Ints) -> float:
    """The share of the true top k that was found."""
    hit = ((found[:, :, None] == truth[:, None, :]) & (truth[:, None, :] >= 0)).any(1)
    return round(float(hit.sum() / max(1, (truth >= 0).sum())), 4)


def _agree(found: BeamResult, truth: BeamResult) -> npt.NDArray[np.bool_]:
    """The same products, or others whose scores are the same to rounding (another batch, another last digit)."""
    same: npt.NDArray[np.bool_] = (found.positions == truth.positions).all(1)
    return same | np.isclose(found.scores, truth.scores, atol=1e-4).all(1)


def _joined(results: Iterator[BeamResult]) -> BeamResult:
    return BeamResult(*(np.concatenate(parts) for parts in zip(*results, strict=True)))


def timed(run: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    result = run()
    return result, time.perf_counter() - start


def share(flags: npt.NDArray[np.bool_]) -> float:
    return round(float(flags.mean()), 4)


def mean(values: Ints) -> float:
    return round(float(values.mean()), 1)


def ms(seconds: float, run: Run) -> float:
    return round(seconds / len(run.queries) * 1e3, 2)


@click.command()
@click.option("--run", "folder", type=click.Path(path_type=Path), required=True, help="A run folder with a model.")
@click.option("--limit", default=0, help="Take the first so many test queries; 0: all.")
@click.option("--beam", default=50, show_default=True, help="Beam width of the filter table.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: eval/results/exactness/NAME OF THE RUN.")
def main(folder: Path, limit: int, beam: int, out: Path | None) -> None:
    """Measure certainty and filters on a trained run."""
    run = load(folder, limit)
    scores, seconds = timed(run.scores)
    truth = rank_all(run.trie, scores, BeamSettings(k=K))
    results: dict[str, Any] = {
        "run": folder.name,
        "queries": len(run.queries),
        "products": run.trie.num_products,
        "ids": run.trie.num_ids,
        "k": K,
        "batch": BATCH,
        "threads": torch.get_num_threads(),
        "brute force ms a query": ms(seconds, run),
        "generate, B = 50, ms a query": ms(timed(lambda: generate(run, 50))[1], run),
    }
    beams, filters = beams_table(run, truth), filters_table(run, scores, beam)
    text = "\n".join(
        [
            f"# Certainty and filters: {folder.name}",
            "",
            ", ".join(f"{name}: {value}" for name, value in results.items()),
            "",
            rows_table(beams),
            "",
            f"## Filters, k = {K}, beam {beam}",
            "",
            rows_table(filters),
            "",
        ]
    )
    out = out or RESULTS / "exactness" / folder.name
    write_results(out, "exactness", {**results, "beams": beams, "filters": filters}, text)


if __name__ == "__main__":
    run_script(main)
