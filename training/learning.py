"""What all trainings share: the rate's course, averaged weights, precision, and a run that resumes and logs itself."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from corpus_speech import cache_folder

LOG_EVERY = 25


def learning_rate(config: dict, step: float) -> float:
    """Linear warm-up, then half a cosine down to the final rate."""
    top, end = config["learning_rate"], config["final_learning_rate"]
    if step < config["warmup"]:
        return top * (step + 1) / config["warmup"]
    done = (step - config["warmup"]) / max(config["steps"] - config["warmup"], 1)
    return end + (top - end) * 0.5 * (1 + math.cos(math.pi * min(done, 1)))


def mixed(device: torch.device | str) -> torch.autocast:
    """Autocast to bfloat16 where the device computes in it: a processor that emulates it is slower than in floats."""
    kind = torch.device(device).type
    able = kind == "cuda"
    if kind == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        known = torch.cpu.get_capabilities()
        able = bool(known.get("avx512_bf16") or known.get("amx_bf16"))
    return torch.autocast(kind, torch.bfloat16, enabled=able)


class Average:
    """An exponential moving average of the weights, quick to follow at first."""

    def __init__(self, model: nn.Module, decay: float):
        self.decay = decay
        self.state = {name: t.detach().clone() for name, t in model.state_dict().items()}

    def update(self, model: nn.Module, step: int) -> None:
        """Move towards the model's weights."""
        decay = min(self.decay, (step + 1) / (step + 10))
        for name, t in model.state_dict().items():
            self.state[name].lerp_(t.detach(), 1 - decay)


def save(path: Path, content: dict) -> None:
    """Write a checkpoint whole or not at all."""
    torch.save(content, path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)


class Run:
    """A training of one network under AdamW: rate, average, log and checkpoint, resumed from `folder` if it has one.

    config: steps, warmup, learning_rate, final_learning_rate, weight_decay, average, save_every, evaluate_every;
    `minutes`, where given, ends the run early, its rate come down by then.
    """

    def __init__(self, model: nn.Module, config: dict, folder: Path, extra: dict | None = None):
        self.model, self.config, self.folder, self.extra = model, config, folder, extra or {}
        self.path = folder / "checkpoint.pt"
        self.trained = [p for p in model.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(self.trained, betas=(0.9, 0.98), weight_decay=config["weight_decay"])
        self.average, self.step, self.log, self.minutes = Average(model, config["average"]), 0, [], 0.0
        self.recent: list[dict[str, float]] = []
        self.began = time.time()

    def resume(self, changed: Callable[[dict[str, Tensor]], None] = lambda state: None) -> bool:
        """Go on from the checkpoint if there is one; `changed` edits its weights and its averaged weights first."""
        if not self.path.exists():
            return False
        saved = torch.load(self.path, map_location=next(self.model.parameters()).device, weights_only=True)
        for state in (saved["model"], saved["average"]):
            changed(state)
        self.model.load_state_dict(saved["model"])
        self.optimiser.load_state_dict(saved["optimiser"])
        self.average.state, self.step, self.log = saved["average"], saved["step"], saved["log"]
        self.minutes = saved.get("minutes", 0.0)
        return True

    @property
    def progress(self) -> float:
        """How much of the run is done, 0..1: by steps, or by minutes where those are fewer."""
        return max(self.step / self.config["steps"], self.minutes / self.config.get("minutes", math.inf))

    def steps(self) -> Iterator[int]:
        """The steps that are left; each sets the learning rate."""
        self.began = time.time() - 60 * self.minutes
        while self.progress < 1:
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(self.config, self.progress * self.config["steps"])
            yield self.step

    def learn(self, loss: Tensor) -> None:
        """One step down the gradient of a loss."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimiser.step()

    def note(
        self,
        parts: dict[str, float],
        evaluate: Callable[[], dict[str, float]],
        draw: Callable[[list[dict], Path], None],
    ) -> None:
        """Count the step, take it into the average, log it, now and then evaluate the averaged model and save."""
        self.average.update(self.model, self.step)
        self.step += 1
        self.minutes = (time.time() - self.began) / 60
        self.recent.append(parts)
        last = self.progress >= 1
        if self.step % LOG_EVERY == 0 or last:
            entry = {"step": self.step} | averaged_parts(self.recent)
            self.recent = []
            if self.step % self.config["evaluate_every"] == 0 or last:
                current = {k: v.clone() for k, v in self.model.state_dict().items()}
                self.model.load_state_dict(self.average.state)
                entry |= evaluate()
                self.model.load_state_dict(current)
            self.log.append(entry)
            bar = "#" * round(20 * min(self.progress, 1))
            text = " ".join(f"{k} {v:.4f}" for k, v in entry.items() if k != "step")
            print(f"[{bar:20s}] {self.step}/{self.config['steps']} {text} {self.minutes:.1f} min", flush=True)
        if self.step % self.config["save_every"] == 0 or last:
            own = {"model": self.model.state_dict(), "average": self.average.state}
            own |= {"optimiser": self.optimiser.state_dict(), "step": self.step, "minutes": self.minutes}
            save(self.path, own | {"config": self.config, "log": self.log} | self.extra)
            draw(self.log, self.folder / "curves.png")


def averaged_parts(recent: Iterable[dict[str, float]]) -> dict[str, float]:
    """The mean of each part of a loss over the steps that had it."""
    names = sorted({name for parts in recent for name in parts})
    return {name: float(np.mean([parts[name] for parts in recent if name in parts])) for name in names}


def override(config: dict, item: str) -> None:
    """Apply one KEY=VALUE to a configuration; dots in the key lead into nested entries, values are JSON or text."""
    key, value = item.split("=", 1)
    *path, last = key.split(".")
    for name in path:
        config = config[name]
    config[last] = json.loads(value) if value[:1] in tuple("0123456789.{[-") else value


def training_arguments(doc: str, default: str | None) -> argparse.ArgumentParser:
    """The command line that all trainings share."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="default: the file of that name in configs/")
    parser.add_argument("--name", default=default, help="of the run; its folder in $DUOLOGUE_CACHE/runs")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="override config entries")
    return parser


def configured(options: argparse.Namespace, default: str) -> tuple[dict, Path]:
    """The configuration that the command line asks for, and the run's folder, made."""
    config = json.loads((options.config or Path(__file__).parent / f"configs/{default}.json").read_text())
    for item in options.set:
        override(config, item)
    folder = cache_folder() / "runs" / options.name
    folder.mkdir(parents=True, exist_ok=True)
    return config, folder
