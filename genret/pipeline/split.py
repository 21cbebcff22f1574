"""A run's index cut into shards by L1 range, each a run that `Retriever.load` and `genret serve` open.

`split(run, out, count)` cuts a run that was built whole. What builds shards without ever holding the whole makes them
with the same `Splitter`, one after the other or side by side, and ends with `finish`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genret.embed.catalogue import save_embedder
from genret.ground.arrays import Ints
from genret.ground.artifacts import Artifact, copy_artifact, read_artifact
from genret.ground.errors import GenretError
from genret.index.build import Contents, build_index
from genret.index.lexical import IndexText, words_of
from genret.index.shards import HEAD, Range, Shard, Shards, digest_of, made_before, ranges, shard_name, write_shards
from genret.index.snapshot import Snapshot
from genret.model.prefix import Prefixes
from genret.pipeline.confidence import KIND as CALIBRATION
from genret.pipeline.folder import RunFolder
from genret.pipeline.growth import Growth
from genret.training.saved import load_model
from genret.training.trainer import save_grown


class Splitter(NamedTuple):
    """The shards in the making: where they go, how they are cut, and what all of them share."""

    out: Path
    """With the model and the embedder of `share_parts` in its head."""
    cut: Sequence[Range]
    text: IndexText
    """With the words of the whole catalogue in it (`IndexText.whole`)."""
    codebook_sizes: tuple[int, ...]
    inputs: Mapping[str, str]
    """What the index is made from: kind of artifact -> its fingerprint."""
    digest: str

    def shard(self, number: int, contents: Contents) -> Shard:
        """Write a shard of these contents, their `text` apart, unless it is there."""
        start, stop = self.cut[number]
        first = np.asarray(contents.codes)[:, 0]
        if len(first) and not (start <= first.min() and first.max() < stop):
            raise GenretError(
                f"{shard_name(number)} has the L1 codes {start} to {stop - 1}, but its products have {first.min()} to "
                f"{first.max()}"
            )
        run = RunFolder(self.out / shard_name(number))
        share_parts(RunFolder(self.out / HEAD), run)
        trie = self._indexed(run, f"{start}-{stop}", contents).index().trie
        return Shard(shard_name(number), start, stop, trie.num_products, trie.num_ids, run.version)

    def finish(self, shards: Sequence[Shard], empty: Contents) -> Shards:
        """Write the head's index, of the contents of no product, and say that all shards are there."""
        before = made_before(self.out)
        head = self._indexed(RunFolder(self.out / HEAD), "none", empty)
        generation = 1 if before is None else before.generation + (before.digest != self.digest)
        made = Shards(self.out, generation, self.digest, self.codebook_sizes, head.version, tuple(shards))
        return made if made == before else write_shards(made)

    def _indexed(self, run: RunFolder, codes: str, contents: Contents) -> RunFolder:
        model = run.artifact("model").fingerprint  # half of a new generation is none: see `RunFolder.searchable`
        inputs = {**self.inputs, "shards": self.digest, "L1": codes, "model": model}
        made = run.whole("index")
        if made is None or dict(made.inputs) != inputs:
            contents = contents._replace(text=self.text)
            build_index(contents, self.codebook_sizes, run.folder("index"), inputs, changes="forget")
        return run


def split(run: Path, out: Path, count: int) -> Shards:
    """The index of a run in `count` shards below `out`. What is there of the same is reused; where another generation
    of as many shards is, each of its runs is replaced, one after the other, and the manifest last.

    A GenretError if the index has changes that no generation holds, or fewer L1 codes than there are to be shards.
    """
    splitter, snapshot, ends = prepared(run, out, count)
    parts = [_contents(snapshot, np.arange(ends[start], ends[stop])) for start, stop in splitter.cut]
    return splitter.finish([splitter.shard(number, part) for number, part in enumerate(parts)], empty(snapshot))


class Prepared(NamedTuple):
    """A run that is about to be split, its head's model and embedder in place."""

    splitter: Splitter
    snapshot: Snapshot
    ends: Ints
    """(K_1 + 1,) the first position of each L1 code's products, and the number of all."""


