"""The recommendation of lambda: the knee, the margin of the seeds, the budget, and what is judged by."""

import math

import numpy as np
import pytest
from clustered import Clustered

from genret.ground.errors import GenretError
from genret.tokenizer.judging.tune import (
    Measured,
    Trial,
    TuneSettings,
    format_tuning,
    gain_margin,
    pareto_front,
    recommend,
    tune,
)
from genret.tokenizer.settings import TokenizerSettings

SMALL = TokenizerSettings(codebook_sizes=(8, 8, 8), latent_dim=16, hidden=16, steps=30, batch_size=128)


def trial(lam: float, error: float, *agreements: float) -> Trial:
    """One run a seed; L1 agrees more than L1-L2, their mean is as given."""
    runs = [Measured(error, (share + 0.1, share - 0.1), 0.0) for share in agreements]
    return Trial(lam, tuple(runs))


def trials(*points: tuple[float, float, float]) -> list[Trial]:
    """Two seeds, 0.001 to either side; (lambda, cost, agreement)."""
    signs = (1, -1)
    return [
        trial(lam, 1 + cost, *(share + sign * (-1) ** row * 0.001 for sign in signs))
        for row, (lam, cost, share) in enumerate(points)
    ]


def test_margin_by_hand() -> None:
    """Residuals of ±0.05, one degree of freedom: t = 12.706 times the standard error 0.1."""
    assert gain_margin([[0.2, 0.3], [0.4, 0.7]]) == pytest.approx(1.2706, abs=1e-4)
    assert gain_margin([[0.2, 0.3], [0.4, 0.5]]) == pytest.approx(0, abs=1e-9)  # the seeds differ, the gain does not
    assert gain_margin([[0.2, 0.3]]) == math.inf


def test_noise_is_hardly_ever_recommended() -> None:
    rng = np.random.default_rng(0)
    chosen = 0
    for _ in range(400):
        noise = rng.normal(0.2, 0.01, (6, 2))
        tried = [trial(lam, 1.0, *row) for lam, row in zip((0, 0.003, 0.01, 0.03, 0.1, 0.3), noise, strict=True)]
        chosen += recommend(tried, 0.1).recommended > 0
    assert chosen / 400 < 0.05


def test_a_gain_far_above_the_noise_is_found() -> None:
    rng = np.random.default_rng(0)
    steps = np.array([0, 0.02, 0.06, 0.08, 0.09, 0.1])
    found = []
    for _ in range(50):
        rows = 0.2 + steps[:, None] + rng.normal(0, 0.002, (6, 2))
        tried = [trial(lam, 1 + cost, *row) for lam, cost, row in zip(range(6), steps, rows, strict=True)]
        found.append(recommend(tried, 0.2).recommended)
    assert min(found) > 0


def test_knee_by_hand() -> None:
    found = recommend(trials((0, 0, 0.2), (0.01, 0.01, 0.5), (0.1, 0.05, 0.55), (1, 0.5, 0.9)), budget=0.1)
    assert found.recommended == 0.01
    assert "gains 30.0 points of agreement" in found.why
    assert "+1.0 % error, the knee: the most within the budget of 10 %, lambda 0.1, gains 35.0 points" in found.why
    verdicts = [trial.verdict for trial in found.trials]
    assert verdicts == ["baseline", "recommended", "gains, but not the knee", "over the budget"]
    assert "L1-L2" in format_tuning(found)


def test_a_gain_that_the_seeds_also_show_is_not_recommended() -> None:
    found = recommend([trial(0, 1, 0.20, 0.22), trial(0.01, 1.01, 0.23, 0.21), trial(0.1, 1.02, 0.2, 0.2)], budget=0.1)
    assert found.recommended == 0
    assert found.trials[1].gain == pytest.approx(0.01)
    assert "gains more than the seeds vary by; the best of them, 0.01, gains 1.0 points" in found.why
    assert "more seeds" in found.why


def test_no_gain_recommends_zero_and_says_so() -> None:
    found = recommend(trials((0, 0, 0.5), (0.1, 0.01, 0.4)), budget=0.1)
    assert found.recommended == 0.0
    assert "no lambda" in found.why
    assert "more seeds" not in found.why


def test_a_free_gain_is_taken_whole() -> None:
    found = recommend(trials((0, 0, 0.2), (0.01, 0.01, 0.3), (0.1, -0.01, 0.4)), budget=0.1)
    assert found.recommended == 0.1
    assert "the most of all" in found.why


def test_nothing_within_the_budget() -> None:
    found = recommend(trials((0, 0, 0.2), (0.01, 0.2, 0.3), (0.1, 0.4, 0.4)), budget=0.1)
    assert found.recommended == 0
    assert "the cheapest lambda above it, 0.01, costs +20.0 % error, over the budget of 10 %" in found.why
    assert found.to_json()["margin"] is None


def test_trials_stopped_by_a_gate_are_reported_not_recommended() -> None:
    stopped = Trial(1.0, failed="stopped with seed 0: mode collapse")
    found = recommend([*trials((0, 0, 0.2), (0.1, 0.02, 0.4)), stopped], budget=0.1)
    assert found.recommended == 0.1
    assert "mode collapse" in format_tuning(found)
    assert found.to_json()["trials"][2] == {"lam": 1.0, "failed": "stopped with seed 0: mode collapse"}
    assert "stopped by a gate" in recommend([trials((0, 0, 0.2))[0], stopped], budget=0.1).why


def test_pareto_front() -> None:
    front = pareto_front(trials((0, 0, 0.2), (0.01, 0.01, 0.1), (0.1, 0.05, 0.4), (0.3, 0.2, 0.4)))
    assert [trial.lam for trial in front] == [0, 0.1]


def test_without_substitutes_pairs_of_one_leaf_judge(clustered: Clustered) -> None:
    embeddings, categories = clustered
    found = tune(embeddings, categories, SMALL, TuneSettings((0.1,)), substitutes=np.zeros((0, 2), np.int64))
    assert found.judged_on == "the pairs of products of one leaf"
    assert [len(trial.runs) for trial in found.trials] == [2, 2]
    first, second = found.trials[0].runs
    assert first != second  # the seed trains anew


def test_nothing_to_judge_by(clustered: Clustered) -> None:
    with pytest.raises(GenretError, match="neither substitutes nor two products of one category"):
        tune(clustered[0], [()] * 600, SMALL)


def test_one_level_is_judged_on_it_alone(clustered: Clustered) -> None:
    from dataclasses import replace

    found = tune(*clustered, replace(SMALL, codebook_sizes=(16,)), TuneSettings((0.1,)))
    assert "agree L1-L2" not in format_tuning(found)
