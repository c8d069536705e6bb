"""Rebuild the golden vectors of test/golden from the networks in public/models (npm run golden).

The weights stay as they are; after a training, `export.py` and `export_face.py` write both.
"""

import tempfile
from pathlib import Path

import torch

import export
import export_body
import export_dim
import export_face
from corpus_speech import REPOSITORY
from speech_encoder import load_encoder


def main():
    """Run both exporters on the shipped weights, with the model files going nowhere."""
    torch.set_num_threads(2)
    models, goldens = REPOSITORY / "public/models", REPOSITORY / "test/golden"
    with tempfile.TemporaryDirectory() as nowhere:
        error = export.export(load_encoder(models / "speech-encoder.safetensors"), Path(nowhere), goldens, {})
        print(f"log-mel, Philox, speech encoder: graph within {error:.1e} of the twin")
        error = export_face.export(export_face.load_face(models / "face.safetensors"), Path(nowhere), goldens, {})
        print(f"face: graphs within {error:.1e} of the twin")
        error = export_dim.export(export_dim.load_dim(models / "dim.safetensors"), Path(nowhere), goldens, {})
        print(f"dim: graphs within {error:.1e} of the twin")
        bodies = [export_body.load_body(models / f"body-{part}.safetensors") for part in ("lower", "upper")]
        error = export_body.export(*bodies, Path(nowhere), goldens, [{}, {}])
        print(f"bodies: graphs within {error:.1e} of the twins")


if __name__ == "__main__":
    main()
