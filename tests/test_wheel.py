"""What is shipped: the wheel holds the files that the code reads, and works before any extra is installed."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = (
    "accelerate",
    "tensorboard",
    "sentence_transformers",
    "faiss",
    "ir_measures",
    "matplotlib",
    "jinja2",
    "fastapi",
    "ray",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling", reason="pip install hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_every_file_of_the_package_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    listed = subprocess.run(["git", "ls-files", "genret"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    assert set(listed) <= set(wheel.namelist())
    assert "genret/py.typed" in wheel.namelist()


def test_the_wheel_needs_no_extra_and_names_its_licence(wheel: zipfile.ZipFile) -> None:
    name = next(name for name in wheel.namelist() if name.endswith("/METADATA"))
    metadata = wheel.read(name).decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert not [line for line in needed if any(extra.replace("_", "-") in line for extra in EXTRAS)]
    assert "License-Expression: Apache-2.0" in metadata


def test_wheel_and_sdist_are_as_a_package_index_takes_them(tmp_path: Path) -> None:
    for module in ("hatchling", "twine"):
        pytest.importorskip(module, reason=f"pip install {module}")
    build = [sys.executable, "-m", "hatchling", "build", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    files = sorted(map(str, tmp_path.iterdir()))
    assert sorted(file.rpartition(".")[2] for file in files) == ["gz", "whl"]
    check = [sys.executable, "-m", "twine", "check", "--strict", *files]
    done = subprocess.run(check, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_of_the_readme_work_outside_the_repository() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = re.findall(r"(?<!!)\[[^\]]+\]\(([^)]+)\)|!\[[^\]]*\]\(([^)]+)\)", text)
    local = [link for pair in links for link in pair if link and not link.startswith(("http", "#"))]
    assert not local, "a package index shows the README without the files beside it"


def _without_extras(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process that has none of the extras."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({EXTRAS!r}))"
    program = f"{blocked}; from genret.cli import main; main({list(arguments)!r})"
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)


def test_without_extras_help_and_settings_work() -> None:
    for arguments in (["--help"], ["settings", "tokenizer"], ["build", "--help"]):
        done = _without_extras(*arguments)
        assert done.returncode == 0, done.stderr


def test_without_extras_a_search_works(built_run: Path) -> None:
    done = _without_extras("search", "oat milk", "--run", str(built_run), "--json")
    assert done.returncode == 0, done.stderr
    assert '"hits"' in done.stdout


def test_what_needs_an_extra_says_so_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "products.csv").write_text("id,title\n1,tea\n2,soup\n")
    done = _without_extras("build", str(tmp_path / "products.csv"), "--out", str(tmp_path / "run"))
    assert done.returncode == 2
    assert "pip install" in done.stderr
    assert "accelerate" in done.stderr
    done = _without_extras("build", str(tmp_path / "products.csv"), "--out", str(tmp_path / "run"), "--ray", "local")
    assert done.returncode == 2
    assert re.search(r"not installed: ray; run: pip install \S+ ?'.*\[ray\]'", done.stderr), done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "run").exists()
