"""Plots of health and tuning, as PNG files by matplotlib (extra `report`). Know figures; measure nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genret.ground.errors import require
from genret.ground.percent import percent
from genret.tokenizer.judging.health import Health
from genret.tokenizer.judging.health_text import (
    agreement,
    bucket_bins,
    correlations,
    depth_names,
    level_names,
    parting,
    purity,
)
from genret.tokenizer.judging.tune import Tuning, pareto_front

PLAIN = {"color": "tab:blue", "marker": "o"}
"""How a lambda that is not recommended is drawn."""


def new_figure(columns: int, width: float = 4.2, height: float = 3.2, rows: int = 1) -> tuple[Any, list[Any]]:
    """A figure with its axes, row after row, drawn without a display; `width` and `height` of each are in inches."""
    size = (width * columns, height * rows)
    figure = require("matplotlib.figure", "report").Figure(figsize=size, layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def save_figure(figure: Any, path: Path) -> None:
    """Write a PNG that depends on nothing but the figure."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=110, metadata={"Software": None})


def plot_health(health: Health, history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Everything that the text says of a tokenizer's health, and the course of its training: a grid of panels."""
    figure, panels = new_figure(4, 3.4, 2.7, rows=3)
    used, spread, entropy, largest, buckets, policy, parted, agree, pure, near, correlation, course = panels
    _plot_use(health, used, spread, entropy, largest)
    bins = bucket_bins(health.bucket_sizes)
    _bars(buckets, "bucket sizes", list(bins), list(bins.values()), "{:,.0f}".format, top=None)
    buckets.set(xlabel="products an ID", ylabel="IDs", yscale="log")
    _plot_policy(health, policy)
    depths = depth_names(health)
    _lines(parted, "fragmentation: pairs that part at", level_names(health), parting(health))
    _lines(agree, "pairs that agree down to", depths, agreement(health))
    _lines(pure, "purity: share in the prefix's majority leaf", depths, purity(health), "lower right")
    _plot_similarity(health, depths, near, correlation)
    _plot_course(history, course)
    figure.suptitle(
        f"{health.products:,} products, {health.ids:,} IDs; {percent(health.collisions, 2)} of products share one; "
        f"reconstruction error {health.error:.4f}, cosine {health.cosine:.4f}"
    )
    save_figure(figure, path)


def _plot_use(health: Health, used: Any, spread: Any, entropy: Any, largest: Any) -> None:
    """Usage with dead codes, perplexity, entropy with the hourglass, and the largest code's share, by level."""
    names, levels = level_names(health), health.levels
    _bars(used, "codes used (and dead)", names, [level.usage for level in levels])
    for place, level in enumerate(levels):
        used.text(place, 0.03, f"{level.dead} dead", ha="center", fontsize=7, color="white")
    perplexities = [level.perplexity for level in levels]
    _bars(spread, "perplexity (line: codes)", names, perplexities, "{:.1f}".format, top=None, inside=True)
    spread.plot(names, [level.size for level in levels], "_", color="black", markersize=24)
    narrow = "" if health.hourglass is None else f"; hourglass {health.hourglass:+.3f}"
    bits = [level.entropy for level in levels]
    _bars(entropy, f"entropy, bits (line: most){narrow}", names, bits, "{:.2f}".format, top=None, inside=True)
    entropy.plot(names, [math.log2(level.size) for level in levels], "_", color="black", markersize=24)
    _bars(largest, "largest code's share", names, [level.largest_share for level in levels], top=None)


def _plot_policy(health: Health, axis: Any) -> None:
    """Share of products that share an ID, and reconstruction error, before and after the collision policy."""
    effect = health.policy
    if effect is None:
        axis.set_title("collision policy: not recorded", fontsize=9)
        axis.set_axis_off()
        return
    names = ["share an ID:\nbefore", "\nafter", "error:\nbefore", "\nafter"]
    values = [effect.collisions_before, effect.collisions_after, effect.error_before, effect.error_after]
    _bars(axis, f"policy {effect.policy}: {percent(effect.moved)} of products moved", names, values, top=None)


def _plot_similarity(health: Health, depths: Sequence[str], near: Any, correlation: Any) -> None:
    """P(share a prefix | cosine >= .9) by depth, and the rank correlations, each named by its pairs."""
    shares = None if health.similarity is None else health.similarity.shared_at_9
    _bars(near, "P(share the prefix | cosine >= .9)", depths if shares else [], shares or [])
    found = {name: value for name, value in correlations(health).items() if value is not None}
    names = [name.replace(" of ", "\nof ").replace("random ", "random\n") for name in found]
    _bars(correlation, "rank corr. of cosine and shared length", names, list(found.values()), "{:.3f}".format, top=None)


def _plot_course(history: Sequence[Mapping[str, Any]], axis: Any) -> None:
    """The weighted terms of the loss over training."""
    for term in ("reconstruction", "quantisation", "contrast", "pull"):
        points = [(entry["step"], entry[term]) for entry in history if term in entry]
        if points:
            axis.plot(*zip(*points, strict=True), label=term)
    axis.set_title("training: terms of the loss, weighted", fontsize=9)
    axis.set(xlabel="step")
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=7, loc="upper right")
    else:
        axis.set_title("training: none, fitted in one go", fontsize=9)
        axis.set_axis_off()


def _bars(
    axis: Any,
    title: str,
    names: Sequence[str],
    values: Sequence[float],
    form: Callable[[float], str] = percent,
    top: float | None = 1.12,
    inside: bool = False,
) -> None:
    """A panel of bars with their values on top or `inside`; `top` ends the axis, None leaves room above the bars."""
    drawn = axis.bar(range(len(names)), values)
    place, color = ("center", "white") if inside else ("edge", "black")
    axis.bar_label(drawn, [form(value) for value in values], fontsize=7, label_type=place, color=color)
    axis.set_xticks(range(len(names)), names, fontsize=7)
    axis.set_title(title, fontsize=9)
    axis.margins(y=0.15)
    if top is not None:
        axis.set_ylim(0, top)


def _lines(
    axis: Any, title: str, names: Sequence[str], rows: Mapping[str, Sequence[float] | None], corner: str = "upper right"
) -> None:
    """A panel of shares, one line per known row, and the legend in a corner."""
    for label, shares in rows.items():
        if shares is not None:
            axis.plot(range(len(shares)), shares, marker="o", markersize=3, label=label)
    axis.set_xticks(range(len(names)), names, fontsize=7)
    axis.set_title(title, fontsize=9)
    axis.set_ylim(0, 1.05)
    if axis.get_legend_handles_labels()[0]:
        axis.legend(fontsize=7, loc=corner)


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
