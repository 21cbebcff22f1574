"""One evaluation from systems to files: what is written is what was found, twice the same, and worked by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from genret.data.records import Catalogue, Dataset
from genret.embed.fine_tuning import TwoTowerRecipe, two_tower_pairs
from genret.embed.settings import EmbedSettings
from genret.eval.compare import Interval
from genret.eval.evaluation import answerable, collisions, evaluate_bench, exact_answers
from genret.eval.measures import evaluate
from genret.eval.result import Grading, format_difference, format_interval, format_p, score_runs, table
from genret.eval.runs import ranked, read_trec_run
from genret.eval.systems.bench import Bench, Prepared, System, SystemSettings
from genret.eval.systems.encoders import encoder_system
from genret.ground.errors import GenretError
from genret.ground.pretrained import model_folder
from genret.ground.types import Judgement, Product, Query, Split
from genret.search.trie import Trie

WORDS = ["tomato", "basil", "marinara", "cola", "soda", "bread", "rye", "milk", "oat", "cheese"]


def dataset() -> Dataset:
    products = [Product(f"p{i}", f"{a} {b}") for i, (a, b) in enumerate((a, b) for a in WORDS for b in WORDS if a != b)]
    queries = [Query(f"q{i}", word, "head" if i < 5 else "tail") for i, word in enumerate(WORDS)]
    judgements = [
        Judgement(query.id, product.id, 2.0 if product.title.startswith(query.text) else 1.0)
        for query in queries
        for product in products
        if query.text in product.title
    ]
    judgements.append(Judgement("q-none", "p0", 0.0))
    splits: dict[Split, list[Query]] = {"train": queries[:6], "dev": queries[6:], "test": queries}
    return Dataset("words", Catalogue.from_products(products), splits, judgements, relevant_at=2.0)


def bench(**systems: System) -> Bench:
    data = dataset()
    return Bench(data, data.split_queries("test"), SystemSettings(tune_queries=5), systems=systems)


def grading(data: Dataset) -> Grading:
    return Grading(data.judgements, data.relevant_at, data.irrelevant_grade)


def test_an_evaluation_is_written_whole_and_repeats_byte_for_byte(tmp_path: Path) -> None:
    data = dataset()
    lsa = encoder_system("lsa", EmbedSettings("lsa", dim=8, fields=("title",)), tmp_path / "work")
    names = ["bm25", "bm25-tuned", "lsa", "bm25+lsa"]
    for folder in ("one", "two"):
        result = evaluate_bench(
            bench(lsa=lsa), grading(data), "test", names, ("bm25", "bm25-tuned"), out=tmp_path / folder
        )
    assert [system.name for system in result.systems] == names
    assert result.queries == 10
    assert result.left_out == 1
    assert (tmp_path / "one/results.json").read_bytes() == (tmp_path / "two/results.json").read_bytes()
    assert (tmp_path / "one/bm25+lsa.run").read_bytes() == (tmp_path / "two/bm25+lsa.run").read_bytes()
    found = json.loads((tmp_path / "one/results.json").read_text())
    again = evaluate(read_trec_run(tmp_path / "one/lsa.run"), data.judgements, 2.0).means
    assert found["systems"][2]["measures"]["recall@10"]["value"] == pytest.approx(again["recall@10"])
    assert len(found["comparisons"]) == 2 * 4 * 3
    assert "| bm25+lsa |" in (tmp_path / "one/results.md").read_text()
    assert "seconds" not in found
    assert json.loads((tmp_path / "one/timings.json").read_text()).keys() == set(names)


def test_each_system_is_run_once() -> None:
    made = []

    def slow(bench: Bench) -> Prepared:
        from genret.eval.systems.bench import Prepared

        made.append(1)
        return Prepared(lambda queries: {q.id: ranked(["p1"], [1.0]) for q in queries}, {})

    one = bench(slow=slow)
    one.answer("slow+bm25")
    one.answer("slow")
    assert made == [1]
    assert one.answer("slow+bm25").settings["fused"] == ["slow", "bm25"]


def test_unknown_systems_and_missing_folders_are_errors() -> None:
    with pytest.raises(GenretError, match="no system 'magic'"):
        bench().answer("magic")
    with pytest.raises(GenretError, match="needs a run folder"):
        bench().answer("dense")


def test_bm25_without_anything_to_tune_on_says_so() -> None:
    data = dataset()
    only = Dataset(data.name, data.catalogue, {"test": data.queries["test"]}, data.judgements, 2.0)
    answer = Bench(only, only.split_queries("test")).answer("bm25-tuned")
    assert answer.settings["k1"] == 1.5
    assert "no judged query" in answer.settings["untuned"]


def test_tuning_never_looks_at_the_split_that_is_judged() -> None:
    one = bench()
    trials = one.tuned.trials
    data = dataset()
    # Turn the test-only judgements upside down: tuning on train must not notice.
    train = {query.id for query in data.queries["train"]}
    changed = [j if j.query_id in train else j._replace(grade=2.0 - j.grade) for j in data.judgements]
    other = Dataset(data.name, data.catalogue, data.queries, changed, 2.0)
    assert Bench(other, other.split_queries("test"), SystemSettings(tune_queries=5)).tuned.trials == trials


def test_recall_by_kind_and_baselines_that_were_not_run() -> None:
    data = dataset()
    result = evaluate_bench(bench(), grading(data), "test", ["bm25"], ("dense",))
    assert result.comparisons == ()
    assert result.baselines == ()
    kinds = result.system("bm25").by_kind
    assert {name: count for name, (_, count) in kinds.items()} == {"head": 5, "tail": 5}
    assert result.mean("bm25", "recall@10") == pytest.approx(sum(mean for mean, _ in kinds.values()) / 2)
    assert "head (5)" in result.markdown()


def test_judgements_of_unknown_products_are_counted_and_are_misses() -> None:
    data = dataset()
    more = Grading([*data.judgements, Judgement("q0", "elsewhere", 2.0)], 2.0, 0.0)
    before = evaluate_bench(bench(), grading(data), "test", ["bm25"], ())
    after = evaluate_bench(bench(), more, "test", ["bm25"], ())
    assert (before.unknown_products, after.unknown_products) == (0, 1)
    assert after.mean("bm25", "recall@100") < before.mean("bm25", "recall@100")


def test_answerable_and_exact_answers() -> None:
    data = dataset()
    queries = [*data.queries["test"], Query("q-none", "x")]
    assert [q.id for q in answerable(queries, grading(data))] == [q.id for q in data.queries["test"]]
    assert len(exact_answers(data.judgements, 2.0)["q0"]) == 9


def test_collisions_count_products_that_share() -> None:
    codes = np.array([[0, 0], [0, 0], [0, 0], [1, 1], [1, 0], [1, 0]])
    assert collisions(Trie.build(codes, (2, 2)).trie) == {
        "products": 6,
        "ids": 3,
        "products_sharing_an_id": 5,
        "largest_bucket": 3,
    }


def test_scores_of_runs_carry_intervals_and_tests() -> None:
    judgements = [Judgement(f"q{i}", "a", 1.0) for i in range(12)]
    good = {f"q{i}": ranked("a", [1.0]) for i in range(12)}
    bad = {f"q{i}": ranked("b", [1.0]) for i in range(12)}
    queries = [Query(f"q{i}", "x") for i in range(12)]
    scored = score_runs({"good": good, "bad": bad}, Grading(judgements, 1.0, 0.0), baselines=("bad",), queries=queries)
    assert scored.systems[0].measures["recall@10"] == Interval(1.0, 1.0, 1.0)
    test = scored.comparisons[0]
    assert (test.system, test.baseline, test.difference.value) == ("good", "bad", 1.0)
    assert test.p < 0.002


def test_a_cached_encoder_is_used_again_and_a_changed_one_is_not(tmp_path: Path) -> None:
    settings = EmbedSettings("lsa", dim=4, fields=("title",))
    said: list[str] = []
    for dim in (4, 4, 6):
        one = bench(lsa=encoder_system("lsa", EmbedSettings("lsa", dim=dim, fields=settings.fields), tmp_path))
        one.progress = said.append
        one.answer("lsa")
    assert [line.startswith("lsa: embedding") for line in said] == [True, False, False, True, False]


def test_two_tower_pairs_come_from_train_alone_and_weigh_by_grade() -> None:
    data = dataset()
    pairs = two_tower_pairs(data, TwoTowerRecipe(positive_at=1.0))
    assert {pair.query_id for pair in pairs} == {query.id for query in data.queries["train"]}
    assert {pair.weight for pair in pairs} == {0.5, 1.0}
    with pytest.raises(GenretError, match="leave the two-tower out"):
        two_tower_pairs(data, TwoTowerRecipe(positive_at=3.0))


def test_models_in_packages_are_found_or_named() -> None:
    assert model_folder("some/hub-name") == "some/hub-name"
    assert model_folder("package:genret/eval").endswith("genret/eval")
    with pytest.raises(GenretError, match="pip install no-such-thing"):
        model_folder("package:no_such_thing/model")


def test_formats() -> None:
    assert format_interval(Interval(0.4567, 0.4, 1.0)) == ".457 [.400, 1.000]"
    assert format_difference(Interval(-0.25, -0.5, 0.0)) == "-.250 [-.500, +.000]"
    assert (format_p(0.0001), format_p(0.0123), format_p(1.0)) == ("<.001", ".012", "1.000")
    assert table(["a", "b"], [["x", "1"]]) == "| a | b |\n|---|---:|\n| x | 1 |"


@pytest.mark.parametrize("bad", [{"tune_grid": "huge"}, {"k": 0}, {"beam_width": 0}])
def test_bad_settings(bad: dict[str, Any]) -> None:
    with pytest.raises(GenretError):
        SystemSettings(**bad)
