"""The ablation's answers in plain sentences. Every number and every verdict is computed from the contrasts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import spearmanr
from table import Row, coherence_column, name_of, select, unusual

from genret.tokenizer.settings import TokenizerSettings

COHERENT, AFFORDABLE, BROKEN = 0.10, 0.03, 0.10
"""What a recommended lambda should gain in substitutes that agree on L1-L2, what it may cost in error, and the cost
from which reconstruction counts as broken."""
METHODS = {"gradient", "codebook_update", "sinkhorn", "temperature", "revive_every"}
"""Settings of how, not of what: compared at one lambda."""
GATES = TokenizerSettings()
SAID = ("recall@10", "recall@50", "same_beam_10", "same_beam_50")
"""What is said of the retrievers."""
LIKE = 0.25
"""Difference in the log of L1's perplexity up to which two configurations use their codes alike."""
PUBLISHED = "published for Instacart's IDs: correlation 0.69-0.84, and 98-99 % falling to 18-37 %"


def answers(means: Sequence[Row], usual: str) -> list[str]:
    """What the contrasts say; `usual` are the codebook sizes that most configurations have."""
    dial = [row for row in select(means, codebook_sizes=usual) if row["lam"] > 0]
    said = [_does_it_help(row) for row in dial if row["lam"] == 0.01 and "cost" in row]
    said += _schedules(means)
    said += _break(dial)
    said += _sizes(means)
    said += _recommendation(means)
    said += _concentration(means)
    said += _similarity(select(means, codebook_sizes=usual))
    said += _supervision(means, usual)
    said += _forms(means, usual)
    said += _methods(means, usual)
    said += _gates(means)
    said += _family(means, usual)
    said += _downstream(means, usual)
    return said


def _does_it_help(row: Row) -> str:
    cost = f"{row['cost']:+.1%} reconstruction error ({row['cost_low']:+.1%} to {row['cost_high']:+.1%} by seed)"
    if "gain_L1" not in row:
        moved = "moves" if row["leaf_L1_gain_low"] * row["leaf_L1_gain_high"] <= 0 else "raises"
        said = f"same-leaf pairs that agree on L1: {_by_seed(row, 'leaf_L1')}"
        lead = "a little" if moved == "raises" and row["leaf_L1_gain_low"] > 0 else "no"
        return f"Does λ = 0.01 help? {lead.capitalize()}: {said}, for {cost}."
    verdicts = [_verdict(row, name) for name in ("gain_L1", "gain_L2")]
    lead = {2: "yes", 1: "yes on L1, not on L1-L2" if verdicts[0] == "a gain" else "on L1-L2 alone", 0: "no"}[
        verdicts.count("a gain")
    ]
    return (
        f"Does λ = 0.01 help substitutes to share their coarse codes? {lead[0].upper() + lead[1:]}: {_gain(row, 1)} "
        f"on L1 ({verdicts[0]}), {_gain(row)} on L1-L2 ({verdicts[1]}), for {cost}."
    )


def _by_seed(row: Row, name: str) -> str:
    value, low, high = (100 * row[f"{name}_gain{part}"] for part in ("", "_low", "_high"))
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f} by seed)"


def _verdict(row: Row, name: str) -> str:
    return "a gain" if row[f"{name}_low"] > 0 else "a loss" if row[f"{name}_high"] < 0 else "within noise"


def _schedules(means: Sequence[Row]) -> list[str]:
    said = []
    for row in select(means, codebook_sizes=..., schedule=...):
        if "over_uniform_L1" not in row:
            continue
        parts = []
        for depth, label in ((1, "L1"), (2, "L1-L2")):
            low, high = row[f"over_uniform_L{depth}_low"], row[f"over_uniform_L{depth}_high"]
            verdict = "better" if low > 0 else "worse" if high < 0 else "no different beyond noise"
            parts.append(f"{verdict} on {label} ({_points(row, f'over_uniform_L{depth}')})")
        said.append(
            f"Do coarse-weighted levels beat uniform ones? At λ = {row['lam']:g}, {row['schedule']} is "
            f"{' and '.join(parts)} at {row['over_uniform_cost']:+.1%} error, {row['over_uniform_seeds']} seed(s)."
        )
    return said


def _break(dial: Sequence[Row]) -> list[str]:
    broken = [row for row in dial if row.get("cost", 0) > BROKEN]
    if not dial:
        return []
    if not broken:
        return [f"Where does it break? Up to the largest λ tried, the error rises by less than {BROKEN:.0%}."]
    row = broken[0]
    said = f"Where does it break? From λ = {row['lam']:g} on the error rises by over {BROKEN:.0%} ({row['cost']:+.1%})"
    best = max(dial, key=lambda row: row["leaf_L1"])
    if best["lam"] < dial[-1]["lam"]:
        said += f", and beyond λ = {best['lam']:g} coherence falls again"
    return [f"{said}."]


