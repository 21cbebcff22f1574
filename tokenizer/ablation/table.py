"""The ablation's table and contrasts, from rows of figures.

`table.csv` has one row per cell; `contrasts.csv` one row per configuration: means over seeds, and the differences to
lambda = 0 with 95 % intervals by `intervals.py`. What has one figure per seed (error, same-leaf pairs) gets the
smallest and the largest difference over the seeds instead.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from cell import NAMES
from intervals import ASKED, BOTH, SHARED, asked_intervals, pair_interval

from genret.eval.compare import Interval
from genret.tokenizer.settings import TokenizerSettings

IDENTITY = ("codebook_sizes", "unusual", *NAMES)
"""The columns that tell configurations apart."""
DOWNSTREAM = (*ASKED, *SHARED, *BOTH)
"""Figures of the small retriever."""
LEAF = ("leaf_L1", "leaf_L2")
"""Same-leaf pairs that agree on L1, and on L1-L2."""

Row = dict[str, Any]


class Judged(NamedTuple):
    """What the cells of a grid measured."""

    rows: list[Row]
    """One per finished cell."""
    agreed: list[np.ndarray]
    """For each row (P, L), whether the substitute pairs agree by depth."""
    asked: list[np.ndarray | None]
    """For each row with a retriever (Q, F), what its figures are made of by query."""
    pairs: np.ndarray
    """(P, 2) rows of substitutes."""
    missing: list[Row]
    """The cells that were not run."""


def write_table(path: Path, rows: Sequence[Row]) -> None:
    """A CSV with the union of the rows' columns; numbers in full, what is unknown empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def summarise(judged: Judged) -> list[Row]:
    """One row per configuration: the mean over seeds of every figure, a few deviations, gains over lambda = 0."""
    rows, agreed, asked, pairs, _ = judged
    ends = np.unique(pairs, return_inverse=True)[1].reshape(pairs.shape)
    groups: dict[tuple[Any, ...], list[int]] = {}
    for index, one in enumerate(rows):
        groups.setdefault(tuple(one[name] for name in IDENTITY), []).append(index)
    base = {_base_key(row): index for index, row in enumerate(rows) if _is_base(row)}
    out = []
    for key, members in groups.items():
        good = [index for index in members if not rows[index]["failed"]]
        row: Row = dict(zip(IDENTITY, key, strict=True))
        row |= {"seeds": len(good), "failed": next((rows[i]["failed"] for i in members if rows[i]["failed"]), "")}
        if good:
            row["failed"] = ""
            row["failed_seeds"] = len(members) - len(good)
            row["gated_seeds"] = sum(stopped_by_default(rows[index]) for index in good)
            row |= _means([rows[index] for index in good])
            paired = [(index, base[_base_key(rows[index])]) for index in good if _base_key(rows[index]) in base]
            paired = [(a, b) for a, b in paired if not rows[b]["failed"]]
            row |= _gains(rows, agreed, ends, paired)
            row |= _seed_gains(rows, paired)
            row |= _asked(asked, good, paired)
            row |= _over_uniform(rows, agreed, ends, good)
            row |= _over_usual(rows, agreed, ends, good)
        out.append(row)
    return out


def stopped_by_default(row: Row) -> bool:
    """Whether the gates of the default settings, off in an ablation, would have stopped this cell's training."""
    gates = TokenizerSettings()
    dead = max(row.get("died_L1") or 0.0, row.get("died_L2") or 0.0)
    return dead > gates.max_dead or row["largest_L1"] > gates.max_share


def _is_base(row: Row) -> bool:
    """Whether others are measured against it: lambda = 0, nothing unusual but the form and the width of the latents."""
    return row["lam"] == 0 and row["objective"] == "rqvae" and {"reconstruction", "latent_dim"}.issuperset(unusual(row))


def _base_key(row: Row) -> tuple[Any, ...]:
    return row["reconstruction"], row["codebook_sizes"], row["latent_dim"], row["seed"]


def _means(rows: Sequence[Row]) -> Row:
    """Mean over the rows of each column that all of them know, and the deviation of the error."""
    out: Row = {}
    for name in rows[0]:
        if name in (*IDENTITY, *DOWNSTREAM, "seed", "failed"):
            continue
        values = [row[name] for row in rows if row.get(name) is not None]
        out[name] = float(np.mean(values)) if len(values) == len(rows) else None
    out["error_sd"] = float(np.std([row["error"] for row in rows], ddof=1)) if len(rows) > 1 else 0.0
    return out


def _asked(asked: Sequence[np.ndarray | None], members: Sequence[int], paired: Sequence[tuple[int, int]]) -> Row:
    """The retrievers' figures and their gains over lambda = 0, with intervals; nothing where no seed has one.

    `retrievers` says how many seeds have one.
    """
    own = [array for index in members if (array := asked[index]) is not None]
    out: Row = {"retrievers": len(own)}
    if own:
        for name, interval in asked_intervals(own).items():
            out |= {name: interval.value, f"{name}_from": interval.low, f"{name}_to": interval.high}
    both = [(a, b) for i, j in paired if (a := asked[i]) is not None and (b := asked[j]) is not None]
    if both:
        gains = asked_intervals([a for a, _ in both], [b for _, b in both])
        out |= {key: value for name, gain in gains.items() for key, value in _columns(f"{name}_gain", gain).items()}
    return out


