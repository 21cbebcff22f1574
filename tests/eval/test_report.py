"""The report: whole from any part of a summary, self-contained, safe, accessible, and true to its numbers."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from genret.eval.demo import milliseconds
from genret.eval.reports.plots import Dot, bars, dots, grouped_dots
from genret.eval.reports.report import beam_rows, duration, headline, id_line, render, stages, write_report
from genret.eval.systems.bench import STANDARD
from genret.eval.systems.meanings import meaning
from genret.ground.percent import percent


def interval(value: float, spread: float = 0.02) -> dict[str, float]:
    return {"value": value, "low": value - spread, "high": value + spread}


def evaluation(p: float = 0.0001, difference: float = 0.1) -> dict[str, Any]:
    names = ["bm25", "bm25-tuned", "dense", "generative", "generative-rescored"]
    means = dict(zip(names, (0.5, 0.55, 0.4, 0.5 + difference, 0.65), strict=True))
    measures = ("recall@10", "recall@50", "recall@100", "nDCG@10", "MRR@10")
    return {
        "dataset": "grocery",
        "split": "test",
        "products": 20000,
        "queries": 987,
        "left_out": 3,
        "relevant_at": 2.0,
        "irrelevant_grade": 0.0,
        "baselines": ["bm25"],
        "systems": [
            {
                "name": name,
                "measures": {m: interval(means[name]) for m in measures},
                "by_kind": {"head": [0.7, 100], "typo": [0.2, 40]},
            }
            for name in names
        ],
        "comparisons": [
            {
                "measure": "recall@10",
                "system": "generative",
                "baseline": "bm25",
                "difference": interval(difference),
                "p": p,
                "p_holm": p,
                "queries": 987,
            }
        ],
        "details": {
            "invalid_ids": {
                "constrained": {"invalid": 0, "total": 98700, "queries": 987, "queries_with_invalid": 0, "share": 0.0},
                "unconstrained": {
                    "invalid": 99,
                    "total": 9870,
                    "queries": 987,
                    "queries_with_invalid": 60,
                    "share": 0.01,
                },
            },
            "collisions": {"products": 20000, "ids": 19000, "products_sharing_an_id": 1500, "largest_bucket": 9},
        },
    }


def paired(name: str, within: bool) -> dict[str, Any]:
    return {
        "name": name,
        "before": [0.5, 0.48, 0.52],
        "after": [0.6, 0.58, 0.62],
        "difference": [0.1, 0.08, 0.12],
        "within_noise": within,
    }


def summary() -> dict[str, Any]:
    level = {"size": 256, "used": 250, "dead": 6, "usage": 0.98, "perplexity": 200.0, "largest_share": 0.02}
    health = {
        "levels": [{**level, "level": i} for i in range(1, 5)],
        "purity": [0.4, 0.6, 0.8, 0.9],
        "purity_shuffled": [0.1, 0.2, 0.5, 0.9],
    }
    leaf = {"prefix": [1, 2], "score": -1.5, "products": 1, "label": "Marinara <Classic>", "children": [], "pruned": []}
    node = {"prefix": [1], "score": -0.5, "products": 40, "label": "Pasta Sauces", "children": [leaf]}
    node["pruned"] = [[[1, 9], -4.0, 2]]
    root = {"prefix": [], "score": 0.0, "products": 20000, "label": "", "children": [node], "pruned": []}
    hit = {"rank": 1, "score": -1.0, "title": "Rao's <b>Marinara</b>", "semantic_id": [1, 2]}
    return {
        "title": "genret on the grocery catalogue",
        "command": "genret demo",
        "seed": 0,
        "facts": {"leaves": 260},
        "seconds": {"embed": 12.3, "lambda0": {"tokenizer": 20.0}, "total": 95.0},
        "settings": {"tokenizer": {"lam": 0.01}},
        **evaluation(),
        "substitutes": {
            "lam_before": 0.0,
            "lam_after": 0.01,
            "pairs": 4321,
            "agreement": [paired("L1", False), paired("L1-L2", True)],
            "same_beam": {"10": [paired("both found", True)]},
            "verdicts": ["λ = 0.01 raises L1 by +10.0 points.", "Beam of 10: within noise."],
        },
        "health": {"0.01": health, "0": health},
        "beam": {"query": "marinara sauce", "exact": False, "tree": root, "hits": [hit]},
        "next": ["genret search cola"],
    }


class Checker(HTMLParser):
    """Collects what must hold of the page."""

    VOID = ("meta", "br", "link", "img", "input", "hr", "wbr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.external: list[str] = []
        self.text: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            if name in ("src", "href", "xlink:href") and not (value or "").startswith("#"):
                self.external.append(f"{tag} {name}={value}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in self.VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(html: str) -> Checker:
    checker = Checker()
    checker.feed(html)
    assert checker.open == []
    return checker


def test_the_page_is_well_formed_self_contained_and_has_unique_ids() -> None:
    html = render(summary())
    page = parsed(html)
    assert page.external == []
    assert "script" not in page.tags
    assert "link" not in page.tags
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("h1") == 1
    assert "url(http" not in html
    plots = re.findall(r"<svg[^>]*>", html)
    assert len(plots) == 6
    assert all('role="img"' in plot and 'aria-label="' in plot for plot in plots)
    assert html.count("<table>") == html.count("<thead>")


def test_text_from_data_is_escaped() -> None:
    html = render({"beam": summary()["beam"]})
    assert "Rao&#39;s &lt;b&gt;Marinara&lt;/b&gt;" in html
    assert "Marinara &lt;Classic&gt;" in html
    assert "<b>Marinara" not in html


def test_the_same_summary_gives_the_same_bytes_also_after_json() -> None:
    once = render(summary())
    assert once == render(json.loads(json.dumps(summary())))


@pytest.mark.parametrize("part", ["title", "details", "health"])
def test_any_part_may_be_missing(part: str) -> None:
    less = summary()
    del less[part]
    parsed(render(less))


@pytest.mark.parametrize("part", ["title", "seconds", "settings", "substitutes", "health", "beam", "next", "details"])
def test_a_part_may_stand_alone(part: str) -> None:
    parsed(render({part: summary()[part]}))


def test_an_evaluation_may_stand_alone_and_so_may_nothing() -> None:
    parsed(render(evaluation()))
    parsed(render({}))


def test_stages_name_the_run_beside_and_end_with_the_total() -> None:
    rows = stages(summary()["seconds"])
    assert rows == [("embed", 12.3), ("lambda0: tokenizer", 20.0), ("all of it, side by side", 95.0)]
    assert stages({}) == []


def test_the_headline_leads_with_the_strongest_baseline() -> None:
    found = headline(evaluation())
    assert found == (
        "The strongest baseline, bm25-tuned, finds 55.0 % of the relevant products in its top 10; "
        "the best with genret, generative-rescored, 65.0 %; genret alone finds 60.0 %."
    )
    tested = evaluation()
    tested["comparisons"][0] |= {"system": "generative-rescored", "baseline": "bm25-tuned"}
    assert "generative-rescored, 65.0 % (p < 0.001)" in headline(tested)
    tested["comparisons"][0]["p_holm"] = 0.4
    assert "65.0 % (a difference within noise)" in headline(tested)
    assert headline({}) == ""


def test_every_system_is_defined_in_a_line() -> None:
    for name in STANDARD:
        assert meaning(name), name
    page = render(evaluation())
    assert "fused by their scaled scores" not in page
    assert "Exact nearest neighbours over the run&#39;s own embeddings" in page


def test_latency_is_shown_where_it_was_taken() -> None:
    assert "ms per query" not in render(evaluation())
    assert "ms per query" in render({**evaluation(), "milliseconds": {"bm25": 0.52}})
    took = milliseconds({"a": 2.0, "b": 1.0, "a+b": 0.5, "a+c": 0.1}, 1000)
    assert took == {"a": 2.0, "b": 1.0, "a+b": 3.5}


def test_the_page_links_to_the_explorer() -> None:
    beam = {"query": "tea", "exact": True, "tree": {"children": [], "pruned": []}, "hits": []}
    page = render({**evaluation(), "beam": beam, "explore": "genret serve runs/demo"})
    assert "genret serve runs/demo" in page
    assert "Certified: the model scores no product higher" in page


def test_id_line_follows_the_numbers() -> None:
    line = id_line(evaluation())
    assert "0 of 98,700 IDs did not exist" in line
    assert "99 invented IDs among 9,870 (1.0 %)" in line
    assert "1,500 of them share theirs, at most 9 one ID" in line


def test_beams_are_listed_from_narrow_to_wide() -> None:
    rows = beam_rows({"same_beam": {"100": [paired("x", True)], "20": [paired("x", True)]}})  # JSON sorts "100" first
    assert [row["name"] for row in rows] == ["20: x", "100: x"]


def test_write_is_whole_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = write_report(summary(), tmp_path / "deep" / "report.html")
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_plots_repeat_and_hold_their_labels() -> None:
    rows = [Dot("bm25", 0.5, 0.4, 0.6), Dot("generative", 0.6, 0.5, 0.7, True)]
    svg = dots(rows, "recall@10", "One")
    assert svg == dots(rows, "recall@10", "One")
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>")
    assert "generative" in svg
    for other in (
        bars(["L1"], {"a": [0.5], "b": [0.2]}, "x", "Two"),
        grouped_dots(["head"], {"a": [0.5]}, "x", "Three & more"),
    ):
        assert "<metadata" not in other
    assert 'aria-label="Three &amp; more"' in other


def test_small_formats() -> None:
    assert (duration(3.21), duration(65.4), duration(600)) == ("3.2 s", "1 min 05 s", "10 min 00 s")
    assert (percent(0.125), percent(0.5, 0)) == ("12.5 %", "50 %")