def prepared(run: Path, out: Path, count: int) -> Prepared:
    """What `split` begins with, and raises."""
    source = RunFolder.existing(run)
    model, _, index, _ = source.searchable()
    if index.pending:
        raise GenretError(f"{run}: {index.pending} changes are in no generation yet; run: genret compact {run}")
    snapshot = index.snapshot()
    ends = _ends(snapshot)
    cut, before = ranges(np.diff(ends), count), made_before(out)
    if before is not None and len(before.shards) != count:
        raise GenretError(f"{out} holds {len(before.shards)} shards, not {count}; give another --out, or its count")
    share_parts(source, RunFolder(out / HEAD), _grown(model.decoder.prefixes, snapshot), index.artifact.fingerprint)
    made_from = {"model": RunFolder(out / HEAD).artifact("model").fingerprint, "index": index.artifact.fingerprint}
    sizes, text = snapshot.trie.codebook_sizes, _text(snapshot)
    splitter = Splitter(out, cut, text, sizes, index.artifact.inputs, digest_of(made_from, cut))
    return Prepared(splitter, snapshot, ends)


def empty(index: Snapshot) -> Contents:
    """The contents of no product, of an index's shape."""
    return _contents(index, np.arange(0))


def share_parts(source: RunFolder, target: RunFolder, grown: Prefixes | None = None, grown_by: str = "") -> None:
    """Give a run the model of another one, its embedder without any embeddings, and its calibration.

    `grown`: the prefixes that the model is to know in place of its own, of the index with the fingerprint `grown_by`.
    """
    made = source.artifact("model")
    if grown is None:
        copy_artifact(made, target.folder("model"))
    else:
        inputs, before = {**made.inputs, "grown": grown_by}, target.whole("model")
        if before is None or before.settings != made.settings or dict(before.inputs) != inputs:
            save_grown(load_model(made.path), grown, target.folder("model"), inputs)
    if source.has("embeddings"):
        _share_embedder(source.artifact("embeddings"), target)
    if (source.path / CALIBRATION).exists():
        found = read_artifact(source.path / CALIBRATION, CALIBRATION)
        copy_artifact(found, target.path / CALIBRATION)


def _share_embedder(made: Artifact, target: RunFolder) -> None:
    if made.kind in made.inputs:  # it holds no embeddings any more
        copy_artifact(made, target.folder("embeddings"))
        return
    before = target.whole("embeddings")
    if before is None or before.inputs.get(made.kind) != made.fingerprint:
        save_embedder(made, target.folder("embeddings"))


def _grown(own: Prefixes | None, index: Snapshot) -> Prefixes | None:
    """The model's prefixes with those of products that came after training; None where all are known.

    A shard cannot find these by itself: what a prefix is worth is told beside all others.
    """
    grown = own if own is None else Growth(own).whole(index)
    return None if grown is own else grown


def _ends(index: Snapshot) -> Ints:
    """(K_1 + 1,) the first position of each L1 code's products, and the number of all."""
    trie = index.trie
    codes = np.arange(trie.codebook_sizes[0])
    start, stop = trie.product_range(1, trie.child(0, np.full(len(codes), trie.root), codes))
    return np.concatenate([[0], np.cumsum(stop - start)])


def _contents(index: Snapshot, positions: Ints) -> Contents:
    base = index.base
    vectors = None if base.embeddings is None else np.asarray(base.embeddings[positions])
    return Contents(base.catalogue.take(positions), index.trie.id_of(positions), vectors)


def _text(index: Snapshot) -> IndexText:
    """What the index knows of words, with the words of all its products."""
    words = index.base.text
    if words.is_written:
        return words.about._replace(whole=words.lexical.whole._replace(held=words.held))
    about = words.about._replace(judged=1)  # an index that does not say is taken to have a query log
    return about._replace(whole=words_of(list(index.base.catalogue), about.bm25))
