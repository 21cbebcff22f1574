"""The fuzzers, some trials of each by default, and an hour of them under `make test-slow`: nothing but GenretErrors."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.calls import answers
from fuzz.fuzzers import FUZZERS, fuzz
from hypothesis import given
from hypothesis import strategies as st

from genret.ground.errors import GenretError
from genret.index.filter_text import parse

DEFAULT = {"where": 1000, "files": 150, "parquet": 80, "manifests": 30, "commands": 10}
"""Trials by default: seconds in all."""
HOUR = {"where": 600, "files": 1200, "parquet": 600, "manifests": 600, "commands": 600}
"""Seconds under `make test-slow`."""
STRINGS = 20_000


@pytest.mark.parametrize("name", FUZZERS)
def test_nothing_but_clear_errors(name: str, built_run: Path) -> None:
    found = fuzz(name, built_run, range(DEFAULT[name]))
    assert not found.wrong, "\n".join(found.wrong)
    assert found.trials == DEFAULT[name]
    assert found.refused > 0  # else it finds nothing wrong, whatever there is


@pytest.mark.slow
@pytest.mark.timeout(2000)
@pytest.mark.parametrize("name", FUZZERS)
def test_an_hour_of_them(name: str, built_run: Path) -> None:
    found = fuzz(name, built_run, range(DEFAULT[name], 10**9), HOUR[name])
    assert not found.wrong, "\n".join(found.wrong)


@pytest.mark.slow
def test_twenty_thousand_conditions(built_run: Path) -> None:
    found = fuzz("where", built_run, range(STRINGS))
    assert not found.wrong, "\n".join(found.wrong)
    assert found.trials == STRINGS


def test_every_wrong_argument_is_answered_by_a_genret_error(built_run: Path) -> None:
    found = answers(built_run)
    assert not found.other, "\n".join(found.other)
    assert found.calls > 300


CONDITIONS = st.recursive(
    st.sampled_from(["price < 5", 'brand = "x"', "available", "diet in ('a')", 'category under "A > B"', "store:n"]),
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from(["and", "or", "AND"]), inner).map(lambda parts: f"({' '.join(parts)})"),
    ),
    max_leaves=30,
)


@given(CONDITIONS)
def test_conditions_print_as_they_parse(text: str) -> None:
    condition = parse(text)
    assert parse(str(condition)) == condition


@given(st.text(max_size=200))
def test_any_text_is_a_condition_or_an_error_of_at_most_a_line(text: str) -> None:
    try:
        parse(text)
    except GenretError as error:
        message = str(error)
    else:
        message = ""
    assert len(message) < 300


@pytest.mark.slow
def test_a_gzip_of_a_gigabyte_stays_small(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.csv.gz"
    with gzip.open(bomb, "wb", compresslevel=6) as file:
        file.write(b"id,title\n1,")
        for _ in range(1024):
            file.write(b"a" * (1 << 20))
    code = (
        "import resource, sys\nfrom genret import GenretError\nfrom genret.data import read_catalogue\n"
        "try:\n    read_catalogue(sys.argv[1], on_bad_row='skip')\nexcept GenretError as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(bomb)], capture_output=True, text=True, check=True)
    said, megabytes = done.stdout.splitlines()
    assert "bomb.csv.gz" in said
    assert int(megabytes) < 500