def _columns(name: str, interval: Interval) -> Row:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


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
        out |= _columns(f"gain_L{depth + 1}", pair_interval(gain, ends))
    return out


def _seed_gains(rows: Sequence[Row], pairs: Sequence[tuple[int, int]]) -> Row:
    """Differences to lambda = 0 in what has one figure per seed: mean, smallest and largest over the seeds."""
    out: Row = {}
    for name in LEAF:
        gain = [rows[a][name] - rows[b][name] for a, b in pairs if rows[a].get(name) is not None]
        if gain:
            out |= _columns(f"{name}_gain", Interval(float(np.mean(gain)), min(gain), max(gain)))
    return out


def _over_uniform(rows: Sequence[Row], agreed: Sequence[np.ndarray], ends: np.ndarray, members: Sequence[int]) -> Row:
    """Gain on L1 and on L1-L2 over the uniform schedule with all else equal, where there is such a neighbour."""
    if rows[members[0]]["schedule"] == "uniform" or rows[members[0]]["lam"] == 0:
        return {}

    def key(row: Row) -> tuple[Any, ...]:
        return tuple(row[name] for name in (*IDENTITY, "seed") if name not in ("schedule", "unusual"))

    uniform = {key(row): index for index, row in enumerate(rows) if row["schedule"] == "uniform" and not row["failed"]}
    pairs = [(index, uniform[key(rows[index])]) for index in members if key(rows[index]) in uniform]
    return _against(rows, agreed, ends, pairs, "over_uniform")


def _over_usual(rows: Sequence[Row], agreed: Sequence[np.ndarray], ends: np.ndarray, members: Sequence[int]) -> Row:
    """Gain over the configuration that differs in what is unusual alone: the effect of a method at the same lambda."""
    if not rows[members[0]]["unusual"] or rows[members[0]]["objective"] != "rqvae":
        return {}

    def key(row: Row) -> tuple[Any, ...]:
        return row["codebook_sizes"], row["lam"], row["seed"]

    plain = {
        key(row): index
        for index, row in enumerate(rows)
        if not row["unusual"] and row["objective"] == "rqvae" and not row["failed"]
    }
    pairs = [(index, plain[key(rows[index])]) for index in members if key(rows[index]) in plain]
    return _against(rows, agreed, ends, pairs, "over_usual")


def _against(
    rows: Sequence[Row], agreed: Sequence[np.ndarray], ends: np.ndarray, pairs: Sequence[tuple[int, int]], name: str
) -> Row:
    """Relative cost in error, and gains on L1 and L1-L2, of each pair's first row over its second."""
    if not pairs or not len(agreed[pairs[0][0]]):
        return {}
    cost = [rows[a]["error"] / rows[b]["error"] - 1 for a, b in pairs]
    out: Row = {f"{name}_cost": float(np.mean(cost)), f"{name}_seeds": len(pairs)}
    for depth in (0, 1):
        gain = np.stack([agreed[a][:, depth].astype(np.float32) - agreed[b][:, depth] for a, b in pairs])
        out |= _columns(f"{name}_L{depth + 1}", pair_interval(gain, ends))
    return out


def unusual(row: Row) -> list[str]:
    """The names of the settings in which a configuration differs from the preset's base."""
    return str(row["unusual"]).split()


def select(means: Sequence[Row], **wanted: Any) -> list[Row]:
    """The RQ-VAE's configurations with the base settings but for `wanted` (... for any value), by lambda."""
    free = {name for name in wanted if name not in ("lam", "codebook_sizes")}
    asked = {name: value for name, value in wanted.items() if value is not Ellipsis}
    found = [
        row
        for row in means
        if row["objective"] == "rqvae"
        and free.issuperset(unusual(row))
        and all(row[name] == value for name, value in asked.items())
    ]
    return sorted(found, key=lambda row: row["lam"])


def main_sizes(means: Sequence[Row]) -> str:
    """The codebook sizes that most configurations have."""
    sizes = [row["codebook_sizes"] for row in means]
    return str(max(dict.fromkeys(sizes), key=sizes.count))


def coherence_column(means: Sequence[Row]) -> str:
    """What stands for coherence: substitutes where the data set names some, else same-leaf pairs."""
    return "substitutes_L1" if any(row.get("substitutes_L1") is not None for row in means) else "leaf_L1"


def name_of(row: Row) -> str:
    """What a configuration is called: lambda or the objective, codebook sizes, and what is unusual about it."""
    lead = f"λ = {row['lam']:g}" if row["objective"] == "rqvae" else str(row["objective"])
    return ", ".join([lead, str(row["codebook_sizes"]), *(f"{name} {row[name]}" for name in unusual(row))])
