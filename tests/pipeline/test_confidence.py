"""Calibrated confidence: hits say how likely they are, unlikely ones are left out, nonsense less likely than words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from genret import GenretError, Retriever
from genret.data.records import save_dataset
from genret.ground.artifacts import write_artifact
from genret.pipeline.calibrate import calibrate
from genret.pipeline.confidence import Calibration, load_calibration
from genret.pipeline.folder import RunFolder

NONSENSE = ["asdfgh qwerty", "xxqzv", "lkjhgf zzpoiq"]


def test_the_curve_is_read_between_its_points_and_flat_beyond_them() -> None:
    curve = Calibration((2.0, 0.0, 0.0), (0.0, 1.0), (0.1, 0.9))
    values = curve.confidence(np.array([[-5, 9, 9], [0, 0, 0], [0.25, 0, 0], [3, 0, 0]], np.float32))
    assert values.tolist() == pytest.approx([0.1, 0.1, 0.5, 0.9])


def test_hits_are_rated_and_the_unlikely_left_out(run_copy: Path) -> None:
    folder = RunFolder(run_copy)
    with pytest.raises(GenretError, match=r"has no calibration.*genret calibrate"):
        Retriever.load(run_copy).search("oat milk", min_confidence=0.2)
    calibrate(folder)
    retriever = Retriever.load(run_copy)
    plain = retriever.search("oat milk", k=20)
    assert plain.hits[0].confidence is None
    rated = retriever.search("oat milk", k=20, min_confidence=0.0)
    assert [hit.product.id for hit in rated.hits] == [hit.product.id for hit in plain.hits]
    values = sorted(hit.confidence for hit in rated.hits if hit.confidence is not None)
    assert len(values) == 20
    assert 0 <= values[0] < values[-1] <= 1
    bar = values[10]
    kept = retriever.search("oat milk", k=20, min_confidence=bar)
    assert {h.product.id for h in kept.hits} == {h.product.id for h in rated.hits if (h.confidence or 0) >= bar}
    assert [hit.rank for hit in kept.hits] == list(range(1, len(kept.hits) + 1))
    assert retriever.search("oat milk", min_confidence=1.0, where="price < 0").hits == ()


def test_nonsense_is_less_likely_than_words_whatever_finds(run_copy: Path) -> None:
    calibrate(RunFolder(run_copy))
    retriever = Retriever.load(run_copy)
    words = ["marinara sauce", "oat milk", "gluten free pasta"]

    def best(texts: list[str], **options: object) -> list[float]:
        found = retriever.search(texts, min_confidence=0.0, **options)  # type: ignore[call-overload]
        return [max(hit.confidence for hit in result.hits) for result in found]

    for options in ({}, {"hybrid": True}, {"by": "dense"}):
        assert np.mean(best(NONSENSE, **options)) < np.mean(best(words, **options))


def test_a_calibration_of_another_model_or_of_too_few_queries_is_refused(run_copy: Path) -> None:
    folder = RunFolder(run_copy)
    calibrate(folder, "test")
    (run_copy / "calibration").rename(run_copy / "kept")
    with write_artifact(run_copy / "calibration", "calibration", {}, {"model": "another"}):
        pass
    with pytest.raises(GenretError, match="of another model"):
        load_calibration(folder)
    dataset = folder.dataset()
    save_dataset(replace(dataset, queries={**dataset.queries, "dev": []}), run_copy / "data")
    with pytest.raises(GenretError, match="0 queries of the dev split"):
        calibrate(folder)


@pytest.mark.parametrize("wrong", [-0.1, 1.5, "high", float("nan")])
def test_a_confidence_is_a_number_from_0_to_1(built_run: Path, wrong: object) -> None:
    with pytest.raises(GenretError, match="min_confidence="):
        Retriever.load(built_run).search("oat milk", min_confidence=wrong)  # type: ignore[call-overload]
