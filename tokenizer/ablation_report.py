"""The ablation's table, contrasts, plots and Markdown. Knows rows of figures; trains nothing.

Every number and every sentence of the report is computed from the rows. `table.csv` has one row a cell;
`contrasts.csv` one row a configuration: means over seeds, and the differences to lambda = 0 with 95 % intervals from a
bootstrap that draws seeds and substitute pairs together.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from genret.artifacts import write_json
from genret.tokenizer.plots import new_figure, save_figure

IDENTITY = (
    "objective",
    "lam",
    "schedule",
    "reconstruction",
    "supervision",
    "balance",
    "gradient",
    "codebook_update",
    "codebook_sizes",
    "sinkhorn",
)
USUAL = {
    "objective": "rqvae",
    "schedule": "geometric",
    "reconstruction": "squared",
    "supervision": "taxonomy",
    "balance": "fixed",
    "gradient": "ste",
    "codebook_update": "ema",
    "sinkhorn": 0.0,
}
ROUNDS = 500
COHERENT, AFFORDABLE = 0.10, 0.03
"""What a recommended lambda should gain in substitutes that agree on L1-L2, and may cost in error."""

Row = dict[str, Any]


def write_report(
    out: Path, preset: str, plan: Row, rows: list[Row], agreed: Sequence[np.ndarray], missing: Sequence[Row]
) -> None:
    """Write `table.csv`, `contrasts.csv`, `report.md` and the plots into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    write_table(out / "table.csv", rows)
    means = summarise(rows, agreed)
    write_table(out / "contrasts.csv", means)
    write_json(out / "preset.json", {"preset": preset, **plan})
    whole = [row for row in means if not row["failed"]]
    plots = draw(out, whole)
    (out / "report.md").write_text(markdown(preset, plan, rows, means, missing, plots), encoding="utf-8")


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """A CSV with the union of the rows' columns; numbers in full, what is unknown empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def summarise(rows: Sequence[Row], agreed: Sequence[np.ndarray]) -> list[Row]:
    """One row a configuration: the mean over seeds of every figure, its deviation for a few, gains over lambda = 0."""
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(tuple(row[name] for name in IDENTITY), []).append(index)
    base = {_base_key(row): index for index, row in enumerate(rows) if _is_base(row)}
    out = []
    for key, members in groups.items():
        good = [index for index in members if not rows[index]["failed"]]
        row: Row = dict(zip(IDENTITY, key, strict=True))
        row |= {"seeds": len(good), "failed": next((rows[i]["failed"] for i in members if rows[i]["failed"]), "")}
        if good:
            row["failed"] = ""
            row["failed_seeds"] = len(members) - len(good)
            row |= _means([rows[index] for index in good])
            paired = [(index, base[_base_key(rows[index])]) for index in good if _base_key(rows[index]) in base]
            row |= _gains(rows, agreed, [(a, b) for a, b in paired if not rows[b]["failed"]])
            row |= _over_uniform(rows, agreed, good)
        out.append(row)
    return out


def _is_base(row: Row) -> bool:
    return row["lam"] == 0 and all(row[name] == USUAL[name] for name in USUAL if name != "reconstruction")


def _base_key(row: Row) -> tuple[Any, ...]:
    return row["reconstruction"], row["codebook_sizes"], row["seed"]


def _means(rows: Sequence[Row]) -> Row:
    """Mean over the rows of each column that all of them know, and the deviation of the error."""
    out: Row = {}
    for name in rows[0]:
        if name in (*IDENTITY, "seed", "failed"):
            continue
        values = [row.get(name) for row in rows]
        out[name] = None if any(value is None for value in values) else float(np.mean(values))
    out["error_sd"] = float(np.std([row["error"] for row in rows], ddof=1)) if len(rows) > 1 else 0.0
    return out


def _gains(rows: Sequence[Row], agreed: Sequence[np.ndarray], pairs: Sequence[tuple[int, int]]) -> Row:
    """Relative cost in error, and gain in substitutes that agree on L1 and on L1-L2, over lambda = 0 seed by seed."""
    if not pairs:
        return {}
    cost = [rows[index]["error"] / rows[zero]["error"] - 1 for index, zero in pairs]
    out: Row = {"cost": float(np.mean(cost)), "cost_low": min(cost), "cost_high": max(cost)}
    if not len(agreed[pairs[0][0]]):
        return out
    for depth in (0, 1):
        gain = np.stack([agreed[a][:, depth].astype(np.float32) - agreed[b][:, depth] for a, b in pairs])  # (S, P)
        low, high = _bootstrap(gain)
        out |= {
            f"gain_L{depth + 1}": float(gain.mean()),
            f"gain_L{depth + 1}_low": low,
            f"gain_L{depth + 1}_high": high,
        }
    return out


def _over_uniform(rows: Sequence[Row], agreed: Sequence[np.ndarray], members: Sequence[int]) -> Row:
    """Gain on L1 over the uniform schedule with all else equal, for the configurations that have such a neighbour."""
    if rows[members[0]]["schedule"] == "uniform" or rows[members[0]]["lam"] == 0:
        return {}
    wanted = {
        tuple({**rows[a], "schedule": "uniform"}[name] for name in (*IDENTITY, "seed")): a
        for a in members
        if len(agreed[a])
    }
    pairs = [
        (wanted[key], b)
        for b, row in enumerate(rows)
        if not row["failed"] and (key := tuple(row[name] for name in (*IDENTITY, "seed"))) in wanted
    ]
    if not pairs:
        return {}
    gain = np.stack([agreed[a][:, 0].astype(np.float32) - agreed[b][:, 0] for a, b in pairs])
    low, high = _bootstrap(gain)
    return {"over_uniform_L1": float(gain.mean()), "over_uniform_L1_low": low, "over_uniform_L1_high": high}


def _bootstrap(values: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of (S, P) values, drawing seeds and pairs with replacement."""
    rng = np.random.default_rng(0)
    seeds, pairs = values.shape
    draws = []
    for _ in range(ROUNDS):
        weight = np.bincount(rng.integers(pairs, size=pairs), minlength=pairs) / pairs
        draws.append(float((values[rng.integers(seeds, size=seeds)].mean(0) * weight).sum()))
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


