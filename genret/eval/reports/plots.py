"""The report's plots as SVG text: matplotlib in, one self-contained <svg> element out.

Plots are narrow, so that they stay legible on a phone; text stays text, for screen readers and searching; ids and dates
are fixed, so that the same numbers give the same bytes.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from genret.ground.errors import require

INK, QUIET, GRID = "#1f2933", "#61707f", "#e3e8ee"
ACCENT, SECOND = "#0b5cad", "#c2571a"
WIDTH = 4.6
"""Inches."""
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "genret",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


class Dot(NamedTuple):
    """A labelled value with its interval."""

    label: str
    value: float
    low: float
    high: float
    strong: bool = False
    """Drawn in the accent colour."""


class Point(NamedTuple):
    """A labelled point with a size."""

    label: str
    x: float
    y: float
    size: float
    strong: bool = False
    """Drawn in the accent colour."""


def scatter(points: Sequence[Point], x: str, y: str, title: str) -> str:
    """Points over a logarithmic x axis, their areas in proportion to their sizes, labelled by number and legend."""
    figure, axes = _figure(3.4 + 0.19 * len(points))
    most = max((point.size for point in points), default=1.0) or 1.0
    for number, point in enumerate(points, 1):
        colour = ACCENT if point.strong else QUIET
        area = 20 + 500 * point.size / most
        axes.scatter([point.x], [point.y], s=area, color=colour, alpha=0.35, linewidths=0, label=None)
        axes.annotate(str(number), (point.x, point.y), ha="center", va="center", fontsize=9)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(require("matplotlib.ticker", "report").FormatStrFormatter("%g"))
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(color=GRID)
    axes.margins(0.12)
    lines = [f"{number}  {point.label}, {point.size:.0f} MB" for number, point in enumerate(points, 1)]
    axes.text(0, -0.24, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=8.5)
    return _svg(figure, title)


def dots(rows: Sequence[Dot], axis: str, title: str, zero: bool = False, percent: bool = False) -> str:
    """Values with intervals, one per line, best read from top to bottom; `zero` draws the line of no difference."""
    figure, axes = _figure(0.34 * len(rows) + 0.9)
    for place, row in enumerate(rows):
        colour = ACCENT if row.strong else QUIET
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2.2, solid_capstyle="round")
        axes.plot([row.value], [place], "o", color=colour, markersize=6.5)
    axes.set_yticks(range(len(rows)), [row.label for row in rows])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel(axis)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=GRID)
    if zero:
        axes.axvline(0, color=INK, linewidth=1)
    else:
        axes.set_xlim(left=0)
    if percent:
        _in_percent(axes.xaxis)
    return _svg(figure, title)


def grouped_dots(groups: Sequence[str], series: Mapping[str, Sequence[float]], axis: str, title: str) -> str:
    """One line per group, one marker per series (the first accented): how systems fare on each kind of query."""
    figure, axes = _figure(0.42 * len(groups) + 1.25)
    markers = ("o", "D", "s", "^", "v")
    for number, (name, values) in enumerate(series.items()):
        colour = (ACCENT, SECOND, QUIET, INK, "#8a5fb4")[number % 5]
        axes.plot(values, range(len(groups)), markers[number % 5], color=colour, markersize=6.5, label=name)
    axes.set_yticks(range(len(groups)), list(groups))
    axes.set_ylim(len(groups) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.set_xlabel(axis)
    axes.tick_params(axis="y", length=0)
    axes.grid(color=GRID)
    axes.legend(
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=min(3, len(series)),
        columnspacing=1.2,
        handletextpad=0.4,
        frameon=False,
        fontsize=9,
    )
    return _svg(figure, title)


def bars(labels: Sequence[str], series: Mapping[str, Sequence[float]], axis: str, title: str) -> str:
    """Grouped upright bars of shares, 0 to 100 %, with their values above them."""
    figure, axes = _figure(2.7)
    width = 0.8 / max(1, len(series))
    for number, (name, values) in enumerate(series.items()):
        places = [i + (number - (len(series) - 1) / 2) * width for i in range(len(labels))]
        axes.bar(places, values, width * 0.92, color=(ACCENT, SECOND, QUIET)[number % 3], label=name)
        for place, value in zip(places, values, strict=True):
            axes.text(place, value + 0.015, f"{100 * value:.0f}", ha="center", fontsize=8.5, color=INK)
    axes.set_xticks(range(len(labels)), list(labels))
    axes.set_ylim(0, 1.12)
    axes.set_ylabel(axis)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1.0])
    _in_percent(axes.yaxis)
    axes.grid(axis="y", color=GRID)
    if len(series) > 1:
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(series), frameon=False, fontsize=9)
    return _svg(figure, title)


def _figure(height: float) -> tuple[Any, Any]:
    matplotlib = require("matplotlib", "report")
    figures = require("matplotlib.figure", "report")
    with matplotlib.rc_context(STYLE):
        figure = figures.Figure(figsize=(WIDTH, height), layout="constrained")
        axes = figure.add_subplot()
    axes.set_axisbelow(True)
    return figure, axes


def _in_percent(axis: Any) -> None:
    ticker = require("matplotlib.ticker", "report")
    axis.set_major_formatter(ticker.PercentFormatter(xmax=1, decimals=0))


def _svg(figure: Any, title: str) -> str:
    """The figure's <svg> element alone, scaling with its column, named for screen readers."""
    matplotlib = require("matplotlib", "report")
    buffer = io.StringIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"(<svg[^>]*?) width=\"[^\"]*\"", r"\1", text, count=1)
    text = re.sub(r"(<svg[^>]*?) height=\"[^\"]*\"", r"\1", text, count=1)
    label = f'<svg role="img" aria-label="{escape(title, quote=True)}" class="plot"'
    return _own_ids(text.replace("<svg", label, 1), title).strip()


def _own_ids(svg: str, title: str) -> str:
    """Ids made unique by the plot's title: several plots share one page."""
    prefix = re.sub(r"\W+", "-", title).strip("-").lower()
    svg = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', svg)
    svg = re.sub(r'href="#([^"]+)"', rf'href="#{prefix}-\1"', svg)
    return re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", svg)
