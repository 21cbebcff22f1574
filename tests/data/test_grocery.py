"""The embedded catalogue: deterministic, whole at every size, and neither trivial nor impossible."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from grocery_shelf import SMALL, exact_of, words
from hypothesis import given, settings
from hypothesis import strategies as st

from genret.data.grocery import GrocerySettings, frequency_band, make_grocery
from genret.data.grocery.grading import complements_of
from genret.data.grocery.intents import misspell
from genret.data.grocery.shelf import Shelf
from genret.data.grocery.taxonomy import lexicon
from genret.data.grocery.words import DIETS, normalise, shorten, title_case
from genret.data.records import Dataset, load_dataset, save_dataset
from genret.ground.errors import GenretError
from genret.ground.types import SPLITS, Query

# --- the lexicon


def test_the_taxonomy_has_three_levels_and_at_least_250_leaves() -> None:
    paths = [leaf.path for leaf in lexicon().leaves]
    assert len(set(paths)) == len(paths) >= 250
    assert {len(path) for path in paths} == {3}
    assert len({path[-1] for path in paths}) == len(paths), "a leaf's name is unique, so that baskets can name it"
    assert len({path[0] for path in paths}) >= 12
    assert len({path[:2] for path in paths}) >= 60


def test_every_leaf_can_be_stocked() -> None:
    for leaf in lexicon().leaves:
        assert leaf.concepts, leaf.path
        assert leaf.sizes, leaf.path
        assert len(leaf.brands) >= 5, leaf.path
        assert 0 < leaf.price[0] < leaf.price[1], leaf.path
        assert set(leaf.diets) <= set(DIETS), leaf.path


def test_concepts_have_several_names_and_some_share_no_word() -> None:
    names = [concept.names for concept in lexicon().concepts]
    assert np.mean([len(own) > 1 for own in names]) > 0.9
    apart = [own for own in names if any(not words(own[0]) & words(other) for other in own[1:])]
    assert len(apart) > 0.4 * len(names)


def test_no_concept_lists_a_name_twice() -> None:
    for concept in lexicon().concepts:
        assert len(set(concept.names)) == len(concept.names), concept.names


def test_varieties_do_not_repeat_a_claim_that_the_leaf_can_carry() -> None:
    for leaf in lexicon().leaves:
        claims = {DIETS[letter].name for letter in leaf.diets}
        assert not claims & set(leaf.varieties), leaf.path


@pytest.mark.parametrize("name", ["Marinara", "Oat Milk"])
def test_the_leaves_of_the_tour_exist(name: str, middle: Dataset) -> None:
    leaf_sizes = Counter(path[-1] for path in middle.true_categories.values())
    assert leaf_sizes[name] > np.median(list(leaf_sizes.values()))


def test_complements_are_mutual_and_never_the_leaf_itself() -> None:
    partners = complements_of(lexicon())
    for leaf, others in enumerate(partners):
        assert leaf not in others
        assert all(leaf in partners[other] for other in others)
    assert sum(map(bool, partners)) > 80


# --- determinism and the record of it


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("one", "two")]
    for folder in folders:
        save_dataset(make_grocery(SMALL), folder)
    files = sorted(path.name for path in folders[0].iterdir())
    assert files == sorted(path.name for path in folders[1].iterdir())
    for name in files:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes(), name


def test_the_order_of_sets_does_not_show() -> None:
    """Two processes whose string hashes differ write the same rows."""
    script = (
        "import hashlib; from genret.data.grocery import GrocerySettings, make_grocery;"
        "d = make_grocery(GrocerySettings(products=120));"
        "rows = (list(d.catalogue), d.queries, d.judgements, d.substitutes, d.sessions, d.true_categories);"
        "print(hashlib.sha256(repr(rows).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


def test_another_seed_gives_another_catalogue(small: Dataset) -> None:
    other = make_grocery(replace(SMALL, seed=4))
    assert other.catalogue.ids != small.catalogue.ids
    assert [product.title for product in other.catalogue] != [product.title for product in small.catalogue]


def test_noise_and_misfiling_leave_the_truth_alone(small: Dataset) -> None:
    clean = make_grocery(replace(SMALL, noise=0.0, misfiled=0.0))
    assert Counter(clean.true_categories.values()) == Counter(small.true_categories.values())


def test_it_survives_saving_and_loading(small: Dataset, tmp_path: Path) -> None:
    save_dataset(small, tmp_path / "data")
    loaded, _ = load_dataset(tmp_path / "data")
    assert list(loaded.catalogue) == list(small.catalogue)
    assert loaded.queries == small.queries
    assert list(loaded.judgements) == list(small.judgements)
    assert loaded.true_categories == small.true_categories


# --- products


def test_products_are_complete_records(middle: Dataset) -> None:
    stores = {store for chain in lexicon().chains for store in chain.stores}
    assert len(stores) >= 8
    paths = {leaf.path for leaf in lexicon().leaves}
    for product in middle.catalogue:
        assert product.title.strip() == product.title != ""
        assert product.category in paths
        assert product.price is not None
        assert product.price > 0
        assert product.popularity > 0
        assert product.stores
        assert set(product.stores) <= stores
        assert product.brand
        assert set(product.attributes) <= {"size", "flavor", "variant", "form", "claims"}
    assert 0 < sum(not product.available for product in middle.catalogue) < 0.2 * len(middle.catalogue)


def test_own_labels_are_sold_by_their_chain_only(middle: Dataset) -> None:
    chain_of = {label: chain for chain in lexicon().chains for label in chain[1:4]}
    own = [product for product in middle.catalogue if product.brand in chain_of]
    assert 0.15 < len(own) / len(middle.catalogue) < 0.5
    assert all(set(product.stores) <= set(chain_of[product.brand].stores) for product in own)


def test_the_stocked_taxonomy_is_wide(middle: Dataset) -> None:
    assert len(set(middle.true_categories.values())) >= 250


@pytest.mark.parametrize("share", [0.0, 0.03, 0.25])
def test_the_misfiled_share_is_as_set(share: float) -> None:
    dataset = make_grocery(
        GrocerySettings(products=400, misfiled=share, train_queries=0, dev_queries=0, test_queries=0)
    )
    wrong = sum(
        path != dataset.true_categories[key]
        for key, path in zip(dataset.catalogue.ids, dataset.catalogue.categories, strict=True)
    )
    assert wrong == round(share * 400)
    assert set(dataset.true_categories) == set(dataset.catalogue.ids)


def test_noise_hides_what_a_product_is() -> None:
    """Text that shares no word with any name of the product's concept: rare without noise, common with it."""
    base = GrocerySettings(products=800, train_queries=0, dev_queries=0, test_queries=0)
    leaf_words = {
        leaf.path: {word for row in leaf.concepts for name in lexicon().concepts[row].names for word in words(name)}
        for leaf in lexicon().leaves
    }

    def mute(noise: float) -> float:
        dataset = make_grocery(replace(base, noise=noise))
        return float(
            np.mean(
                [
                    not words(f"{p.title} {p.description}") & leaf_words[dataset.true_categories[p.id]]
                    for p in dataset.catalogue
                ]
            )
        )

    assert mute(0.9) > mute(0.0) + 0.2


