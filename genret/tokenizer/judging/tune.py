"""Recommend a lambda for a catalogue: train a few over several seeds, find the knee of agreement against error.

Agreement is the share of judged pairs (the data set's substitutes, or products of one leaf) whose IDs agree, the mean
over L1 and L1-L2: wide codebooks gain by lambda on L1, narrow ones on L1-L2, and either alone would miss the other.
Products of one leaf are what the taxonomy's loss is trained on; substitutes are not, so they come first if known.

A gain over lambda = 0 counts if it exceeds its margin: Student's 95 % margin of the largest of the gains (Bonferroni),
its variance the seeds' residual in a layout of lambdas by seeds (same seed, same start and batches), over the lambdas
that cost no more than the budget. The knee is looked for among those that count; where none does, 0 is recommended.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from genret.ground.errors import GenretError
from genret.ground.percent import change, percent
from genret.ground.settings import check_range
from genret.ground.types import CategoryPath
from genret.tokenizer.assign import collision_rate, squared_error
from genret.tokenizer.judging.coherence import shared_pairs, shared_within
from genret.tokenizer.learning.train import train_tokenizer
from genret.tokenizer.settings import TokenizerSettings

LAMBDAS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)
SEEDS = 2
BUDGET = 0.1
DEPTHS = ("L1", "L1-L2")
RECOMMENDED = "recommended"


@dataclass(frozen=True)
class TuneSettings:
    """Which lambdas are tried, and what one may cost."""

    lambdas: tuple[float, ...] = LAMBDAS
    """0 is always tried as well."""
    seeds: int = SEEDS
    """Trainings per lambda."""
    budget: float = BUDGET
    """The most that a recommended lambda may add to the error, as a share of it."""

    def __post_init__(self) -> None:
        check_range("seeds", self.seeds, 2)
        check_range("budget", self.budget, 0)
        for lam in self.lambdas:
            check_range("lam", lam, 0)
        if not any(self.lambdas):
            raise GenretError("lam: no lambda above 0 to set against 0; give some, such as 0.003,0.01,0.03")


class Measured(NamedTuple):
    """What one training gives."""

    error: float
    """Reconstruction error as a share of the variance."""
    agreement: tuple[float, ...]
    """Share of the judged pairs that agree on L1, and on L1-L2 where there are two levels."""
    collisions: float


class Trial(NamedTuple):
    """One lambda: what its trainings give, one per seed, and how it compares with lambda = 0."""

    lam: float
    runs: tuple[Measured, ...] = ()
    failed: str = ""
    """The gate that stopped it, if one did."""
    cost: float = 0.0
    """Mean error relative to lambda = 0, less 1."""
    gain: float = 0.0
    """Mean agreement less that of lambda = 0."""
    verdict: str = ""

    @property
    def error(self) -> float:
        """Mean over the seeds."""
        return float(np.mean([run.error for run in self.runs]))

    @property
    def by_seed(self) -> list[float]:
        """Agreement of each seed, the mean over the depths."""
        return [float(np.mean(run.agreement)) for run in self.runs]

    @property
    def agreement(self) -> float:
        """Mean over the depths and the seeds."""
        return float(np.mean(self.by_seed))

    def shares(self, depth: int) -> list[float]:
        """Agreement of each seed at one depth, 0 for L1."""
        return [run.agreement[depth] for run in self.runs]


class Tuning(NamedTuple):
    """The recommended lambda, the trials it rests on (lambda = 0 first), and the reason in one sentence."""

    recommended: float
    trials: tuple[Trial, ...]
    why: str
    margin: float
    """What a gain must exceed to count; infinite if every lambda above 0 costs more than the budget."""
    judged_on: str = ""

    def to_json(self) -> dict[str, Any]:
        """Everything, by name; a trial that a gate stopped gives the gate only."""
        margin = self.margin if math.isfinite(self.margin) else None
        return {**self._asdict(), "margin": margin, "trials": [_trial_json(trial) for trial in self.trials]}


def tune(
    embeddings: npt.NDArray[np.float32],
    categories: Sequence[CategoryPath],
    settings: TokenizerSettings | None = None,
    search: TuneSettings | None = None,
    *,
    substitutes: npt.NDArray[np.int64] | None = None,
    pairs: npt.NDArray[np.int64] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Tuning:
    """Train every lambda (and 0) with every seed, from `settings.seed` on, and recommend one.

    Judged on `substitutes` (P, 2) rows, or on all pairs of one leaf where there are none. `pairs`: as in training.
    `progress` gets one line per training. Raises GenretError where there is nothing to judge by, or for an objective
    without lambda.
    """
    settings, search = settings or TokenizerSettings(), search or TuneSettings()
    check_objective(settings)
    judge, judged_on = _judge(categories, substitutes)
    trials = []
    for lam in sorted({0.0, *search.lambdas}):
        runs: list[Measured] = []
        failed = ""
        for seed in range(settings.seed, settings.seed + search.seeds):
            own = replace(settings, lam=lam, seed=seed)
            try:
                runs.append(_measure(embeddings, categories, own, pairs, judge))
            except GenretError as failure:
                if lam == 0:
                    raise
                failed = f"stopped with seed {seed}: {failure}"
                progress(f"lambda {lam:g} {failed}")
                break
            progress(f"lambda {lam:g}, seed {seed}: error {runs[-1].error:.4f}, agree {_percents(runs[-1].agreement)}")
        trials.append(Trial(lam, tuple(runs), failed))
    return recommend(trials, search.budget, judged_on)


def check_objective(settings: TokenizerSettings) -> None:
    """A GenretError if lambda weighs nothing in this objective."""
    if settings.objective != "rqvae":
        raise GenretError(
            f"objective={settings.objective!r} has no lambda to choose (it weighs the contrastive loss of rqvae); "
            "use objective=rqvae"
        )


def _judge(
    categories: Sequence[CategoryPath], substitutes: npt.NDArray[np.int64] | None
) -> tuple[Callable[[npt.NDArray[np.int64]], tuple[float, ...]], str]:
    """What gives (N, L) codes their agreement by depth, and on what it does so."""
    if substitutes is not None and len(substitutes):
        pairs = substitutes
        return lambda codes: shared_pairs(codes[:, : len(DEPTHS)], pairs), f"{len(pairs):,} substitute pairs"
    if shared_within(np.zeros((len(categories), 1), np.int64), categories) is None:
        raise GenretError(
            "no pairs to judge agreement by: the data set names neither substitutes nor two products of one category; "
            "add a category column, and run genret data and embed again"
        )
    return lambda codes: shared_within(codes[:, : len(DEPTHS)], categories) or (), "the pairs of products of one leaf"


def _measure(
    embeddings: npt.NDArray[np.float32],
    categories: Sequence[CategoryPath],
    settings: TokenizerSettings,
    pairs: npt.NDArray[np.int64] | None,
    judge: Callable[[npt.NDArray[np.int64]], tuple[float, ...]],
) -> Measured:
    tokenizer = train_tokenizer(embeddings, categories, settings, pairs=pairs, progress=False)
    codes = tokenizer.encode(embeddings)
    return Measured(squared_error(tokenizer, embeddings, codes), judge(codes), collision_rate(codes))


def recommend(trials: Sequence[Trial], budget: float, judged_on: str = "") -> Tuning:
    """The knee of the trials (lambda = 0 first) whose gain counts and whose cost is within the budget; else 0."""
    base = trials[0]
    compared = [trial if trial.failed else _compare(trial, base) for trial in trials]
    affordable = [trial for trial in compared if not trial.failed and (trial is compared[0] or trial.cost <= budget)]
    margin = gain_margin([trial.by_seed for trial in affordable])
    counting = [trial for trial in affordable[1:] if trial.gain > margin]
    lam = knee(counting).lam if counting else 0.0
    judged = tuple(trial._replace(verdict=_verdict(trial, lam, budget, margin)) for trial in compared)
    return Tuning(lam, judged, _why(judged, lam, budget, margin), margin, judged_on)


def _compare(trial: Trial, base: Trial) -> Trial:
    cost = trial.error / max(base.error, 1e-12) - 1
    return trial._replace(cost=cost, gain=trial.agreement - base.agreement)


def gain_margin(agreements: Sequence[Sequence[float]]) -> float:
    """What a difference to the first row must exceed, from (G lambdas, S seeds) agreements; infinite if G is 1."""
    from scipy.stats import t

    values = np.asarray(agreements)
    rows, seeds = values.shape
    if rows < 2:
        return math.inf
    residuals = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    freedom = (rows - 1) * (seeds - 1)
    variance = float((residuals**2).sum()) / freedom
    return float(t.ppf(1 - 0.025 / (rows - 1), freedom)) * math.sqrt(2 * variance / seeds)


def knee(trials: Sequence[Trial]) -> Trial:
    """The trial farthest above the line from lambda = 0 to the one that gains most.

    Both axes are scaled to that line's ends (the kneedle rule, Satopaa et al. 2011). The one that gains most itself,
    if none is above the line, or it costs nothing.
    """
    best = max(trials, key=lambda trial: (trial.gain, -trial.cost))
    if best.cost <= 0:
        return best
    return max(trials, key=lambda trial: (trial.gain / best.gain - trial.cost / best.cost, trial.gain))


def pareto_front(trials: Sequence[Trial]) -> list[Trial]:
    """The trials that no other beats in error and agreement both, from the least error to the most."""
    front: list[Trial] = []
    for trial in sorted((trial for trial in trials if not trial.failed), key=lambda one: (one.error, -one.agreement)):
        if not front or trial.agreement > front[-1].agreement:
            front.append(trial)
    return front


def _verdict(trial: Trial, recommended: float, budget: float, margin: float) -> str:
    if trial.failed:
        return trial.failed
    if trial.lam == recommended:
        return RECOMMENDED
    if trial.lam == 0:
        return "baseline"
    if trial.cost > budget:
        return "over the budget"
    return "gains, but not the knee" if trial.gain > margin else "no gain beyond the seeds' variation"


def _why(trials: Sequence[Trial], recommended: float, budget: float, margin: float) -> str:
    """The reason for the recommendation, in one sentence."""
    above = [trial for trial in trials[1:] if not trial.failed]
    affordable = [trial for trial in above if trial.cost <= budget]
    if not above:
        return "lambda 0: every lambda above 0 was stopped by a gate"
    if not affordable:
        cheapest = min(above, key=lambda trial: trial.cost)
        return (
            f"lambda 0: the cheapest lambda above it, {cheapest.lam:g}, costs {change(cheapest.cost)} error, over the "
            f"budget of {percent(budget, 0)}"
        )
    best = max(affordable, key=lambda trial: trial.gain)
    if recommended == 0:
        more = "; more seeds would narrow that margin" if best.gain > 0 else ""
        return (
            f"lambda 0: no lambda within the budget of {percent(budget, 0)} more error gains more than the seeds vary "
            f"by; the best of them, {best.lam:g}, gains {_points(best.gain)}, and {_points(margin)} is the margin{more}"
        )
    chosen = next(trial for trial in trials if trial.lam == recommended)
    gains = f"lambda {chosen.lam:g} gains {_points(chosen.gain)} of agreement (margin {100 * margin:.1f})"
    if chosen is best:
        return f"{gains} for {change(chosen.cost)} error, the most of all within the budget of {percent(budget, 0)}"
    return (
        f"{gains} for {change(chosen.cost)} error, the knee: the most within the budget of {percent(budget, 0)}, "
        f"lambda {best.lam:g}, gains {_points(best.gain)} for {change(best.cost)}"
    )


def format_tuning(tuning: Tuning) -> str:
    """The trials as a table, means ± half the range over seeds, and the recommendation under it."""
    depths = DEPTHS[: len(tuning.trials[0].runs[0].agreement)]
    columns = "".join(f"{'agree ' + depth:>16}" for depth in depths)
    lines = [f"{'lambda':>8}{'error':>18}{'cost':>8}{columns}{'gain':>8}  verdict"]
    for trial in tuning.trials:
        if trial.failed:
            lines.append(f"{trial.lam:>8g}  {trial.failed}")
            continue
        errors = _spread([run.error for run in trial.runs], 1, 4)
        shares = "".join(f"{_spread(trial.shares(depth), 100, 1):>16}" for depth in range(len(depths)))
        cost = f"{change(trial.cost):>8}" if trial.lam else f"{'':8}"
        gain = f"{100 * trial.gain:>+8.1f}" if trial.lam else f"{'':8}"
        lines.append(f"{trial.lam:>8g}{errors:>18}{cost}{shares}{gain}  {trial.verdict}")
    how = (
        f"agree: % of {tuning.judged_on} that share the prefix; gain: points, the mean over {' and '.join(depths)}; "
        f"±: half the range over {len(tuning.trials[0].runs)} seeds"
    )
    return "\n".join([*lines, "", how, tuning.why])


def _spread(values: Sequence[float], scale: float, digits: int) -> str:
    """Mean ± half the range."""
    return f"{scale * float(np.mean(values)):.{digits}f} ± {scale * float(np.ptp(values)) / 2:.{digits}f}"


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _percents(shares: Sequence[float]) -> str:
    return ", ".join(f"{depth} {percent(share)}" for depth, share in zip(DEPTHS, shares, strict=False))


def _trial_json(trial: Trial) -> dict[str, Any]:
    if trial.failed:
        return {"lam": trial.lam, "failed": trial.failed}
    agreement = {depth: trial.shares(number) for number, depth in enumerate(DEPTHS[: len(trial.runs[0].agreement)])}
    return {
        "lam": trial.lam,
        "error": [run.error for run in trial.runs],
        "agreement": agreement,
        "collisions": [run.collisions for run in trial.runs],
        "cost": trial.cost,
        "gain": trial.gain,
        "verdict": trial.verdict,
    }
