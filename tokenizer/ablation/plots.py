"""The ablation's plots, from rows of figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from table import Row, coherence_column, main_sizes, select, unusual

from genret.tokenizer.judging.plots import new_figure, save_figure


def draw(out: Path, means: Sequence[Row]) -> list[tuple[str, str]]:
    """The plots: (file, caption)."""
    plots = [_draw_pareto(out, means), _draw_codes(out, means)]
    asked = [row for row in means if row.get("recall@50") is not None]
    if asked:
        plots.append(_draw_downstream(out, asked))
    if any(row["objective"] != "rqvae" for row in asked):
        plots.append(_draw_family(out, asked))
    return plots


def lines(means: Sequence[Row]) -> dict[str, list[Row]]:
    """Label -> the configurations that differ in lambda alone, lambda = 0 of the same codebooks first."""
    found: dict[str, list[Row]] = {}
    for sizes in dict.fromkeys(row["codebook_sizes"] for row in means):
        zero = select(means, codebook_sizes=sizes, lam=0.0)
        for schedule in dict.fromkeys(row["schedule"] for row in means):
            dial = [row for row in select(means, codebook_sizes=sizes, schedule=schedule) if row["lam"] > 0]
            if dial:
                found[f"λ, {schedule}, {sizes}"] = [*zero, *dial]
    return found


def _draw_pareto(out: Path, means: Sequence[Row]) -> tuple[str, str]:
    """One point per configuration, bars from the 95 % interval of its gain where it has one."""
    figure, axes = new_figure(2, 5.5, 4.2)
    family = [row for row in means if row["objective"] != "rqvae"]
    for axis, depth in zip(axes, (1, 2), strict=True):
        name = coherence_column(means)[:-1] + str(depth)
        for label, rows in lines(means).items():
            bars = [
                [row.get(f"gain_L{depth}", 0) - row.get(f"gain_L{depth}_low", 0) for row in rows],
                [row.get(f"gain_L{depth}_high", 0) - row.get(f"gain_L{depth}", 0) for row in rows],
            ]
            axis.errorbar([r["error"] for r in rows], [r[name] for r in rows], yerr=bars, marker="o", label=label)
            for row in rows:
                axis.annotate(f"{row['lam']:g}", (row["error"], row[name]), fontsize=7)
        axis.plot([r["error"] for r in family], [r[name] for r in family], "o", color="grey", label="other objectives")
        for row in family:
            axis.annotate(_short(row), (row["error"], row[name]), fontsize=7)
        front = _front(means, name)
        axis.plot([r["error"] for r in front], [r[name] for r in front], "k--", lw=0.8, zorder=0, label="Pareto front")
        axis.set_xscale("log")
        label = "L1" if depth == 1 else "L1-L2"
        axis.set(xlabel="reconstruction error (share of the variance)", ylabel=f"{name[:-3]} that agree on {label}")
    axes[0].legend(fontsize=6)
    save_figure(figure, out / "pareto.png")
    return "pareto.png", "Reconstruction error against coherence: one point a configuration, mean over seeds."


def _front(means: Sequence[Row], name: str) -> list[Row]:
    """The configurations of which none has both less error and more of `name`, by error."""
    front: list[Row] = []
    for row in sorted(means, key=lambda row: (row["error"], -row[name])):
        if not front or row[name] > front[-1][name]:
            front.append(row)
    return front


def _short(row: Row) -> str:
    """A label beside a point: lambda, or the objective with what is unusual about it."""
    if row["objective"] == "rqvae":
        return f"{row['lam']:g}"
    return " ".join([row["objective"], *(str(row[name]) for name in unusual(row))])


def _draw_codes(out: Path, means: Sequence[Row]) -> tuple[str, str]:
    dial = select(means, codebook_sizes=main_sizes(means))
    figure, (use, agree) = new_figure(2, 5.5, 3.8)
    ticks = [f"{row['lam']:g}" for row in dial]
    for level in range(1, 1 + sum(name.startswith("usage_L") for name in dial[0])):
        use.plot(ticks, [row[f"perplexity_L{level}"] for row in dial], marker="o", label=f"L{level}")
        if dial[0].get(f"cosine9_L{level}") is not None:
            agree.plot(ticks, [row[f"cosine9_L{level}"] for row in dial], marker="o", label=f"L1-L{level}")
    use.set(title="perplexity of the codes", xlabel="λ")
    agree.set(title="P(agree | cosine >= .9)", xlabel="λ", ylim=(0, 1))
    use.legend(fontsize=7)
    save_figure(figure, out / "codes.png")
    return "codes.png", "Use of the codes, and agreement of near-identical products, by λ."


def _draw_downstream(out: Path, means: Sequence[Row]) -> tuple[str, str]:
    names = {"recall@50": "recall@50 of a small retriever"}
    if any(row.get("same_beam_50") is not None for row in means):
        names["same_beam_50"] = "substitute in the beam of 50, given the product was"
    lambdas = sorted({row["lam"] for row in means})
    figure, axes = new_figure(len(names), 5.5, 3.8)
    for axis, (name, title) in zip(np.atleast_1d(axes), names.items(), strict=True):
        for shift, (label, rows) in enumerate(lines(means).items()):
            places = [
                lambdas.index(row["lam"]) + 0.04 * shift for row in rows
            ]  # side by side, so that bars can be seen
            axis.errorbar(places, [row[name] for row in rows], yerr=_bars(rows, name), marker="o", ms=3, label=label)
        axis.set(title=title, xlabel="λ", xticks=range(len(lambdas)), xticklabels=[f"{lam:g}" for lam in lambdas])
    np.atleast_1d(axes)[0].legend(fontsize=6)
    save_figure(figure, out / "downstream.png")
    return "downstream.png", "Recall, and the same-beam share of substitutes, by λ and schedule, with 95 % intervals."


def _draw_family(out: Path, means: Sequence[Row]) -> tuple[str, str]:
    """Every objective: error against agreement, and against recall."""
    column = coherence_column(means)
    names = {column: f"{column[:-3]} that agree on L1", "recall@50": "recall@50 of a small retriever"}
    family = [row for row in means if row["objective"] != "rqvae" and row.get("recall@50") is not None]
    dial = select(means, codebook_sizes=main_sizes(means))
    figure, axes = new_figure(2, 5.5, 4.2)
    for axis, (name, title) in zip(axes, names.items(), strict=True):
        for label, rows in (("RQ-VAE by λ", dial), ("other objectives", family)):
            bars = _bars(rows, name) if f"{name}_from" in rows[0] else None
            errors, spread = [row["error"] for row in rows], [row["error_sd"] for row in rows]
            axis.errorbar(errors, [row[name] for row in rows], yerr=bars, xerr=spread, fmt="o", ms=4, label=label)
            for row in rows:
                axis.annotate(
                    _short(row), (row["error"], row[name]), fontsize=7, xytext=(3, 3), textcoords="offset points"
                )
        axis.set(xlabel="reconstruction error (share of the variance)", ylabel=title, xscale="log")
    axes[0].legend(fontsize=7)
    save_figure(figure, out / "family.png")
    return (
        "family.png",
        "What each objective trades: one point each, error ± its deviation over seeds, recall with 95 % intervals.",
    )


def _bars(rows: Sequence[Row], name: str) -> list[list[float]]:
    return [[row[name] - row[f"{name}_from"] for row in rows], [row[f"{name}_to"] - row[name] for row in rows]]
