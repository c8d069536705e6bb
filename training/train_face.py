"""Train the face network on simulated talk and tracked lips, in InterAct's two stages.

    python train_face.py                                  # configs/face.json: the base model; resumes by itself
    python train_face.py --config configs/face-lips.json  # its denoiser, tuned on the tracked lips
    python train_face.py --name try --set steps=200

    python train_face.py --config configs/face-whole.json # the base with that denoiser, all of it once more

The second stage starts from the base run and trains the denoiser alone, so that its weights can be swapped into the
base (`load_ema` does). Checkpoints, the log and a picture of the curves go to $DUOLOGUE_CACHE/runs/<name>. Runs on
CUDA where there is one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import corpus_grid
import corpus_utterances
from corpus_speech import cache_folder, shared_data
from diffusion import alpha_bars, sampling_steps, spacing_of
from face import Face, FaceConfig
from face_loss import JAW, LIPS, MOUTH, Gap, face_loss
from face_metrics import CLOSED_SHARE, load_ict
from face_windows import Batch, Recordings, Windows
from learning import Run, configured, mixed, training_arguments
from lips import TRACKED_JAW


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
    total, batch, spacing = config.schedule["T"], z.shape[0], spacing_of(config.schedule)
    bars = alpha_bars(config.schedule).float()
    default = torch.tensor(sampling_steps(total, config.steps, spacing))
    known = torch.tensor(sorted({t for s in range(1, 9) for t in sampling_steps(total, s, spacing)}))
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


def predicted(model: Face, batch: Batch, noise: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """x0 [B, N, T, C] of a batch for the noise of `noised_copies`."""
    clean, noised, steps = noise
    with mixed(batch.face.device):
        return model(clean, noised, batch.audio, batch.conditions, steps)


def closure_shares(gaps: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Which closures [K] close and which frames that should be parted [...] are closed, of gaps [B, T]."""
    limit = CLOSED_SHARE * batch.lips.scale
    row, first, frames = batch.lips.closures.T
    closed = [gaps[r, f : f + n].min() <= limit[r] for r, f, n in zip(row, first, frames, strict=True)]
    return torch.tensor(closed), (gaps <= limit[:, None])[batch.lips.parted]


@torch.no_grad()
def validate(model: Face, windows: Windows, grid: Recordings | None, device: torch.device) -> dict[str, float]:
    """Teacher-forced measures on fixed validation windows: loss per pass, closures, jaw against the tracked one."""
    generator = torch.Generator().manual_seed(11)
    windows.random = np.random.default_rng(11)
    total, closed, wrong = torch.zeros(model.config.steps), [], []
    batches = 6
    for _ in range(batches):
        batch = windows.batch(4).to(device)
        z = model.normalise(batch.face)
        noise = noised_copies(model, z, model.config.steps, generator, runtime_share=1.0)
        x0, order = predicted(model, batch, noise), noise[2].argsort(1, descending=True)
        error = ((x0 - z[:, None]) ** 2)[..., MOUTH].mean((2, 3))
        total += error.gather(1, order).mean(0).cpu()
        if windows.gap:
            last = x0[torch.arange(4), order[:, -1].cpu()]
            found = closure_shares(windows.gap.of(model.weights(last)).cpu(), batch.to(torch.device("cpu")))
            closed.append(found[0])
            wrong.append(found[1])
    out = {f"val_{i}": float(v) for i, v in enumerate(total / batches)}
    if closed:
        shares = {"val_closed": closed, "val_false": wrong}
        out |= {name: float(torch.cat(values).float().mean()) for name, values in shares.items()}
    if grid:
        batch = grid.rows(np.arange(len(grid.data["face"]))).to(device)
        z = model.normalise(batch.face)
        x0 = predicted(model, batch, noised_copies(model, z, 1, generator, runtime_share=1.0))
        jaw, length = model.weights(x0)[:, 0, :, JAW].cpu().numpy(), grid.data["jaw"].shape[1]
        times = np.arange(length) / 25 * 30
        resampled = [np.interp(times, np.arange(jaw.shape[1]), row) for row in jaw]
        pairs = zip(resampled, grid.data["jaw"] / TRACKED_JAW, strict=True)
        out["val_jaw_r"] = float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in pairs]))
    return out


