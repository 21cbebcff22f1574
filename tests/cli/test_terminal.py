"""Whatever the locale, and the encoding of a terminal or a pipe: commands print, and data survive."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from genret.cli import main

NO_LOCALE = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""A container without any locale, for a Python that does not make one up: files and streams are ASCII by default."""
TITLES = ("Crème fraîche λ", "Pão de queijo", "牛奶 🥛", "Oat milk") * 15
TINY = {"embed.model": "lsa", "train.max_steps": "5", "tokenizer.steps": "20", "tokenizer.codebook_sizes": "8,8,8,8"}


def genret(monkeypatch: pytest.MonkeyPatch, encoding: str, *arguments: str | Path) -> str:
    """What a command prints on a stdout of that encoding."""
    printed = io.BytesIO()
    stdout = io.TextIOWrapper(printed, encoding=encoding)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stdout)
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
    assert ended.value.code == 0
    stdout.flush()
    return printed.getvalue().decode("utf-8" if encoding == "ascii" else encoding)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of products with names in many letters, built and searched where everything is ASCII."""
    folder = tmp_path_factory.mktemp("shop")
    rows = [f"p{number},{title} {number},Milch & Käse,Café" for number, title in enumerate(TITLES)]
    (folder / "products.csv").write_text("\n".join(["id,title,category,brand", *rows]), encoding="utf-8")
    settings = [part for name, value in TINY.items() for part in ("--set", f"{name}={value}")]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"} | NO_LOCALE
    for command in (
        ["build", "products.csv", "--out", "run", *settings],
        ["search", "--run", "run", "oat milk", "--no-hybrid", "--exact", "-k", "60"],
    ):
        whole = [sys.executable, "-m", "genret", *command]
        done = subprocess.run(whole, env=environment, capture_output=True, cwd=folder)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert "Crème fraîche λ 0" in done.stdout.decode()
    return folder / "run"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_people_and_machines_can_read_what_is_printed(
    shop: Path, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("search", "--run", shop, "oat milk", "--no-hybrid", "-k", "60", "--exact")
    found = json.loads(genret(monkeypatch, encoding, *asked, "--json"))
    assert {hit["title"] for hit in found["hits"]} == {f"{title} {number}" for number, title in enumerate(TITLES)}
    table = genret(monkeypatch, encoding, *asked)
    assert ("Crème fraîche ? 0" if encoding == "latin-1" else "Crème fraîche λ 0") in table
    for others in ((*asked[:4], "--explain"), ("info", shop), ("settings",), ("tokenizer", "health", shop)):
        assert genret(monkeypatch, encoding, *others)
    told = [json.loads(genret(monkeypatch, one, "info", shop, "--json")) for one in (encoding, "utf-8")]
    assert told[0] == told[1]
    exported = shop.parent / f"{encoding}.csv"
    genret(monkeypatch, encoding, "export", shop, "--out", exported)
    assert "Crème fraîche λ 0" in exported.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bild"], "No such command 'bild'. Did you mean build?"),
        (["xyz"], "No such command 'xyz'. (try"),
        (["search", "RUN", "oat milk"], "give it as --run RUN"),
        (["search", "--run", "RUN", "RUN"], "give it as --run RUN"),
        (["search", "--run", "RUN", "oat milk " * 2000], "shorten it"),  # longer than a file's name may be, too
    ],
    ids=["near a command", "near none", "a run as a query", "a run twice", "a long query"],
)
def test_what_was_mistyped_is_told_with_what_was_meant(
    shop: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(shop) if argument == "RUN" else argument for argument in arguments])
    assert ended.value.code == 2
    assert said.replace("RUN", str(shop)) in capsys.readouterr().err


@pytest.mark.parametrize("closed", [">&-", "<&- >&- 2>&-", ">/dev/full"])
def test_a_process_without_its_streams_works_and_a_full_one_is_told(shop: Path, closed: str) -> None:
    """And nothing that is printed goes into a file that is opened in a missing stream's place."""

    def files() -> dict[Path, bytes]:
        return {one: one.read_bytes() for one in shop.rglob("*") if one.is_file() and "sqlite" not in one.name}

    before = files()
    command = f"{sys.executable} -m genret info {shop} {closed}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    full = closed == ">/dev/full"
    assert done.returncode == (2 if full and Path("/dev/full").is_char_device() else 0), done.stderr
    assert ("No space left" in done.stderr) == (done.returncode == 2)
    assert len(done.stderr.splitlines()) <= 1
    assert files() == before


def test_queries_come_through_a_pipe(shop: Path) -> None:
    command = [sys.executable, "-m", "genret", "search", "--run", str(shop), "--queries-file", "-", "--json", "-k", "1"]
    done = subprocess.run(command, input="\ufeffoat milk\n\nqueijo\n".encode(), capture_output=True)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["query"] for line in done.stdout.splitlines()] == ["oat milk", "queijo"]
