"""Reading published checkpoints: without running anything in them, and with errors that say what to do.

A PyTorch checkpoint is a pickle, which may call any function. Here only tensors, arrays and plain containers are
rebuilt; every other class becomes a `Stub` that merely keeps its attributes. So a Lightning file opens without
Lightning, and a fitted scaler can be read without scikit-learn.
"""

import pickle
import types
import zipfile
from pathlib import Path

import numpy as np
import torch

CONTAINERS = {
    "dict",
    "list",
    "set",
    "frozenset",
    "tuple",
    "int",
    "float",
    "complex",
    "bool",
    "str",
    "bytes",
    "bytearray",
}
ALLOWED = {
    "collections": {"OrderedDict", "defaultdict"},
    "builtins": CONTAINERS,
    "__builtin__": CONTAINERS,
    "_codecs": {"encode"},
    "copyreg": {"_reconstructor"},
    "copy_reg": {"_reconstructor"},
    "argparse": {"Namespace"},
    "torch": {"Size", "float32", "float64", "float16", "int64", "int32", "bool", "device"},
    "torch._utils": {"_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_parameter"},
    "numpy": {"ndarray", "dtype"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
}


class ConvertError(Exception):
    """What is wrong with a file: what, where, got, expected; `hint` is the next move."""

    def __init__(self, message, hint):
        super().__init__(message)
        self.hint = hint


class Stub(dict):
    """An object of a class that is not rebuilt; its attributes and items are kept."""

    __hash__ = object.__hash__

    def __new__(cls, *_, **__):
        return super().__new__(cls)

    def __init__(self, *_, **__):
        super().__init__()

    def __setstate__(self, state):
        for part in state if isinstance(state, tuple) else (state,):
            if isinstance(part, dict):
                self.__dict__.update(part)

    def append(self, value):
        """Items of a list-like class are of no interest."""

    def extend(self, values):
        """Items of a list-like class are of no interest."""


class Unpickler(pickle.Unpickler):
    """Rebuilds tensors, arrays and containers; anything else as a `Stub`."""

    def find_class(self, module, name):
        module = module.replace("numpy.core", "numpy._core")
        if name in ALLOWED.get(module, ()) or (module == "torch" and name.endswith("Storage")):
            return super().find_class(module, name)
        return type(name, (Stub,), {"__module__": module})


def _pickle_module():
    """The face of the pickle module that torch.load asks for."""
    module = types.ModuleType("stub_pickle")
    module.Unpickler = Unpickler
    module.load = lambda file, **options: Unpickler(file, **options).load()
    return module


def read_checkpoint(path):
    """The object that a PyTorch file holds; raises ConvertError where it is none."""
    path = Path(path)
    if not path.is_file():
        raise ConvertError(f"{path} is not a file", "Give the path of the downloaded checkpoint.")
    head = path.open("rb").read(512)
    if head.lstrip()[:1] == b"<":
        raise ConvertError(
            f"{path} starts with {head[:15]!r}, expected a PyTorch checkpoint",
            "It is a web page: download the file itself (large files on Google Drive ask once more).",
        )
    if head[:4] == b"PK\x03\x04":
        try:
            with zipfile.ZipFile(path) as archive:
                if not any(name.endswith("/data.pkl") for name in archive.namelist()):
                    raise ConvertError(
                        f"{path} is a zip file without a PyTorch checkpoint in it",
                        "Unpack it and give the .ckpt or .pth.",
                    )
        except zipfile.BadZipFile as cause:
            raise ConvertError(
                f"{path} is not whole: {cause} ({path.stat().st_size} bytes)", "The download was cut off: do it again."
            ) from cause
    try:
        return torch.load(path, map_location="cpu", pickle_module=_pickle_module(), weights_only=False)
    except Exception as cause:
        raise ConvertError(
            f"{path} cannot be read as a PyTorch checkpoint: {type(cause).__name__}: {cause}",
            "Give the .ckpt, .pth or .tar file as it was published, whole and not unpacked.",
        ) from cause


def descend(root, *path):
    """The value at a path through dictionaries, namespaces and stubs; None where it ends."""
    for step in path:
        if isinstance(root, dict) and step in root:
            root = root[step]
        else:
            root = getattr(root, step, None)
        if root is None:
            return None
    return root


SIGNS = {
    "diffspeaker": "denoiser.vertice_map.weight",
    "lda": "diffusion_model.residual_layers.0.nn.attention_blocks.0.attn.in_proj.weight",
    "l2l (the VQ-VAE)": "module.encoder.squasher.0.0.weight",
    "l2l (the predictor)": "module.cm_transformer.net.0.fn.fn.to_kv.weight",
    "dim": "encoder.encoder_linear_embedding_post.net.weight",
}
"""A tensor by which each kind of checkpoint is known."""


class Source:
    """The tensors of one checkpoint, taken out one by one; what is left over is known at the end."""

    def __init__(self, path, kind, content=None):
        """`kind` is a key of SIGNS; raises ConvertError where the file is of another kind."""
        self.where, self.kind = str(path), kind
        self.content = read_checkpoint(path) if content is None else content
        state = descend(self.content, "state_dict")
        if not isinstance(state, dict) or not any(isinstance(value, torch.Tensor) for value in state.values()):
            keys = list(self.content)[:8] if isinstance(self.content, dict) else type(self.content).__name__
            raise ConvertError(
                f"{self.where} has no state_dict of tensors, got {keys}", f"Give the checkpoint that {kind} published."
            )
        self.state = {name: value for name, value in state.items() if isinstance(value, torch.Tensor)}
        self.rest = set(self.state)
        if SIGNS[kind] not in self.state:
            others = [other for other, sign in SIGNS.items() if sign in self.state]
            raise ConvertError(
                f"{self.where} is no checkpoint of {kind}: it has no {SIGNS[kind]} among {len(self.state)} tensors "
                f"(the first is {next(iter(self.state))})",
                f"It is one of {others[0]}." if others else "See --list for the tensors that are expected.",
            )

    def shape(self, name):
        """The shape of a tensor; raises ConvertError where it is missing."""
        if name not in self.state:
            near = sorted(n for n in self.state if n.split(".")[0] == name.split(".")[0])
            raise ConvertError(
                f"{self.where} has no tensor {name} (it has {len(near)} under {name.split('.')[0]}.)",
                "The file is of another version of the code, or not whole; see --list for what is expected.",
            )
        return tuple(self.state[name].shape)

    def take(self, name, *shape):
        """A tensor as F32; raises ConvertError where it is missing, of another shape or not finite."""
        got = self.shape(name)
        if got != shape:
            raise ConvertError(
                f"{self.where}: {name} has shape {list(got)}, expected {list(shape)}",
                "The file is of another configuration than the published ones; see --list.",
            )
        self.rest.discard(name)
        tensor = self.state[name].detach().to(torch.float32)
        if not torch.isfinite(tensor).all():
            raise ConvertError(
                f"{self.where}: {name} has values that are not finite", "The file is damaged: get it again."
            )
        return tensor

    def drop(self, *starts):
        """Leaves out, on purpose, the tensors whose names start so; returns how many."""
        dropped = {name for name in self.rest if name.startswith(starts)}
        self.rest -= dropped
        return len(dropped)

    def count(self, pattern):
        """How many layers there are: the number of successive i for which `pattern` with i in place of {} exists."""
        i = 0
        while pattern.format(i) in self.state:
            i += 1
        return i

    def finish(self, *starts):
        """Raises ConvertError if tensors under these prefixes were not understood; returns those of no interest."""
        strange = sorted(name for name in self.rest if name.startswith(starts))
        if strange:
            raise ConvertError(
                f"{self.where} has {len(strange)} tensors that {self.kind} as published does not have: {strange[:4]}",
                "The structure differs, so the converted network would not be the same; nothing was written.",
            )
        return sorted(self.rest)


def read_arrays(path, *names):
    """Named arrays of an .npz, flattened, as F32; raises ConvertError where the file or one of them is missing."""
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [name for name in names if name not in file]
            if missing:
                raise ConvertError(
                    f"{path} has no array {missing[0]}, got {list(file)}", f"Give the .npz with {', '.join(names)}."
                )
            return [np.asarray(file[name], np.float32).reshape(-1) for name in names]
    except (OSError, ValueError, zipfile.BadZipFile) as cause:
        raise ConvertError(f"{path} cannot be read as .npz: {cause}", "Give the file as it was published.") from cause
