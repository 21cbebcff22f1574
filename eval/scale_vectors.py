"""Random vectors to IDs, an index and searches, for `scale.py --vectors`: what grows where there is no text at all.

The vectors are Gaussian clusters of Gaussian sizes, a thousand centres. A decoder over prefix values alone
(`genret.model.values`) searches them, as an untrained model with a dense start would.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from scale_stages import Facts, K, Plan, Stage, nearest
from torch import Tensor

from genret.ground.hardware import one_thread
from genret.model.values import PrefixValues, Worth
from genret.pipeline.folder import RunFolder
from genret.search.beam import BeamSettings, beam_search
from genret.search.trie import Trie
from genret.tokenizer import assign_ids, save_tokenizer, train_tokenizer
from genret.tokenizer.tokenizer import id_sizes, load_tokenizer
from genret.training.settings import ModelSettings

WARM_UP = 5
CHUNK = 1 << 18
CENTRES = 1_000
SAMPLE = 200_000
"""Vectors that the codebooks are fitted to."""
VALUES = "values.pt"


class ValuesDecoder:
    """A `genret.search.decoder.Decoder` of (Q, D) query vectors by what prefixes are worth to them, and no model."""

    def __init__(self, values: PrefixValues, worth: Worth) -> None:
        self._values, self._worth = values, worth
        self._nodes = torch.zeros((len(worth.query), 1), dtype=torch.int64)  # (Q, B)

    @property
    def num_queries(self) -> int:
        return len(self._worth.query)

    @property
    def codebook_sizes(self) -> tuple[int, ...]:
        return self._values.sizes

    def select(self, queries: Tensor) -> ValuesDecoder:
        return ValuesDecoder(self._values, self._worth.select(queries))

    @torch.inference_mode()
    def step(self, level: int, codes: Tensor | None, parents: Tensor | None) -> Tensor:
        """(Q, B, K_level) log-probabilities of a level's codes."""
        if codes is None or parents is None:
            self._nodes = torch.zeros((self.num_queries, 1), dtype=torch.int64)
        else:
            self._nodes = self._values.child(level - 1, self._nodes.gather(1, parents), codes)
        shape = self._nodes.shape
        silent = torch.zeros(shape.numel(), self.codebook_sizes[level])
        rows = torch.arange(shape[0]).repeat_interleave(shape[1])
        found = self._values.log_probs(level, silent, self._worth, rows, self._nodes.flatten())
        return found.view(*shape, -1)


