"""report.html: one self-contained page from a run's summary.

Every sentence with a number in it is computed from the summary. Parts that the summary lacks are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from genret import __version__
from genret.eval.measures import MEASURES
from genret.eval.reports.plots import Dot, bars, dots, grouped_dots
from genret.eval.systems.meanings import meaning, with_genret
from genret.ground.errors import require
from genret.ground.files import write_text
from genret.ground.percent import percent

PLOTTED = "recall@10"
TESTED = ("recall@10", "recall@100", "nDCG@10")


class Summary(TypedDict, total=False):
    """What the report prints; JSON-able. `summary.json` of a demo is one: an `EvalResult.to_json()` and more."""

    title: str
    command: str
    """The command that made all of it."""
    facts: Mapping[str, Any]
    """Labelled facts for the head of the page, besides those that the summary has anyway."""
    seed: int
    settings: Mapping[str, Any]
    """Settings by stage."""
    seconds: Mapping[str, Any]
    """Wall time by stage, of the run beside it (a mapping of its own), and in all (`total`)."""
    milliseconds: Mapping[str, float]
    """Per query, by system: all queries searched in batches on the machine that made the page."""
    dataset: str
    split: str
    products: int
    queries: int
    left_out: int
    relevant_at: float
    systems: Sequence[Mapping[str, Any]]
    comparisons: Sequence[Mapping[str, Any]]
    details: Mapping[str, Any]
    """Invalid IDs and collisions."""
    substitutes: Mapping[str, Any]
    """`Contrast.to_json()`."""
    health: Mapping[str, Mapping[str, Any]]
    """λ of a tokenizer ("0.01") -> its `Health.to_json()`."""
    beam: Mapping[str, Any]
    """{"query", "exact", "tree": `tree_json(...)`, "hits": [{"rank", "score", "title", "semantic_id"}, ...]}."""
    explore: str
    """The command that opens the beam in a browser."""
    next: Sequence[str]
    """Commands to try."""


def write_report(summary: Mapping[str, Any], path: str | Path) -> Path:
    """Write the page to `path`, whole or not at all, and return it. Needs no network to be read."""
    write_text(path, render(summary))
    return Path(path)


def render(summary: Mapping[str, Any]) -> str:
    """The page of a `Summary` as HTML. The same summary gives the same bytes."""
    jinja2 = require("jinja2", "report")
    markup = require("markupsafe", "report").Markup
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("genret.eval.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.ChainableUndefined,
    )
    environment.filters["breakable"] = lambda name: markup("+<wbr>").join(name.split("+"))
    environment.filters |= {
        "meaning": meaning,
        "figure": figure,
        "percent": percent,
        "duration": duration,
        "p": p_value,
        "points": points,
    }
    plots = {name: markup(svg) for name, svg in _plots(summary).items()}
    return str(
        environment.get_template("report.html").render(
            s=summary,
            plots=plots,
            title=summary.get("title") or f"genret on {summary.get('dataset', 'a catalogue')}",
            headline=headline(summary),
            id_line=id_line(summary),
            beam_rows=beam_rows(summary.get("substitutes") or {}),
            stages=stages(summary.get("seconds") or {}),
            tests=tested(summary),
            tested=TESTED,
            measures=MEASURES,
            version=__version__,
        )
    )


def headline(summary: Mapping[str, Any]) -> str:
    """The strongest baseline first, then genret alone and genret's best, and whether the difference could be chance."""
    found = {system["name"]: system["measures"][PLOTTED]["value"] for system in summary.get("systems", ())}
    own = {name: value for name, value in found.items() if with_genret(name)}
    others = {name: value for name, value in found.items() if name not in own}
    if not own:
        return ""
    best = max(own, key=own.__getitem__)
    if not others:
        return f"{best} finds {percent(own[best])} of the relevant products in its top 10."
    strongest = max(others, key=others.__getitem__)
    sentence = (
        f"The strongest baseline, {strongest}, finds {percent(others[strongest])} of the relevant products in its "
        f"top 10; the best with genret, {best}, {percent(own[best])}{_chance(summary, best, strongest)}"
    )
    alone = f"; genret alone finds {percent(own['generative'])}" if "generative" in own and best != "generative" else ""
    return f"{sentence}{alone}."


