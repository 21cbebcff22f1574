"""Who shares a build: the options around `--ray`, and the stages over the workers that they ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genret.cli.source import tell
from genret.ground.errors import GenretError, require_extras
from genret.ground.ranks import world_size

if TYPE_CHECKING:
    from genret.index.shards import Shards
    from genret.pipeline.distributed.engine import Address
    from genret.pipeline.distributed.stages import Stages


def ray_options(command: Any) -> Any:
    """Whether other processes and machines share the work."""
    ray = click.option(
        "--ray",
        metavar="local|auto|HOST:PORT",
        help="Share embedding, coding and shards over Ray; local:4 has four workers here. The artifacts are the same.",
    )
    shards = click.option(
        "--shards", type=click.IntRange(1, 99), help="With --ray: the index in so many parts too, RUN/shards."
    )
    train = click.option(
        "--train-workers",
        type=click.IntRange(1, 999),
        help="With --ray: train the model over so many processes of Ray Train. Default: in this process.",
    )
    return ray(shards(train(command)))


def address_of(ray: str | None, shards: int | None, train_workers: int | None = None) -> Address | None:
    """Where Ray is to run, if it is asked for, and installed."""
    if ray is None:
        if shards:
            raise GenretError(f"--shards {shards} needs workers to write them; add --ray local, or --ray HOST:PORT")
        if train_workers:
            raise GenretError(f"--train-workers {train_workers}: they are Ray's; add --ray local, or --ray HOST:PORT")
        return None
    require_extras("ray")
    if world_size() > 1:
        raise GenretError("--ray shares the work in its own way; leave out torchrun, or --ray")
    from genret.pipeline.distributed.engine import Address

    return Address.parse(ray)


@contextmanager
def shared(address: Address | None, run: Path) -> Iterator[Stages]:
    """The stages that can be shared out: over Ray's workers at an address, or in this process."""
    from genret.pipeline.distributed.engine import workers
    from genret.pipeline.distributed.stages import Stages

    if address is None:
        yield Stages(None)
        return
    with workers(address, run) as found:
        yield Stages(found)


def tell_shards(made: Shards) -> None:
    """One line on the shards that were written."""
    tell(f"{'shards':9s} {len(made.shards)} of generation {made.generation}  ({made.path})")
