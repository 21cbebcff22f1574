"""One shard of a run's index, made of the index as it lies on disk."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from genret.data.samples import ProductRows
from genret.index.build import Contents
from genret.index.shards import Shard
from genret.pipeline.folder import RunFolder
from genret.pipeline.split import Splitter

FOLDER = "shards"
"""Where a build puts the shards of its run, below it."""


class ShardsJob(NamedTuple):
    """A run whose index is cut."""

    run: Path
    splitter: Splitter
    ends: tuple[int, ...]
    """(K_1 + 1,) the first position of each L1 code's products, and the number of all."""


def build_shard(job: ShardsJob, number: int) -> Shard:
    """A shard: its range of positions of the index, and no more, read and written."""
    start, stop = (job.ends[code] for code in job.splitter.cut[number])
    index = RunFolder(job.run).index().snapshot()
    products = ProductRows(index.base.artifact.file("products.parquet")).between(start, stop)
    vectors = None if index.base.embeddings is None else np.asarray(index.base.embeddings[start:stop])
    return job.splitter.shard(number, Contents(products, index.trie.id_of(np.arange(start, stop)), vectors))
