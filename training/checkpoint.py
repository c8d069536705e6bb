"""Read and write the .safetensors files that the engine loads: F32 tensors first, then F16, packed."""

import json
from pathlib import Path

import numpy as np

HALF, SINGLE = np.dtype("<f2"), np.dtype("<f4")
NAMES = {HALF: "F16", SINGLE: "F32"}
DTYPES = {"F16": HALF, "F32": SINGLE}


def to_numpy(tensor):
    """A numpy array (F16 stays, all else becomes F32) of a numpy array or PyTorch tensor."""
    array = tensor.detach().cpu().numpy() if hasattr(tensor, "detach") else np.asarray(tensor)
    return np.ascontiguousarray(array, dtype=HALF if array.dtype == np.float16 else SINGLE)


def stored(state):
    """The tensors of a PyTorch state dict as the engine stores them: matrices as F16, vectors as F32."""
    return {
        name: to_numpy(tensor).astype(HALF if tensor.ndim >= 2 else SINGLE) for name, tensor in state.items()
    }


def rounded(state):
    """A PyTorch state dict in F32 whose matrices went through F16: what the engine computes with."""
    return {name: (t.half().float() if t.ndim >= 2 else t.float()) for name, t in state.items()}


def save_safetensors(path, tensors, metadata):
    """Write named arrays with string metadata; return {name: (absolute byte offset, bytes)} for external data."""
    arrays = {name: to_numpy(tensor) for name, tensor in tensors.items()}
    arrays = dict(sorted(arrays.items(), key=lambda item: item[1].dtype.itemsize, reverse=True))
    header = {"__metadata__": {key: str(value) for key, value in metadata.items()}} if metadata else {}
    offset, spans = 0, {}
    for name, array in arrays.items():
        if array.nbytes % 4:
            raise ValueError(f"{name}: {array.nbytes} bytes; tensors must start at multiples of 4 bytes")
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        spans[name] = (offset, array.nbytes)
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in arrays.values():
            file.write(array.tobytes())
    return {name: (8 + len(text) + start, length) for name, (start, length) in spans.items()}


def load_safetensors(path):
    """Read (tensors, metadata) of a file written by save_safetensors."""
    raw = Path(path).read_bytes()
    size = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        data = np.frombuffer(raw[8 + size + start : 8 + size + end], DTYPES[entry["dtype"]])
        tensors[name] = data.reshape(entry["shape"])
    return tensors, metadata
