"""Training state on disk, so that a killed run goes on where it was.

One safetensors file, written under a temporary name and renamed. Batches and noise are functions of (seed, step), so
weights, Adam's moments, the step and the history are the whole state.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from genret.ground.errors import GenretError
from genret.ground.files import whole_file


def training_key(settings: dict[str, Any], *arrays: Any) -> str:
    """A fingerprint of what determines a training run: its settings and its input arrays or lists."""
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for array in arrays:
        if isinstance(array, np.ndarray):
            digest.update(f"{array.shape}{array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        else:
            digest.update(json.dumps(array).encode())
    return digest.hexdigest()


def save_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, history: list[dict[str, Any]], key: str
) -> None:
    """Write everything that resuming at `step` needs, whole or not at all."""
    tensors = {f"model.{name}": tensor.detach().contiguous() for name, tensor in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            tensors[f"adam.{index}.{name}"] = torch.as_tensor(value).contiguous()
    metadata = {"step": str(step), "history": json.dumps(history), "key": key}
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata)


def load_checkpoint(
    path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, key: str
) -> tuple[int, list[dict[str, Any]]]:
    """Restore model and optimizer; returns (next step, history).

    Without a file, or with one of other settings or other inputs, the run starts at step 0.
    """
    if not path.is_file():
        return 0, []
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise GenretError(f"{path}: not a readable checkpoint ({error}); delete it to train from the start") from None
    if metadata.get("key") != key:
        return 0, []
    model.load_state_dict({name[6:]: tensor for name, tensor in tensors.items() if name.startswith("model.")})
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("adam."):
            _, index, field = name.split(".")
            state.setdefault(int(index), {})[field] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
    return int(metadata["step"]), json.loads(metadata["history"])
