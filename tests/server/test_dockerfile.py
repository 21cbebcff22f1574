"""The image: linted always, built and run where a Docker daemon is at hand."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "Dockerfile"


def test_the_dockerfile_has_nothing_that_hadolint_minds() -> None:
    hadolint = shutil.which("hadolint") or Path(sys.prefix) / "bin" / "hadolint"
    if not Path(hadolint).exists():
        pytest.skip("no hadolint here; install it: pip install -e '.[dev]'")
    done = subprocess.run([hadolint, str(FILE)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_it_copies_exists_and_it_serves_as_an_ordinary_user() -> None:
    text = FILE.read_text(encoding="utf-8")
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            assert f"!{source}" in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    last = text.rpartition("\nFROM ")[2]
    user = re.search(r"^USER (\S+)$", last, re.MULTILINE)
    assert user
    assert user[1] not in ("0", "root")
    assert last.index("USER") < last.index("ENTRYPOINT")
    flags = re.search(r'ENTRYPOINT \["genret", "serve", (.+)\]', last)
    assert flags
    assert '"--host", "0.0.0.0"' in flags[1]


def _daemon() -> bool:
    docker = shutil.which("docker")
    return docker is not None and subprocess.run([docker, "info"], capture_output=True).returncode == 0


@pytest.mark.slow
@pytest.mark.skipif(not _daemon(), reason="no Docker daemon here")
@pytest.mark.timeout(1800)
def test_the_image_builds_and_knows_its_command() -> None:
    subprocess.run(["docker", "build", "-t", "genret-test", str(ROOT)], check=True)
    shown = subprocess.run(
        ["docker", "run", "--rm", "genret-test", "--help"], capture_output=True, text=True, check=True
    )
    assert "genret serve" in shown.stdout
    user = subprocess.run(
        ["docker", "run", "--rm", "--entrypoint", "id", "genret-test", "-u"], capture_output=True, text=True, check=True
    )
    assert user.stdout.strip() == "10001"
