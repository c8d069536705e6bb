"""The face twin: streaming equals the batched mask, it can learn, and what is exported comes back."""

import numpy as np
import torch

from export_face import export, load_face, random_face
from face import Conditions, Face, FaceConfig, FaceStream, alpha_bars, sampling_steps

SMALL = FaceConfig(d=32, heads=4, ff=64, layers=2, window=8, audio=24)


def small_face() -> Face:
    torch.manual_seed(3)
    model = Face(SMALL).eval()
    torch.nn.init.normal_(model.out.weight, std=0.3)
    model.mean.uniform_(0.1, 0.3)
    model.std.uniform_(0.1, 0.3)
    return model


def changing_conditions(frames: int) -> Conditions:
    half = torch.arange(frames) >= frames // 2
    return Conditions(*(torch.where(half, b, a)[None] for a, b in ((0, 3), (2, 1), (0, 1), (4, 6))))


@torch.no_grad()
def test_streaming_equals_batch():
    model, frames = small_face(), 21
    audio = torch.randn(frames, 1, SMALL.audio)
    conditions = changing_conditions(frames)
    stream = FaceStream(model, 1, Conditions(*(c[:, 0] for c in vars(conditions).values())), seed=9)
    out = []
    for k in range(frames):
        stream.set_conditions(Conditions(*(c[:, k] for c in vars(conditions).values())))
        out.append(stream.frame(audio[k]))
    clean = torch.stack([f.x0[-1] for f in out], 1)
    noised = torch.stack([torch.stack([f.initial, *f.x[:-1]]) for f in out], 2).transpose(0, 1)
    x0 = model(clean, noised, audio.transpose(0, 1), conditions, torch.tensor([stream.steps]))
    streamed = torch.stack([f.x0 for f in out], 2).transpose(0, 1)
    assert (model.clamp(x0) - streamed).abs().max() < 1e-4


@torch.no_grad()
def test_a_frame_sees_no_future_and_no_further_than_its_window():
    model, frames = small_face(), 20
    audio, clean = torch.randn(1, frames, SMALL.audio), torch.randn(1, frames, 51)
    noised, steps = torch.randn(1, 1, frames, 51), torch.tensor([[499]])
    conditions = changing_conditions(frames)
    base = model(clean, noised, audio, conditions, steps)
    later = clean.clone()
    later[:, 12:] += 1
    assert torch.equal(base[:, :, :13], model(later, noised, audio, conditions, steps)[:, :, :13])
    first = clean.clone()
    first[:, 0] += 1
    reach = 1 + SMALL.layers * SMALL.window
    changed = (base - model(first, noised, audio, conditions, steps)).abs().amax((0, 1, 3)) > 1e-6
    assert changed[1] and not changed[0] and not changed[reach:].any()


def test_schedule():
    assert sampling_steps(1000, 4) == [999, 749, 499, 249]
    assert sampling_steps(1000, 4, "quadratic") == [999, 562, 249, 62]
    bars = alpha_bars(SMALL.schedule)
    assert abs(float(bars[0]) - (1 - 0.00085)) < 1e-9 and float(bars[-1]) < 0.005


def test_overfits_one_batch():
    from face_loss import face_loss
    from train_face import noised_copies

    model, frames = small_face().train(), 24
    generator = torch.Generator().manual_seed(1)
    audio = torch.randn(2, frames, SMALL.audio, generator=generator)
    weights = torch.rand(2, frames, 51, generator=generator) * 0.5
    conditions = Conditions(*(torch.zeros(2, frames, dtype=torch.long) for _ in range(4)))
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for _ in range(120):
        z = model.normalise(weights)
        clean, noised, steps = noised_copies(model, z, 2, generator)
        loss = face_loss(model, model(clean, noised, audio, conditions, steps), z, torch.zeros(2, frames))[0]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.35 * np.mean(losses[:5])


def test_export_round_trip(tmp_path):
    model = random_face()
    assert export(model, tmp_path, tmp_path / "golden") < 1e-4
    back = load_face(tmp_path / "face.safetensors")
    assert back.config == model.config
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, back.state_dict()[name]), name
