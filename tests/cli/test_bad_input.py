"""Bad input, kind by kind: one line on stderr that names the trouble and the way out, exit code 2, nothing harmed."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from remedies import foreign

from genret.cli import main
from genret.ground.artifacts import read_json, write_json

CASES = Path(__file__).resolve().parents[1] / "cases"
GOOD_CSV = "id,title,category,price\n1,Oat milk,Dairy > Plant Milk,3.5\n2,Rye bread,Bakery > Bread,4\n"


class Case(NamedTuple):
    name: str
    arguments: Callable[[Path], list[str]]
    """Prepares the folder and gives the command's arguments."""
    says: str
    """Words that the one line must hold, separated by |."""


def _public(*options: str) -> Callable[[Path], list[str]]:
    """The arguments that read a public set, and `options`."""
    data = ("data", str(CASES / "homedepot_kaggle"), "--format", "homedepot")
    return lambda folder: [*data, "--out", str(folder / "out"), *options]


def _file(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def _data(name: str, content: str | bytes, *flags: str) -> Callable[[Path], list[str]]:
    return lambda folder: ["data", _file(folder, name, content), "--out", str(folder / "out"), *flags]


def _with_judgements(
    content: str, name: str = "judgements.csv", catalogue: str = GOOD_CSV
) -> Callable[[Path], list[str]]:
    def prepare(folder: Path) -> list[str]:
        queries = _file(folder, "queries.csv", "id,text\nq1,oat milk\n")
        judgements = _file(folder, name, content)
        products = _file(folder, "products.csv", catalogue)
        return ["data", products, "--queries", queries, "--judgements", judgements, "--out", str(folder / "out")]

    return prepare


DATA = [
    Case("missing file", lambda f: ["data", str(f / "no.csv"), "--out", str(f / "out")], "no.csv"),
    Case("unknown extension", _data("products.xls", GOOD_CSV), "products.xls|csv"),
    Case("empty file", _data("products.csv", ""), "products.csv|empty|header"),
    Case(
        "no id column, and judgements that name ids",
        _with_judgements("query_id,product_id,grade\nq1,1,3\n", catalogue="name,colour\nOat milk,white\n"),
        "products.csv|no column for id",
    ),
    Case("no title column", _data("products.csv", "id,colour\n1,white\n"), "products.csv|title"),
    Case("missing id", _data("products.csv", "id,title\n1,Oat milk\n,Rye bread\n"), "products.csv|line 3|id"),
    Case("duplicate id", _data("products.csv", "id,title\n1,Oat milk\n1,Rye bread\n"), "products.csv|line 3|id|line 2"),
    Case("empty title", _data("products.csv", "id,title\n1,\n"), "products.csv|line 2|title"),
    Case("wrong column count", _data("products.csv", "id,title\n1,Oat milk,extra\n"), "products.csv|line 2|columns"),
    Case(
        "bad price",
        _data("products.csv", "id,title,price\n1,Oat milk,cheap\n", "--on-bad-row", "error"),
        "line 2|price|cheap",
    ),
    Case(
        "infinite price",
        _data("products.csv", "id,title,price\n1,Oat milk,inf\n", "--on-bad-row", "error"),
        "line 2|price",
    ),
    Case(
        "bad UTF-8",
        _data("products.csv", b"id,title\n1,Caf\xe9\n", "--encoding", "utf-8"),
        "line 2|UTF-8",
    ),
    Case(
        "an encoding that can't be told",
        _data("products.csv", "id,title\n1,овсяное молоко\n2,ржаной хлеб\n".encode("cp1251")),
        "products.csv|--encoding",
    ),
    Case("unknown encoding", _data("products.csv", GOOD_CSV, "--encoding", "utf-9"), "utf-9|latin-1"),
    Case("delimiter of two letters", _data("products.csv", GOOD_CSV, "--delimiter", "::"), "::|one character"),
    Case(
        "delimiter for JSON", _data("p.jsonl", '{"id": "1", "title": "a"}\n', "--delimiter", ";"), "--delimiter|jsonl"
    ),
    Case(
        "ids that lost digits", lambda f: ["data", str(CASES / "float_ids.parquet"), "--out", str(f / "out")], "digits"
    ),
    Case("ignored column is not there", _data("products.csv", GOOD_CSV, "--ignore", "colour"), "colour|id|title"),
    Case("text field is not there", _data("products.csv", GOOD_CSV, "--text-fields", "colour"), "colour|title"),
    *(
        Case(
            f"{option} with a public set",
            _public(option, value),
            f"{option}|homedepot",
        )
        for option, value in {
            "--queries": "q.csv",
            "--judgements": "j.csv",
            "--column": "title=name",
            "--relevant-at": "2",
            "--delimiter": ";",
            "--encoding": "latin-1",
            "--decimal": "comma",
            "--separator": "/",
            "--ignore": "name",
            "--text-fields": "title",
            "--locale": "es",
        }.items()
    ),
    Case(
        "a source beside grocery", lambda f: ["data", str(f), "--format", "grocery", "--out", str(f / "out")], "SOURCE"
    ),
    Case("broken JSON line", _data("products.jsonl", '{"id": "1", "title": "a"}\n{"id": \n'), "line 2|JSON"),
    Case("JSON line is no object", _data("products.jsonl", "[1, 2]\n"), "line 1|object"),
    Case("not gzip", _data("products.csv.gz", "id,title\n"), "products.csv.gz|gzip"),
    Case("truncated gzip", _data("products.csv.gz", gzip.compress(GOOD_CSV.encode() * 50)[:60]), "products.csv.gz"),
    Case("not Parquet", _data("products.parquet", "id,title\n"), "products.parquet|Parquet"),
    Case(
        "non-numeric grade", _with_judgements("query_id,product_id,grade\nq1,1,good\n"), "judgements.csv|line 2|grade"
    ),
    Case("unknown product judged", _with_judgements("query_id,product_id,grade\nq1,77,1\n"), "judgements.csv|77"),
    Case("bad --column", _data("products.csv", GOOD_CSV, "--column", "title"), "--column|FIELD=COLUMN"),
    Case("no source", lambda f: ["data", "--out", str(f / "out")], "SOURCE"),
    Case(
        "wrong public set", lambda f: ["data", str(f), "--format", "homedepot", "--out", str(f / "o")], "products.csv"
    ),
]

SETTINGS = [
    Case("no command of this name", lambda f: ["serach", "x"], "serach"),
    Case("no option of this name", lambda f: ["search", "x", "--beamwidth", "3"], "--beamwidth"),
    Case("option is no number", lambda f: ["search", "x", "-k", "ten"], "ten|-k"),
    Case("unknown setting", lambda f: ["embed", str(f), "--set", "embed.width=3"], "width|known|dim"),
    Case("unknown section", lambda f: ["embed", str(f), "--set", "embedding.dim=3"], "SECTION.NAME=VALUE|embed"),
    Case("impossible setting", lambda f: ["embed", str(f), "--dim", "0"], "dim=0|at least 1"),
    Case("setting of another type", lambda f: ["embed", str(f), "--set", "embed.dim=wide"], "dim|wide"),
    Case("codebook sizes", lambda f: ["tokenize", str(f), "--codebook-sizes", "16,x"], "16,x|whole numbers"),
    Case("negative λ", lambda f: ["tokenize", str(f), "--lam", "-1"], "lam=-1"),
    Case("missing preset", lambda f: ["embed", str(f), "--preset", str(f / "no.toml")], "no.toml"),
    Case("broken preset", lambda f: ["embed", str(f), "--preset", _file(f, "p.toml", "[embed\n")], "p.toml|TOML"),
    Case("unknown table", lambda f: ["embed", str(f), "--preset", _file(f, "p.toml", "[embd]\n")], "embd|embed"),
    Case("stage before its input", lambda f: ["tokenize", str(f)], "data|dataset"),
    Case("no run folder", lambda f: ["search", "x", "--run", str(f / "no")], "no such run folder|genret build"),
    Case("no query", lambda f: ["search", "--run", str(f)], "no query"),
    Case("eval without a run", lambda f: ["eval", str(f / "no")], "no"),
]


@pytest.mark.parametrize("case", DATA + SETTINGS, ids=lambda case: case.name)
def test_bad_input_is_one_line_and_exit_code_2(case: Case, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    _fails(case.arguments(tmp_path), case.says, capfd)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").glob("*/manifest.json"))


def _fails(arguments: list[str], says: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    out, err = capfd.readouterr()
    message = [line for line in err.splitlines() if line.startswith("genret: error:")]
    assert exit_.value.code == 2, out + err
    assert len(message) == 1, out + err
    assert "Traceback" not in err
    named = foreign(message[0], arguments[0]) - {*arguments}
    assert not named, "a remedy that this command does not have"
    for words in says.split("|"):
        assert words.lower() in message[0].lower()


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def _newer(path: Path) -> None:
    write_json(path, {**read_json(path), "format": 99})


def _remove(path: Path) -> None:
    path.unlink()


def _unfinish(path: Path) -> None:
    path.write_text("{")


ARTIFACTS = [
    ("model", "model/model.safetensors", _flip, "model.safetensors|checksum"),
    ("model", "model/model.safetensors", _truncate, "model.safetensors|bytes"),
    ("model", "manifest.json", _newer, "format 99|upgrade"),
    ("index/gen-0000001", "manifest.json", _remove, "index|manifest.json"),
    ("index/gen-0000001", "products.parquet", _flip, "products.parquet"),
    ("index/gen-0000001", "manifest.json", _unfinish, "manifest.json|JSON"),
]


@pytest.mark.parametrize(
    ("stage", "file", "damage", "says"), ARTIFACTS, ids=lambda value: getattr(value, "__name__", str(value)[:24])
)
def test_damaged_artifact_is_named(
    stage: str,
    file: str,
    damage: Callable[[Path], None],
    says: str,
    run_copy: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    damage(run_copy / stage / file)
    _fails(["search", "oat milk", "--run", str(run_copy)], says, capfd)


SEARCHES = [
    (["", "-k", "3"], "empty"),
    (["oat milk", "-k", "0"], "k=0"),
    (["oat milk", "--beam-width", "0"], "beam_width|at least 1"),
    (["oat milk", "--where", "colour = 3"], "colour"),
    (["oat milk", "--where", "price <"], "where, column 8|number"),
    (["oat milk", "rye bread", "--explain"], "--explain|one query"),
    (["--queries-file", "nowhere.txt"], "nowhere.txt"),
]


@pytest.mark.parametrize(("arguments", "says"), SEARCHES, ids=lambda value: str(value)[:40])
def test_bad_search_is_one_line(
    arguments: list[str], says: str, built_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    _fails(["search", *arguments, "--run", str(built_run)], says, capfd)


def test_artifacts_of_different_lineage_are_refused(run_copy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A tokenizer trained anew, with the model and the index of the old one beside it."""
    from genret.pipeline.stages import index_stage, tokenize_stage
    from genret.tokenizer.settings import TokenizerSettings

    tokenize_stage(run_copy, TokenizerSettings(codebook_sizes=(16, 16, 16, 16), steps=20, seed=5), progress=False)
    index_stage(run_copy)
    _fails(["search", "oat milk", "--run", str(run_copy)], "different tokenizers|genret train", capfd)


def test_a_real_process_prints_no_traceback_and_no_warnings(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "genret", "search", "x", "--run", str(tmp_path / "no")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("genret: error: ")


def test_an_unwritable_place_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    products = _file(tmp_path, "products.csv", GOOD_CSV)
    _fails(["data", products, "--out", str(tmp_path / "file" / "run")], "file", capfd)


def test_skipped_rows_are_counted_and_written_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    products = _file(tmp_path, "products.csv", GOOD_CSV + ",nameless,,\n3,,,\n")
    with pytest.raises(SystemExit) as exit_:
        main(["data", products, "--out", str(tmp_path / "run"), "--on-bad-row", "skip"])
    assert exit_.value.code == 0
    assert "2 bad rows left out" in capfd.readouterr().err
    rejects = [json.loads(line) for line in (tmp_path / "run" / "rejects.jsonl").read_text().splitlines()]
    assert [(row["line"], row["field"]) for row in rejects] == [(4, "id"), (5, "title")]
