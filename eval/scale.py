"""How a build grows with the catalogue: seconds and peak memory of every stage by size, with fitted exponents.

    python eval/scale.py                                        # 3,000 to 30,000 products: minutes (`make scale`)
    python eval/scale.py --sizes 10000,30000,100000,300000,1000000 --out eval/results/scale
    python eval/scale.py --vectors 100000,1000000,10000000      # random vectors: IDs, index and search, no products

Every stage runs in a process of its own, whose processor seconds and peak memory the kernel counts (`getrusage`); the
packages are loaded before, and weigh on no stage's time. Each result is kept in the folder of `--work` when its stage
ends, so that a command that was cut off goes on with the next stage. Tables, a plot and CSV go to `--out`.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from scale_report import write_report
from scale_stages import STAGES, Plan, Stage, perform
from scale_vectors import VECTORS
from script import RESULTS, run_script

from genret.ground.artifacts import read_json, write_json
from genret.ground.errors import GenretError
from genret.ground.hardware import prepare_threads, record
from genret.ground.settings import settings_dict
from genret.pipeline.folder import RunFolder

Row = dict[str, Any]


def measured(name: str, stage: Stage, run: Path, plan: Plan) -> Row:
    """Run a stage in a child process: its seconds by the clock and of the processor, its peak memory, its facts."""
    answer = run / f".{name}.answer.json"
    answer.unlink(missing_ok=True)
    started = time.perf_counter()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os._exit(_in_child(answer, name, stage, RunFolder(run), plan))
    _, status, used = os.wait4(child, 0)
    if status:
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        raise GenretError(f"{name} at {plan.products:,} products ended {how}; what it said is above; run it again")
    facts = read_json(answer)
    answer.unlink()
    return {
        "products": plan.products,
        "stage": name,
        "wall_s": round(time.perf_counter() - started, 3),
        "cpu_s": round(used.ru_utime + used.ru_stime, 3),
        "peak_mb": round(used.ru_maxrss / 1024, 1),
        "load": round(os.getloadavg()[0], 1),
        **facts,
    }


def _in_child(answer: Path, name: str, stage: Stage, run: RunFolder, plan: Plan) -> int:
    """The exit code of a stage, whose facts are written to the file `answer`."""
    try:
        write_json(answer, perform(name, stage, run, plan))
    except GenretError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return 2
    except BaseException:
        import traceback

        traceback.print_exc()
        return 1
    return 0


def grow(work: Path, plan: Plan, sizes: list[int], stages: dict[str, Stage], kept_only: bool = False) -> list[Row]:
    """A row for every size and stage, measured or read from `work`, where it was kept; `kept_only` measures none."""
    rows: list[Row] = []
    for size in sizes:
        own, run = replace(plan, products=size), work / str(size)
        kept = run / "measured"
        kept.mkdir(parents=True, exist_ok=True)
        for name, stage in stages.items():
            file = kept / f"{name}.json"
            if file.exists():
                found = read_json(file)
                if found["plan"] != settings_dict(own):
                    raise GenretError(f"{file} was measured with another plan; give another --work, or remove {run}")
            elif kept_only:
                continue
            else:
                found = {"plan": settings_dict(own), "row": measured(name, stage, run, own)}
                write_json(file, found)
            rows.append(found["row"])
            click.echo(json.dumps(found["row"]), err=True)
    return rows


def numbers(text: str) -> list[int]:
    """`3000,10000` as ascending sizes."""
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts or not all(part.isdigit() and int(part) > 0 for part in parts):
        raise GenretError(f"sizes {text!r}: expected whole numbers above 0 between commas, such as 3000,10000")
    return sorted({int(part) for part in parts})


@click.command()
@click.option("--sizes", default="3000,10000,30000", show_default=True, help="Products, between commas.")
@click.option("--vectors", help="Sizes of random vectors, in place of the catalogue.")
@click.option("--seed", default=Plan.seed, show_default=True)
@click.option("--model", default=Plan.model, show_default=True, type=click.Choice(["towers", "lsa"]))
@click.option("--dim", default=Plan.dim, show_default=True, help="Of embeddings, latents and model.")
@click.option("--embed-steps", default=Plan.embed_steps, show_default=True)
@click.option("--tokenizer-steps", default=Plan.tokenizer_steps, show_default=True)
@click.option("--codes", default=Plan.codes, show_default=True, help="Per level, of four.")
@click.option("--max-steps", default=Plan.max_steps, show_default=True, help="0: the dense start, untrained.")
@click.option("--beam-width", default=Plan.beam_width, show_default=True)
@click.option("--query-scale", default=Plan.query_scale, show_default=True, help="0: as the size has it by default.")
@click.option("--queries", default=Plan.queries, show_default=True)
@click.option(
    "--skip", default="", help="Stages to leave out, between commas, such as read: a slow one that no other needs."
)
@click.option("--kept", "kept_only", is_flag=True, help="Report what --work holds already; measure nothing.")
@click.option("--work", type=click.Path(path_type=Path), default="runs/scale", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="[default: eval/results/scale, or -vectors]")
def main(
    sizes: str, vectors: str | None, skip: str, kept_only: bool, work: Path, out: Path | None, **plan: Any
) -> None:
    """Measure every stage of a build at several sizes."""
    prepare_threads()
    name = "scale-vectors" if vectors else "scale"
    every = VECTORS if vectors else STAGES
    left = {part.strip() for part in skip.split(",") if part.strip()}
    if unknown := sorted(left - every.keys()):
        raise GenretError(f"--skip {unknown[0]}: expected some of {', '.join(every)}")
    stages = {name: stage for name, stage in every.items() if name not in left}
    work = work.with_name(work.name + "-vectors") if vectors else work
    settings = Plan(products=0, **plan)
    rows = grow(work, settings, numbers(vectors or sizes), stages, kept_only)
    if not rows:
        raise GenretError(f"{work} holds no measured stage of these sizes; measure them first, without --kept")
    command = " ".join(["python eval/scale.py", *sys.argv[1:]])
    out = out or RESULTS / name
    click.echo(write_report(out, rows, settings_dict(settings), record(), command))


if __name__ == "__main__":
    run_script(main)
