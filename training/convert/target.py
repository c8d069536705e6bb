"""Writing converted networks: one .safetensors file in the engine's format, whole or not at all."""

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import torch

from checkpoint import HALF, load_safetensors, save_safetensors, to_numpy
from convert.source import ConvertError

VERSION = "1"


def narrowed(array):
    """A matrix as F16; vectors, and what F16 cannot hold or align, stay F32."""
    with np.errstate(over="ignore"):
        half = array.astype(HALF)
    fits = array.ndim >= 2 and half.nbytes % 4 == 0 and np.isfinite(half).all()
    return half if fits else array


def write_converted(path, network, tensors, config, source, licence, limits, half=False):
    """Write the file with `config` and `limits` (sentences: what the engine cannot run) in its metadata.

    It is written beside its place, read back, compared and only then put there. Raises ConvertError.
    """
    path = Path(path)
    if path.suffix != ".safetensors":
        raise ConvertError(f"the output is {path.name}, expected a name ending in .safetensors", "Rename the output.")
    arrays = {name: to_numpy(tensor) for name, tensor in tensors.items()}
    if half:
        arrays = {name: narrowed(array) for name, array in arrays.items()}
    metadata = {
        "format": "duologue",
        "version": VERSION,
        "network": network,
        "config": json.dumps(config, separators=(",", ":")),
        "source": source,
        "licence": licence,
        "limits": "\n".join(limits),
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as cause:
        raise ConvertError(f"{path.parent} cannot be written: {cause}", "Choose another output folder.") from cause
    try:
        save_safetensors(part, arrays, metadata)
        back, _ = load_safetensors(part)
        if any(not np.array_equal(back[name], array) for name, array in arrays.items()):
            raise ConvertError(f"{path} reads back differently", "Check the disk.")
        os.chmod(part, 0o644)
        os.replace(part, path)
    except OSError as cause:
        raise ConvertError(f"{path} cannot be written: {cause}", "Free some space or choose another folder.") from cause
    finally:
        Path(part).unlink(missing_ok=True)


def read_converted(path, network):
    """(config, {name: F32 tensor}) of a converted file; raises ConvertError where it holds another network."""
    tensors, metadata = load_safetensors(path)
    if metadata.get("network") != network:
        raise ConvertError(
            f"{path} holds the network {metadata.get('network')!r}, expected {network!r}", "Give the converted file."
        )
    return json.loads(metadata["config"]), {
        name: torch.from_numpy(np.array(array, np.float32)) for name, array in tensors.items()
    }
