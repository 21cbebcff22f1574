"""Lines on stderr are whole, whoever writes beside, and what can't be told loses nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

WRITING = """
import json, sys, threading
from genret.ground.stderr import write_line

sys.setswitchinterval(1e-6)
def write(name):
    for number in range(500):
        write_line(json.dumps({"name": name, "number": number, "said": "x" * 200}))

threads = [threading.Thread(target=write, args=(name,)) for name in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("done")
"""


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_lines_of_several_threads_are_never_torn(unbuffered: str) -> None:
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    done = subprocess.run([sys.executable, "-c", WRITING], env=env, capture_output=True, check=True, text=True)
    told = [json.loads(line) for line in done.stderr.splitlines()]
    for name in range(8):
        assert [line["number"] for line in told if line["name"] == name] == list(range(500))


def test_a_disk_that_is_full_loses_lines_and_no_work(tmp_path: Path) -> None:
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)){WRITING}"
    with open(tmp_path / "log", "w") as log:
        done = subprocess.run([sys.executable, "-c", limited], stdout=subprocess.PIPE, stderr=log, check=False)
    assert (done.returncode, done.stdout) == (0, b"done\n")
    assert (tmp_path / "log").stat().st_size == 5000


def test_a_reader_that_has_ended_loses_its_lines_and_no_work() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run([sys.executable, "-c", WRITING], stdout=subprocess.PIPE, stderr=writing, check=False)
    finally:
        os.close(writing)
    assert (done.returncode, done.stdout) == (0, b"done\n")
