"""The wheel in an empty environment of each Python at hand: alone, then with its extras. Needs a package index."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from served import serving

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.10", "3.11", "3.12", "3.13")
QUICK = [
    "--model",
    "lsa",
    "--max-steps",
    "5",
    "--set",
    "tokenizer.steps=20",
    "--set",
    "tokenizer.codebook_sizes=8,8,8,8",
]


def _python(version: str) -> str | None:
    """Where that version is, if it runs: a name on the path may be a shim of a version that is turned off."""
    found = shutil.which(f"python{version}")
    if found is None or subprocess.run([found, "-c", "import ssl, sqlite3"], capture_output=True).returncode:
        return None
    return found


class Environment:
    """A virtual environment, and a folder to work in."""

    def __init__(self, python: str, folder: Path) -> None:
        self.folder, self.bin = folder, folder / "venv/bin"
        subprocess.run([python, "-m", "venv", str(folder / "venv")], check=True)

    def install(self, *what: str) -> None:
        command = [str(self.bin / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *what]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-3000:]

    def genret(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run([self.bin / "genret", *arguments], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("version", VERSIONS)
def test_the_wheel_works_alone_and_with_its_extras(version: str, run_copy: Path, tmp_path: Path) -> None:
    python = _python(version)
    if python is None:
        pytest.skip(f"no Python {version} here")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    pins = re.findall(r"^torch==.*$", (ROOT / "constraints.txt").read_text(), re.M)
    there = Environment(python, tmp_path)
    there.install(*pins)
    there.install(str(wheel))
    titles = ("oat milk", "rye bread", "red soup") * 20
    rows = [f"p{i},{title} {i},Food > Milk,{i}.5" for i, title in enumerate(titles)]
    (tmp_path / "products.csv").write_text("\n".join(["id,title,category,price", *rows]))

    assert '"hits"' in there.genret("search", "oat milk", "--run", str(run_copy), "--json")
    there.genret("put", str(run_copy), "products.csv")
    assert "oat milk 0" in there.genret("search", "oat milk 0", "--run", str(run_copy), "--json")
    there.genret("compact", str(run_copy))
    said = there.genret("build", "products.csv", "--out", "mine", code=2)
    assert len(said.splitlines()) == 1
    assert "pip install" in said
    assert "pip install" in there.genret("serve", str(run_copy), code=2)

    there.install(*pins, f"{wheel}[all,ray]")
    there.genret("build", "products.csv", "--out", "mine", *QUICK)
    there.genret("build", "products.csv", "--out", "shared", "--ray", "local:2", "--shards", "2", *QUICK)
    there.genret("eval", "mine")
    there.genret("doctor")
    with serving(tmp_path / "mine", tmp_path, genret=[str(there.bin / "genret")]) as server, server.client() as client:
        answer = client.post("/v1/search", json={"query": "rye bread", "k": 3})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["results"][0]["hits"]) == 3
        assert server.stop() == 0