def select(means: Sequence[Row], **wanted: Any) -> list[Row]:
    """The configurations with the usual settings but for `wanted`, by lambda."""
    chosen = {**USUAL, **wanted}
    found = [row for row in means if all(value is Ellipsis or row[name] == value for name, value in chosen.items())]
    return sorted(found, key=lambda row: row["lam"])


def main_sizes(means: Sequence[Row]) -> str:
    """The codebook sizes that most configurations have."""
    sizes = [row["codebook_sizes"] for row in means]
    return max(dict.fromkeys(sizes), key=sizes.count)


def coherence_column(means: Sequence[Row]) -> str:
    """What stands for coherence: substitutes where the data set names some, else same-leaf pairs."""
    return "substitutes_L1" if any(row.get("substitutes_L1") is not None for row in means) else "leaf_L1"


def draw(out: Path, means: Sequence[Row]) -> list[tuple[str, str]]:
    """The plots: (file, caption)."""
    usual = main_sizes(means)
    column = coherence_column(means)
    plots = [("pareto.png", "Reconstruction error against coherence: one point a configuration, mean over seeds.")]
    figure, (left, right) = new_figure(2, 5.5, 4.2)
    for axis, depth in ((left, "L1"), (right, "L2")):
        name = column.replace("L1", depth)
        for label, rows in _families(means, usual).items():
            axis.plot(
                [r["error"] for r in rows],
                [r[name] for r in rows],
                marker="o",
                ls="-" if "λ" in label else "",
                label=label,
            )
            for row in rows:
                axis.annotate(
                    f"{row['lam']:g}" if "λ" in label else row["objective"], (row["error"], row[name]), fontsize=7
                )
        axis.set(
            xlabel="reconstruction error (share of the variance)", ylabel=f"{name[:-3]} that agree down to {depth}"
        )
    left.legend(fontsize=7)
    save_figure(figure, out / plots[0][0])
    dial = select(means, codebook_sizes=usual)
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
    plots.append(("codes.png", "Use of the codes, and agreement of near-identical products, by λ."))
    if any(row.get("same_beam_10") is not None for row in means):
        plots.append(_draw_downstream(out, [row for row in means if row.get("same_beam_10") is not None]))
    return plots


