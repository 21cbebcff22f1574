"""The readers on the real files, where this machine has them: every row read, none bad, counts as documented."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from genret.data import Dataset, attach_judgements, read_dataset
from genret.data.clean import NEEDS_WORK, repair_mojibake

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data"

COUNTS = {
    # products, train, dev, test queries, judgements, sessions at least
    "chorus": (19_406, 0, 0, 67, 1_832, 0),
    "esci": (200, 160, 20, 20, 200, 0),
    "grocerydb": (24_185, 0, 0, 0, 0, 0),
    "homedepot": (54_667, 9_295, 500, 0, 61_307, 0),
    "instacart": (49_688, 0, 0, 0, 0, 9_000),
}


@cache
def read(name: str) -> Dataset:
    return read_dataset(name, SHARED / name)


def real(name: str) -> Dataset:
    if not (SHARED / name).is_dir():
        pytest.skip(f"no {name} files beside the project")
    return read(name)


@pytest.mark.parametrize("name", COUNTS)
def test_counts(name: str) -> None:
    dataset = real(name)
    n_queries = [len(dataset.split_queries(split)) for split in ("train", "dev", "test")]
    assert (len(dataset.catalogue), *n_queries, len(dataset.judgements)) == COUNTS[name][:5]
    assert len(dataset.sessions) >= COUNTS[name][5]
    assert sum(report.skipped + report.left_out for report in dataset.reports) == 0


def test_grocerydb_text_is_put_right() -> None:
    titles = [product.title for product in real("grocerydb").catalogue]
    assert not [title for title in titles if "&#" in title or "â„" in title or "Ã" in title]
    assert all(repair_mojibake(title) == title for title in titles if NEEDS_WORK.search(title))


def test_homedepot_dev_attaches_to_its_own_catalogue() -> None:
    dataset = real("homedepot")
    attached = attach_judgements(dataset, SHARED / "homedepot" / "dev.csv.gz", "homedepot")
    assert (len(attached.queries), len(attached.judgements), attached.unknown_products) == (500, 3_151, 0)
    assert (attached.relevant_at, attached.irrelevant_grade) == (2.67, 1.0)