def test_popularity_is_long_tailed(middle: Dataset) -> None:
    popularity = np.sort([product.popularity for product in middle.catalogue])[::-1]
    assert popularity.mean() == pytest.approx(1.0, abs=1e-3)
    top = popularity[: len(popularity) // 100].sum() / popularity.sum()
    assert 0.1 < top < 0.6
    assert np.median(popularity) < 0.6


def test_near_duplicates_differ_in_size_only(shelf: Shelf) -> None:
    families = Counter(item.family for item in shelf.items)
    assert 0.1 < np.mean([count > 1 for count in families.values()]) < 0.6
    keys = {item.family: item[:6] for item in shelf.items}
    assert all(keys[item.family] == item[:6] for item in shelf.items)
    assert len({(item.family, item.size) for item in shelf.items}) == len(shelf)


# --- the dial


@pytest.mark.parametrize("products", [0, 1, 2, 5, 17, 60])
def test_any_size_is_defined(products: int) -> None:
    dataset = make_grocery(GrocerySettings(products=products))
    assert len(dataset.catalogue) == len(dataset.true_categories) == products
    assert bool(dataset.queries["test"]) == bool(dataset.judgements) == (products > 0)


def test_a_small_catalogue_has_every_structure(small: Dataset) -> None:
    assert len(small.catalogue) == 200
    assert all(small.queries[split] for split in SPLITS)
    assert {judgement.grade for judgement in small.judgements} == {0.0, 1.0, 2.0, 3.0}
    assert small.substitutes
    assert small.sessions
    assert any(
        path != small.true_categories[key]
        for key, path in zip(small.catalogue.ids, small.catalogue.categories, strict=True)
    )
    leaves = {path[-1] for path in small.true_categories.values()}
    assert {"Marinara", "Oat Milk"} <= leaves
    assert len(leaves) >= 8


def test_counts_can_be_set() -> None:
    chosen = GrocerySettings(
        products=300, train_queries=40, dev_queries=7, test_queries=11, substitute_pairs=9, sessions=0
    )
    dataset = make_grocery(chosen)
    assert [len(dataset.queries[split]) for split in SPLITS] == [40, 7, 11]
    assert len(dataset.substitutes) == 9
    assert list(dataset.sessions) == []


@pytest.mark.parametrize(
    "bad",
    [
        {"products": -1},
        {"products": 2.5},
        {"products": True},
        {"products": 10**9},
        {"seed": -1},
        {"seed": "0"},
        {"noise": 1.5},
        {"noise": float("nan")},
        {"misfiled": -0.1},
        {"misfiled": "x"},
        {"train_queries": -3},
        {"sessions": 1.5},
    ],
)
def test_bad_settings_are_named(bad: dict[str, object]) -> None:
    (name,) = bad
    with pytest.raises(GenretError, match=f"{name}="):
        GrocerySettings(**bad)  # type: ignore[arg-type]


# --- how hard it is


def test_bm25_is_neither_blind_nor_enough(middle: Dataset) -> None:
    bm25s = pytest.importorskip("bm25s")
    texts = [f"{p.title} {p.brand} {' '.join(p.category)} {p.description}" for p in middle.catalogue]
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)
    queries = middle.split_queries("test")
    found, _ = index.retrieve(bm25s.tokenize([q.text for q in queries], show_progress=False), k=10, show_progress=False)
    exact, ids = exact_of(middle), middle.catalogue.ids
    recall: dict[str, list[float]] = defaultdict(list)
    for query, rows in zip(queries, found, strict=True):
        recall[query.kind].append(len(exact[query.id] & {ids[row] for row in rows}) / len(exact[query.id]))
    every = np.mean([value for values in recall.values() for value in values])
    assert 0.25 < every < 0.75
    assert np.mean(recall["use_case"]) < np.mean(recall["category"]) < np.mean(recall["product"])


# --- small text functions


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz '&", min_size=1, max_size=30), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_misspelling_any_text_gives_text(text: str, rng: object) -> None:
    assert isinstance(misspell(text, rng), str)  # type: ignore[arg-type]


def test_misspellings_differ_and_stay_near() -> None:
    from random import Random

    typed = [misspell("marinara sauce", Random(seed)) for seed in range(50)]
    assert np.mean([text != "marinara sauce" for text in typed]) > 0.85
    assert all(abs(len(text) - 14) <= 4 for text in typed)


def test_labels_are_shortened_as_on_shelves() -> None:
    assert shorten("Marinara Sauce 24oz") == "Mrnra Sce 24oz"
    assert title_case("mac and cheese 2% milk") == "Mac and Cheese 2% Milk"
    assert normalise("  Penny's  Mac & Cheese! ") == "pennys mac cheese"


def test_frequency_bands() -> None:
    assert [frequency_band(Query("q", "x", frequency=count)) for count in (50, 49, 5, 4)] == [
        "head",
        "torso",
        "torso",
        "tail",
    ]
