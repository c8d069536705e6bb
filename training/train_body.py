"""Train the body networks on the conversation corpus, one at a time.

    python train_body.py lower                       # configs/body-lower.json, resumes by itself
    python train_body.py upper --set steps=200 --name try

Checkpoints, the log and a picture of the curves go to $DUOLOGUE_CACHE/runs/<name>. Runs on CUDA where there is one.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from body import Body, BodyConfig
from body_loss import body_loss, emphasis, feature_weights
from body_windows import PARTS, Windows, blurred, kept_statistics, load_part
from corpus_speech import cache_folder
from diffusion import alpha_bars
from train_encoder import Average, learning_rate
from train_face import noised_copies


def condition(model: Body, batch: dict[str, Tensor]) -> Tensor:
    """Conditions [B, K, 2, d] of a batch; the audio windows are those of the streaming schedule."""
    voice = model.audio_down(batch["token"]).transpose(1, 2).unfold(2, model.config.audio_window, model.config.block)
    voice = voice.permute(0, 2, 1, 4, 3)
    head = batch["head"] if model.config.head else None
    return model.condition(voice, batch["action"], batch["emotion"], batch["place"], None, head)


def worn(clean: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """A context [B, K, 8, 2 F] with more noise on half of the sequences: frame by frame, and as a lasting offset."""
    batch = clean.shape[0]
    level = most * torch.rand(batch, 1, 1, 1, generator=generator)
    level = level * (torch.rand(batch, 1, 1, 1, generator=generator) < 0.5)
    offset = torch.randn(batch, 1, 1, clean.shape[-1], generator=generator)
    noise = torch.randn(clean.shape, generator=generator) + offset
    return clean + (level * noise).to(clean.device)


def passes(
    model: Body,
    batch: dict[str, Tensor],
    lower: Body,
    config: dict,
    generator: torch.Generator,
    own: bool,
    share: float,
) -> tuple[Tensor, Tensor]:
    """Predictions x0 [B, N, K, 8, 2 F] for a batch and their steps; with `own` the context is partly its own."""
    z = model.tokens(batch["frames"])
    clean, noised, steps = noised_copies(model, z.flatten(1, 2), config["copies"], generator, share)
    clean, noised = clean.unflatten(1, z.shape[1:3]), noised.unflatten(2, z.shape[1:3])
    clean = worn(clean, config["context_noise"], generator)
    given = None
    if model.config.lower:
        given = worn(lower.tokens(batch["lower"]), config["lower_noise"], generator)
    rest = (batch["relationship"], steps, given)
    cond = condition(model, batch)
    if own:
        with torch.no_grad():
            made = model.clamp(model(clean, noised, cond, *rest))
        latest = made[torch.arange(len(made)), steps.argmin(1)]
        mixed = torch.rand(*z.shape[:2], 1, 1, generator=generator) < 0.6
        mixed[:, 0] = False
        a = alpha_bars(model.config.schedule)[model.config.context_step].float()
        noise = torch.randn(z.shape, generator=generator).to(z.device)
        clean = torch.where(mixed.to(z.device), a.sqrt() * latest + (1 - a).sqrt() * noise, clean)
    return model(clean, noised, cond, *rest), steps


@torch.no_grad()
def validate(model: Body, lower: Body, windows: Windows, config: dict, batches: int, device: torch.device) -> dict:
    """Mean error of x0 per sampling step on fixed validation windows (teacher-forced)."""
    generator = torch.Generator().manual_seed(11)
    windows.random = np.random.default_rng(11)
    config = config | {"copies": model.config.steps, "context_noise": 0.0, "lower_noise": 0.0}
    total = torch.zeros(model.config.steps)
    for _ in range(batches):
        batch = {name: value.to(device) for name, value in windows.batch(2).items()}
        with torch.autocast(device.type, torch.bfloat16):
            x0, steps = passes(model, batch, lower, config, generator, False, 1.0)
        error = ((x0 - model.tokens(batch["frames"])[:, None])[:, :, 1:] ** 2).mean((2, 3, 4)).cpu()
        total += error[torch.arange(2)[:, None], steps.cpu().argsort(1, descending=True)].mean(0)
    return {f"val_{i}": float(v) for i, v in enumerate(total / batches)}


def draw(log: list[dict], path: Path) -> None:
    """Draw the curves of a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    for name in ("x0", "difference", "edge", "foot"):
        left.semilogy([e["step"] for e in log if name in e], [e[name] for e in log if name in e], label=name)
    left.set(xlabel="step", ylabel="training loss")
    left.legend()
    scored = [e for e in log if "val_0" in e]
    for i in range(4):
        right.semilogy([e["step"] for e in scored], [e[f"val_{i}"] for e in scored], label=f"pass {i + 1}")
    right.set(xlabel="step", ylabel="validation MSE (z)")
    right.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def load_ema(part: str, path: Path | None = None) -> tuple[Body, dict[str, str]]:
    """The averaged model of a checkpoint and what the weight file should say about its training."""
    path = path or cache_folder() / f"runs/body-{part}/checkpoint.pt"
    saved = torch.load(path, map_location="cpu", weights_only=True)
    model = Body(BodyConfig(**saved["model_config"]))
    model.load_state_dict(saved["average"])
    return model.eval(), {"steps": str(saved["step"])}


