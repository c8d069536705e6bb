"""Sampling steps: figures published for DiffSpeaker and LDA, and the table that the engine's test reads."""

import json
import math
from dataclasses import astuple
from pathlib import Path

import pytest
import torch

from diffusion import alpha_bars, denoising_steps, sampling_steps

DIFFSPEAKER = {"T": 1000, "beta_start": 0.00085, "beta_end": 0.012}
DANCE = {"T": 150, "beta_start": 0.01, "beta_end": 0.7, "betas": "linear"}
TABLE = Path(__file__).resolve().parents[2] / "test/golden/schedule.json"
CASES = [
    (DIFFSPEAKER, 4, 0.0, {}),
    (DIFFSPEAKER, 8, 0.5, {}),
    (DIFFSPEAKER, 3, 1.0, {"spacing": "leading"}),
    (DIFFSPEAKER, 50, 0.0, {"spacing": "leading", "rule": "x0-replacement"}),
    (DIFFSPEAKER | {"spacing": "quadratic", "keeps": "variance"}, 4, 0.0, {}),
    (DIFFSPEAKER | {"spacing": "quadratic", "keeps": "variance"}, 4, 0.7, {}),
    (DIFFSPEAKER, 4, 0.3, {"rule": "x0-replacement"}),
    (DIFFSPEAKER, 4, 0.0, {"rule": "x0-replacement", "prediction": "eps"}),
    (DANCE, 6, 0.0, {"prediction": "eps"}),
    (DANCE, 8, 1.0, {"prediction": "eps", "spacing": "leading"}),
]


def table():
    """The cases as the engine's test reads them; `PYTHONPATH=. python tests/test_convert_diffusion.py` writes it."""
    rows = [
        {
            "schedule": schedule,
            "steps": steps,
            "eta": eta,
            "options": options,
            "rows": [list(astuple(step)) for step in denoising_steps(schedule, steps, eta, **options)],
        }
        for schedule, steps, eta, options in CASES
    ]
    return rows


def test_the_table_for_the_engine_is_up_to_date():
    stored = json.loads(TABLE.read_text())
    assert [row["steps"] for row in stored] == [row["steps"] for row in table()]
    for old, new in zip(stored, table(), strict=True):
        assert old["options"] == new["options"] and old["schedule"] == new["schedule"] and old["eta"] == new["eta"]
        assert torch.allclose(torch.tensor(old["rows"]), torch.tensor(new["rows"]), rtol=1e-9, atol=0)


def test_published_figures():
    steps = denoising_steps(DIFFSPEAKER, 50, spacing="leading", rule="x0-replacement")
    assert [s.t for s in steps] == list(range(981, 0, -20))
    gains = [s.x0_weight for s in steps]
    assert round(gains[0], 2) == 1.08 and round(gains[-2], 3) == 1.04 and round(gains[-1], 4) == 1.0287
    assert abs(max(gains) - math.sqrt(2)) < 1e-3
    bars = alpha_bars(DANCE)
    published = {0: 0.99, 15: 0.479, 20: 0.293, 30: 0.074, 40: 0.0109, 50: 9.0e-4, 60: 4.0e-5, 75: 1.1e-7, 149: 9.3e-33}
    for t, bar in published.items():
        assert abs(float(bars[t]) / bar - 1) < 0.01, t


def test_the_replacement_rule_discards_x():
    for step in denoising_steps(DIFFSPEAKER, 4, spacing="leading", rule="x0-replacement"):
        x0 = torch.tensor([0.7])
        gain = float(step.advance(torch.tensor([123.0]), x0) / x0)
        assert abs(gain - step.x0_weight) < 1e-6


def test_eta_one_over_every_step_is_ancestral_ddpm():
    bars, x, eps = alpha_bars(DANCE), torch.tensor(0.8, dtype=torch.float64), torch.tensor(-0.3, dtype=torch.float64)
    for step in denoising_steps(DANCE, 150, 1.0, prediction="eps")[90:]:
        prev = float(bars[step.t - 1]) if step.t else 1.0
        alpha = float(bars[step.t]) / prev
        mean = (x - (1 - alpha) / math.sqrt(1 - step.alpha_bar) * eps) / math.sqrt(alpha)
        ours = step.advance(x, step.x0(x, eps, "eps"), torch.tensor(0.0))
        assert (
            abs(float(ours - mean)) < 1e-9
            and abs(step.sigma**2 - (1 - alpha) * (1 - prev) / (1 - step.alpha_bar)) < 1e-9
        )


def test_too_many_steps_are_refused():
    for steps, spacing in ((0, "trailing"), (151, "trailing"), (150, "leading")):
        with pytest.raises(ValueError, match="cannot give"):
            sampling_steps(150, steps, spacing)


if __name__ == "__main__":
    TABLE.write_text("[\n" + ",\n".join(json.dumps(row) for row in table()) + "\n]\n")