def _sizes(means: Sequence[Row]) -> list[str]:
    rows = [row for row in select(means, codebook_sizes=...) if row["lam"] == 0]
    if len(rows) < 2:
        return []
    column = coherence_column(means)[:-1] + "2"
    said = "; ".join(
        f"{row['codebook_sizes']}: {row[column]:.1%} agree on L1-L2, error {row['error']:.4f}, "
        f"collisions {row['collisions']:.1%}"
        for row in rows
    )
    return [f"Codebook sizes at λ = 0: {said}."]


def _recommendation(means: Sequence[Row]) -> list[str]:
    judged = [row for row in means if "gain_L2" in row and row["lam"] > 0 and row["reconstruction"] == "squared"]
    if not judged:
        return _by_leaf(means)
    best = max(judged, key=lambda row: row["gain_L2_low"])
    cheap = [row for row in judged if row["cost"] <= AFFORDABLE and row["gain_L2_low"] > 0]
    said = [
        "The largest gain in substitutes that agree on L1-L2 is "
        f"{_gain(best)} for {best['cost']:+.1%} error: {name_of(best)}, {best['seeds']} seed(s)."
    ]
    if cheap:
        row = max(cheap, key=lambda row: row["gain_L2"])
        said.append(f"Within {AFFORDABLE:.0%} more error it is {_gain(row)} for {row['cost']:+.1%}: {name_of(row)}.")
    reached = [row for row in judged if row["gain_L2"] >= COHERENT and row["gain_L2_low"] > 0 and row["seeds"] > 2]
    if reached:
        row = min(reached, key=lambda row: row["cost"])
        said.append(
            f"What to set: for reconstruction first, λ = 0.01; for substitutes that share L1-L2, {name_of(row)}, the "
            f"cheapest over three seeds that gains {100 * COHERENT:.0f} points or more: {_gain(row)} for "
            f"{row['cost']:+.1%} error, {_gated(row)} over the default gates; what that gain is made of follows. On "
            "another catalogue let "
            "`genret tokenizer tune` find the knee."
        )
    else:
        said.append(f"No configuration over three seeds gains {100 * COHERENT:.0f} points on L1-L2.")
    return said


def _concentration(means: Sequence[Row]) -> list[str]:
    """Agreement also rises where codes fall out of use: is what gained most better than lambda = 0 with fewer codes?"""
    judged = [row for row in means if row.get("gain_L2", 0) >= COHERENT and row["seeds"] > 2 and row["lam"] > 0]
    plain = [row for row in means if row["lam"] == 0 and row["objective"] == "rqvae" and row.get("substitutes_L2")]
    said = []
    for row in judged:
        zero = next((r for r in plain if all(r[n] == row[n] for n in ("codebook_sizes", "latent_dim"))), None)
        if zero is None:
            continue
        lead = (
            f"What that gain is made of: with {name_of(row)} L1's perplexity goes from {zero['perplexity_L1']:.1f} "
            f"to {row['perplexity_L1']:.1f}, its largest code from {zero['largest_L1']:.0%} to {row['largest_L1']:.0%} "
            f"of the products, and any two products agree on L1-L2 in {zero['random_L2']:.2%} and "
            f"{row['random_L2']:.2%} of all cases."
        )
        others = [r for r in plain if r["codebook_sizes"] != row["codebook_sizes"]]
        near = min(others, key=lambda r: abs(math.log(r["perplexity_L1"] / row["perplexity_L1"])), default=None)
        if near is not None and abs(math.log(near["perplexity_L1"] / row["perplexity_L1"])) < LIKE:
            better = row["substitutes_L2"] > near["substitutes_L2"] and row["error"] < near["error"]
            worse = row["substitutes_L2"] < near["substitutes_L2"] and row["error"] > near["error"]
            verdict = "λ" if better else "fewer codes" if worse else "neither wins on both"
            lead += (
                f" λ = 0 on {near['codebook_sizes']} (perplexity {near['perplexity_L1']:.1f}) has "
                f"{near['substitutes_L2']:.1%} agree at error {near['error']:.4f}, against "
                f"{row['substitutes_L2']:.1%} at {row['error']:.4f}. The better way: {verdict}."
            )
        said.append(lead)
    return said


