"""Seeded fuzzers: a trial per number, which ends well or in a GenretError (commands: with exit code 0 or 2).

    python tests/fuzz/fuzzers.py RUN [NAME] [COUNT]      prints trials, errors, other exceptions and the slowest trial

`test_fuzz.py` runs some of each by default, and for an hour under `make test-slow`.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

from genret.data import attach_judgements, read_catalogue, read_judgements, read_queries
from genret.data.records import Catalogue, Dataset
from genret.eval.runs import read_qrels, read_trec_run
from genret.ground.artifacts import _fingerprint, read_artifact
from genret.ground.errors import GenretError
from genret.ground.settings import read_preset
from genret.ground.types import Product
from genret.index.filter_text import parse
from genret.index.filter_values import check_values
from genret.index.filters import resolve

Trial = Callable[[], object]
PRODUCTS = [
    Product("a", "Marinara", ("Pantry", "Pasta Sauces"), "Rao's", "", {"diet": "vegan"}, 4.5, True, ("n",)),
    Product("b", "Soup", ("Pantry",), "Acme", "", {"screen size": "15"}, None, False, ("South Side",)),
]
SHOP = Dataset("shop", Catalogue.from_products(PRODUCTS))
WORDS = (
    *(
        "price",
        "brand",
        "category",
        "stores",
        "attributes",
        "attributes.diet",
        'attributes."screen size"',
        "diet",
        "id",
    ),
    *(
        "available",
        "store:n",
        'store:"South Side"',
        "nocase",
        "and",
        "or",
        "not",
        "in",
        "under",
        "has",
        "true",
        "false",
    ),
    *(
        "=",
        "==",
        "!=",
        "<>",
        "<",
        "<=",
        ">",
        ">=",
        "(",
        ")",
        ",",
        "5",
        "-.5e3",
        "1e999",
        "9" * 400,
        '"Acme"',
        "'Rao\\'s'",
    ),
    *(
        '"Pantry > Pasta Sauces"',
        '"\\>"',
        '""',
        '"',
        "'",
        "\\",
        "\0",
        "\ud800",
        "\u202e",
        "e\u0301",
        "x" * 300,
        "~",
        "\n",
    ),
)
ROWS = range(1, 31)
TABLES = {
    "p.csv": "id,title,price,stock,category\n" + "".join(f'{n},"Oat ""m"" {n}","{n},50",{n % 3},A > B\n' for n in ROWS),
    "p.jsonl": "".join(f'{{"id": {n}, "title": "Oat milk", "price": {n}.5, "category": ["Food"]}}\n' for n in ROWS),
    "q.tsv": "id\ttext\tsplit\n" + "".join(f"{n}\tmilk {n}\t{'test' if n % 2 else 'train'}\n" for n in ROWS),
    "j.csv": "query,product_id,grade\n" + "".join(f"milk {n},{'ab'[n % 2]},{n / 3:.2f}\n" for n in ROWS),
    "j.trec": "".join(f"{n} 0 a%20{n} {n / 3:.2f}\n" for n in ROWS),
    "r.run": "".join(f"q%20 Q0 a{n} {n} {-n / 7} t;score=-0.5\n" for n in ROWS),
    "preset.toml": "[train]\nmax_steps = 5\nlr = 1e-3\n[tokenizer]\ncodebook_sizes = [4, 4]\n",
    "preset.json": '{"train": {"max_steps": 5}, "embed": {"model": "lsa"}}',
}
READERS: dict[str, tuple[Callable[[Path], object], ...]] = {
    "p.csv": (read_catalogue, lambda path: read_catalogue(path, on_bad_row="error")),
    "p.jsonl": (read_catalogue,),
    "q.tsv": (read_queries,),
    "j.csv": (read_judgements, lambda path: attach_judgements(SHOP, path)),
    "j.trec": (read_judgements, read_qrels),
    "r.run": (read_trec_run,),
    "preset.toml": (read_preset,),
    "preset.json": (read_preset,),
}
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "\ud800",
    [],
    {},
    [[]],
    10**400,
    float("inf"),
    "../x",
    b"",
    object(),
)
PIECES = (
    b"",
    b'"',
    b",",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\xed\xa0\x80",
    b"[" * 50,
    b"{",
    b"1e999",
    b"%",
    b"nan",
)


def where(rng: random.Random, run: Path) -> Trial:
    """A condition as text, parsed, printed, looked up and evaluated."""
    count = int(rng.paretovariate(0.7)) if rng.random() < 0.05 else rng.randint(1, 20)
    if rng.random() < 0.4:  # likely to parse
        leaves = [
            "price < 5",
            'brand = "Acme"',
            "available",
            'stores has "n"',
            'category under "Pantry"',
            'id in ("a")',
        ]
        signs = [rng.choice(["", "not ", "("]) for _ in range(count)]
        parts = [f"{sign}{rng.choice(leaves)} {rng.choice(['and', 'or'])} " for sign in signs]
        text = "".join(parts) + "available" + ")" * signs.count("(")
    else:
        text = rng.choice(["", " "]).join(rng.choice(WORDS) for _ in range(min(count, 5000)))

    def trial() -> None:
        condition = resolve(parse(text), {}, {"diet", "screen size"})
        assert str(parse(str(condition))) == str(condition)
        check_values(condition, [SHOP.catalogue.table])
        condition.mask(SHOP.catalogue.table)

    return trial


def files(rng: random.Random, run: Path) -> Trial:
    """A table, a run, qrels or a preset with some of its bytes changed."""
    name = rng.choice(sorted(TABLES))
    content = mutated(rng, TABLES[name].encode())
    packed = rng.random()
    if packed < 0.1:
        content = gzip.compress(content) if packed < 0.05 else mutated(rng, gzip.compress(content))

    def trial() -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / (name + (".gz" if packed < 0.1 and "preset" not in name else ""))
            path.write_bytes(content)
            rng.choice(READERS[name])(path)

    return trial


def parquet(rng: random.Random, run: Path) -> Trial:
    """A Parquet file with some of its bytes changed."""
    buffer = io.BytesIO()
    import pyarrow.parquet as pq

    pq.write_table(SHOP.catalogue.table, buffer)
    content = mutated(rng, buffer.getvalue())

    def trial() -> None:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "p.parquet").write_bytes(content)
            read_catalogue(Path(folder) / "p.parquet")

    return trial


def manifests(rng: random.Random, run: Path) -> Trial:
    """A part of a run whose manifest is changed, often with its fingerprint, and read by what reads it."""
    from genret.pipeline.folder import RunFolder

    part = rng.choice(["data", "embeddings", "tokenizer"])
    readers: dict[str, Callable[[RunFolder], object]] = {
        "data": RunFolder.dataset,
        "embeddings": RunFolder.vectors,
        "tokenizer": RunFolder.tokenizer,
    }

    def trial() -> None:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(run / part, Path(folder) / part, copy_function=_link)
            path = Path(folder) / part / "manifest.json"
            text = path.read_bytes()
            path.unlink()
            if rng.random() < 0.5:
                path.write_bytes(mutated(rng, text))
            else:
                manifest = json.loads(text)
                _change(rng, manifest)
                with contextlib.suppress(TypeError, ValueError, AttributeError):
                    manifest["fingerprint"] = _fingerprint(manifest)
                path.write_text(json.dumps(manifest, default=str))
            read_artifact(Path(folder) / part, "dataset" if part == "data" else part)
            readers[part](RunFolder(folder))

    return trial


def commands(rng: random.Random, run: Path) -> Trial:
    """A command of the command line with options that it has, and values of any kind."""
    import click

    from genret.cli import COMMANDS, cli, main

    name = rng.choice([name for name in COMMANDS if name not in ("demo", "build", "serve", "train", "tokenizer")])
    with click.Context(cli) as context:
        command = cli.get_command(context, name)
    assert command is not None
    values = [
        "",
        "x",
        "-1",
        "0",
        "nan",
        "1e999",
        "\udc80",
        "[",
        "a=b",
        "9" * 30,
        "price <",
        "/dev/null/x",
        "=",
        "train.lr=x",
    ]
    arguments = [name]
    for parameter in rng.sample(command.params, min(len(command.params), rng.randint(0, 4))):
        flag = [] if isinstance(parameter, click.Argument) else [parameter.opts[0]]
        takes = not (isinstance(parameter, click.Option) and parameter.is_flag)
        arguments += [*flag, *([rng.choice(values)] if takes else [])]

    def trial() -> None:
        with tempfile.TemporaryDirectory() as folder, _inside(folder):
            said = io.StringIO()
            try:
                with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                    main(arguments)
            except SystemExit as exit_:
                if exit_.code not in (0, 2):
                    raise AssertionError(f"{arguments}: exit code {exit_.code}, {said.getvalue()[-300:]}") from None
                if exit_.code == 2:
                    raise GenretError(said.getvalue()[-300:]) from None

    return trial


def mutated(rng: random.Random, content: bytes) -> bytes:
    """The bytes with one to four places changed, cut or doubled."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        at = rng.randrange(len(data) + 1)
        to = min(len(data), at + rng.randint(0, 8))
        kind = rng.random()
        if kind < 0.4:
            data[at:to] = rng.choice(PIECES)
        elif kind < 0.6:
            data[at:to] = bytes(rng.randrange(256) for _ in range(to - at))
        elif kind < 0.8:
            data[at:at] = data[at:to] * rng.randint(1, 50)
        else:
            del data[at : at + rng.randint(1, rng.choice([4, 40, max(1, len(data) // 3)]))]
    return bytes(data)


def _change(rng: random.Random, value: Any) -> None:
    """Put something else somewhere into a JSON value."""
    while isinstance(value, dict | list) and value:
        key = rng.choice(list(value) if isinstance(value, dict) else range(len(value)))
        if rng.random() < 0.4 or not isinstance(value[key], dict | list) or not value[key]:
            if rng.random() < 0.3:
                del value[key]
            else:
                value[key] = rng.choice(
                    [one for one in VALUES if not isinstance(one, bytes) and type(one) is not object]
                )
            return
        value = value[key]


@contextlib.contextmanager
def _inside(folder: str) -> Iterator[None]:
    """With `folder` as the working directory."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _link(source: str, target: str) -> None:
    Path(target).hardlink_to(source)


FUZZERS: dict[str, Callable[[random.Random, Path], Trial]] = {
    "where": where,
    "files": files,
    "parquet": parquet,
    "manifests": manifests,
    "commands": commands,
}


class Outcome(NamedTuple):
    """What some trials came to."""

    trials: int
    refused: int
    """Those that ended in a GenretError."""
    wrong: list[str]
    """Seed and exception of those that ended in any other."""
    slowest: tuple[float, int]
    """Seconds of processor time, and the trial's seed: the machine may be busy with something else."""


def fuzz(name: str, run: Path, seeds: range, seconds: float = float("inf")) -> Outcome:
    """Trials of a fuzzer, one per seed, until the seconds are over."""
    refused, wrong, slowest, started, done = 0, [], (0.0, 0), perf_counter(), 0
    for seed in seeds:
        trial = FUZZERS[name](random.Random(f"{name} {seed}"), run)
        begun = process_time()
        try:
            trial()
        except GenretError:
            refused += 1
        except Exception as error:  # what is looked for
            wrong.append(f"{name} {seed}: {type(error).__name__}: {error}"[:300])
        slowest, done = max(slowest, (process_time() - begun, seed)), done + 1
        if perf_counter() - started > seconds:
            break
    return Outcome(done, refused, wrong, slowest)


if __name__ == "__main__":
    names = sys.argv[2:3] or list(FUZZERS)
    for chosen in names:
        found = fuzz(chosen, Path(sys.argv[1]), range(int(sys.argv[3]) if len(sys.argv) > 3 else 1000))
        print(
            f"{chosen}: {found.trials} trials, {found.refused} refused, {len(found.wrong)} other exceptions, "
            f"slowest {found.slowest[0]:.3f} s of processor time (seed {found.slowest[1]})"
        )
        print("\n".join(found.wrong[:20]))
