"""The ablation's plots. Knows rows of figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ablation_table import Row, coherence_column, main_sizes, select

from genret.tokenizer.plots import new_figure, save_figure


def draw(out: Path, means: Sequence[Row]) -> list[tuple[str, str]]:
    """The plots: (file, caption)."""
    plots = [_draw_pareto(out, means), _draw_codes(out, means)]
    if any(row.get("same_beam_10") is not None for row in means):
        plots.append(_draw_downstream(out, [row for row in means if row.get("same_beam_10") is not None]))
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
    """One point a configuration, bars from the 95 % interval of its gain where it has one."""
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
            axis.annotate(row["objective"], (row["error"], row[name]), fontsize=7)
        label = "L1" if depth == 1 else "L1-L2"
        axis.set(xlabel="reconstruction error (share of the variance)", ylabel=f"{name[:-3]} that agree on {label}")
    axes[0].legend(fontsize=6)
    save_figure(figure, out / "pareto.png")
    return "pareto.png", "Reconstruction error against coherence: one point a configuration, mean over seeds."


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
    figure, axes = new_figure(2, 5.5, 3.8)
    titles = {
        "same_beam_10": "substitute in the beam of 10, given the product was",
        "recall@10": "recall@10 of a small retriever",
    }
    for axis, (name, title) in zip(axes, titles.items(), strict=True):
        for label, rows in lines(means).items():
            axis.plot([f"{row['lam']:g}" for row in rows], [row[name] for row in rows], marker="o", label=label)
        axis.set(title=title, xlabel="λ")
    axes[0].legend(fontsize=7)
    save_figure(figure, out / "downstream.png")
    return "downstream.png", "Same-beam share of substitutes, and recall, by λ and schedule."
