"""Train the face network on the conversation corpus.

    python train_face.py                             # configs/face.json, resumes by itself
    python train_face.py --name try --set steps=200

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

from corpus_conversation import load_part
from corpus_speech import cache_folder, shared_data
from face import ARKIT_51, Conditions, Face, FaceConfig, alpha_bars, sampling_steps
from face_metrics import lip_gap_direction, load_ict
from phones import BILABIALS, PHONE_ID, SILENCE
from train_encoder import Average, learning_rate

# Standard deviations are floored so that still channels do not amplify noise; lids are scaled so that a closed lid
# stands far above the sampler's noise and a blink is a decision, not a blur.
STD_FLOOR, LID_STD, LID_LOSS = 0.02, 0.08, 0.3
# Phones that are taken for p, b, m: stressed too, so that a doubtful frame is not closed just because closures weigh.
RIVALS, RIVAL_STRESS = [PHONE_ID[p] for p in ("N", "NG", "V", "F", "DH", "L")], 0.7
MOUTH = [i for i, name in enumerate(ARKIT_51) if name.startswith(("mouth", "jaw"))]
# The lips follow the sound alone: x_proj is kept blind to these channels. With their noisy selves and their own past in
# sight, they were drawn anew on every frame (one doubtful frame in fifty closes one vowel in ten) and coasted on what
# they had emitted before.
_SPOKEN = "jawOpen jawForward mouthClose mouthFunnel mouthPucker mouthRoll mouthShrug mouthLower mouthUpper mouthPress"
LIPS = [i for i, name in enumerate(ARKIT_51) if name.startswith((*_SPOKEN.split(), "mouthStretch"))]
LIDS = [i for i, name in enumerate(ARKIT_51) if name.startswith("eyeBlink")]


def noised_copies(
    model: Face,
    z: Tensor,
    copies: int,
    generator: torch.Generator,
    runtime_share: float = 0.75,
) -> tuple[Tensor, Tensor, Tensor]:
    """Context at the context step [B, T, C], noised copies [B, N, T, C] and their diffusion steps [B, N].


    A share of the sequences uses exactly the steps of the default sampler, the rest those of samplers of 1 to 8 steps
    or any step.
    """
    config = model.config
    total, batch = config.schedule["T"], z.shape[0]
    bars = alpha_bars(config.schedule).float()
    default = torch.tensor(sampling_steps(total, config.steps))
    known = torch.tensor(sorted({t for s in range(1, 9) for t in sampling_steps(total, s)}))
    steps = torch.empty(batch, copies, dtype=torch.long)
    for row in steps:
        draw = torch.rand((), generator=generator)
        if draw < runtime_share:
            row[:] = default[torch.randperm(len(default), generator=generator)[torch.arange(copies) % len(default)]]
        elif draw < runtime_share + (1 - runtime_share) * 0.6:
            row[:] = known[torch.randint(len(known), (copies,), generator=generator)]
        else:
            row[:] = torch.randint(total, (copies,), generator=generator)
    device = z.device

    def noise(shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=generator).to(device)

    a = bars[steps][:, :, None, None].to(device)
    noised = a.sqrt() * z[:, None] + (1 - a).sqrt() * noise((batch, copies, *z.shape[1:]))
    a = bars[config.context_step]
    clean = a.sqrt() * z + (1 - a).sqrt() * noise(tuple(z.shape))
    return clean, noised, steps.to(device)


def face_loss(
    model: Face, x0: Tensor, z: Tensor, closure: Tensor, weights: dict | None = None, gap: Tensor | None = None
) -> tuple[Tensor, dict[str, float]]:
    """Loss of predictions x0 [B, N, T, C] against z [B, T, C], and its parts.

    MSE of x0 and of its frame differences (DiffSpeaker). Mouth channels weigh more by `closure` [B, T] (0..1), and
    with `gap` [C] (cm of inner-lip gap per weight) the lip gap itself has to fit.
    """
    weights = weights or {"difference": 1.0, "closure": 4.0, "gap": 0.0}
    channel = torch.ones(z.shape[-1], device=z.device)
    channel[LIDS] = LID_LOSS
    mouth = torch.zeros_like(channel)
    mouth[MOUTH] = 1
    scale = channel * (1 + mouth * closure[..., None] * (weights["closure"] - 1))
    error = x0 - z[:, None]
    parts = {"x0": (scale[:, None] * error**2).mean()}
    step = error[:, :, 1:] - error[:, :, :-1]
    parts["difference"] = weights["difference"] * (scale[:, None, 1:] * step**2).mean()
    if gap is not None and weights["gap"]:
        opening = (error * model.std) @ gap
        stress = 1 + closure[:, None] * (weights["closure"] - 1)
        parts["gap"] = weights["gap"] * (stress * (opening / 0.4) ** 2).mean()
    return sum(parts.values()), {name: float(value.detach()) for name, value in parts.items()}


def onsets(phone: np.ndarray) -> np.ndarray:
    """True [..., n] from three frames before speech to one after its start, where ids [..., n] were silent before."""
    silent = np.pad(phone == SILENCE, [(0, 0)] * (phone.ndim - 1) + [(6, 3)], constant_values=True)
    count = phone.shape[-1]
    quiet = np.stack([silent[..., k : k + count] for k in range(6)]).all(0)
    start = quiet & ~silent[..., 6 : 6 + count]
    start[..., 0] = False
    padded = np.pad(start, [(0, 0)] * (phone.ndim - 1) + [(1, 3)])
    return np.stack([padded[..., k : k + count] for k in range(5)]).any(0)


class Windows:
    """Random windows of the corpus: one person's face with both persons' tokens."""

    def __init__(self, part: str, tokens: str, frames: int, seed: int, token_noise: float = 0.0):
        """`token_noise` is the largest spread of the noise added to a window's tokens: on talkers that the encoder
        was not trained on its tokens are less certain than on those of the corpus."""
        self.data = load_part(part, tokens)
        self.token_noise = token_noise
        self.frames, self.random = frames, np.random.default_rng(seed)
        self.speech = np.pad(np.cumsum(self.data["phone"] != 0, axis=-1), ((0, 0), (0, 0), (1, 0)))
        bilabial = np.isin(self.data["phone"], BILABIALS)
        near = bilabial.copy()
        near[..., 1:] |= bilabial[..., :-1]
        near[..., :-1] |= bilabial[..., 1:]
        stress = np.where(near | onsets(self.data["phone"]), 1.0, RIVAL_STRESS * np.isin(self.data["phone"], RIVALS))
        self.closure = stress.astype(np.float32)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and floored standard deviation per channel, [C] each."""
        face = self.data["face"].reshape(-1, len(ARKIT_51))[::3].astype(np.float32)
        std = np.maximum(face.std(0), STD_FLOOR)
        std[LIDS] = LID_STD
        return torch.from_numpy(face.mean(0)), torch.from_numpy(std)

    def pick(self) -> tuple[int, int, int]:
        """(stream, person, first frame); of two draws mostly the one with more speech."""
        streams, persons, length = self.data["phone"].shape
        draws = []
        for _ in range(2 if self.random.random() < 0.6 else 1):
            s, p = int(self.random.integers(streams)), int(self.random.integers(persons))
            k = int(self.random.integers(length - self.frames + 1))
            draws.append((self.speech[s, p, k + self.frames] - self.speech[s, p, k], (s, p, k)))
        return max(draws)[1]

    def batch(self, count: int) -> tuple[Tensor, Tensor, Conditions, Tensor]:
        """face [B, T, C], audio [B, T, 512], conditions [B, T], closure [B, T]."""
        rows: list[list[np.ndarray]] = [[] for _ in range(7)]
        for s, p, k in (self.pick() for _ in range(count)):
            t, d = slice(k, k + self.frames), self.data
            rows[0].append(d["face"][s, p, t].astype(np.float32))
            audio = np.concatenate([d["token"][s, p, t], d["token"][s, 1 - p, t]], -1).astype(np.float32)
            if self.token_noise:
                spread = np.float32(self.random.uniform(0, self.token_noise))
                audio += spread * self.random.standard_normal(audio.shape, np.float32)
            rows[1].append(audio)
            ids = (d["style"][s, p, t], d["style"][s, 1 - p, t], d["facing"][s, p, t], d["emotion"][s, p, t])
            for row, values in zip(rows[2:6], ids, strict=True):
                row.append(values.astype(np.int64))
            rows[6].append(self.closure[s, p, t])
        face, audio, style, partner, facing, emotion, closure = (torch.from_numpy(np.stack(r)) for r in rows)
        return face, audio, Conditions(style, partner, facing, emotion), closure


