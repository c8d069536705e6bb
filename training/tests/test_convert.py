"""The converters' common ground: safe reading, whole files or none, errors that say what to do, the command line."""

import os
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from checkpoint import load_safetensors
from convert import dim
from convert.cli import main
from convert.source import ConvertError, Source, descend, read_checkpoint
from convert.target import read_converted, write_converted
from convert_twins import one_thread  # noqa: F401

REPOSITORY = Path(__file__).resolve().parents[2]


class Bomb:
    """A pickle that would run a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_nothing_in_a_checkpoint_is_run(tmp_path):
    content = {
        "state_dict": {"a": torch.ones(2)},
        "callback": Bomb(tmp_path / "ran"),
        "path": Path("x"),
        "n": np.float64(2),
    }
    for name, options in (("zip.ckpt", {}), ("old.ckpt", {"_use_new_zipfile_serialization": False})):
        torch.save(content, tmp_path / name, **options)
        back = read_checkpoint(tmp_path / name)
        assert torch.equal(descend(back, "state_dict", "a"), torch.ones(2)) and back["n"] == 2
        assert not (tmp_path / "ran").exists()
    assert descend(back, "callback", "nothing") is None


def write(path, *, text=None, archive=None, content=None):
    if text is not None:
        path.write_bytes(text)
    elif archive is not None:
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(archive, "x")
    else:
        torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ("made", "message", "hint"),
    [
        ({"text": b"<!DOCTYPE html><html>"}, "starts with b'<!DOCTYPE html>', expected a PyTorch", "web page"),
        ({"text": b"version https://git-lfs"}, "cannot be read as a PyTorch checkpoint", "as it was published"),
        ({"text": b"PK\x03\x04 cut off"}, "is not whole", "do it again"),
        ({"archive": "readme.txt"}, "a zip file without a PyTorch checkpoint", "Unpack"),
        ({"content": {"model": 1}}, r"no state_dict of tensors, got \['model'\]", "published"),
        ({"content": {"state_dict": {"x.weight": torch.ones(1)}}}, "no checkpoint of lda", "See --list"),
        (
            {"content": {"state_dict": {"denoiser.vertice_map.weight": torch.ones(1)}}},
            "no checkpoint of lda",
            "It is one of diffspeaker",
        ),
    ],
)
def test_files_of_another_kind(tmp_path, made, message, hint):
    with pytest.raises(ConvertError, match=message) as caught:
        Source(write(tmp_path / "file", **made), "lda")
    assert hint in caught.value.hint


def test_a_missing_file_and_an_unpickled_one(tmp_path):
    with pytest.raises(ConvertError, match="is not a file"):
        read_checkpoint(tmp_path / "none")
    (tmp_path / "plain").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ConvertError, match="cannot be read as a PyTorch checkpoint"):
        read_checkpoint(tmp_path / "plain")


def test_tensors_that_do_not_fit(tmp_path):
    sign = "denoiser.vertice_map.weight"
    state = {sign: torch.ones(4, 3), "denoiser.odd": torch.ones(2), "denoiser.bad": torch.tensor([float("nan")])}
    source = Source("file.ckpt", "diffspeaker", {"state_dict": state})
    with pytest.raises(ConvertError, match=r"file.ckpt: denoiser.odd has shape \[2\], expected \[3\]"):
        source.take("denoiser.odd", 3)
    with pytest.raises(ConvertError, match=r"no tensor denoiser.gone \(it has 3 under denoiser"):
        source.take("denoiser.gone", 3)
    with pytest.raises(ConvertError, match="not finite"):
        source.take("denoiser.bad", 1)
    source.take(sign, 4, 3)
    with pytest.raises(ConvertError, match="has 1 tensors that diffspeaker as published does not have"):
        source.finish("denoiser.")


def test_whole_or_not_at_all(tmp_path, monkeypatch):
    out = tmp_path / "out" / "x.safetensors"
    tensors = {
        "w": torch.arange(6.0).view(2, 3),
        "odd": torch.ones(1, 3),
        "huge": torch.full((2, 2), 1e6),
        "b": torch.ones(3),
    }
    write_converted(out, "net", tensors, {"d": 3}, "source", "licence", ["no streaming"], half=True)
    arrays, metadata = load_safetensors(out)
    assert [arrays[name].dtype for name in ("w", "odd", "huge", "b")] == [
        np.float16,
        np.float32,
        np.float32,
        np.float32,
    ]
    assert (metadata["format"], metadata["version"], metadata["network"]) == ("duologue", "1", "net")
    assert metadata["limits"] == "no streaming" and metadata["licence"] == "licence"
    assert read_converted(out, "net")[0] == {"d": 3}
    with pytest.raises(ConvertError, match="holds the network 'net', expected 'other'"):
        read_converted(out, "other")

    before = out.read_bytes()

    def full(path, *_):
        Path(path).write_bytes(b"half a file")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("convert.target.save_safetensors", full)
    with pytest.raises(ConvertError, match="No space left on device"):
        write_converted(out, "net", {"w": torch.zeros(1)}, {}, "", "", [])
    assert out.read_bytes() == before and [path.name for path in out.parent.iterdir()] == ["x.safetensors"]
    with pytest.raises(ConvertError, match="ending in .safetensors"):
        write_converted(tmp_path / "x.bin", "net", {}, {}, "", "", [])


def test_a_dim_file_is_checked_and_not_converted(tmp_path, capsys):
    state = {name: torch.zeros(1).expand(shape) for name, shape in dim.published().items()}
    state["encoder.encoder_pos_embedding.pe"] = torch.zeros(1).expand(5000, 1, 384)
    # 23.26 million parameters, as the published class has.
    assert abs(sum(tensor.numel() for name, tensor in state.items() if ".pe" not in name) / 1e6 - 23.26) < 0.01
    torch.save({"state_dict": state}, tmp_path / "vq.pth")
    assert main(["dim", str(tmp_path / "vq.pth")]) == 0
    told = capsys.readouterr().out
    assert "tensors of a DIM VQ-VAE are here" in told and "No weights of DIM are public" in told
    state["quantize.embedding.weight"] = torch.zeros(256, 128)
    torch.save({"state_dict": state}, tmp_path / "vq.pth")
    assert main(["dim", str(tmp_path / "vq.pth")]) == 1
    assert "has shape [256, 128], expected [512, 128]" in capsys.readouterr().err


def test_the_command_line(tmp_path, capsys):
    assert main(["--list"]) == 0
    told = capsys.readouterr().out
    for line in (
        "denoiser.vertice_map.weight [512, 15069]  ->  x_proj.weight",
        "denoiser.motion_decoder.weight [70110, 1024]  ->  out.weight",
        "diffusion_model.residual_layers.0.local_cond_projection.weight [256, 11]  ->  layers.0.cond.weight",
        "module.cross_modal_layer.cross_pos_embedding.pos_embedding [9, 200]",
    ):
        assert line in told
    assert main(["lda", "--list"]) == 0
    assert "denoiser." not in capsys.readouterr().out
    assert main(["lda", str(tmp_path / "none.ckpt"), str(tmp_path / "out.safetensors")]) == 1
    assert "none.ckpt is not a file" in capsys.readouterr().err
    assert main(["l2l", "a.pth", "b.safetensors"]) == 1
    assert "no normalisation was given" in capsys.readouterr().err
    assert main(["dim"]) == 0 and main([]) == 1
    assert list(tmp_path.iterdir()) == []


def test_it_runs_as_a_module():
    command = [sys.executable, "-m", "training.convert", "dim"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "No weights of DIM are public" in done.stdout