def _by_leaf(means: Sequence[Row]) -> list[str]:
    """Where no substitutes are known: the most that same-leaf pairs gain, at any cost and within the affordable one."""
    judged = [row for row in means if "leaf_L1_gain" in row and row["lam"] > 0]
    said = []
    for rows, lead in (
        (judged, "The largest gain in same-leaf pairs that agree on L1 is"),
        ([row for row in judged if row["cost"] <= AFFORDABLE], f"Within {AFFORDABLE:.0%} more error it is"),
    ):
        if rows:
            row = max(rows, key=lambda row: row["leaf_L1_gain"])
            said.append(f"{lead} {_by_seed(row, 'leaf_L1')} for {row['cost']:+.1%} error: {name_of(row)}.")
    return said


def _gain(row: Row, depth: int = 2) -> str:
    return _points(row, f"gain_L{depth}")


def _points(row: Row, name: str) -> str:
    value, low, high = (100 * row[f"{name}{part}"] for part in ("", "_low", "_high"))
    return f"{value:+.1f} points [{low:+.1f}, {high:+.1f}]"


def _similarity(dial: Sequence[Row]) -> list[str]:
    rows = [row for row in dial if row.get("similarity_depth") is not None and row["lam"] in (0, 0.01)]
    said = []
    for row in rows:
        line = (
            f"Similarity and depth at λ = {row['lam']:g}: rank correlation {row['similarity_depth']:.2f} over "
            f"pairs from near to far neighbours ({row['similarity_depth_random']:.2f} over random ones)"
        )
        shares = [row[f"cosine9_L{level}"] for level in (1, 2, 3, 4) if row.get(f"cosine9_L{level}") is not None]
        if shares:
            line += "; P(agree on L1 ... L1-L4 | cosine ≥ .9) " + ", ".join(f"{share:.1%}" for share in shares)
        said.append(f"{line} ({PUBLISHED}).")
    return said


def _supervision(means: Sequence[Row], usual: str) -> list[str]:
    """What the contrast learns from, each against lambda = 0 and against the taxonomy alone."""
    rows = select(means, codebook_sizes=usual, supervision=..., engagement=..., balance=...)
    said = []
    for lam in dict.fromkeys(row["lam"] for row in rows if unusual(row)):
        parts = [_supervised(row) for row in rows if row["lam"] == lam and "gain_L1" in row]
        said.append(f"Supervision at λ = {lam:g}, against λ = 0: {'; '.join(parts)}.")
    return said


def _supervised(row: Row) -> str:
    source = {"baskets": "co-purchase", "queries": "co-relevance", "auto": "co-engagement"}[row["engagement"]]
    name = {"taxonomy": "taxonomy", "pairs": source, "both": f"taxonomy and {source}, {row['balance']} balance"}
    return f"{name[row['supervision']]} {_gain(row, 1)} on L1, {_gain(row)} on L1-L2, {row['cost']:+.1%} error"


def _methods(means: Sequence[Row], usual: str) -> list[str]:
    """Gradients, codebook updates, balanced assignment and temperature, each against the default at the same lambda."""
    rows = [
        row
        for row in means
        if row["codebook_sizes"] == usual and unusual(row) and set(unusual(row)) <= METHODS and "over_usual_L1" in row
    ]
    parts = [
        f"{', '.join(f'{name} {row[name]}' for name in unusual(row))} at λ = {row['lam']:g}: "
        f"{row['over_usual_cost']:+.1%} error, {_points(row, 'over_usual_L1')} on L1, "
        f"{_points(row, 'over_usual_L2')} on L1-L2"
        for row in rows
    ]
    return [f"Against the default at the same λ: {'; '.join(parts)}."] if parts else []


def _gates(means: Sequence[Row]) -> list[str]:
    """Which configurations the gates of the default settings would have stopped: the ablation turns these off."""
    stopped = [row for row in means if row["gated_seeds"]]
    named = "; ".join(f"{name_of(row)} ({_gated(row)})" for row in stopped)
    return [
        f"The default gates (max_dead {GATES.max_dead:.0%} of L1's or L2's codes at the last repair, max_share "
        f"{GATES.max_share:.0%} of the products in one L1 code), off in this ablation, would have stopped trainings of "
        f"{len(stopped)} of {len(means)} configurations{f': {named}' if stopped else ''}."
    ]


def _gated(row: Row) -> str:
    return f"{row['gated_seeds']} of {row['seeds']} seeds"


