"""`genret settings`, `doctor` and `info`: what can be set, what this machine has, what a run is made of."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from genret.cli.options import SECTIONS
from genret.cli.terminal import json_text
from genret.ground.errors import GenretError

SETTINGS = {
    "grocery": "genret.data.grocery.settings:GrocerySettings",
    "embed": "genret.embed.settings:EmbedSettings",
    "two-tower": "genret.embed.fine_tuning:TwoTowerRecipe",
    "tokenizer": "genret.tokenizer.settings:TokenizerSettings",
    "model": "genret.training.settings:ModelSettings",
    "train": "genret.training.settings:TrainSettings",
    "bm25": "genret.index.tuning:TuneSettings",
}
"""Section of a preset -> its dataclass; a test holds that these are all sections."""

as_json = click.option("--json", "as_json", is_flag=True, help="One JSON value on stdout, for machines.")


@click.command()
@click.argument("section", required=False, type=click.Choice(SECTIONS))
@as_json
def settings(section: str | None, as_json: bool) -> None:
    """Every setting of SECTION, or of all: its default and what it does. Set one with --set SECTION.NAME=VALUE."""
    from genret.ground.described import described

    tables = {name: described(_settings_of(name)) for name in ([section] if section else SECTIONS)}
    if as_json:
        click.echo(json_text({name: [row._asdict() for row in rows] for name, rows in tables.items()}, indent=2))
        return
    for name, rows in tables.items():
        click.echo(click.style(f"[{name}]", bold=True))
        for row in rows:
            click.echo(f"  {row.name} = {_shown(row.default)}")
            if row.meaning:
                click.echo(_wrapped(row.meaning))


@click.command()
@as_json
def doctor(as_json: bool) -> None:
    """Versions, extras, device, threads and disk of this machine, and a self-test of the whole path in seconds."""
    from genret.pipeline.doctor import examine

    report = examine()
    if as_json:
        click.echo(json_text(report.to_json(), indent=2))
    else:
        for line in report.lines():
            click.echo(line)
    if not report.healthy:
        raise GenretError(f"{report.failures[0]}; the lines above say what else")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@as_json
def info(run: Path, as_json: bool) -> None:
    """What RUN is made of: products, model, sizes, health with the next step, and changes of its index."""
    from genret.pipeline.summary import summarise

    summary = summarise(run)
    click.echo(json_text(summary.to_json(), indent=2) if as_json else summary.text())


def _settings_of(section: str) -> type[Any]:
    module, _, name = SETTINGS[section].partition(":")
    kind: type[Any] = getattr(import_module(module), name)
    return kind


def _shown(value: Any) -> str:
    """A default as `--set` takes it."""
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or "(none)"
    return json.dumps(value, ensure_ascii=False, default=str)


def _wrapped(text: str) -> str:
    import textwrap

    return textwrap.fill(text, 100, initial_indent="      ", subsequent_indent="      ")


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="FILE.parquet, FILE.csv or FILE.jsonl.")
def export(run: Path, out: Path) -> dict[str, Any]:
    """Every product of RUN with its semantic ID, level by level, and what each prefix means, as a table in a file."""
    from genret.pipeline.export import ENDINGS, export_ids, write_table

    if out.suffix not in ENDINGS:
        raise GenretError(f"--out {out}: cannot tell the format by {out.suffix!r}; expected {', '.join(ENDINGS)}")
    table = export_ids(run)
    write_table(table, out)
    click.echo(f"{out}: {table.num_rows:,} products, columns {', '.join(table.column_names)}")
    return {"file": str(out), "products": table.num_rows, "columns": table.column_names}
