"""The ablation's table and contrasts. Knows rows of figures; trains, draws and writes no prose.

`table.csv` has one row a cell; `contrasts.csv` one row a configuration: means over seeds, and the differences to lambda
= 0 with 95 % intervals from a bootstrap that draws seeds and products together. What has one figure a seed
(error, recall, same-beam share) gets the smallest and the largest difference over the seeds instead.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

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
    "latent_dim",
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
    "latent_dim": 128,
    "sinkhorn": 0.0,
}
ROUNDS = 500
DOWNSTREAM = ("recall@10", "recall@50", "nDCG@10", "same_beam_10", "same_beam_50")
"""Figures of the small retriever."""
LEAF = ("leaf_L1", "leaf_L2")
"""Same-leaf pairs that agree on L1, and on L1-L2."""

Row = dict[str, Any]


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """A CSV with the union of the rows' columns; numbers in full, what is unknown empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def summarise(rows: Sequence[Row], agreed: Sequence[np.ndarray], pairs: np.ndarray) -> list[Row]:
    """One row a configuration: the mean over seeds of every figure, its deviation for a few, gains over lambda = 0.

    `agreed` holds for each row (P, L) whether the (P, 2) substitute `pairs` agree by depth.
    """
    ends = np.unique(pairs, return_inverse=True)[1].reshape(pairs.shape)
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
            row |= _gains(rows, agreed, ends, [(a, b) for a, b in paired if not rows[b]["failed"]])
            row |= _seed_gains(rows, [(a, b) for a, b in paired if not rows[b]["failed"]])
            row |= _over_uniform(rows, agreed, ends, good)
        out.append(row)
    return out


def _is_base(row: Row) -> bool:
    return row["lam"] == 0 and all(
        row[name] == USUAL[name] for name in USUAL if name not in ("reconstruction", "latent_dim")
    )


def _base_key(row: Row) -> tuple[Any, ...]:
    return row["reconstruction"], row["codebook_sizes"], row["latent_dim"], row["seed"]


def _means(rows: Sequence[Row]) -> Row:
    """Mean over the rows of each column that all of them know, and the deviation of the error.

    Downstream figures are means over the rows that have them, since not every seed has a retriever; `retrievers` says
    how many do.
    """
    out: Row = {}
    for name in rows[0]:
        if name in (*IDENTITY, "seed", "failed"):
            continue
        values = [row.get(name) for row in rows]
        if name in DOWNSTREAM:
            values = [value for value in values if value is not None] or [None]
        out[name] = None if any(value is None for value in values) else float(np.mean(values))
    out["retrievers"] = sum(row.get(DOWNSTREAM[0]) is not None for row in rows)
    out["error_sd"] = float(np.std([row["error"] for row in rows], ddof=1)) if len(rows) > 1 else 0.0
    return out


def _gains(
    rows: Sequence[Row], agreed: Sequence[np.ndarray], ends: np.ndarray, pairs: Sequence[tuple[int, int]]
) -> Row:
    """Relative cost in error, and gain in substitutes that agree on L1 and on L1-L2, over lambda = 0 seed by seed."""
    if not pairs:
        return {}
    cost = [rows[index]["error"] / rows[zero]["error"] - 1 for index, zero in pairs]
    out: Row = {"cost": float(np.mean(cost)), "cost_low": min(cost), "cost_high": max(cost)}
    if not len(agreed[pairs[0][0]]):
        return out
    for depth in (0, 1):
        gain = np.stack([agreed[a][:, depth].astype(np.float32) - agreed[b][:, depth] for a, b in pairs])  # (S, P)
        low, high = _bootstrap(gain, ends)
        out |= {
            f"gain_L{depth + 1}": float(gain.mean()),
            f"gain_L{depth + 1}_low": low,
            f"gain_L{depth + 1}_high": high,
        }
    return out


def _seed_gains(rows: Sequence[Row], pairs: Sequence[tuple[int, int]]) -> Row:
    """Differences to lambda = 0 in what has one figure a seed: mean, smallest and largest over the seeds."""
    out: Row = {}
    for name in (*DOWNSTREAM, *LEAF):
        known = [(a, b) for a, b in pairs if rows[a].get(name) is not None and rows[b].get(name) is not None]
        gain = [rows[a][name] - rows[b][name] for a, b in known]
        if gain:
            out |= {f"{name}_gain": float(np.mean(gain)), f"{name}_low": min(gain), f"{name}_high": max(gain)}
    return out


def _over_uniform(rows: Sequence[Row], agreed: Sequence[np.ndarray], ends: np.ndarray, members: Sequence[int]) -> Row:
    """Gain on L1 and on L1-L2 over the uniform schedule with all else equal, where there is such a neighbour."""
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
    cost = [rows[a]["error"] / rows[b]["error"] - 1 for a, b in pairs]
    out: Row = {"over_uniform_cost": float(np.mean(cost)), "over_uniform_seeds": len(pairs)}
    for depth in (0, 1):
        gain = np.stack([agreed[a][:, depth].astype(np.float32) - agreed[b][:, depth] for a, b in pairs])
        low, high = _bootstrap(gain, ends)
        name = f"over_uniform_L{depth + 1}"
        out |= {name: float(gain.mean()), f"{name}_low": low, f"{name}_high": high}
    return out


def _bootstrap(values: np.ndarray, ends: np.ndarray) -> tuple[float, float]:
    """95 % interval of the mean of (S, P) values: seeds are drawn with replacement, and so are products.

    Pairs (P, 2) that share a product are not independent; a pair counts as often as its two products were drawn
    (Owen's pigeonhole bootstrap, 2007).
    """
    rng = np.random.default_rng(0)
    seeds, products = len(values), int(ends.max()) + 1
    draws = []
    while len(draws) < ROUNDS:
        drawn = np.bincount(rng.integers(products, size=products), minlength=products)
        weight = (drawn[ends[:, 0]] * drawn[ends[:, 1]]).astype(np.float64)  # (P,)
        chosen = values[rng.integers(seeds, size=seeds)].mean(0)
        if weight.sum():
            draws.append(float(chosen @ weight / weight.sum()))
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


def name_of(row: Row) -> str:
    """What is unusual about a configuration."""
    if row["objective"] != "rqvae":
        return f"{row['objective']} {row['codebook_sizes']}"
    unusual = [f"{name} {row[name]}" for name in USUAL if name != "objective" and row[name] != USUAL[name]]
    return f"λ = {row['lam']:g}, {row['codebook_sizes']}" + "".join(f", {item}" for item in unusual)
