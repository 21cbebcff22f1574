"""Recommend a lambda for a catalogue: train a few, find the knee of coherence against error. Knows no files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from genret.errors import GenretError
from genret.tokenizer.assign import collision_rate, squared_error
from genret.tokenizer.coherence import groups, shared_pairs, shared_within
from genret.tokenizer.settings import TokenizerSettings
from genret.tokenizer.training import train_tokenizer
from genret.types import CategoryPath

LAMBDAS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)


class Trial(NamedTuple):
    """What one lambda gives."""

    lam: float
    error: float
    """Reconstruction error as a share of the variance."""
    cost: float
    """Relative to lambda = 0."""
    coherence: float
    """Share of the judged pairs (same leaf, or substitutes where given) that agree on L1-L2."""
    collisions: float
    failed: str = ""
    """The gate that stopped it, if one did."""


class Tuning(NamedTuple):
    """The recommended lambda and the trials it rests on."""

    recommended: float
    trials: tuple[Trial, ...]
    why: str


def tune(
    embeddings: npt.NDArray[np.float32],
    categories: Sequence[CategoryPath],
    settings: TokenizerSettings | None = None,
    *,
    lambdas: Sequence[float] = LAMBDAS,
    substitutes: npt.NDArray[np.int64] | None = None,
    budget: float = 0.1,
    progress: Callable[[Trial], None] = lambda trial: None,
) -> Tuning:
    """Train once a lambda and recommend one: the knee among those that cost at most `budget` more error than 0.

    Coherence is the share of `substitutes` (P, 2) that agree on L1-L2, or of same-leaf pairs where none are given.
    """
    settings = settings or TokenizerSettings()
    if substitutes is None and groups(categories).max(initial=-1) < 0:
        raise GenretError("tune needs categories or substitute pairs to measure coherence by, and there are neither")
    trials: list[Trial] = []
    for lam in sorted({0.0, *lambdas}):
        trials.append(
            _trial(embeddings, categories, replace(settings, lam=lam), substitutes, trials[0] if trials else None)
        )
        progress(trials[-1])
    return recommend(trials, budget)


def _trial(
    embeddings: npt.NDArray[np.float32],
    categories: Sequence[CategoryPath],
    settings: TokenizerSettings,
    substitutes: npt.NDArray[np.int64] | None,
    base: Trial | None,
) -> Trial:
    try:
        tokenizer = train_tokenizer(embeddings, categories, settings, progress=False)
    except GenretError as failure:
        if base is None:
            raise
        return Trial(settings.lam, np.inf, np.inf, 0.0, 1.0, str(failure))
    codes = tokenizer.encode(embeddings)
    error = squared_error(tokenizer, embeddings, codes)
    shares = shared_within(codes, categories) if substitutes is None else shared_pairs(codes, substitutes)
    coherence = shares[min(1, len(shares) - 1)] if shares else 0.0
    cost = 0.0 if base is None else error / max(base.error, 1e-12) - 1
    return Trial(settings.lam, error, cost, coherence, collision_rate(codes))


def recommend(trials: Sequence[Trial], budget: float) -> Tuning:
    """The knee: the affordable trial farthest above the line from lambda = 0 to the most coherent affordable one.

    Both axes are scaled to that line's ends (the kneedle rule, Satopaa et al. 2011). With fewer than three affordable
    trials on the way up, the most coherent affordable one.
    """
    base = trials[0]
    affordable = [trial for trial in trials if not trial.failed and trial.cost <= budget]
    best = max(affordable, key=lambda trial: (trial.coherence, -trial.cost))
    if best.coherence <= base.coherence:
        return Tuning(0.0, tuple(trials), f"no lambda within {budget:.0%} more error is more coherent than 0")
    rising = [trial for trial in affordable if trial.lam <= best.lam]
    gain = best.coherence - base.coherence
    cost = max(best.cost - base.cost, 1e-12)
    knee = max(rising, key=lambda trial: (trial.coherence - base.coherence) / gain - (trial.cost - base.cost) / cost)
    if knee.lam == 0.0 or best.cost <= base.cost:
        knee = best
    why = (
        f"lambda {knee.lam:g} buys {100 * (knee.coherence - base.coherence):.1f} points of coherence for "
        f"{knee.cost:+.1%} error; the most within the budget of {budget:.0%} is lambda {best.lam:g} with "
        f"{100 * gain:.1f} points for {best.cost:+.1%}"
    )
    return Tuning(knee.lam, tuple(trials), why)


def format_tuning(tuning: Tuning) -> str:
    """The trials as a table and the recommendation under it."""
    lines = [f"{'lambda':>8}{'error':>9}{'cost':>8}{'agree L1-L2':>13}{'collisions':>12}"]
    for trial in tuning.trials:
        if trial.failed:
            lines.append(f"{trial.lam:>8g}  {trial.failed}")
        else:
            mark = "  <- recommended" if trial.lam == tuning.recommended else ""
            lines.append(
                f"{trial.lam:>8g}{trial.error:>9.4f}{trial.cost:>+8.1%}{trial.coherence:>13.1%}{trial.collisions:>12.2%}{mark}"
            )
    return "\n".join([*lines, "", tuning.why])
