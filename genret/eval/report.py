"""report.html: one self-contained page from a run's summary. Knows the summary's shape; measures nothing itself.

Every sentence with a number in it is computed from the summary. Parts that the summary lacks are left out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from genret.errors import require
from genret.eval.measures import MEASURES
from genret.eval.plots import Dot, bars, dots, grouped_dots

PLOTTED = "recall@10"


class Next(TypedDict):
    """A command to try, and what it shows."""

    command: str
    what: str


class Summary(TypedDict, total=False):
    """What the report prints; JSON-able. `summary.json` of a demo is one."""

    title: str
    command: str
    """The command that made all of it."""
    version: str
    seed: int
    dataset: Mapping[str, Any]
    """Labelled facts about the data: {"products": 20000, "leaves": 250, ...}."""
    stages: Sequence[Mapping[str, Any]]
    """{"name", "seconds", "reused"} each, in order."""
    settings: Mapping[str, Any]
    """Settings by stage."""
    evaluation: Mapping[str, Any]
    """`EvalResult.to_json()`."""
    substitutes: Mapping[str, Any]
    """`compare_lambdas(...)`."""
    health: Mapping[str, Mapping[str, Any]]
    """Name of a tokenizer ("λ = 0.01") -> its `Health.to_json()`, the one in use first."""
    beam: Mapping[str, Any]
    """{"query", "tree": `tree_json(...)`, "hits": [title, ...]}."""
    next: Sequence[Next]


def write_report(summary: Summary, path: str | Path) -> Path:
    """Write the page to `path`, whole or not at all, and return it. Needs no network to be read."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    temporary.write_text(render(summary), encoding="utf-8")
    os.replace(temporary, path)
    return path


def render(summary: Summary) -> str:
    """The page as HTML. The same summary gives the same bytes."""
    jinja2 = require("jinja2", "report")
    markup = require("markupsafe", "report").Markup
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("genret.eval"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"figure": figure, "percent": percent, "duration": duration, "p": p_value, "points": points}
    plots = {name: markup(svg) for name, svg in _plots(summary).items()}
    return str(
        environment.get_template("report.html").render(
            s=summary, plots=plots, headline=headline(summary), measures=MEASURES, id_line=id_line(summary)
        )
    )


def headline(summary: Summary) -> str:
    """One sentence: generative recall@10 against untuned BM25, and whether the difference could be chance."""
    evaluation = summary.get("evaluation") or {}
    found = {system["name"]: system["measures"][PLOTTED] for system in evaluation.get("systems", ())}
    if "generative" not in found:
        return ""
    sentence = f"Generative search finds {percent(found['generative']['value'])} of the relevant products in its top 10"
    test = next(
        (
            c
            for c in evaluation.get("comparisons", ())
            if (c["system"], c["baseline"], c["measure"]) == ("generative", "bm25", PLOTTED)
        ),
        None,
    )
    if test is None:
        return sentence + "."
    way = "more than" if test["difference"]["value"] > 0 else "fewer than"
    sure = f"p {p_value(test['p_holm'])}" if test["p_holm"] < 0.05 else "a difference within noise"
    return f"{sentence}, {way} untuned BM25's {percent(found['bm25']['value'])} ({sure})."


def id_line(summary: Summary) -> str:
    """What the free decode invented, what the trie let through, and how many products share an ID."""
    details = (summary.get("evaluation") or {}).get("details") or {}
    parts = []
    invalid = details.get("invalid_ids") or {}
    if "constrained" in invalid:
        held = invalid["constrained"]
        parts.append(f"Held to the trie, {held['invalid']:,} of {held['total']:,} IDs did not exist.")
    if "unconstrained" in invalid:
        free = invalid["unconstrained"]
        parts.append(
            f"Left free, the model's top 10 held {free['invalid']:,} invented IDs among {free['total']:,} "
            f"({percent(free['share'], 1)}), in the answers to {free['queries_with_invalid']:,} of "
            f"{free['queries']:,} queries."
        )
    shared = details.get("collisions")
    if shared:
        parts.append(
            f"{shared['products']:,} products have {shared['ids']:,} IDs; {shared['products_sharing_an_id']:,} of them "
            f"share theirs, at most {shared['largest_bucket']:,} one ID. All of them can be retrieved."
        )
    return " ".join(parts)


def figure(value: float) -> str:
    """Three decimals."""
    return f"{value:.3f}"


def percent(value: float, decimals: int = 0) -> str:
    """`37 %`."""
    return f"{100 * value:.{decimals}f} %"


def points(value: float) -> str:
    """A difference of shares in percentage points, signed."""
    return f"{100 * value:+.1f}"


def p_value(p: float) -> str:
    """`< 0.001`, or `= 0.012`."""
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def duration(seconds: float) -> str:
    """`1 min 05 s`, or `3.2 s`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"


def _plots(summary: Summary) -> dict[str, str]:
    plots: dict[str, str] = {}
    evaluation = summary.get("evaluation")
    if evaluation:
        plots |= _recall_plots(evaluation)
    substitutes = summary.get("substitutes")
    if substitutes:
        rows = [Dot(r["name"], *_triple(r["difference"]), not r["within_noise"]) for r in substitutes["agreement"]]
        axis = f"share of pairs, {substitutes['after']} minus {substitutes['before']}"
        plots["substitutes"] = dots(rows, axis, "Substitutes that agree, difference", zero=True, percent=True)
    if summary.get("health"):
        plots |= _health_plots(summary["health"])
    return plots


def _recall_plots(evaluation: Mapping[str, Any]) -> dict[str, str]:
    systems = evaluation["systems"]
    rows = [Dot(s["name"], *_triple(s["measures"][PLOTTED]), s["name"].startswith("generative")) for s in systems]
    plots = {"recall": dots(rows, PLOTTED, "Recall at 10 by system")}
    shown = {s["name"]: s["by_kind"] for s in systems if s["name"] in ("generative", "bm25", "dense") and s["by_kind"]}
    kinds = sorted({kind for by_kind in shown.values() for kind in by_kind if kind})
    if kinds:
        series = {
            name: [shown[name][kind][0] if kind in shown[name] else float("nan") for kind in kinds]
            for name in sorted(shown, key=("generative", "bm25", "dense").index)
        }
        plots["kinds"] = grouped_dots(kinds, series, PLOTTED, "Recall at 10 by kind of query")
    return plots


def _health_plots(health: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    levels = next(iter(health.values()))["levels"]
    names = [f"L{level['level']}" for level in levels]
    usage = {name: [level["usage"] for level in one["levels"]] for name, one in health.items()}
    spread = {name: [level["perplexity"] / level["size"] for level in one["levels"]] for name, one in health.items()}
    plots = {
        "usage": bars(names, usage, "codes in use", "Codes in use by level"),
        "perplexity": bars(names, spread, "perplexity / codes", "Evenness of use by level"),
    }
    first = next(iter(health.values()))
    if first.get("purity"):
        depths = ["L1" if depth == 1 else f"L1–L{depth}" for depth in range(1, len(first["purity"]) + 1)]
        purity = {name: one["purity"] for name, one in health.items() if one.get("purity")}
        purity["shuffled codes"] = first["purity_shuffled"]
        plots["purity"] = bars(depths, purity, "in the majority leaf", "Purity of prefixes by depth")
    return plots


def _triple(interval: Mapping[str, float]) -> tuple[float, float, float]:
    return interval["value"], interval["low"], interval["high"]
