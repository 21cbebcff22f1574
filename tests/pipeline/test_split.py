"""A run cut into shards: each is a run, together they hold what it held, and cutting again changes nothing."""

from __future__ import annotations

import functools
import operator
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from genret.cli.shards import shards as shards_command
from genret.ground.errors import GenretError
from genret.index.shards import Shards, read_shards
from genret.pipeline.folder import RunFolder
from genret.pipeline.retriever import Retriever
from genret.pipeline.split import split
from genret.pipeline.stock import Stock

EVERY = np.zeros((1, 0), np.int64)
"""The prefix that every semantic ID begins with."""


@pytest.fixture(scope="module")
def shards(built_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Shards:
    return split(built_run, tmp_path_factory.mktemp("shards") / "out", 4)


def test_the_shards_hold_what_the_run_held_in_its_order(built_run: Path, shards: Shards) -> None:
    whole = RunFolder(built_run).index().snapshot()
    parts = [RunFolder(shards.folder(one)).index().snapshot() for one in shards.shards]
    every = [part.products(np.arange(part.trie.num_products)) for part in parts]
    assert functools.reduce(operator.iadd, every, []) == whole.products(np.arange(whole.trie.num_products))
    assert np.array_equal(np.concatenate([part.codes_below(EVERY) for part in parts]), whole.codes_below(EVERY))
    assert whole.embeddings is not None
    vectors = [part.embeddings[:] for part in parts if part.embeddings is not None]
    assert np.array_equal(np.concatenate(vectors), whole.embeddings[:])
    words = whole.text.lexical.words("organic oat milk")
    scores = [part.text.lexical.scores([words])[0] for part in parts]
    assert np.array_equal(np.concatenate(scores), whole.text.lexical.scores([words])[0]), "to the bit"
    assert all(part.text.base.held == whole.text.base.held for part in parts)


def test_a_shard_and_the_head_are_runs(shards: Shards) -> None:
    shard = Retriever.load(shards.folder(shards.shards[1]))
    one = shards.shards[1]
    found = shard.search("oat milk", k=5)
    assert len(found) == 5
    assert all(one.start <= hit.semantic_id[0] < one.stop for hit in found)
    assert RunFolder(shards.folder(one)).version == one.version
    head = Retriever.load(shards.path / "head")
    assert len(head.index) == 0
    assert head.search("oat milk").hits == ()
    assert head.embedder.encode(["oat milk"]).shape[1] == 32


def test_cutting_again_changes_nothing_and_another_catalogue_is_the_next_generation(
    built_run: Path, shards: Shards, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in shards.path.rglob("manifest.json")}
    assert split(built_run, shards.path, 4) == shards
    assert {path: path.stat().st_mtime_ns for path in shards.path.rglob("manifest.json")} == before
    run, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(built_run, run)
    shutil.copytree(shards.path, out)
    stock = Stock(run)
    (product,) = RunFolder(run).index().products([7])
    stock.put([product._replace(id="new", title="a new oat milk")])
    with pytest.raises(GenretError, match="genret compact"):
        split(run, out, 4)
    RunFolder(run).index().compact()
    after = split(run, out, 4)
    assert after.generation == 2
    assert after.products == shards.products + 1
    assert after == read_shards(out)
    assert after.head != shards.head
    with pytest.raises(GenretError, match="another --out"):
        split(run, out, 3)


def test_the_command_says_what_it_made_and_refuses_in_one_line(built_run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(shards_command, [str(built_run), "--count", "2", "--out", str(tmp_path / "out")])
    assert done.exit_code == 0
    assert "generation 1 of 600 products in 2 shards" in done.output
    done = CliRunner().invoke(shards_command, [str(built_run), "--count", "99", "--out", str(tmp_path / "more")])
    assert isinstance(done.exception, GenretError)
    assert "give at most 16" in str(done.exception)