def draw(log: list[dict], path: Path) -> None:
    """Draw the curves of a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, middle, right) = pyplot.subplots(1, 3, figsize=(15, 4))
    for name in ("x0", "difference", "gap", "meet", "part", "jaw"):
        left.semilogy([e["step"] for e in log if e.get(name)], [e[name] for e in log if e.get(name)], label=name)
    left.set(xlabel="step", ylabel="training loss")
    left.legend()
    for names, axis, label in (
        ([f"val_{i}" for i in range(4)], middle, "validation MSE of mouth channels (z)"),
        (["val_closed", "val_false", "val_jaw_r"], right, "validation: closures, false ones, jaw's r"),
    ):
        for name in names:
            axis.plot([e["step"] for e in log if name in e], [e[name] for e in log if name in e], label=name)
        axis.set(xlabel="step", ylabel=label)
        axis.legend()
    middle.set_yscale("log")
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def load_ema(path: Path | None = None, lips: Path | None = None) -> tuple[Face, dict[str, str]]:
    """The averaged model of a checkpoint and what the weight file should say about its training.

    With `lips`, a checkpoint of the lip fine-tuning, its denoiser takes the place of the base's.
    """
    saved = torch.load(path or cache_folder() / "runs/face/checkpoint.pt", map_location="cpu", weights_only=True)
    model = Face(FaceConfig(**saved["config"]["model"]))
    model.load_state_dict(saved["average"])
    about = {"steps": str(saved["step"])}
    if lips:
        tuned = torch.load(lips, map_location="cpu", weights_only=True)
        state = {name: value for name, value in tuned["average"].items() if name.startswith("denoiser.")}
        model.load_state_dict(model.state_dict() | state)
        about["lip_steps"] = str(tuned["step"])
    return model.eval(), about


def prepared(config: dict, windows: Windows) -> Face:
    """A new network; the base run's with all but its denoiser frozen; or, with `lips`, the swapped one as a whole."""
    if not config.get("base"):
        model = Face(FaceConfig(**config["model"]))
        mean, std = windows.statistics()
        model.mean.copy_(mean)
        model.std.copy_(std)
        torch.nn.init.zeros_(model.out.weight)
        model.x_proj.weight.data[:, LIPS] = 0
        return model
    runs = cache_folder() / "runs"
    lips = runs / config["lips"] / "checkpoint.pt" if config.get("lips") else None
    model = load_ema(runs / config["base"] / "checkpoint.pt", lips)[0].train()
    if lips:
        return model
    model.requires_grad_(False)
    model.denoiser.requires_grad_(True)
    return model


def recordings(config: dict, gap: Gap | None) -> list[Recordings | None]:
    """What each step of a round trains the lips on, as `rounds` names it; None stands for talk and the whole face."""
    readers = {"grid": lambda tokens: corpus_grid.load_part("train", tokens), "utterances": corpus_utterances.load}
    made = {
        name: Recordings(read(config["tokens"]), config["seed"], config["token_noise"], gap)
        for name, read in readers.items()
        if name in config["rounds"]
    }
    return [made.get(name) for name in config["rounds"]] if made else []


def train(config: dict, folder: Path) -> None:
    """Run or resume the training described by `config`."""
    torch.manual_seed(config["seed"])
    torch.set_num_threads(config["threads"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    gap = Gap(load_ict(shared_data() / "face-ict/ict_arkit.npz")) if shared_data() is not None else None
    windows = Windows("train", config["tokens"], config["frames"], config["seed"], config["token_noise"], gap)
    validation = Windows("val", config["tokens"], config["frames"], 0, gap=gap)
    lips_of = recordings(config, gap)
    grid_validation = Recordings(corpus_grid.load_part("val", config["tokens"]), 0, gap=gap) if lips_of else None
    model = prepared(config, windows).to(device)
    run = Run(model, config, folder)
    if run.resume():
        windows.random = np.random.default_rng([config["seed"], run.step])
    generator = torch.Generator().manual_seed(config["seed"] + run.step)
    for step in run.steps():
        real = lips_of[step % len(lips_of)] if lips_of else None
        batch = (real.batch(config["batch"], windows) if real else windows.batch(config["batch"])).to(device)
        z = model.normalise(batch.face)
        noise = noised_copies(model, z, config["copies"], generator, config["runtime_steps_share"])
        x0 = predicted(model, batch, noise)
        lips_only = real is not None or bool(config.get("lips_only"))
        loss, parts = face_loss(model, x0, z, batch.closure, config["loss"], gap, batch.lips, lips_only)
        run.learn(loss)
        with torch.no_grad():
            model.x_proj.weight[:, LIPS] = 0
        parts = {"jaw": parts["jaw"]} if real else parts
        run.note(parts, lambda: validate(model, validation, grid_validation, device), draw)


def main() -> None:
    """Command line of the training."""
    options = training_arguments(__doc__, "face").parse_args()
    train(*configured(options, "face"))


if __name__ == "__main__":
    main()
