"""What trainings share: rates come down, runs resume where they were, end by the clock, and save what they end with."""

import json

import torch
from torch import nn

from learning import Average, Run, learning_rate, mixed, override

CONFIG = {"steps": 6, "warmup": 2, "learning_rate": 0.1, "final_learning_rate": 0.01, "weight_decay": 0.0}
CONFIG |= {"average": 0.9, "save_every": 100, "evaluate_every": 4}


def trained(folder, config, most=100):
    """A run over `most` steps of it, and the losses."""
    torch.manual_seed(0)
    model = nn.Linear(3, 1)
    run = Run(model, config, folder, {"extra": 7})
    run.resume()
    losses = []
    for step in run.steps():
        if len(losses) == most:
            break
        loss = (model(torch.ones(4, 3)) - 2).square().mean()
        run.learn(loss)
        losses.append(loss.item())
        run.note({"x0": loss.item()}, lambda: {"val": 1.0}, lambda log, path: path.write_text(json.dumps(log)))
    return run, losses


def test_the_rate_warms_up_and_comes_down():
    rates = [learning_rate(CONFIG, step) for step in range(7)]
    assert rates[0] == 0.05 and max(rates) == rates[2] == 0.1 and abs(rates[6] - 0.01) < 1e-12
    assert all(a > b for a, b in zip(rates[2:], rates[3:]))


def test_a_run_learns_saves_and_resumes(tmp_path):
    run, losses = trained(tmp_path, CONFIG | {"save_every": 2}, most=4)
    assert run.step == 4 and losses[-1] < losses[0]
    again, rest = trained(tmp_path, CONFIG)
    assert again.step == 6 and len(rest) == 2 and rest[0] < losses[0]
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert saved["step"] == 6 and saved["extra"] == 7 and (tmp_path / "curves.png").exists()
    assert again.log[-1]["val"] == 1.0
    # The average lags behind the weights.
    assert not torch.equal(saved["average"]["bias"], saved["model"]["bias"])


def test_a_run_ends_by_the_clock_and_saves_what_it_has(tmp_path):
    run, losses = trained(tmp_path, CONFIG | {"steps": 10**9, "minutes": 1e-4})
    assert 0 < len(losses) < 10**6
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] == run.step == len(losses)


def test_settings_are_overridden_by_path():
    config = {"a": {"b": 1}, "name": ""}
    for item in ("a.b=2.5", "name=other", "a.list=[1, 2]"):
        override(config, item)
    assert config == {"a": {"b": 2.5, "list": [1, 2]}, "name": "other"}


def test_an_average_is_quick_at_first_and_precision_is_known():
    model = nn.Linear(1, 1)
    average = Average(model, 0.99)
    with torch.no_grad():
        model.weight.add_(1)
    before = average.state["weight"].clone()
    average.update(model, 0)
    assert torch.allclose(average.state["weight"] - before, torch.tensor(0.9))
    with mixed("cpu"):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype in (torch.float32, torch.bfloat16)
