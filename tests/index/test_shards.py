"""How L1 codes are cut into ranges, and the manifest that says so."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.ground.artifacts import MANIFEST
from genret.ground.errors import GenretError
from genret.index.shards import KIND, Range, Shard, Shards, made_before, ranges, read_shards, write_shards


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.data())
def test_ranges_cover_the_codes_and_each_has_products(counts: list[int], data: st.DataObject) -> None:
    used = sum(count > 0 for count in counts)
    found = ranges(counts, data.draw(st.integers(1, max(1, used))))
    assert found[0].start == 0
    assert found[-1].stop == len(counts)
    assert all(before.stop == after.start for before, after in itertools.pairwise(found))
    if used:
        assert all(sum(counts[start:stop]) for start, stop in found)


def test_ranges_are_alike_in_products() -> None:
    counts = np.random.default_rng(0).integers(50, 100, 256)
    sizes = [counts[start:stop].sum() for start, stop in ranges(counts, 16)]
    assert max(sizes) - min(sizes) <= 2 * counts.max()


@pytest.mark.parametrize("count", [0, 3, 1.5])
def test_more_ranges_than_codes_are_refused(count: int) -> None:
    with pytest.raises(GenretError, match="count"):
        ranges([4, 0, 2], count)


def made(folder: Path, cut: tuple[Range, ...] = (Range(0, 3), Range(3, 8))) -> Shards:
    shards = tuple(Shard(f"shard-{i:02d}", *one, products=5, ids=4, version="v") for i, one in enumerate(cut))
    return Shards(folder, 2, "digest", (8, 8), "head", shards)


def test_the_manifest_reads_back(tmp_path: Path) -> None:
    assert made_before(tmp_path) is None
    assert write_shards(made(tmp_path)) == read_shards(tmp_path) == made_before(tmp_path) == made(tmp_path)
    assert made(tmp_path).owners.tolist() == [0, 0, 0, 1, 1, 1, 1, 1]
    assert made(tmp_path).starts.tolist() == [0, 5]


@pytest.mark.parametrize(
    "cut", [(), (Range(0, 3),), (Range(0, 5), Range(3, 8)), (Range(1, 8),), (Range(0, 0), Range(0, 8))]
)
def test_shards_that_do_not_cover_the_codes_once_are_refused(tmp_path: Path, cut: tuple[Range, ...]) -> None:
    with pytest.raises(GenretError, match="do not cover"):
        write_shards(made(tmp_path, cut))


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    write_shards(made(tmp_path))
    file = tmp_path / KIND / MANIFEST
    table = json.loads(file.read_text())
    table["settings"]["shards"][0]["products"] = 7
    file.write_text(json.dumps(table))
    with pytest.raises(GenretError, match="changed since it was written"):
        read_shards(tmp_path)
