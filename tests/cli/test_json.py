"""`--json` on every verb that reports: stdout is one JSON value and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from genret.cli import NO_VALUE, cli
from genret.data import load_dataset


def verbs(group: click.Group = cli, before: str = "") -> Iterator[tuple[str, click.Command]]:
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                yield from verbs(command, f"{name} ")
            else:
                yield f"{before}{name}", command


def flags(command: click.Command) -> set[str]:
    return {flag for parameter in command.params for flag in parameter.opts}


def test_every_verb_has_json_and_says_more_or_less() -> None:
    found = dict(verbs())
    assert {name for name, command in found.items() if "--json" not in flags(command)} == NO_VALUE
    assert all({"-q", "-v"} <= flags(command) for command in found.values())
    for _, command in verbs():  # asked again, nothing is added twice
        assert sum("--json" in parameter.opts for parameter in command.params) <= 1


@pytest.fixture
def asked(run_copy: Path, tmp_path: Path) -> dict[str, list[str]]:
    """Verb -> arguments with which it ends within a second or two."""
    run, queries, new = str(run_copy), tmp_path / "queries.txt", tmp_path / "new.csv"
    one = load_dataset(run_copy / "data")[0].catalogue.ids[0]
    queries.write_text("oat milk\nrye bread\n")
    new.write_text("id,title\nn1,oat drink\nn2,rye loaf\n")
    (tmp_path / "ids.csv").write_text(new.read_text())
    return {
        "data": [str(new), "--out", str(tmp_path / "other")],
        "calibrate": [run],
        "search": ["oat milk", "--run", run],
        "put": [run, str(new)],
        "remove": [run, one],
        "compact": [run],
        "eval": [run, "--systems", "bm25"],
        "judge": [run, "--queries", str(queries), "--out", str(tmp_path / "sheet.csv"), "--systems", "bm25"],
        "compare": [run, run, "--queries", str(queries)],
        "info": [run],
        "export": [run, "--out", str(tmp_path / "ids.parquet")],
        "settings": ["tokenizer"],
        "tokenizer health": [run],
        "tokenizer audit": [run, "--csv", str(tmp_path / "audit.csv")],
    }


def test_stdout_is_json_and_nothing_else(asked: dict[str, list[str]], tmp_path: Path) -> None:
    for verb, arguments in asked.items():
        result = CliRunner().invoke(cli, [*verb.split(), *arguments, "--json"], catch_exceptions=False)
        assert result.exit_code == 0, (verb, result.output)
        values = [json.loads(result.stdout)] if verb != "compare" else list(map(json.loads, result.stdout.splitlines()))
        assert all(isinstance(value, dict) and value for value in values), verb
    said = (tmp_path / "audit.csv").read_text().splitlines()
    assert said[0] == "id,title,score,filed,suggested"


def test_quiet_leaves_results_alone(run_copy: Path, tmp_path: Path) -> None:
    new = tmp_path / "new.csv"
    new.write_text("id,title\nn1,oat drink\n")
    quiet = CliRunner().invoke(cli, ["data", str(new), "--out", str(tmp_path / "q"), "-q"])
    assert (quiet.exit_code, quiet.stdout) == (0, "")
    told = CliRunner().invoke(cli, ["data", str(new), "--out", str(tmp_path / "q")])
    assert "taken for" in told.stdout
