"""What the bodies are trained on is what they will be told live; the loss is right, and it can be learnt."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from body import LOWER, UPPER, Body
from body_loss import body_loss, foot_velocity
from body_skeleton import forward, integrate
from body_stream import BodyStream, placements
from body_windows import LEAD_IN, PARTS, Windows, statistics
from export_body import random_body
from train_body import condition, passes

FRAMES = 96


def corpus() -> dict[str, np.ndarray]:
    random = np.random.default_rng(2)
    smooth = np.cumsum(random.normal(0, 0.02, (1, 2, FRAMES, 27 + 47 + 3 + 3)), 2).astype(np.float32)
    lower, upper, head, root = np.split(smooth, [27, 74, 77], -1)
    token = random.normal(0, 1, (1, 2, FRAMES, 256)).astype(np.float16)
    ids = {name: random.integers(0, 2, (1, 2, FRAMES)).astype(np.uint8) for name in ("action", "emotion", "phone")}
    token = np.pad(token, ((0, 0), (0, 0), (LEAD_IN, 0), (0, 0)))
    return ids | {
        "lower": lower,
        "upper": upper,
        "head": head,
        "root": root,
        "token": token,
        "relationship": np.full((1, FRAMES), 2, np.uint8),
    }


@pytest.fixture(scope="module")
def data():
    return corpus()


@torch.no_grad()
@pytest.mark.parametrize("part", ["lower", "upper"])
def test_a_window_is_told_what_the_stream_is_told(data, part):
    stats = {p: statistics(data[p], data["action"], p) for p in PARTS}
    windows = Windows(data, stats, part, FRAMES // 8, 0)
    windows.pick = lambda: (0, 0, False)
    windows.random = type("Straight", (), {"random": staticmethod(lambda: 0.0)})()
    batch = windows.batch(1)
    lower, upper = random_body(LOWER), random_body(UPPER, 8)
    model = {"lower": lower, "upper": upper}[part]
    trained = condition(model, batch)[0]
    none = torch.zeros(2, dtype=torch.long)
    stream = BodyStream(lower, upper, data["root"][0, :, 0], none, none, torch.tensor([2]))
    told = {}
    for name, network in (("lower", stream.lower), ("upper", stream.upper)):

        def seen(conditions, *rest, name=name, network=network, block=network.block):
            told[name, network.blocks] = network.branches(conditions)[0]
            return block(conditions, *rest)

        network.block = seen
    for k in range(FRAMES - 8):
        b = k // 8 + 1
        stream.placement = torch.from_numpy(placements(data["root"][0, :, 8 * b - 1]))
        stream.root = data["root"][0, :, 8 * b - 1].astype(float)
        ids = (data[name][0][:, 8 * b].astype(np.int64) for name in ("action", "emotion"))
        stream.action, stream.emotion = map(torch.from_numpy, ids)
        token = torch.from_numpy(data["token"][0][:, LEAD_IN + k].astype(np.float32))
        stream.frame(token, torch.from_numpy(data["head"][0][:, k]))
    for b in range(1, FRAMES // 8 - 1):
        assert torch.allclose(told[part, b], trained[b], atol=1e-4), b


def test_openings_begin_at_rest(data):
    stats = {p: statistics(data[p], data["action"], p) for p in PARTS}
    windows = Windows(data, stats, "upper", FRAMES // 8, 0, openings=1.0)
    batch = windows.batch(2)
    model = Body(UPPER)
    for name, value in stats["upper"].items():
        getattr(model, name).copy_(value)
    assert torch.allclose(model.tokens(batch["frames"])[:, 0], model.rest_block(2), atol=1e-3)
    step = batch["frames"].transpose(1, 2).flatten(2, 3).diff(dim=2).abs()
    assert step[:, :, :10].max() < 0.12


def test_foot_velocity_is_that_of_the_skeleton():
    random = np.random.default_rng(4)
    lower = np.cumsum(random.normal(0, 0.02, (20, 27)), 0)
    root = integrate(lower, np.zeros(3))
    position, rotation = forward(lower, np.zeros((20, 47)), np.zeros((20, 3)), root)
    moves = foot_velocity(torch.from_numpy(lower))
    for i, side in enumerate(("left", "right")):
        ball = position[side + "Foot"] + rotation[side + "Foot"] @ np.array([0, -0.06, 0.065])
        assert np.allclose(np.linalg.norm(np.diff(ball, axis=0), axis=1), moves[:, i].norm(dim=-1).numpy(), atol=1e-6)


@pytest.mark.parametrize("config", [LOWER, UPPER])
def test_overfits_one_batch(config):
    torch.manual_seed(3)
    sizes = {"d": 32, "ff": 64, "layers": 2, "token": 12, "audio_down": 4}
    model, lower = Body(replace(config, **sizes)), Body(replace(LOWER, **sizes))
    generator = torch.Generator().manual_seed(1)
    frames = torch.randn(2, 6, 2, 8, len(config.features), generator=generator)
    batch = {
        "frames": frames,
        "lower": torch.randn(2, 6, 2, 8, 27, generator=generator),
        "token": torch.randn(2, 8 * 5 + 16, 2, 12, generator=generator),
        "action": torch.zeros(2, 6, 2, dtype=torch.long),
        "emotion": torch.zeros(2, 6, 2, dtype=torch.long),
        "place": torch.randn(2, 6, 2, 6, generator=generator),
        "head": torch.randn(2, 6, 2, 12, generator=generator),
        "relationship": torch.zeros(2, dtype=torch.long),
    }
    settings = {"copies": 2, "context_noise": 0.1, "lower_noise": 0.1}
    optimiser = torch.optim.Adam(model.parameters(), 5e-3)
    losses = []
    for step in range(100):
        x0, _ = passes(model, batch, lower, settings, generator, step % 5 == 4, 1.0)
        loss, _ = body_loss(model, x0, frames, torch.ones(len(config.features)), {"difference": 0.0, "edge": 0.0}, torch.ones(2, 2))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert np.mean(losses[-10:]) < 0.4 * np.mean(losses[:5])