@torch.no_grad()
def validate(model: Face, windows: Windows, batches: int, device: torch.device) -> dict[str, float]:
    """Mean loss of x0 per sampling step on fixed validation windows (teacher-forced)."""
    generator = torch.Generator().manual_seed(11)
    windows.random = np.random.default_rng(11)
    total = torch.zeros(model.config.steps)
    for _ in range(batches):
        face, audio, conditions, _ = windows.batch(4)
        z = model.normalise(face.to(device))
        clean, noised, steps = noised_copies(model, z, model.config.steps, generator, runtime_share=1.0)
        ids = Conditions(*(c.to(device) for c in vars(conditions).values()))
        with torch.autocast(device.type, torch.bfloat16):
            x0 = model(clean, noised, audio.to(device), ids, steps)
        error = ((x0 - z[:, None]) ** 2)[..., MOUTH].mean((2, 3)).cpu()
        total += error[torch.arange(4)[:, None], steps.cpu().argsort(1, descending=True)].mean(0)
    return {f"val_{i}": float(v) for i, v in enumerate(total / batches)}


def draw(log: list[dict], path: Path) -> None:
    """Draw the curves of a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    for name in ("x0", "difference", "gap"):
        left.semilogy([e["step"] for e in log if name in e], [e[name] for e in log if name in e], label=name)
    left.set(xlabel="step", ylabel="training loss")
    left.legend()
    scored = [e for e in log if "val_0" in e]
    for i in range(4):
        right.semilogy([e["step"] for e in scored], [e[f"val_{i}"] for e in scored], label=f"pass {i + 1}")
    right.set(xlabel="step", ylabel="validation MSE of mouth channels (z)")
    right.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def load_ema(path: Path | None = None) -> tuple[Face, dict[str, str]]:
    """The averaged model of a checkpoint and what the weight file should say about its training."""
    saved = torch.load(path or cache_folder() / "runs/face/checkpoint.pt", map_location="cpu", weights_only=True)
    model = Face(FaceConfig(**saved["config"]["model"]))
    model.load_state_dict(saved["average"])
    return model.eval(), {"steps": str(saved["step"])}


def train(config: dict, folder: Path) -> None:
    """Run or resume the training described by `config`."""
    torch.manual_seed(config["seed"])
    torch.set_num_threads(config["threads"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Face(FaceConfig(**config["model"])).to(device)
    windows = Windows("train", config["tokens"], config["frames"], config["seed"], config["token_noise"])
    validation = Windows("val", config["tokens"], config["frames"], 0)
    mean, std = windows.statistics()
    model.mean.copy_(mean)
    model.std.copy_(std)
    torch.nn.init.zeros_(model.out.weight)
    model.x_proj.weight.data[:, LIPS] = 0
    gap = None
    if shared_data() is not None:
        gap = torch.from_numpy(lip_gap_direction(load_ict(shared_data() / "face-ict/ict_arkit.npz"))).float().to(device)
    optimiser = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=config["weight_decay"])
    average, step, log = Average(model, config["average"]), 0, []
    path = folder / "checkpoint.pt"
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
        face, audio, conditions, closure = windows.batch(config["batch"])
        z = model.normalise(face.to(device))
        clean, noised, steps = noised_copies(model, z, config["copies"], generator, config["runtime_steps_share"])
        ids = Conditions(*(c.to(device) for c in vars(conditions).values()))
        with torch.autocast(device.type, torch.bfloat16):
            x0 = model(clean, noised, audio.to(device), ids, steps)
        loss, parts = face_loss(model, x0, z, closure.to(device), config["loss"], gap)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            model.x_proj.weight[:, LIPS] = 0
        average.update(model, step)
        step += 1
        recent.append(parts)
        if step % 50 == 0 or step == config["steps"]:
            entry = {"step": step} | {k: float(np.mean([r[k] for r in recent])) for k in parts}
            recent = []
            if step % config["evaluate_every"] == 0 or step == config["steps"]:
                current = {k: v.clone() for k, v in model.state_dict().items()}
                model.load_state_dict(average.state)
                entry |= validate(model, validation, 6, device)
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
                "log": log,
            }
            torch.save(saved, path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
            draw(log, folder / "curves.png")


def main() -> None:
    """Command line of the training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, default=Path(__file__).parent / "configs/face.json")
    parser.add_argument("--name", default="face")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="override top-level config entries")
    options = parser.parse_args()
    config = json.loads(options.config.read_text())
    for item in options.set:
        key, value = item.split("=", 1)
        config[key] = json.loads(value) if value[0] in "0123456789.{[" else value
    folder = cache_folder() / "runs" / options.name
    folder.mkdir(parents=True, exist_ok=True)
    train(config, folder)


if __name__ == "__main__":
    main()
