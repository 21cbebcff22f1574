"""Semantic IDs for other systems: product id -> codes, level by level, with what each prefix means in words.

Recommenders and rankers use semantic IDs as features. `export_ids(run)` makes the table, `write_table` puts it into
Parquet, CSV or JSONL, by the name's ending.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from genret.data.records import Catalogue
from genret.data.words import common_words
from genret.ground.errors import GenretError
from genret.ground.files import whole_file
from genret.pipeline.folder import RunFolder

ENDINGS = (".parquet", ".csv", ".jsonl")
WORDS = 3
"""Words that a label gives beside the category."""


def export_ids(run: Path) -> pa.Table:
    """One row per product of RUN/index as it is now, in ID order: id, title, category, L1 to Ln, label_L1 to label_Ln.

    The label of a prefix is the most common category below it and the words that its titles share. Raises GenretError
    if the run has no index.
    """
    index = RunFolder(run).index()
    try:
        catalogue, codes, _ = index.contents()
    finally:
        index.close()
    order = np.lexsort(codes.T[::-1])
    catalogue, codes = catalogue.take(order), codes[order]
    columns: dict[str, pa.Array] = {
        "id": pa.array(catalogue.ids, pa.string()),
        "title": catalogue.table["title"],
        "category": pa.array([" > ".join(path) for path in catalogue.categories], pa.string()),
    }
    for level in range(codes.shape[1]):
        columns[f"L{level + 1}"] = pa.array(codes[:, level].astype(np.int32))
    for level in range(codes.shape[1]):
        columns[f"label_L{level + 1}"] = pa.array(_labels(catalogue, codes[:, : level + 1]), pa.string())
    return pa.table(columns)


def write_table(table: pa.Table, path: Path) -> None:
    """Write `table` at `path`, whole or not at all. Raises GenretError for an ending other than those of `ENDINGS`."""
    if path.suffix not in ENDINGS:
        raise GenretError(f"{path}: cannot tell the format by {path.suffix!r}; expected one of {', '.join(ENDINGS)}")
    with whole_file(path) as temporary:
        if path.suffix == ".parquet":
            pq.write_table(table, temporary, compression="zstd")
        elif path.suffix == ".csv":
            pacsv.write_csv(table, temporary)
        else:
            with open(temporary, "w", encoding="utf-8") as file:
                for batch in table.to_batches(max_chunksize=4096):
                    file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in batch.to_pylist())


def _labels(catalogue: Catalogue, prefixes: npt.NDArray[np.int64]) -> list[str]:
    """(N,) one label per row of sorted (N, l) prefixes; rows of one prefix share it."""
    starts = np.flatnonzero(np.r_[True, (prefixes[1:] != prefixes[:-1]).any(1)]) if len(prefixes) else np.zeros(0, int)
    stops = np.r_[starts[1:], len(prefixes)]
    titles, categories = catalogue.table["title"].to_pylist(), catalogue.categories
    labels: list[str] = []
    for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
        labels += [prefix_label(titles[start:stop], categories[start:stop])] * (stop - start)
    return labels


def prefix_label(titles: list[str], categories: list[tuple[str, ...]]) -> str:
    """What products have in common: `Pasta Sauces: marinara, tomato`, the leaf category only where most share it."""
    leaf, count = Counter(path[-1] if path else "" for path in categories).most_common(1)[0]
    words = ", ".join(common_words(titles, WORDS))
    named = leaf if leaf and count * 2 > len(categories) else ""
    return f"{named}: {words}" if named and words else named or words
