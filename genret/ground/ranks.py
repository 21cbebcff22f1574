"""The processes of a `torchrun`, which share one build: ranks 0 to W - 1. Alone, a process is rank 0 of 1.

Every rank runs the same program. Where they share work, each does its part; what is decided is decided by rank 0
(`agreed`), rank 0 alone writes, and the others `wait`. Gloo on CPUs, nccl on GPUs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from genret.ground.errors import GenretError

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

PATIENCE = timedelta(days=7)
"""How long a rank waits for the others: as long as any stage takes."""


def backend(gpus: bool) -> str:
    """What ranks speak through: what is decided goes by CPU on GPUs too."""
    return "cpu:gloo,cuda:nccl" if gpus else "gloo"


def world_size() -> int:
    """How many processes share the work."""
    return _number("WORLD_SIZE", 1)


def rank() -> int:
    """Which of them this is."""
    return _number("RANK", 0) if world_size() > 1 else 0


def local_rank() -> int:
    """Which of those on this machine."""
    return _number("LOCAL_RANK", 0) if world_size() > 1 else 0


def is_main() -> bool:
    """Whether this process is the one that writes and speaks."""
    return rank() == 0


def wait() -> None:
    """Until every rank has come here."""
    if world_size() > 1:
        _group().barrier()


def agreed(decide: Callable[[], T]) -> T:
    """What rank 0 decides, on every rank: a JSON-like value. The others do not look for themselves."""
    if world_size() == 1:
        return decide()
    box: list[Any] = [decide() if is_main() else None]
    _group().broadcast_object_list(box, src=0)
    return box[0]


def main_alone(work: Callable[[], object]) -> None:
    """Have rank 0 do what cannot be shared while the others wait."""
    if is_main():
        work()
    wait()


def share_of(count: int) -> slice:
    """This rank's part of `count` rows: consecutive, and as long as the others' give or take one."""
    size, rest = divmod(count, world_size())
    first = rank() * size + min(rank(), rest)
    return slice(first, first + size + (rank() < rest))


def gathered(rows: Tensor, count: int) -> Tensor:
    """(count, D) the rows of all ranks, each of which gives its `share_of` them; gradients flow to its own only."""
    if world_size() == 1:
        return rows
    dist = _group()
    most = -(-count // world_size())
    padded = rows.new_zeros(most, rows.shape[1])
    padded[: len(rows)] = rows.detach()
    parts = [padded.new_empty(padded.shape) for _ in range(world_size())]
    dist.all_gather(parts, padded)
    lengths = [count // world_size() + (number < count % world_size()) for number in range(world_size())]
    whole = [part[:length] for part, length in zip(parts, lengths, strict=True)]
    whole[rank()] = rows
    import torch

    return torch.cat(whole)


def sum_gradients(parameters: Iterable[Tensor]) -> None:
    """Add up every parameter's gradient over the ranks."""
    if world_size() == 1:
        return
    for parameter in parameters:
        if parameter.requires_grad:
            if parameter.grad is None:
                parameter.grad = parameter.new_zeros(parameter.shape)
            _group().all_reduce(parameter.grad)


def _group() -> Any:
    """torch.distributed, its process group made on first use: transformers' Trainer then takes the same one."""
    import torch
    import torch.distributed as dist

    if not dist.is_initialized():
        gpus = torch.cuda.is_available() and os.environ.get("GENRET_DEVICE", "") != "cpu"
        dist.init_process_group(backend(gpus), timeout=PATIENCE)
    return dist


def _number(name: str, default: int) -> int:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isdigit():
        raise GenretError(f"{name}={text!r}: expected a whole number, as torchrun sets it")
    return int(text)
