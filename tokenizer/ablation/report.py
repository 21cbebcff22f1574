"""The ablation's report in Markdown. Every number and every sentence is computed from them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from answers import answers
from intervals import ASKED, SHARED
from plots import draw
from table import Judged, Row, main_sizes, name_of, select, summarise, write_table

from genret.eval.result import table
from genret.ground.artifacts import write_json


def write_report(out: Path, preset: str, plan: Row, judged: Judged) -> None:
    """Write `table.csv`, `contrasts.csv`, `report.md` and the plots into `out`, each whole or not at all."""
    means = summarise(judged)
    whole = [row for row in means if not row["failed"]]
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as folder:
        made = Path(folder)
        write_table(made / "table.csv", judged.rows)
        write_table(made / "contrasts.csv", means)
        write_json(made / "preset.json", {"preset": preset, **plan})
        plots = draw(made, whole)
        (made / "report.md").write_text(
            markdown(preset, plan, judged.rows, means, judged.missing, plots), encoding="utf-8"
        )
        out.mkdir(exist_ok=True)
        for file in sorted(made.iterdir()):
            os.replace(file, out / file.name)


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
    dials = select(whole, schedule=..., codebook_sizes=...)
    sizes = [row for row in dials if row["codebook_sizes"] != usual]
    if sizes:
        parts += ["## Codebook sizes", _table(sorted(sizes, key=lambda row: (row["codebook_sizes"], row["lam"])))]
    others = [row for row in whole if row["objective"] == "rqvae" and row not in dials]
    if others:
        parts += ["## Forms, gradients, codebooks, supervision", _table(others)]
    family = [row for row in whole if row["objective"] != "rqvae"]
    if family:
        parts += ["## The family", _family_note(), _table([*select(whole, codebook_sizes=usual)[:3], *family])]
    if any(row.get("recall@10") is not None for row in whole):
        parts += [
            "## Downstream",
            _downstream_note(plan),
            _downstream_table([row for row in whole if row.get("recall@10") is not None]),
        ]
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
    ran = [
        f"Preset `{preset}`: {len(rows)} cells, {seeds} seeds, {len(missing)} cells of the preset not run.",
        str(plan.get("left_out", "")),
        f"Base settings: {base}.",
    ]
    return " ".join(filter(None, ran)) + "\n\n" + LEGEND


LEGEND = """\
Error is the squared reconstruction error as a share of the embeddings' variance, and everything but the downstream \
figures is measured on the codes before the collision policy. Cost is the error's change against λ = 0 of the same \
form, sizes and seed; gains are in points over the same, with 95 % bootstrap intervals over seeds and products. \
`any two L1-L2` is the share of all pairs of products that agree. `pull` is the norm of the contrastive gradient on \
the latents over that of the other terms, at the last step; `dead L1` the share of L1's codes that were dead at the \
last repair."""


COLUMNS = {
    "error": "error",
    "cost": "cost",
    "collisions": "collisions",
    "leaf_L1": "leaf L1",
    "leaf_L2": "leaf L1-L2",
    "substitutes_L1": "subst. L1",
    "substitutes_L2": "subst. L1-L2",
    "random_L2": "any two L1-L2",
    "gain_L2": "gain L1-L2",
    "perplexity_L1": "perplexity L1",
    "largest_L1": "largest L1",
    "purity_L1": "purity L1",
    "died_L1": "dead L1",
    "similarity_depth": "sim.-depth",
    "cosine9_L1": "cos≥.9 L1",
    "cosine9_L4": "cos≥.9 L1-L4",
    "pull": "pull",
}


def _table(rows: Sequence[Row]) -> str:
    columns = [name for name in COLUMNS if any(row.get(name) is not None for row in rows)]
    head = ["configuration", "seeds", *(COLUMNS[name] for name in columns)]
    return table(head, [[name_of(row), str(row["seeds"]), *(_cell(row, name) for name in columns)] for row in rows])


def _cell(row: Row, name: str) -> str:
    value = row.get(name)
    if value is None:
        return ""
    if name == "cost":
        return f"{value:+.1%}"
    if name == "gain_L2":
        return f"{100 * value:+.1f} [{100 * row['gain_L2_low']:+.1f}, {100 * row['gain_L2_high']:+.1f}]"
    if name == "error":
        return f"{value:.4f} ± {row['error_sd']:.4f}" if row["seeds"] > 1 else f"{value:.4f}"
    if name == "perplexity_L1":
        return f"{value:.1f}"
    return f"{value:.2f}" if name in ("similarity_depth", "pull") else f"{value:.1%}"


def _downstream_table(rows: Sequence[Row]) -> str:
    names = [name for name in (*ASKED, *SHARED) if all(name in row for row in rows)]
    cells = [[name_of(row), str(row["retrievers"]), *(_beside(row, name) for name in names)] for row in rows]
    return table(["configuration", "seeds", *names], cells)


def _beside(row: Row, name: str) -> str:
    """The mean, and its difference to lambda = 0 with the interval; of lambda = 0 itself its own interval."""
    if f"{name}_gain" not in row or (row["objective"] == "rqvae" and row["lam"] == 0):
        return f"{row[name]:.3f} ({row[f'{name}_from']:.3f} to {row[f'{name}_to']:.3f})"
    gain, low, high = (row[f"{name}_gain{part}"] for part in ("", "_low", "_high"))
    return f"{row[name]:.3f} {gain:+.3f} [{low:+.3f}, {high:+.3f}]"


def _downstream_note(plan: Row) -> str:
    given = plan.get("downstream", {})
    train = ", ".join(f"{name} {value}" for name, value in given.get("train", {}).items()) or "the defaults"
    note = (
        f"A small retriever on the IDs of each seed ({train}), asked the first {given.get('queries', 500)} test "
        "queries with a beam of 50. Behind a figure stands its difference to λ = 0 of the same form, sizes and seed, "
        "with a 95 % bootstrap interval over seeds and queries; a λ = 0 has its own interval in parentheses."
    )
    if plan["data"].get("known_items"):
        return f"{note} The data set has no queries: asked are words of a product's name, to find that product."
    return (
        f"{note} `same_beam_B`: of the true substitutes of a product that answers the query and is in the beam of B, "
        "the share in it too."
    )
