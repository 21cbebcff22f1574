"""How every script of this folder begins and ends: `run_script(main)`, and `write_results(...)` for what it found."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from genret.eval.result import table
from genret.ground.artifacts import write_json
from genret.ground.errors import GenretError

RESULTS = Path(__file__).parent / "results"


def whole_numbers(text: str) -> list[int]:
    """The type of an option that takes whole numbers with commas between: `10,20,50`."""
    try:
        return [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise click.BadParameter(f"{text!r}: expected whole numbers with commas between, such as 10,50") from None


def numbers(text: str) -> list[float]:
    """The same of numbers: `0.5,2`."""
    try:
        return [float(part) for part in text.split(",") if part.strip()]
    except ValueError:
        raise click.BadParameter(f"{text!r}: expected numbers with commas between, such as 0.5,2") from None


def run_script(main: click.Command) -> None:
    """The command; an error that a user can put right is one line, and exit code 2."""
    try:
        main(standalone_mode=True)
    except GenretError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)


def write_results(out: Path, name: str, figures: Any, text: str) -> None:
    """Print the `text`, and write OUT/NAME.md and its `figures`, OUT/NAME.json; say where."""
    text = text.rstrip("\n")
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / f"{name}.json", figures)
    (out / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    click.echo(f"{text}\n\nwritten to {out}")


def write_rows(out: Path, name: str, head: str, figures: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """`write_results` of one table under its `head`, with the rows among the `figures`."""
    write_results(out, name, {**figures, "rows": rows}, f"{head}\n\n{rows_table(rows)}")


def rows_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A Markdown table of rows that have the same columns; None is a dash."""
    if not rows:
        return ""
    cells = [["–" if value is None else str(value) for value in row.values()] for row in rows]
    return table(list(rows[0]), cells)