def _forms(means: Sequence[Row], usual: str) -> list[str]:
    rows = [
        row for row in select(means, codebook_sizes=usual, reconstruction=...) if row["lam"] == 0.1 and "cost" in row
    ]
    if len(rows) < 2:
        return []
    said = "; ".join(
        f"{row['reconstruction']}: {_gain(row, 1)} on L1, pull {row['pull']:.2f}, mean cosine of products and their "
        f"reconstruction {row['cosine']:.4f}"
        for row in rows
    )
    return [f"The form of the reconstruction loss at λ = 0.1, each against λ = 0 of its own form: {said}."]


def _family(means: Sequence[Row], usual: str) -> list[str]:
    family = [row for row in means if row["objective"] != "rqvae"]
    if not family:
        return []
    column = coherence_column(means)
    best = min(means, key=lambda row: row["error"])
    coherent = max(family, key=lambda row: row[column])
    said = [
        f"Of all configurations {name_of(best)} reconstructs best (error {best['error']:.4f}); of the other objectives "
        f"{coherent['objective']} is the most coherent ({coherent[column]:.1%} agree on L1, "
        f"error {coherent['error']:.4f})."
    ]
    found = [row for row in family if "recall@50_gain" in row]
    if found:
        listed = "; ".join(
            f"{name_of(row)}: error {row['error']:.4f}, {row[column]:.1%} agree on L1, recall@50 "
            f"{row['recall@50']:.3f} ({_moved(row, 'recall@50')})"
            for row in sorted(found, key=lambda row: -row["recall@50"])
        )
        zero = select(means, codebook_sizes=usual, lam=0.0)[0]
        said.append(
            f"What the other objectives trade, against RQ-VAE with λ = 0 (error {zero['error']:.4f}, "
            f"{zero[column]:.1%} agree on L1, recall@50 {zero['recall@50']:.3f}): {listed}."
        )
    return said


def _downstream(means: Sequence[Row], usual: str) -> list[str]:
    """What the retrievers say: along the dial, over all, and whether the tokenizer's figures foretell it."""
    said = []
    for row in select(means, codebook_sizes=usual):
        names = [name for name in SAID if f"{name}_gain" in row]
        if row["lam"] > 0 and names:
            moved = ", ".join(f"{name} {_moved(row, name)}" for name in names)
            said.append(f"Downstream, λ = {row['lam']:g} against λ = 0: {moved}; {row['retrievers']} seed(s).")
    judged = [row for row in means if row["retrievers"] > 2 and "recall@50_gain" in row and not _is_zero(row, usual)]
    for name in SAID:
        rows = [row for row in judged if f"{name}_gain" in row]
        if len(rows) > 4:
            said.append(_beyond_noise(rows, name))
    return said + _foretold([row for row in means if row["codebook_sizes"] == usual])


def _is_zero(row: Row, usual: str) -> bool:
    return row in select([row], codebook_sizes=usual, lam=0.0)


def _moved(row: Row, name: str) -> str:
    value, low, high = (row[f"{name}_gain{part}"] for part in ("", "_low", "_high"))
    verdict = "up" if low > 0 else "down" if high < 0 else "within noise"
    return f"{value:+.3f} [{low:+.3f}, {high:+.3f}] ({verdict})"


def _beyond_noise(rows: Sequence[Row], name: str) -> str:
    up = [row for row in rows if row[f"{name}_gain_low"] > 0]
    down = [row for row in rows if row[f"{name}_gain_high"] < 0]
    said = f"Of {len(rows)} configurations over three seeds, {len(up)} raise {name} over λ = 0 beyond noise and "
    said += f"{len(down)} lower it"
    if up:
        best = max(up, key=lambda row: row[f"{name}_gain"])
        said += f"; the most: {name_of(best)}, {_moved(best, name)}"
    if down:
        worst = min(down, key=lambda row: row[f"{name}_gain"])
        said += f"; the least: {name_of(worst)}, {_moved(worst, name)}"
    return f"{said}."


def _foretold(means: Sequence[Row]) -> list[str]:
    """Rank correlation, over configurations, of the tokenizer's figures with the retriever's."""
    said = []
    for name in SAID:
        rows = [row for row in means if row.get(name) is not None and row["retrievers"] > 2]
        if len(rows) < 8:
            continue
        causes = {
            "the error": "error",
            "agreement on L1": coherence_column(means),
            "agreement on L1-L2": coherence_column(means)[:-1] + "2",
        }
        found = ", ".join(
            f"{spearmanr([row[column] for row in rows], [row[name] for row in rows]).statistic:+.2f} with {label}"
            for label, column in causes.items()
        )
        sizes = rows[0]["codebook_sizes"]
        said.append(f"Over the {len(rows)} configurations of {sizes} the rank correlation of {name} is {found}.")
    return said