def _chance(summary: Mapping[str, Any], system: str, baseline: str) -> str:
    """Whether the difference of two systems could be chance, where it was tested."""
    wanted = (system, baseline, PLOTTED)
    for c in summary.get("comparisons", ()):
        if (c["system"], c["baseline"], c["measure"]) == wanted:
            p = c["p_holm"]
            return f" (p {p_value(p)})" if p < 0.05 else " (a difference within noise)"
    return ""


def id_line(summary: Mapping[str, Any]) -> str:
    """What the free decode invented, what the trie let through, and how many products share an ID."""
    details = summary.get("details") or {}
    parts = []
    invalid = details.get("invalid_ids") or {}
    if "constrained" in invalid:
        held = invalid["constrained"]
        parts.append(f"Held to the trie, {held['invalid']:,} of {held['total']:,} IDs did not exist.")
    if "unconstrained" in invalid:
        free = invalid["unconstrained"]
        parts.append(
            f"Left free, the model's top 10 held {free['invalid']:,} invented IDs among {free['total']:,} "
            f"({percent(free['share'])}), in the answers to {free['queries_with_invalid']:,} of "
            f"{free['queries']:,} queries."
        )
    shared = details.get("collisions")
    if shared:
        parts.append(
            f"{shared['products']:,} products have {shared['ids']:,} IDs; {shared['products_sharing_an_id']:,} of them "
            f"share theirs, at most {shared['largest_bucket']:,} one ID. All of them can be retrieved."
        )
    return " ".join(parts)


def stages(seconds: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Stage and wall time, those of a run beside it as `run: stage`; the total last."""
    rows: list[tuple[str, float]] = []
    for name, value in seconds.items():
        if isinstance(value, Mapping):
            rows += [(f"{name}: {stage}", float(time)) for stage, time in value.items()]
        elif name != "total":
            rows.append((name, float(value)))
    return rows + ([("all of it, side by side", float(seconds["total"]))] if "total" in seconds else [])


def beam_rows(substitutes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The same-beam rows of all widths, narrow to wide, each named with its width."""
    widths = sorted(substitutes.get("same_beam", {}).items(), key=lambda item: int(item[0]))
    return [{**row, "name": f"{width}: {row['name']}"} for width, rows in widths for row in rows]


def tested(summary: Mapping[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Comparisons as baseline -> system -> measure -> comparison, of the measures that the page has room for."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for c in summary.get("comparisons", ()):
        if c["measure"] in TESTED:
            found.setdefault(c["baseline"], {}).setdefault(c["system"], {})[c["measure"]] = c
    return found


def figure(value: float) -> str:
    """Three decimals."""
    return f"{value:.3f}"


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


def _plots(summary: Mapping[str, Any]) -> dict[str, str]:
    plots: dict[str, str] = {}
    if summary.get("systems"):
        plots |= _recall_plots(summary["systems"])
    substitutes = summary.get("substitutes")
    if substitutes:
        rows = [_difference(row) for row in substitutes["agreement"]]
        axis = f"share of pairs, λ = {substitutes['lam_after']:g} minus λ = {substitutes['lam_before']:g}"
        plots["substitutes"] = dots(rows, axis, "Substitutes that agree, difference", zero=True, percent=True)
    if summary.get("health"):
        plots |= _health_plots({f"λ = {lam}": one for lam, one in summary["health"].items()})
    return plots


def _recall_plots(systems: Sequence[Mapping[str, Any]]) -> dict[str, str]:
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


def _difference(row: Mapping[str, Any]) -> Dot:
    value, low, high = row["difference"]
    return Dot(row["name"], value, low, high, not row["within_noise"])


def _triple(interval: Mapping[str, float]) -> tuple[float, float, float]:
    return interval["value"], interval["low"], interval["high"]