def _families(means: Sequence[Row], usual: str) -> dict[str, list[Row]]:
    """Label -> configurations that belong on one line of the Pareto plot."""
    lines: dict[str, list[Row]] = {}
    for sizes in dict.fromkeys(row["codebook_sizes"] for row in means):
        lines[f"λ, geometric, {sizes}"] = select(means, codebook_sizes=sizes)
    for schedule in dict.fromkeys(row["schedule"] for row in means):
        if schedule != "geometric":
            lines[f"λ, {schedule}"] = select(means, schedule=schedule, codebook_sizes=usual)
    lines["other objectives"] = [row for row in means if row["objective"] != "rqvae"]
    return {label: rows for label, rows in lines.items() if rows}


def _draw_downstream(out: Path, means: Sequence[Row]) -> tuple[str, str]:
    figure, (beam, recall) = new_figure(2, 5.5, 3.8)
    for sizes in dict.fromkeys(row["codebook_sizes"] for row in means):
        rows = select(means, codebook_sizes=sizes)
        ticks = [f"{row['lam']:g}" for row in rows]
        beam.plot(ticks, [row["same_beam_10"] for row in rows], marker="o", label=f"{sizes}, beam of 10")
        recall.plot(ticks, [row["recall@10"] for row in rows], marker="o", label=sizes)
    beam.set(title="substitute found, given the product was", xlabel="λ")
    recall.set(title="recall@10 of a small retriever", xlabel="λ")
    beam.legend(fontsize=7)
    save_figure(figure, out / "downstream.png")
    return "downstream.png", "Same-beam share of substitutes, and recall, by λ."


def markdown(
    preset: str,
    plan: Row,
    rows: Sequence[Row],
    means: Sequence[Row],
    missing: Sequence[Row],
    plots: Sequence[tuple[str, str]],
) -> str:
    """The report."""
    whole = [row for row in means if not row["failed"]]
    usual = main_sizes(whole)
    parts = [f"# Ablation: {plan['data']['name']}", _head(preset, plan, rows, missing)]
    parts += ["## Answers", *[f"- {sentence}" for sentence in answers(whole, usual)]]
    parts += ["## The dial", _table(select(whole, codebook_sizes=usual))]
    schedules = [row for row in select(whole, schedule=..., codebook_sizes=usual) if row["lam"] > 0]
    if len({row["schedule"] for row in schedules}) > 1:
        parts += ["## Schedules", _table(schedules)]
    sizes = [row for row in select(whole, codebook_sizes=...) if row["codebook_sizes"] != usual]
    if sizes:
        parts += ["## Codebook sizes", _table(sorted(sizes, key=lambda row: (row["codebook_sizes"], row["lam"])))]
    others = [
        row
        for row in whole
        if row["objective"] == "rqvae" and row not in [*select(whole, schedule=..., codebook_sizes=...)]
    ]
    if others:
        parts += ["## Forms, gradients, codebooks, supervision", _table(others)]
    family = [row for row in whole if row["objective"] != "rqvae"]
    if family:
        parts += ["## The family", _family_note(), _table([*select(whole, codebook_sizes=usual)[:3], *family])]
    if any(row.get("recall@10") is not None for row in whole):
        parts += ["## Downstream", _downstream_table([row for row in whole if row.get("recall@10") is not None])]
    failed = [row for row in means if row["failed"] or row.get("failed_seeds")]
    if failed:
        parts += [
            "## Stopped by a gate",
            *[f"- {name_of(row)}: {row['failed'] or str(row['failed_seeds']) + ' seeds'}" for row in failed],
        ]
    parts += ["## Plots", *[f"![{caption}]({file})\n\n{caption}" for file, caption in plots]]
    if missing:
        parts += [
            "## Cells that were not run",
            f"{len(missing)} cells of the preset:",
            *[f"- {name_of(row)}, seed {row['seed']}" for row in missing],
        ]
    return "\n\n".join(parts).replace("\n\n- ", "\n- ") + "\n"


def _family_note() -> str:
    return (
        "Same encoder, data and budget; those of all but the RQ-VAE have codebooks by residual k-means of the latents "
        "(`pq`: one codebook a block of dimensions), and a decoder that never touched their encoder reconstructs."
    )


