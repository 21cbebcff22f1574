"""Plots of health and tuning, as PNG files by matplotlib (extra `report`). Know figures; measure nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from genret.errors import require
from genret.tokenizer.health import Health
from genret.tokenizer.tune import Tuning, pareto_front

PLAIN = {"color": "tab:blue", "marker": "o"}
"""How a lambda that is not recommended is drawn."""


def new_figure(columns: int, width: float = 4.2, height: float = 3.2) -> tuple[Any, list[Any]]:
    """A figure with a row of axes, drawn without a display."""
    figure = require("matplotlib.figure", "report").Figure(figsize=(width * columns, height), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    return figure, list(axes)


def save_figure(figure: Any, path: Path) -> None:
    """Write a PNG that depends on nothing but the figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def plot_health(health: Health, history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Use of the codes, agreement by depth, purity, and the course of training, side by side."""
    figure, (use, agree, pure, course) = new_figure(4)
    names = [f"L{level.level}" for level in health.levels]
    use.bar(names, [level.perplexity / level.size for level in health.levels])
    use.set(title="perplexity / codes", ylim=(0, 1))
    pairs = {"same leaf": health.same_leaf, "same department": health.same_root, "substitutes": health.substitutes}
    if health.similarity is not None:
        pairs["cosine >= .9"] = health.similarity.shared_at_9
    for label, shares in pairs.items():
        if shares is not None:
            agree.plot(names, shares, marker="o", label=label)
    agree.set(title="pairs that agree down to", ylim=(0, 1))
    agree.legend()
    for label, shares in {"leaf purity": health.purity, "shuffled IDs": health.purity_shuffled}.items():
        if shares is not None:
            pure.plot(names, shares, marker="o", label=label)
    pure.set(title="share in the prefix's majority leaf", ylim=(0, 1))
    for term in ("reconstruction", "quantisation", "contrast", "pull"):
        points = [(entry["step"], entry[term]) for entry in history if term in entry]
        if points:
            course.plot(*zip(*points, strict=True), label=term)
    course.set(title="terms of the loss, weighted", xlabel="step")
    if history:
        course.legend()
    save_figure(figure, path)


def plot_tuning(tuning: Tuning, path: Path) -> None:
    """Agreement against reconstruction, a point a lambda with its seeds' range; the Pareto front; the knee marked."""
    figure, (axis,) = new_figure(1, 5.5, 4)
    front = pareto_front(tuning.trials)
    axis.plot([trial.error for trial in front], [trial.agreement for trial in front], color="tab:gray", label="front")
    for trial in (trial for trial in tuning.trials if not trial.failed):
        point = (trial.error, trial.agreement)
        chosen = trial.lam == tuning.recommended
        look = {"color": "tab:red", "marker": "*", "markersize": 14, "label": "recommended"} if chosen else PLAIN
        axis.errorbar(*point, _reach(trial.by_seed), _reach([run.error for run in trial.runs]), **look)
        axis.annotate(f"{trial.lam:g}", point, xytext=(6, 6), textcoords="offset points")
    axis.set(xlabel="reconstruction error (share of the variance)", ylabel="pairs that agree, mean of L1 and L1-L2")
    axis.set_title(f"recommended: lambda {tuning.recommended:g}")
    axis.legend()
    save_figure(figure, path)


def _reach(values: Sequence[float]) -> list[list[float]]:
    """How far the values lie below and above their mean, as error bars want it."""
    mean = sum(values) / len(values)
    return [[mean - min(values)], [max(values) - mean]]
