"""The encoder twin: streaming equals batch, it sees no future, it can learn, and what is exported comes back."""

import json

import numpy as np
import pytest
import torch

import corpus_speech
from checkpoint import load_safetensors
from corpus_speech import kathleen, plain_text, shared_data
from evaluate_encoder import evaluate
from export import export, golden_sound
from phones import PHONE_ID
from speech_encoder import EncoderConfig, SpeechEncoder, load_encoder
from synthesis import espeak_segments
from train_encoder import losses, train

SMALL = {"d": 32, "heads": 4, "ff": 64, "layers": 2, "window": 8, "lookahead": 2, "dropout": 0.0}
LOSS = {"viseme": 0.5, "voicing": 0.2, "energy": 0.2, "bilabial": 1.4}


def small_encoder():
    torch.manual_seed(1)
    return SpeechEncoder(EncoderConfig(**SMALL)).eval()


@torch.no_grad()
def test_streaming_equals_batch():
    encoder, mel = small_encoder(), torch.randn(2, 30, 2, 80)
    state = encoder.start(2)
    ticks = [encoder.tick(mel[:, n], state) for n in range(30)]
    for name, whole in encoder(mel).items():
        assert (whole - torch.stack([tick[name] for tick in ticks], 1)).abs().max() < 1e-5


@torch.no_grad()
def test_no_future_and_only_its_window():
    encoder, mel = small_encoder(), torch.randn(1, 60, 2, 80)
    base, later, earlier = encoder(mel)["token"], mel.clone(), mel.clone()
    later[:, 40:] += 1
    assert torch.equal(base[:, :40], encoder(later)["token"][:, :40])
    earlier[:, 0] += 1
    reach = 2 + SMALL["layers"] * (2 + SMALL["window"]) + 2
    assert (base[:, reach:] - encoder(earlier)["token"][:, reach:]).abs().max() < 1e-6
    assert (base[:, 1] - encoder(earlier)["token"][:, 1]).abs().max() > 1e-3


def test_overfits_one_batch():
    encoder = small_encoder().train()
    batch = {
        "mel": torch.randn(2, 20, 2, 80),
        "phone": torch.randint(0, 40, (2, 20)),
        "voicing": torch.randint(0, 2, (2, 20)).float(),
        "energy": torch.randn(2, 20),
    }
    optimiser = torch.optim.AdamW(encoder.parameters(), 3e-3)
    for _ in range(250):
        loss = sum(losses(encoder(batch["mel"]), batch, LOSS).values())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.2
    assert (encoder(batch["mel"])["phones"].argmax(-1) == batch["phone"]).float().mean() > 0.97


def test_exporter_round_trip(tmp_path):
    torch.manual_seed(2)
    encoder = SpeechEncoder()
    assert export(encoder, tmp_path, tmp_path / "golden") < 1e-4
    tensors, metadata = load_safetensors(tmp_path / "speech-encoder.safetensors")
    assert metadata["network"] == "speech-encoder" and "energy_head.weight" not in tensors
    assert tensors["blocks.2.conv.weight"].dtype == np.float16 and tensors["norm.weight"].dtype == np.float32
    golden, _ = load_safetensors(tmp_path / "golden/speech-encoder.safetensors")
    token = load_encoder(tmp_path / "speech-encoder.safetensors")(torch.tensor(golden["mel"]).transpose(0, 1))["token"]
    assert (token.transpose(0, 1) - torch.tensor(golden["token"])).abs().max() < 1e-4


def test_espeak_events_become_segments():
    events = [("s", 0), ("t", 100), ("i:", 200), ("l", 400), ("z", 400), ("A@", 500), ("_:", 700)]
    names = [list(PHONE_ID)[int(phone)] for phone, _, _ in espeak_segments(events, 800, 1000)]
    assert names == ["S", "T", "IY", "L", "Z", "AA", "R", "SIL"]
    starts = espeak_segments(events, 800, 1000)[:, 1]
    assert np.allclose(starts, [0, 0.1, 0.2, 0.32, 0.4, 0.5, 0.63, 0.7])


def test_training_runs_and_resumes(tmp_path, monkeypatch):
    monkeypatch.setenv("DUOLOGUE_CACHE", str(tmp_path))
    (tmp_path / "speech").mkdir()
    samples = (golden_sound(2, 1) * 32767).astype(np.int16)
    segments = np.array([[p, 0.2 * i, 0.2] for i, p in enumerate([0, 5, 23, 1, 28, 16, 0])], np.float32)
    utterances = [corpus_speech.Utterance(f"u{i}", "v", "t", samples, segments) for i in range(3)]
    for part in ("kathleen.train", "kathleen.val"):
        corpus_speech.save_utterances(tmp_path / "speech" / f"{part}.npz", utterances)
    base = corpus_speech.REPOSITORY / "training/configs/speech_encoder.json"
    config = json.loads(base.read_text()) | {"seconds": 2, "batch": 2, "workers": 0, "evaluate_every": 2, "steps": 2}
    finish = {"steps": 1, "worse": 0.2, "parts": {"kathleen.train": 1}}
    config |= {"model": SMALL, "parts": {"kathleen.train": 1}, "finish": finish}
    train(config, tmp_path / "run")
    log = train(config | {"steps": 4}, tmp_path / "run")
    assert [entry["step"] for entry in log] == [2, 4] and (tmp_path / "run/curves.png").exists()
    score = evaluate(load_encoder(tmp_path / "run/checkpoint.pt"), utterances)
    assert score.utterances == 3 and score.frames > 0


@pytest.mark.skipif(shared_data() is None, reason="no recordings: ../shared/data is absent (set DUOLOGUE_SHARED)")
def test_held_out_sentences_are_unseen():
    parts = kathleen()
    seen = {plain_text(utterance.text) for utterance in parts["train"]}
    assert len(parts["train"]) > 1000 and len(parts["test"]) > 70
    assert not any(plain_text(u.text) in seen for part in ("val", "test") for u in parts[part])
