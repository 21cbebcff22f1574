"""Word scores of an index: the base's by the library, those of products that came by the same formula."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import genret
from genret.data.records import Catalogue, Dataset
from genret.ground.artifacts import MANIFEST, read_artifact
from genret.ground.errors import GenretError
from genret.ground.types import Judgement, Product, Query
from genret.index.bm25 import bm25s
from genret.index.build import Contents, build_index
from genret.index.index import Index
from genret.index.lexical import BM25Settings, IndexText, Lexical, product_words, words_of
from genret.index.tuning import BM25Grid, TuneSettings, index_text, tune

WORDS = ["oat", "milk", "sauce", "tomato", "soap", "mint", "toothpaste", "organic"]
SIZES = (4, 4)
TITLES = BM25Settings(fields=("title",))


def shelf(count: int, seed: int = 0, first: int = 0) -> list[Product]:
    rng = np.random.default_rng(seed)
    texts = [" ".join(rng.choice(WORDS, rng.integers(1, 6))) for _ in range(count)]
    return [Product(f"p{first + i:03d}", text) for i, text in enumerate(texts)]


def codes(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (count, 2))


@pytest.fixture
def index(tmp_path: Path) -> Index:
    about = IndexText(TITLES, {"mlik": 1, "milk": 40}, judged=3)
    build_index(Contents(Catalogue.from_products(shelf(40)), codes(40), text=about), SIZES, tmp_path / "index")
    return Index.open(tmp_path / "index")


def by_id(index: Index, words: list[str]) -> dict[str, float]:
    """The scores of the products that can be found."""
    snapshot, allowed = index.snapshot(), index.compile()
    scores = snapshot.text.lexical.scores([words])[0]
    assert scores.shape == (snapshot.trie.num_products,)
    alive = np.arange(len(scores)) if allowed is None else np.flatnonzero(allowed.mask())
    return dict(zip((one.id for one in snapshot.products(alive)), scores[alive].tolist(), strict=True))


def test_scores_are_those_of_the_library_whatever_the_order_of_the_index(index: Index) -> None:
    products = shelf(40)
    whole = Lexical.build(product_words(products, TITLES), TITLES)
    words = whole.words("organic Oats, organic")
    assert words == ["organic", "oat", "organic"]
    expected = dict(zip((one.id for one in products), whole.scores([words])[0].tolist(), strict=True))
    assert by_id(index, words) == pytest.approx(expected)
    assert min(expected.values()) == 0, "a product without any of the words has no score"


def test_a_product_that_comes_scores_as_its_twin_in_the_base(index: Index) -> None:
    twins = [Product("new", shelf(40)[7].title), Product("p003", shelf(40)[9].title)]
    index.insert([twins[0]], codes(1, 5))
    index.update([twins[1]])
    scores = by_id(index, ["oat", "milk", "sauc", "mint"])
    assert scores["new"] == pytest.approx(scores["p007"], rel=1e-5)
    assert scores["p003"] == pytest.approx(scores["p009"], rel=1e-5)
    assert len(scores) == 41


def test_a_new_word_is_found_and_weighs_more_than_a_common_one(index: Index) -> None:
    index.insert([Product("new", "zucchini milk"), Product("other", "milk soap")], codes(2, 5))
    lexical = index.snapshot().text.lexical
    assert lexical.rarity("zucchini") > lexical.rarity("milk") > 0 == lexical.rarity("nowhere")
    found = by_id(index, lexical.words("zucchini"))
    assert [one for one, score in found.items() if score > 0] == ["new"]


def test_compaction_counts_anew_and_keeps_what_is_known_of_the_log(index: Index) -> None:
    index.insert(shelf(20, seed=1, first=100), codes(20, 6))
    index.delete(["p000", "p001"])
    about = index.snapshot().text.base.about
    index.compact()
    products = [one for one in shelf(40) if one.id not in ("p000", "p001")] + shelf(20, seed=1, first=100)
    whole = Lexical.build(product_words(products, TITLES), TITLES)
    expected = dict(zip((one.id for one in products), whole.scores([["milk", "mint"]])[0].tolist(), strict=True))
    assert by_id(index, ["milk", "mint"]) == pytest.approx(expected)
    assert index.snapshot().text.base.about == about


def test_an_index_of_no_words_finds_nothing_and_can_be_filled(tmp_path: Path) -> None:
    build_index(Contents(Catalogue.from_products([Product("a", "!!!")]), codes(1)), SIZES, tmp_path / "index")
    index = Index.open(tmp_path / "index")
    assert by_id(index, ["milk"]) == {"a": 0}
    index.insert([Product("b", "milk milk"), Product("c", "milk soap")], codes(2, 5))
    scores = by_id(index, ["milk"])
    assert scores["b"] > scores["c"] > scores["a"]


def test_an_index_written_before_words_were_kept_counts_them_and_is_not_hybrid_by_default(index: Index) -> None:
    folder, expected = index.artifact.path, by_id(index, ["milk"])
    manifest = json.loads((folder / MANIFEST).read_text())
    old = {name: file for name, file in manifest["files"].items() if not name.startswith("text/")}
    from genret.ground.artifacts import _fingerprint

    manifest["files"] = old
    (folder / MANIFEST).write_text(json.dumps({**manifest, "fingerprint": _fingerprint(manifest)}))
    assert "text/words.json" not in read_artifact(folder, "index").files
    older = Index.open(folder)
    assert by_id(older, ["milk"]).keys() == expected.keys()
    assert older.snapshot().text.has_log
    assert older.snapshot().text.speller.read("mlik").text == "milk"


def test_words_count_by_products_and_queries(index: Index) -> None:
    speller = index.snapshot().text.speller
    assert speller.holding("toothpaste") == sum("toothpaste" in one.title for one in shelf(40))
    assert index.snapshot().text.has_log
    index.insert([Product("new", "zucchini bread")], codes(1, 5))
    assert index.snapshot().text.speller.read("zuchini bread").text == "zucchini bread"


NEW_WORDS = ["zucchini", "bread", "gadget", "torches", "milk"]


def words_known(index: Index) -> list[object]:
    """What a snapshot says of words, for comparing."""
    text = index.snapshot().text
    asked = ["zuchini bread", "torch gadgt", "oat mlik", "breadgadget", "nothing"]
    known = [(word in text.lexical, text.lexical.holding(word), text.lexical.rarity(word)) for word in NEW_WORDS]
    scores = [sorted(by_id(index, text.lexical.words(query)).items()) for query in ["milk bread", "zucchini"]]
    held = [text.speller.holding(word) for word in [*NEW_WORDS, "oat"]]
    return [known, scores, held, [text.speller.read(one) for one in asked], [text.learnt_share(one) for one in asked]]


def test_words_counted_as_products_come_are_those_counted_at_once(index: Index) -> None:
    """Change after change: as in an index that is opened then; and an earlier snapshot stays as it was."""
    rng, number = np.random.default_rng(3), 0
    earlier, said = index.snapshot(), None
    for turn in range(25):
        count = int(rng.integers(1, 4))
        texts = [" ".join(rng.choice([*NEW_WORDS, *WORDS], 4)) for _ in range(count)]
        live = sorted(one.id for one in index.snapshot().products(np.flatnonzero(alive(index))))
        if rng.random() < 0.5:
            index.insert([Product(f"n{number + i}", text) for i, text in enumerate(texts)], codes(count, turn))
            number += count
        elif rng.random() < 0.5:
            index.update([Product(one, texts[0]) for one in rng.choice(live, 1).tolist()])
        else:
            index.delete(rng.choice(live, 1).tolist())
        opened = Index.open(index.folder)
        assert words_known(index) == words_known(opened)
        opened.close()
        if said is not None:
            assert earlier.text.lexical.scores([["milk", "bread"]]).tolist() == said
        if rng.random() < 0.3:
            earlier = index.snapshot()
            said = earlier.text.lexical.scores([["milk", "bread"]]).tolist()


def alive(index: Index) -> np.ndarray:
    allowed = index.compile()
    return np.ones(index.trie.num_products, np.bool_) if allowed is None else allowed.mask()


def dataset(queries: int = 4) -> Dataset:
    # Document length decides: only b > 0 puts the short product before the twelve long ones.
    products = [Product(f"long{i:02d}", "sauce " + "filler " * 20) for i in range(12)] + [Product("short", "sauce jar")]
    asked = [Query(f"q{i}", "sauce") for i in range(queries)]
    judged = [Judgement(query.id, "short", 1.0) for query in asked]
    return Dataset("tiny", Catalogue.from_products(products), {"train": asked}, judged)


def test_tuning_picks_what_helps_and_reports_every_trial() -> None:
    tuned = tune(dataset(), "train", BM25Grid(k1=(1.5,), b=(0.0, 0.75), stem=(False,), fields=(("title",),)))
    assert tuned.settings.b == 0.75
    assert [value for _, value in tuned.trials] == [0.0, 1.0]


def test_tuning_ties_go_to_the_earlier_and_a_product_unknown_to_the_catalogue_is_a_miss() -> None:
    grid = BM25Grid(k1=(0.9, 1.2), b=(0.75,), stem=(False,), fields=(("title",),))
    data = dataset()
    assert tune(data, "train", grid).settings.k1 == 0.9
    gone = replace(data, judgements=[*data.judgements, Judgement("q0", "gone", 1.0)])
    assert tune(gone, "train", grid).value == pytest.approx((0.5 + 3) / 4)


def test_without_judged_queries_an_index_takes_bm25_as_it_is() -> None:
    with pytest.raises(GenretError, match="no judged query"):
        tune(dataset(0), "train")
    about = index_text(dataset(0), TuneSettings())
    assert about == IndexText(BM25Settings(), {}, 0)
    tuned = index_text(dataset(), TuneSettings("quick", 10))
    assert (tuned.judged, dict(tuned.asked)) == (4, {"sauce": 4})


@pytest.mark.parametrize("bad", [{"grid": "wide"}, {"queries": 0}])
def test_bad_tuning_settings(bad: dict[str, object]) -> None:
    with pytest.raises(GenretError, match="expected"):
        TuneSettings(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("settings", [TITLES, BM25Settings(0.9, 0.4, False, ("title",))])
def test_scores_are_the_librarys_to_the_bit(settings: BM25Settings) -> None:
    tokens = [*product_words(shelf(300), settings), []]
    library = bm25s().BM25(k1=settings.k1, b=settings.b, method="lucene")
    library.index(tokens, show_progress=False)
    ours = Lexical.build(tokens, settings)
    for word in sorted({word for words in tokens for word in words}):
        words = [word]
        expected = library.get_scores(words)
        assert np.array_equal(ours.scores([words])[0], expected)
        assert ours.holding(words[0]) == np.count_nonzero(expected)


def test_a_part_of_a_catalogue_scores_as_the_whole_to_the_bit(tmp_path: Path) -> None:
    products, query = shelf(90), ["oat", "soap", "organic", "rare"]
    products[70] = Product("rare", "rare soap")
    whole = Lexical.build(product_words(products, TITLES), TITLES)
    parts: list[list[Product]] = [products[:50], products[50:], []]
    words = words_of(products, TITLES)
    scores = []
    for number, part in enumerate(parts):
        Lexical.build(product_words(part, TITLES), TITLES, words).save(tmp_path / str(number))
        opened = Lexical.open(tmp_path / str(number))
        assert (opened.documents, opened.mean_length) == (whole.documents, whole.mean_length)
        assert opened.rarity("rare") == whole.rarity("rare") > 0
        assert "rare" in opened, "where no product of the part holds it, too"
        scores.append(opened.scores([query])[0])
    assert np.array_equal(np.concatenate(scores), whole.scores([query])[0])


def test_a_part_stays_one_when_it_is_compacted(tmp_path: Path) -> None:
    words = words_of(shelf(90), TITLES)
    about = IndexText(TITLES, whole=words)
    build_index(Contents(Catalogue.from_products(shelf(40)), codes(40), text=about), SIZES, tmp_path)
    index = Index.open(tmp_path)
    before = index.snapshot().text
    index.insert(shelf(1, first=90), [[0, 0]])
    index.compact()
    after = Index.open(tmp_path).snapshot().text
    assert after.lexical.base.whole.holding == before.lexical.base.whole.holding
    assert after.base.held == before.base.held == words.held


def test_where_jax_is_installed_bm25_does_without_it(tmp_path: Path) -> None:
    """Importing bm25s would start JAX, which takes the GPU for itself; a module of the user's is left where it was."""
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax" / "__init__.py").write_text("")
    (tmp_path / "jax" / "lax.py").write_text("raise SystemExit('JAX was started')\n")
    program = """
import sys
{first}
from genret.index.bm25 import bm25s
import genret.training.teacher
assert bm25s().BM25
assert ("jax" in sys.modules) == {had}
import jax
assert jax.__file__
"""
    path = os.pathsep.join([str(tmp_path), str(Path(genret.__file__).parents[1])])
    for first, had in (("", False), ("import jax", True)):
        command = [sys.executable, "-c", program.format(first=first, had=had)]
        done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
