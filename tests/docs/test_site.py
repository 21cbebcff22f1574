"""The documentation: it builds strictly, and every command in it and in the README is one that works."""

from __future__ import annotations

import base64
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from genret.cli import cli
from genret.data import load_dataset

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GENERATED = {"settings.md", "cli.md", "explorer.md"}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
LONG = {"build", "demo", "embed", "tokenize", "train", "eval", "index", "tune", "bench", "audit", "doctor", "serve"}
"""Verbs that take minutes, or do not end: in the default tests their options are checked, `slow` runs them."""


def _commands(page: Path) -> list[list[str]]:
    """The commands of a page's shell blocks, in order; comments and what a backslash continues are joined."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    shell = [text for language, text in blocks if language in ("", "sh", "bash", "console")]
    lines = [line for text in shell for line in text.replace("\\\n", " ").splitlines()]
    starts = ("genret ", "make ", "python ")
    return [shlex.split(line, comments=True) for line in lines if line.startswith(starts)]


WRITTEN = [page for page in PAGES if page.name not in GENERATED and "benchmarks" not in page.parts and _commands(page)]


def _names(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def shop(built_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files and runs that the pages speak of."""
    for name in ("demo", "mine"):
        shutil.copytree(built_run, tmp_path / "runs" / name)
    rows = [f"p{i},{name},Food > Milk,Acme,{i}.5" for i, name in enumerate(("oat milk", "rye bread", "red soup") * 20)]
    (tmp_path / "products.csv").write_text("\n".join(["id,title,category,brand,price", *rows]))
    new = ["id,title,category,brand,price", "p10,barley milk,Food > Milk,Acme,3", "p11,rye milk,Food > Milk,Acme,3"]
    (tmp_path / "new.csv").write_text("\n".join(new))
    (tmp_path / "prices.csv").write_text(f"id,price\n{load_dataset(built_run / 'data')[0].catalogue.ids[0]},9.99\n")
    [first, second] = load_dataset(built_run / "data")[0].catalogue.ids[:2]
    clicks = [f"zorb number {n},{first if n % 2 else second},3" for n in range(20)]
    (tmp_path / "clicks.csv").write_text("\n".join(["query,product_id,grade", *clicks]))
    (tmp_path / "asked.txt").write_text("oat milk\nrye bread\n")
    (tmp_path / "sold_out.txt").write_text("p11\n")
    (tmp_path / "queries.csv").write_text("id,text,split\nq1,oat milk,train\nq2,rye bread,test\n")
    (tmp_path / "judgements.csv").write_text("query_id,product_id,grade\nq1,p0,1\nq2,p1,1\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _verb(arguments: list[str]) -> tuple[click.Command, list[str], str]:
    """The command that some arguments name, what is left for it, and its own name."""
    command: click.Command | None = cli
    left, name = arguments, "genret"
    while isinstance(command, click.Group):
        name, command, left = left[0], command.get_command(click.Context(command), left[0]), left[1:]
    assert command is not None, f"no command {name!r}"
    return command, left, name


@pytest.mark.parametrize("page", WRITTEN, ids=_names)
def test_every_command_of_a_page_exists_and_the_quick_ones_run(page: Path, shop: Path) -> None:
    for words in _commands(page):
        if words[0] == "make":
            targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
            assert words[1] in targets, words
        elif words[0] == "python":
            assert (ROOT / words[1]).is_file(), words
        else:
            command, left, name = _verb(words[1:])
            command.make_context(name, list(left))
            if name not in LONG:
                result = CliRunner().invoke(cli, words[1:])
                assert result.exit_code == 0, f"{shlex.join(words)}: {result.output}{result.exception!r}"


def _long(page: Path) -> list[list[str]]:
    """The page's commands that take minutes; the demo, serving and what downloads a model have tests of their own."""
    genret = [words for words in _commands(page) if words[0] == "genret"]
    return [words for words in genret if _verb(words[1:])[2] in LONG - {"demo", "serve", "build"}]


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", [page for page in WRITTEN if _long(page)], ids=_names)
def test_the_long_commands_run_too(shop: Path, page: Path) -> None:
    """In the order of the page, on a run that no other page has changed."""
    for words in _long(page):
        begun = time.monotonic()
        result = CliRunner().invoke(cli, words[1:])
        assert result.exit_code == 0, f"{shlex.join(words)}: {result.output}{result.exception!r}"
        print(f"{time.monotonic() - begun:7.1f} s  {shlex.join(words)}", flush=True)


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    pytest.importorskip("zensical", reason="pip install 'genret[docs]'")
    for name in ("docs", "genret", "eval/results", "tokenizer/results"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "mkdocs.yml", tmp_path)
    views = {"search", "why-not"}  # a tree may have been built already, or not
    shutil.rmtree(tmp_path / "docs/images", ignore_errors=True)
    (tmp_path / "docs/images").mkdir()
    for name in views:
        (tmp_path / f"docs/images/{name}.png").write_bytes(base64.b64decode(PIXEL))
    for command in (["docs/generate.py"], ["-m", "zensical", "build", "--strict", "--clean"]):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "site"
    assert "lam" in (site / "reference/settings/index.html").read_text(encoding="utf-8")
    assert "beam_search" in (site / "reference/api/index.html").read_text(encoding="utf-8")
    shown = re.findall(r"\.\./images/([\w-]+)\.png", (site / "guides/explorer/index.html").read_text(encoding="utf-8"))
    assert set(shown) == views
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]
    foreign = re.compile(r"""<(?:script|link|img)[^>]+(?:src|href)="https?://(?!127\.)[^"]+\.(?:js|css|woff2?|png)""")
    assert not [page for page in pages if foreign.search(page.read_text(encoding="utf-8"))]