def _head(preset: str, plan: Row, rows: Sequence[Row], missing: Sequence[Row]) -> str:
    seeds = len({row["seed"] for row in rows})
    base = ", ".join(f"{name} {value}" for name, value in plan.get("base", {}).items()) or "the defaults"
    return (
        f"Preset `{preset}`: {len(rows)} cells, {seeds} seeds, {len(missing)} cells of the preset not run. Base "
        f"settings: {base}. Error is the squared reconstruction error as a share of the embeddings' variance, on "
        "bucketed IDs; cost is its change against λ = 0 of the same form, sizes and seed; gains are in points over the "
        "same, with 95 % bootstrap intervals over seeds and substitute pairs. `pull` is the norm of the contrastive "
        "gradient on the latents over that of the other terms, at the last step."
    )


def name_of(row: Row) -> str:
    """What is unusual about a configuration."""
    if row["objective"] != "rqvae":
        return f"{row['objective']} {row['codebook_sizes']}"
    unusual = [f"{name} {row[name]}" for name in USUAL if name != "objective" and row[name] != USUAL[name]]
    return f"λ = {row['lam']:g}, {row['codebook_sizes']}" + "".join(f", {item}" for item in unusual)


COLUMNS = {
    "error": "error",
    "cost": "cost",
    "collisions": "collisions",
    "leaf_L1": "leaf L1",
    "leaf_L2": "leaf L1-L2",
    "substitutes_L1": "subst. L1",
    "substitutes_L2": "subst. L1-L2",
    "gain_L2": "gain L1-L2",
    "purity_L1": "purity L1",
    "similarity_depth": "sim.-depth",
    "cosine9_L1": "cos≥.9 L1",
    "cosine9_L4": "cos≥.9 L1-L4",
    "pull": "pull",
}


def _table(rows: Sequence[Row]) -> str:
    columns = [name for name in COLUMNS if any(row.get(name) is not None for row in rows)]
    lines = ["| configuration | seeds | " + " | ".join(COLUMNS[name] for name in columns) + " |"]
    lines += ["|---|---:|" + "---:|" * len(columns)]
    lines += [
        f"| {name_of(row)} | {row['seeds']} | " + " | ".join(_cell(row, name) for name in columns) + " |"
        for row in rows
    ]
    return "\n".join(lines)