def drawn(plan: Plan) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Unit vectors, some at a time."""
    rng = np.random.default_rng(plan.seed)
    centres = rng.standard_normal((CENTRES, plan.dim)).astype(np.float32)
    spread = (0.3 + rng.random(CENTRES)).astype(np.float32)
    share = rng.dirichlet(np.ones(CENTRES))
    for start in range(0, plan.products, CHUNK):
        of = rng.choice(CENTRES, min(CHUNK, plan.products - start), p=share)
        found = centres[of] + spread[of, None] * rng.standard_normal((len(of), plan.dim), dtype=np.float32)
        yield found / np.linalg.norm(found, axis=1, keepdims=True)


def vectors(run: RunFolder, plan: Plan) -> Facts:
    """The vectors themselves."""
    shape = (plan.products, plan.dim)
    out = np.lib.format.open_memmap(_vectors(run), mode="w+", dtype=np.float32, shape=shape)
    start = 0
    for some in drawn(plan):
        out[start : start + len(some)] = some
        start += len(some)
    out.flush()
    return {"bytes": _vectors(run).stat().st_size}


def codebooks(run: RunFolder, plan: Plan) -> Facts:
    """Residual k-means on a sample."""
    every = np.load(_vectors(run), mmap_mode="r")
    rows = np.sort(np.random.default_rng(plan.seed).permutation(len(every))[:SAMPLE])
    sample = np.asarray(every[rows])
    settings = plan.baseline
    fitted = train_tokenizer(sample, [()] * len(sample), settings, progress=False)
    save_tokenizer(fitted, fitted.encode(sample[:1]), ["one"], run.path / "codebooks")
    return {"sample": len(sample)}


def assign(run: RunFolder, plan: Plan) -> Facts:
    """An ID for every vector, under `reassign`."""
    fitted = load_tokenizer(run.path / "codebooks")[0]
    found = assign_ids(fitted, np.load(_vectors(run), mmap_mode="c"), "reassign")
    np.save(run.path / "codes.npy", found.codes.astype(np.uint8 if plan.codes <= 256 else np.uint16))
    return {name: round(value, 5) for name, value in found.report.items()}


def trie(run: RunFolder, plan: Plan) -> Facts:
    """The prefix trie on disk, and the vectors in its order."""
    codes = np.load(run.path / "codes.npy", mmap_mode="r")
    built, order = Trie.build(codes, (plan.codes,) * codes.shape[1])
    built.save(run.path / "trie")
    every = np.load(_vectors(run), mmap_mode="r")
    out = np.lib.format.open_memmap(run.path / "ordered.npy", mode="w+", dtype=np.float32, shape=every.shape)
    for start in range(0, len(order), CHUNK):
        out[start : start + CHUNK] = every[order[start : start + CHUNK]]
    return {"ids": built.num_ids, "bytes": built.nbytes}


def values(run: RunFolder, plan: Plan) -> Facts:
    """What the model knows of prefixes: the table of prefixes, and a vector for every coarse one and every ID."""
    codes = torch.from_numpy(np.load(run.path / "codes.npy").astype(np.int64))
    sizes = id_sizes(codes.numpy(), (plan.codes,) * codes.shape[1])
    below = ModelSettings().looks_below(len(codes)) or 0
    found = PrefixValues(sizes, PrefixValues.counts(codes), plan.dim, ModelSettings.backoff, below)
    found.fill(codes)
    found.start_from(codes, torch.from_numpy(np.load(_vectors(run), mmap_mode="c")))
    torch.save(found.state_dict(), run.path / VALUES)
    return {"counts": [len(found._keys(level)) for level in range(found.levels)]}


def search(run: RunFolder, plan: Plan) -> Facts:
    """Vectors with noise as queries: milliseconds each on one thread, and the share of the exact top 10 found."""
    known, built = _opened(run, plan), Trie.open(run.path / "trie")
    ordered = np.load(run.path / "ordered.npy", mmap_mode="r")
    rng = np.random.default_rng(plan.seed + 1)
    asked = ordered[np.sort(rng.choice(len(ordered), min(plan.queries, len(ordered)), replace=False))]
    noise = rng.standard_normal(asked.shape, dtype=np.float32) / plan.dim**0.5
    queries = torch.from_numpy((asked + 0.5 * noise).astype(np.float32))
    exact, found, took = nearest(queries.numpy(), ordered, K), [], []
    settings, scale = BeamSettings(K, plan.beam_width), plan.shape.scale(len(ordered))
    with one_thread(), torch.inference_mode():
        for query in [*queries[:WARM_UP], *queries]:
            used = time.process_time()
            worth = known.worth(scale * query[None])
            found.append(beam_search(ValuesDecoder(known, worth), built, settings).positions[0])
            took.append(1000 * (time.process_time() - used))
    shared = [len({*a.tolist()} & {*b.tolist()}) / K for a, b in zip(exact, found[WARM_UP:], strict=True)]
    return {
        "cpu_ms": round(statistics.median(took[WARM_UP:]), 2),
        f"of_exact_top_{K}": round(statistics.mean(shared), 4),
    }


def _opened(run: RunFolder, plan: Plan) -> PrefixValues:
    state = torch.load(run.path / VALUES, weights_only=True, mmap=True)
    counts = [len(state[f"keys{level}"]) for level in range(4)]
    below = ModelSettings().looks_below(counts[-1]) or 0
    known = PrefixValues((plan.codes,) * 4, counts, plan.dim, ModelSettings.backoff, below)
    known.load_state_dict(state, assign=True)
    return known.eval().requires_grad_(False)


def _vectors(run: RunFolder) -> Path:
    return run.path / "vectors.npy"


VECTORS: dict[str, Stage] = {
    "vectors": vectors,
    "codebooks": codebooks,
    "assign": assign,
    "trie": trie,
    "values": values,
    "search": search,
}
"""In the order in which they follow each other."""
