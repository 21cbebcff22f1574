"""Cold start: what is withheld leaves no trace, is found after it came, and is counted by hand the same."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from small_run import SMALL

from genret.data import load_dataset
from genret.eval.runs import ranked
from genret.eval.studies.cold_start import ColdStart, ColdStartSettings, cold_start, drawn, measured, without
from genret.ground.errors import GenretError
from genret.ground.types import Judgement
from genret.pipeline.retriever import Retriever

SETTINGS = ColdStartSettings(share=0.05, k=20, beam_width=50, systems=("dense", "generative", "generative-mixed"))


@pytest.fixture(scope="module")
def found(built_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[ColdStart, Path]:
    cold = tmp_path_factory.mktemp("cold") / "run"
    return cold_start(built_run, cold, SETTINGS), cold


def test_what_is_withheld_leaves_no_trace(built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    gone = set(drawn(dataset, SETTINGS))
    left = without(dataset, gone)
    assert len(gone) == 30
    assert not gone & set(left.catalogue.ids)
    assert not gone & {j.product_id for j in left.judgements}
    assert not gone & {product for session in left.sessions for product in session}
    assert not gone & {product for pair in left.substitutes for product in pair}
    assert not gone & set(left.true_categories)
    assert len(left.judgements) < len(dataset.judgements)
    assert left.queries == dataset.queries


def test_the_new_run_was_trained_without_them_and_holds_them_all(
    found: tuple[ColdStart, Path], built_run: Path
) -> None:
    result, cold = found
    dataset, _ = load_dataset(built_run / "data")
    gone = set(drawn(dataset, SETTINGS))
    assert not gone & set(load_dataset(cold / "data")[0].catalogue.ids)
    index = Retriever.load(cold).index
    assert len(index) == len(dataset.catalogue) == result.products
    assert all(product in index for product in gone)
    assert index.embeddings is not None


def test_every_system_has_a_row_and_a_second_call_gives_the_same(
    found: tuple[ColdStart, Path], built_run: Path
) -> None:
    result, cold = found
    assert tuple(row.system for row in result.rows) == SETTINGS.systems
    assert result.chance == 20 / 600
    for row in result.rows:
        assert 0 <= row.withheld.low <= row.withheld.value <= row.withheld.high <= 1
    assert cold_start(built_run, cold, SETTINGS).to_json() == result.to_json()
    assert f"withheld: recall@{SETTINGS.k}" in result.markdown()


def test_recall_and_shares_by_hand(built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    relevant = [Judgement("a", "new", 1), Judgement("a", "old", 1), Judgement("b", "old", 1), Judgement("b", "x", 1)]
    runs = {"mine": {"a": ranked(["old", "new"], [2.0, 1.0]), "b": ranked(["old"], [1.0])}, "none": {}}
    result = measured(dataset, relevant, {"new"}, runs, SETTINGS)
    mine, none = result.rows
    assert (result.queries, result.pairs) == (1, 1)
    assert (mine.withheld.value, mine.same_queries.value, mine.trained_on.value) == (1.0, 1.0, 0.75)
    assert mine.share_all.value == pytest.approx(1 / 0.75)
    assert none.withheld.value == none.share_all.value == 0.0
    assert np.isfinite([*none.share_same, *mine.share_same]).all()


def test_what_cannot_be_measured_is_an_error(built_run: Path) -> None:
    dataset, _ = load_dataset(built_run / "data")
    with pytest.raises(GenretError, match="wants one of"):
        measured(dataset, [Judgement("a", "old", 1)], {"new"}, {}, SETTINGS)
    with pytest.raises(GenretError, match="withhold at least one"):
        drawn(dataset, ColdStartSettings(share=0.0001))
    with pytest.raises(GenretError, match="share="):
        ColdStartSettings(share=1.5)


def test_a_run_whose_ids_end_in_a_suffix(run_copy: Path, tmp_path: Path) -> None:
    from genret.pipeline.stages import tokenize_stage, train_stage
    from genret.tokenizer.settings import TokenizerSettings
    from genret.training.settings import ModelSettings, TrainSettings

    tokenizer = TokenizerSettings(**{**SMALL["tokenizer"], "steps": 30, "collisions": "suffix"})
    tokenize_stage(run_copy, tokenizer, progress=False)
    train_stage(run_copy, ModelSettings(**SMALL["model"]), TrainSettings(max_steps=5, batch_size=32))
    cold = tmp_path / "cold"
    result = cold_start(run_copy, cold, replace(SETTINGS, systems=("generative",)))
    index = Retriever.load(cold).index
    assert len(index) == result.products
    most = index.trie.codebook_sizes[-1]
    buckets = Counter(index.semantic_id(product)[:-1] for product in load_dataset(run_copy / "data")[0].catalogue.ids)
    assert index.trie.num_ids == sum(min(count, most) for count in buckets.values())