def _cell(row: Row, name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if name == "cost":
        return f"{value:+.1%}"
    if name == "gain_L2":
        return f"{100 * value:+.1f} [{100 * row['gain_L2_low']:+.1f}, {100 * row['gain_L2_high']:+.1f}]"
    if name == "error":
        return f"{value:.4f} ± {row['error_sd']:.4f}"
    return f"{value:.2f}" if name in ("similarity_depth", "pull") else f"{value:.1%}"


def _downstream_table(rows: Sequence[Row]) -> str:
    names = ["recall@10", "recall@50", "nDCG@10", "same_beam_10", "same_beam_50"]
    names = [name for name in names if all(name in row for row in rows)]
    lines = ["| configuration | seeds | " + " | ".join(names) + " |", "|---|---:|" + "---:|" * len(names)]
    lines += [
        f"| {name_of(row)} | {row['seeds']} | " + " | ".join(f"{row[name]:.3f}" for name in names) + " |"
        for row in rows
    ]
    return "\n".join(lines)


def answers(means: Sequence[Row], usual: str) -> list[str]:
    """Plain sentences, computed."""
    dial = [row for row in select(means, codebook_sizes=usual) if row["lam"] > 0]
    said = [_does_it_help(row) for row in dial if row["lam"] == 0.01 and "cost" in row]
    said += _schedule_sentences(means, usual)
    said += _break_sentence(dial)
    said += _size_sentence(means)
    said += _recommendation(means)
    said += _family_sentence(means)
    said += _downstream_sentence(means)
    return said


def _does_it_help(row: Row) -> str:
    lead = (
        f"Does λ = 0.01 help? It costs {row['cost']:+.1%} reconstruction error "
        f"({row['cost_low']:+.1%} to {row['cost_high']:+.1%} by seed)"
    )
    if "gain_L1" not in row:
        return f"{lead}; same-leaf pairs that agree on L1 come to {row['leaf_L1']:.1%}."
    verdict = "a gain" if row["gain_L1_low"] > 0 else "within noise"
    return (
        f"{lead} and moves the substitutes that agree by {_gain(row, 1)} on L1 ({verdict}) and by "
        f"{_gain(row)} on L1-L2."
    )


def _schedule_sentences(means: Sequence[Row], usual: str) -> list[str]:
    said = []
    for row in select(means, codebook_sizes=usual):
        if "over_uniform_L1" in row:
            value, low, high = (100 * row[f"over_uniform_L1{part}"] for part in ("", "_low", "_high"))
            verdict = "better" if low > 0 else "worse" if high < 0 else "no different beyond noise"
            said.append(
                f"Do coarse-weighted levels beat uniform ones? At λ = {row['lam']:g} geometric weights are {verdict} "
                f"on L1: {value:+.1f} points [{low:+.1f}, {high:+.1f}] of the substitutes agree."
            )
    return said


def _break_sentence(dial: Sequence[Row]) -> list[str]:
    broken = [row for row in dial if row.get("cost", 0) > 0.1]
    if not broken:
        return ["Where does it break? Up to the largest λ tried, the error rises by less than 10 %."] if dial else []
    row = broken[0]
    return [f"Where does it break? From λ = {row['lam']:g} on the error rises by more than 10 % ({row['cost']:+.1%})."]


def _size_sentence(means: Sequence[Row]) -> list[str]:
    rows = [row for row in select(means, codebook_sizes=...) if row["lam"] == 0]
    if len(rows) < 2:
        return []
    column = coherence_column(means)[:-1] + "2"
    said = "; ".join(
        f"{row['codebook_sizes']}: {row[column]:.1%} agree on L1-L2, error {row['error']:.4f}, "
        f"collisions {row['collisions']:.1%}"
        for row in rows
    )
    return [f"Codebook sizes at λ = 0 — {said}."]


def _recommendation(means: Sequence[Row]) -> list[str]:
    judged = [row for row in means if "gain_L2" in row and row["lam"] > 0]
    if not judged:
        return []
    best = max(judged, key=lambda row: row["gain_L2_low"])
    cheap = [row for row in judged if row["cost"] <= AFFORDABLE]
    said = [
        "The largest gain in substitutes that agree on L1-L2 is "
        f"{_gain(best)} for {best['cost']:+.1%} error: {name_of(best)}."
    ]
    if cheap:
        row = max(cheap, key=lambda row: row["gain_L2"])
        said.append(f"Within {AFFORDABLE:.0%} more error it is {_gain(row)} for {row['cost']:+.1%}: {name_of(row)}.")
    reached = [row for row in judged if row["gain_L2"] >= COHERENT and row["gain_L2_low"] > 0]
    if reached:
        row = min(reached, key=lambda row: row["cost"])
        said.append(
            f"The cheapest that gains {100 * COHERENT:.0f} points or more: {name_of(row)}, {_gain(row)} "
            f"for {row['cost']:+.1%} error."
        )
    else:
        said.append(f"No configuration gains {100 * COHERENT:.0f} points on L1-L2.")
    return said


def _gain(row: Row, depth: int = 2) -> str:
    value, low, high = (100 * row[f"gain_L{depth}{part}"] for part in ("", "_low", "_high"))
    return f"{value:+.1f} points [{low:+.1f}, {high:+.1f}]"


def _family_sentence(means: Sequence[Row]) -> list[str]:
    family = [row for row in means if row["objective"] != "rqvae"]
    if not family:
        return []
    column = coherence_column(means)
    best = min(means, key=lambda row: row["error"])
    coherent = max(family, key=lambda row: row[column])
    return [
        f"Of all configurations {name_of(best)} reconstructs best (error {best['error']:.4f}); of the other objectives "
        f"{coherent['objective']} is the most coherent ({coherent[column]:.1%} agree on L1, "
        f"error {coherent['error']:.4f})."
    ]


def _downstream_sentence(means: Sequence[Row]) -> list[str]:
    rows = [row for row in means if row.get("recall@10") is not None]
    if len(rows) < 2:
        return []
    best = max(rows, key=lambda row: row["recall@10"])
    return [
        f"Downstream, a small retriever has the best recall@10 on {name_of(best)} ({best['recall@10']:.3f}); "
        f"over all it ranges from {min(row['recall@10'] for row in rows):.3f}."
    ]