def fresh(part: str, stats: dict[str, Tensor]) -> Body:
    """An untrained network with the corpus's statistics, silent at its output and all but deaf to words."""
    model = Body(PARTS[part])
    for name, value in stats.items():
        getattr(model, name).copy_(value)
    torch.nn.init.zeros_(model.out.weight)
    torch.nn.init.normal_(model.text_proj.weight, std=0.002)
    return model


def train(part: str, config: dict, target: Path) -> None:
    """Run or resume the training of one network described by `config`."""
    torch.manual_seed(config["seed"])
    torch.set_num_threads(config["threads"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    data = load_part("train", config["tokens"])
    stats = kept_statistics(data, target.parent / "body-statistics.pt")
    windows = Windows(data, stats, part, config["blocks"], config["seed"], config["openings"])
    validation = Windows(load_part("val", config["tokens"]), stats, part, config["blocks"], 0)
    model = fresh(part, stats[part]).to(device)
    lower = fresh("lower", stats["lower"]).to(device)
    scale = feature_weights(part, config["feature_weights"]).to(device)
    optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=config["weight_decay"])
    average, step, log = Average(model, config["average"]), 0, []
    path = target / "checkpoint.pt"
    if path.exists():
        saved = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        average.state, step, log = saved["average"], saved["step"], saved["log"]
        windows.random = np.random.default_rng([config["seed"], step])
    generator = torch.Generator().manual_seed(config["seed"] + step)
    began, recent = time.time(), []
    while step < config["steps"]:
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(config, step)
        batch = windows.batch(config["batch"])
        blurred(batch, config, generator)
        batch = {name: value.to(device) for name, value in batch.items()}
        own = step > config["own_after"] and float(torch.rand((), generator=generator)) < config["own_share"]
        with torch.autocast(device.type, torch.bfloat16):
            x0, steps = passes(model, batch, lower, config, generator, own, config["runtime_steps_share"])
        loss, parts = body_loss(model, x0, batch["frames"], scale, config["loss"], emphasis(model, steps))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.update(model, step)
        step += 1
        recent.append(parts)
        if step % 25 == 0 or step == config["steps"]:
            entry = {"step": step} | {k: float(np.mean([r[k] for r in recent])) for k in parts}
            recent = []
            if step % config["evaluate_every"] == 0 or step == config["steps"]:
                current = {k: v.clone() for k, v in model.state_dict().items()}
                model.load_state_dict(average.state)
                entry |= validate(model, lower, validation, config, 4, device)
                model.load_state_dict(current)
            log.append(entry)
            text = " ".join(f"{k} {v:.4f}" for k, v in entry.items() if k != "step")
            print(f"step {step} {text} {(time.time() - began) / 60:.1f} min", flush=True)
        if step % config["save_every"] == 0 or step == config["steps"]:
            saved = {
                "model": model.state_dict(),
                "average": average.state,
                "optimiser": optimiser.state_dict(),
                "step": step,
                "config": config,
                "model_config": model.config.to_dict(),
                "log": log,
            }
            torch.save(saved, path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
            draw(log, target / "curves.png")


def main() -> None:
    """Command line of the training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--config", type=Path, help="default: configs/body-<part>.json")
    parser.add_argument("--name", help="default: body-<part>")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="override top-level config entries")
    options = parser.parse_args()
    source = options.config or Path(__file__).parent / f"configs/body-{options.part}.json"
    config = json.loads(source.read_text())
    for item in options.set:
        key, value = item.split("=", 1)
        config[key] = json.loads(value) if value[0] in "0123456789.{[" else value
    target = cache_folder() / "runs" / (options.name or f"body-{options.part}")
    target.mkdir(parents=True, exist_ok=True)
    train(options.part, config, target)


if __name__ == "__main__":
    main()
