"""Versioned, checked, atomically written folders.

An artifact is a folder with a `manifest.json`: its kind, the format version, the settings and seeds that made it, the
fingerprints of the artifacts it was made from, and size and SHA-256 of every file. It is written under a temporary
name and renamed when whole, so a reader never sees half of one; it is checked when read, so that a truncated or
flipped file is one clear error and not a strange result.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from genret.ground.checks import shown
from genret.ground.errors import GenretError, failed_write
from genret.ground.files import runs, write_text
from genret.ground.hardware import cores
from genret.ground.manifests import check_manifest

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
NEEDED: Mapping[str, tuple[str, ...]] = {
    "dataset": ("products.parquet", "queries.parquet", "judgements.parquet"),
    "embeddings": ("embeddings.npy", "embedder.json"),
    "tokenizer": ("codes.npy", "config.json", "*.safetensors"),
    "model": ("model/config.json", "model/tokenizer*", "model/*.safetensors"),
    "index": ("products.parquet", "*trie.json"),
}
"""Files that an artifact of a kind cannot do without, as patterns. One that lacks them is never written, nor read."""


@dataclass(frozen=True)
class Artifact:
    """A checked artifact folder. `fingerprint` is the SHA-256 of what it holds and of what it was made from."""

    path: Path
    kind: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    """Name of each input -> its fingerprint."""
    files: Mapping[str, Mapping[str, Any]]
    fingerprint: str
    hardware: Mapping[str, Any]
    """Device, precision, threads and processor of the machine that made it, where they matter; no part of the
    fingerprint, so that an artifact is reused wherever it is taken."""

    def file(self, name: str) -> Path:
        """The path of one of its files; a GenretError if the manifest does not list it."""
        if name not in self.files:
            raise GenretError(
                f"{self.path}: no file {name!r} in this {self.kind} artifact; it holds {sorted(self.files)}"
            )
        return self.path / name


@contextmanager
def write_artifact(
    path: str | Path,
    kind: str,
    settings: Mapping[str, Any] | None = None,
    inputs: Mapping[str, str] | None = None,
    *,
    durable: bool = False,
    hardware: Mapping[str, Any] | None = None,
) -> Iterator[Path]:
    """A temporary folder to fill; when the block ends without error it becomes the artifact at `path`, whole.

    An artifact already at `path` is replaced only then. If the block fails, `path` is as it was before. `durable`
    has everything on the disk (fsync) before the old one goes, so that a power cut can't take both. `hardware`: see
    `genret.ground.hardware.record`.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _put_back(path)
    if path.exists() and not (path / MANIFEST).exists() and (not path.is_dir() or any(path.iterdir())):
        raise GenretError(f"{path} exists and is not a genret artifact; give another path, or move it away")
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    _sweep(path)
    temporary.mkdir()
    try:
        yield temporary
        manifest = _manifest(temporary, kind, dict(settings or {}), dict(inputs or {}))
        _check_whole(path, kind, manifest["files"])
        manifest["hardware"] = dict(hardware or {})
        write_json(temporary / MANIFEST, manifest)
        if durable:
            for file in [*temporary.rglob("*"), temporary]:
                sync(file)
        _replace(temporary, path)
        if durable:
            sync(path.parent)
    except Exception as error:
        reason = failed_write(error)
        if reason is None:
            raise
        raise GenretError(f"{path}: cannot write it ({reason}); make room, then run the same command again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def read_artifact(path: str | Path, kind: str, *, verify: bool = True) -> Artifact:
    """The artifact at `path`, its files checked against the manifest (`verify=False` checks sizes only).

    Raises GenretError, naming the file, if it is missing, of another kind, of a newer format, truncated or changed.
    """
    path = Path(path)
    manifest_path = path / MANIFEST
    if not manifest_path.is_file():
        _put_back(path)
    if not manifest_path.is_file():
        raise GenretError(f"{path}: no {kind} artifact here ({MANIFEST} not found); make it with the stage before")
    manifest = read_json(manifest_path)
    check_manifest(manifest_path, manifest)
    if manifest["format"] != FORMAT_VERSION:
        raise GenretError(
            f"{manifest_path}: format {shown(manifest['format'])}, but this genret reads format {FORMAT_VERSION}; "
            "upgrade genret, or make the artifact again"
        )
    if manifest["kind"] != kind:
        raise GenretError(f"{path}: a {manifest['kind'][:40]} artifact, expected a {kind} artifact")
    if manifest["fingerprint"] != _fingerprint(manifest):
        raise GenretError(f"{manifest_path}: changed since it was written; make the artifact again")
    _check_whole(path, kind, manifest["files"])
    _check_sizes(path, manifest["files"])
    settings, inputs, hardware = manifest["settings"], manifest["inputs"], manifest.get("hardware", {})
    artifact = Artifact(path, kind, settings, inputs, manifest["files"], manifest["fingerprint"], hardware)
    if verify:
        check_digests(artifact, artifact.files)
    return artifact


def check_digests(artifact: Artifact, names: Iterable[str]) -> None:
    """A GenretError, which names the first, unless all of these files have the SHA-256 of the manifest."""
    names = list(names)
    with ThreadPoolExecutor(cores()) as pool:  # hashing lets other threads run
        paths = [artifact.file(name) for name in names]
        for name, path, found in zip(names, paths, pool.map(_read_sha256, paths), strict=True):
            if found != artifact.files[name]["sha256"]:
                raise GenretError(
                    f"{path}: its checksum is not the manifest's: the file was changed; make the artifact again"
                )


def copy_artifact(artifact: Artifact, path: str | Path) -> None:
    """The same artifact at `path`, its files as hard links where that can be; nothing is done where it is there."""
    path = Path(path)
    with suppress(GenretError):
        if read_artifact(path, artifact.kind, verify=False).fingerprint == artifact.fingerprint:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    shutil.copytree(artifact.path, temporary, copy_function=_link)
    _replace(temporary, path)


def check_lineage(artifact: Artifact, name: str, expected: Artifact) -> None:
    """Raise a GenretError unless `artifact` was made from `expected` (recorded as the input called `name`)."""
    recorded = artifact.inputs.get(name)
    if recorded != expected.fingerprint:
        raise GenretError(
            f"{artifact.path} was made from another {name} ({(recorded or 'none')[:12]}) than {expected.path} "
            f"({expected.fingerprint[:12]}); run the {artifact.kind} stage again"
        )


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as JSON, sorted and indented, under a temporary name that is then renamed."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: str | Path) -> Any:
    """The value of a JSON file; a GenretError with file and line if it is missing or does not parse."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GenretError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise GenretError(f"{path}, line {error.lineno}: not valid JSON ({error.msg})") from None
    except UnicodeDecodeError as error:
        raise GenretError(f"{path}: not valid UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise GenretError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, lists in lists without end
        raise GenretError(f"{path}: not JSON that can be read ({type(error).__name__}: {error})") from None


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    digest, buffer = hashlib.sha256(), memoryview(bytearray(1 << 18))
    with open(path, "rb", buffering=0) as file:
        while count := file.readinto(buffer):
            digest.update(buffer[:count])
    return digest.hexdigest()


def _manifest(folder: Path, kind: str, settings: dict[str, Any], inputs: dict[str, str]) -> dict[str, Any]:
    names = sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())
    files = {name: {"bytes": (folder / name).stat().st_size, "sha256": sha256(folder / name)} for name in names}
    manifest = {"format": FORMAT_VERSION, "kind": kind, "settings": settings, "inputs": inputs, "files": files}
    return {**manifest, "fingerprint": _fingerprint(manifest)}


def _fingerprint(manifest: Mapping[str, Any]) -> str:
    content = {key: value for key, value in manifest.items() if key not in ("fingerprint", "hardware")}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _check_whole(path: Path, kind: str, files: Mapping[str, Any]) -> None:
    """A GenretError unless all files are there that an artifact of this kind needs."""
    for pattern in NEEDED.get(kind, ()):
        if not any(fnmatchcase(name, pattern) for name in files):
            raise GenretError(f"{path}: this {kind} artifact lacks {pattern}; make it again")


def _check_sizes(folder: Path, files: Mapping[str, Any]) -> None:
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise GenretError(f"{path}: missing from its artifact; make the artifact again")
        size = path.stat().st_size
        if size != expected["bytes"]:
            raise GenretError(
                f"{path}: {size} bytes, but the manifest says {expected['bytes']}; make the artifact again"
            )


def _read_sha256(path: Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise GenretError(f"{path}: cannot be read ({error.strerror})") from None


def _sweep(path: Path) -> None:
    """Remove the temporary folders of writers that no longer run (and of this one)."""
    for left in path.parent.glob(f".{path.name}.*-*"):
        marker, _, process = left.name[len(path.name) + 2 :].partition("-")
        if marker in {"tmp", "old"} and process.isdigit() and (int(process) == os.getpid() or not runs(int(process))):
            shutil.rmtree(left, ignore_errors=True)


def _put_back(path: Path) -> None:
    """Undo a replacement that was cut off between its two renames: the old artifact returns to `path`.

    A writer may be between them right now, which takes no time: it gets a second to finish.
    """
    for left in path.parent.glob(f".{path.name}.old-*"):
        for _ in range(100):
            if path.exists() or not left.exists():
                return
            time.sleep(0.01 if runs(int(left.name.rpartition("-")[2])) else 0)
        with suppress(OSError):
            os.replace(left, path)


def sync(path: Path) -> None:
    """Have a file's content, or a folder's names, on the disk; where the system can't open folders, leave those."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _replace(temporary: Path, path: Path) -> None:
    """Put `temporary` at `path`: the old folder is moved aside first, since a folder can't replace a full one."""
    old = path.with_name(f".{path.name}.old-{os.getpid()}")
    if path.exists():
        os.replace(path, old)
    os.replace(temporary, path)
    shutil.rmtree(old, ignore_errors=True)
