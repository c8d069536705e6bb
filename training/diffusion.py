"""Noise schedules and sampling steps, the Python counterpart of `src/engine/model/schedule.ts`.

A schedule is {"T", "beta_start", "beta_end"}, where it is not `scaled_linear` {"betas": "linear"}, where the steps
are not `trailing` {"spacing": …}, and for steps that keep the spread of the data {"keeps": "variance"}.
"""

import math
from dataclasses import dataclass

import torch


def alpha_bars(schedule):
    """Cumulative products of 1 - beta, f64 [T]; `scaled_linear` (default) spaces sqrt(beta) evenly, `linear` beta."""
    start, end = schedule["beta_start"], schedule["beta_end"]
    if schedule.get("betas", "scaled_linear") == "linear":
        betas = torch.linspace(start, end, schedule["T"], dtype=torch.float64)
    else:
        betas = torch.linspace(math.sqrt(start), math.sqrt(end), schedule["T"], dtype=torch.float64) ** 2
    return torch.cumprod(1 - betas, 0)


def spacing_of(schedule):
    """How a schedule's sampling steps are spaced."""
    return schedule.get("spacing", "trailing")


def direction_of(schedule, now, prev, sigma=0.0):
    """The weight of the noise in a step from ᾱ `now` to ᾱ `prev` that adds noise of `sigma`.

    A schedule that keeps the `variance` takes as much more of it as makes data of unit variance keep theirs: x0 is a mean
    of all that may be meant, and few steps of plain DDIM end nearer to that mean than any motion is (0.3 to 0.7 of its
    spread at 4 steps).
    """
    if schedule.get("keeps") != "variance" or prev == 1:
        return math.sqrt(max(0.0, 1 - prev - sigma * sigma))
    return max(0.0, math.sqrt(max(0.0, 1 - sigma * sigma)) - math.sqrt(prev * now)) / math.sqrt(1 - now)


def sampling_steps(total, steps, spacing="trailing"):
    """The diffusion steps visited with `steps` denoising passes, from noise to clean.

    `trailing`, ours: 4 of 1000 -> 999, 749, 499, 249. `quadratic`, of the bodies, closer towards the data: 999, 562,
    249, 62. `leading`, of diffusers with an offset of 1: 50 of 1000 -> 981, 961 ... 1. Raises ValueError where the
    schedule has too few steps.
    """
    ratio = total // steps if steps > 0 else total
    most = ratio * (steps - 1) + 1 if spacing == "leading" else steps - 1
    if steps < 1 or most >= total:
        raise ValueError(f"{steps} {spacing} steps, which a schedule of {total} cannot give")
    if spacing == "leading":
        return [ratio * (steps - 1 - i) + 1 for i in range(steps)]
    power = 2 if spacing == "quadratic" else 1
    return [max(0, math.floor(total * ((steps - i) / steps) ** power + 0.5) - 1) for i in range(steps)]


@dataclass(frozen=True)
class Step:
    """One step: x_prev = x0_weight * x0 + direction * eps + sigma * noise, where ᾱ at t is `alpha_bar`."""

    t: int
    alpha_bar: float
    x0_weight: float
    direction: float
    sigma: float

    def x0(self, x, predicted, prediction):
        """The clean data that a network's output stands for at this step."""
        if prediction == "x0":
            return predicted
        return (x - math.sqrt(1 - self.alpha_bar) * predicted) / math.sqrt(self.alpha_bar)

    def advance(self, x, x0, noise=None):
        """x at the next step from x and x0 at this one; `noise` is needed where sigma > 0."""
        out = self.x0_weight * x0
        if self.direction:
            eps = (x - math.sqrt(self.alpha_bar) * x0) / math.sqrt(1 - self.alpha_bar)
            out = out + self.direction * eps
        return out + self.sigma * noise if self.sigma else out


def denoising_steps(schedule, steps, eta=0.0, spacing=None, rule="ddim", prediction="x0"):
    """The steps from noise to clean: DDIM with eta 0, ancestral DDPM with eta 1.

    `leading` ends at ᾱ_0 as diffusers does, `trailing` at the data itself. Rule `x0-replacement` is the step of
    diffusers 0.11 for x0 predictions, which takes x0 for the noise too: x_prev = (√ᾱ_prev + √(1 − ᾱ_prev)) x0.
    """
    spacing = spacing or spacing_of(schedule)
    bars = [float(bar) for bar in alpha_bars(schedule)]
    times = sampling_steps(schedule["T"], steps, spacing)
    replaces = rule == "x0-replacement" and prediction == "x0"
    out = []
    for i, t in enumerate(times):
        last = bars[0] if spacing == "leading" else 1.0
        now, prev = bars[t], bars[times[i + 1]] if i + 1 < steps else last
        sigma = eta * math.sqrt((1 - prev) / (1 - now) * (1 - now / prev))
        direction = direction_of(schedule, now, prev, sigma)
        weight = math.sqrt(prev) + (direction if replaces else 0.0)
        out.append(Step(t, now, weight, 0.0 if replaces else direction, sigma))
    return out
