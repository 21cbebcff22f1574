"""A run folder hands out parts that belong together, and says which do not."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from small_run import SMALL

from genret.embed.settings import EmbedSettings
from genret.ground.errors import GenretError
from genret.pipeline.folder import KINDS, RunFolder
from genret.pipeline.retriever import Retriever
from genret.pipeline.stages import embed_stage


def test_the_parts_are_those_of_one_catalogue(built_run: Path) -> None:
    run = RunFolder.existing(built_run)
    dataset, vectors, tokenizer, codes, fingerprints = run.tokenized()
    assert len(vectors) == len(codes) == len(dataset.catalogue)
    assert tokenizer.encode(vectors).shape == codes.shape
    assert fingerprints == {KINDS[part]: run.artifact(part).fingerprint for part in ("data", "embeddings", "tokenizer")}
    assert run.index().artifact.inputs.items() >= fingerprints.items()
    assert run.embedded_fields() == EmbedSettings(**SMALL["embed"]).fields
    assert set(run.timings()) == set(KINDS)


def test_parts_of_another_lineage_are_refused(run_copy: Path) -> None:
    run = RunFolder(run_copy)
    embed_stage(run_copy, EmbedSettings(model="lsa", dim=16), progress=False)
    run.embedded()
    with pytest.raises(GenretError, match=r"made from another embeddings.*run the tokenizer stage again"):
        run.tokenizer()
    Retriever.load(run_copy)  # model and index still belong together


def test_a_search_needs_model_and_index_alone(run_copy: Path) -> None:
    for part in ("data", "embeddings", "tokenizer"):
        shutil.rmtree(run_copy / part)
    assert Retriever.load(run_copy).search("oat milk", k=3).hits
    with pytest.raises(GenretError, match="no embeddings artifact here"):
        Retriever.load(run_copy).search("oat milk", k=3, rescore=True)


def test_a_part_that_is_missing_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match="no such run folder; make one with `genret demo`"):
        RunFolder.existing(tmp_path / "none")
    with pytest.raises(GenretError, match="no index artifact here"):
        RunFolder(tmp_path).index()
    with pytest.raises(GenretError, match="no dataset artifact here"):
        RunFolder(tmp_path).dataset()


def test_a_damaged_part_is_no_whole_one(run_copy: Path) -> None:
    run = RunFolder(run_copy)
    assert run.whole("embeddings")
    file = run.folder("embeddings") / "embeddings.npy"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert run.whole("embeddings") is None
    assert run.has("embeddings")
    with pytest.raises(GenretError, match="checksum"):
        run.vectors()


def test_a_fork_shares_data_and_embeddings_and_nothing_else(built_run: Path, tmp_path: Path) -> None:
    run = RunFolder(built_run)
    fork = run.fork(tmp_path / "fork")
    assert np.array_equal(fork.embedded().vectors, run.embedded().vectors)
    assert sorted(os.listdir(fork.path)) == ["data", "embeddings"]
    inode = (fork.folder("data") / "products.parquet").stat().st_ino
    assert run.fork(tmp_path / "fork").path == fork.path
    assert (fork.folder("data") / "products.parquet").stat().st_ino == inode


def test_checkpoints_of_other_inputs_are_never_found(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    one, other = (run.checkpoints("model", {"tokenizer": name}) for name in "ab")
    assert one != other
    assert run.checkpoints("model", {"tokenizer": "a"}) == one
    run.drop_checkpoints("model")
    assert not one.exists()
