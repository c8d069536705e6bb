"""Train the speech encoder.

    python train_encoder.py                          # configs/speech_encoder.json, resumes by itself
    python train_encoder.py --name try --set steps=500 batch=4

Checkpoints, the log and a picture of the curves go to $DUOLOGUE_CACHE/runs/<name>.
"""

import os
import time

# The workers' small matrix products are slower on several threads than on one; read when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import torch
import torch.nn.functional as F

from augment import IGNORED, SpeechWindows
from corpus_speech import load_utterances
from evaluate_encoder import evaluate
from learning import Average, configured, learning_rate, mixed, save, training_arguments
from phones import BILABIALS, PHONE_TO_VISEME, VISEME_OF_PHONE
from speech_encoder import EncoderConfig, SpeechEncoder


def losses(out, batch, weights):
    """The parts of the loss: phones (bilabials weighted up, labels smoothed), their visemes, voicing, energy."""
    importance = torch.ones(len(PHONE_TO_VISEME), device=batch["phone"].device)
    importance[BILABIALS] = weights["bilabial"]
    log_phones = out["phones"].float().log_softmax(-1)
    table = torch.from_numpy(PHONE_TO_VISEME).to(log_phones)
    log_visemes = (log_phones.exp() @ table).clamp_min(1e-8).log()
    known = batch["phone"] != IGNORED
    phone = batch["phone"][known]
    viseme = torch.from_numpy(VISEME_OF_PHONE).to(phone.device)[phone]
    scale = importance[phone]
    smooth = weights.get("smoothing", 0)
    nll = F.nll_loss(log_phones[known], phone, reduction="none") * (1 - smooth)
    nll = nll - smooth * log_phones[known].mean(-1)
    viseme_nll = F.nll_loss(log_visemes[known], viseme, reduction="none")
    return {
        "phone": (scale * nll).mean(),
        "viseme": weights["viseme"] * (scale * viseme_nll).mean(),
        "voicing": weights["voicing"]
        * F.binary_cross_entropy_with_logits(out["voicing"].float()[known], batch["voicing"][known]),
        "energy": weights["energy"] * F.mse_loss(out["energy"].float()[known], batch["energy"][known]),
    }


def draw(log, path):
    """Draw the curves of a run."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4))
    left.plot([e["step"] for e in log], [e["loss"] for e in log])
    left.set(xlabel="step", ylabel="training loss")
    scored = [e for e in log if "accuracy" in e]
    right.plot([e["step"] for e in scored], [e["accuracy"] for e in scored], label="viseme accuracy")
    right.plot([e["step"] for e in scored], [e["recall"] for e in scored], label="P/B/M found")
    right.set(xlabel="step", title="Kathleen val, unseen sentences")
    right.grid(alpha=0.3)
    right.legend()
    figure.tight_layout()
    figure.savefig(path)
    pyplot.close(figure)


def windows_of(config, step, lookahead):
    """An endless iterator of batches from `step` on: the corpus, or in the last steps the one of `finish`."""
    finish = config.get("finish") or {}
    finishing = step >= config["steps"] - finish.get("steps", 0)
    parts, worse = (finish["parts"], finish["worse"]) if finishing else (config["parts"], config["worse"])
    windows = SpeechWindows(parts, config["seconds"], lookahead, config["seed"] + step, worse)
    pinned = torch.cuda.is_available()
    loader = torch.utils.data.DataLoader(windows, config["batch"], num_workers=config["workers"], pin_memory=pinned)
    return iter(loader), finishing


def train(config, folder):
    """Train to config["steps"], from the last checkpoint in `folder` if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config["threads"])
    torch.manual_seed(config["seed"])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = SpeechEncoder(EncoderConfig(**config["model"])).to(device)
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config["weight_decay"]}, {"params": vectors, "weight_decay": 0}]
    optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    average, step, log = Average(model, config["average"]), 0, []
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        average.state, step, log = saved["average"], saved["step"], saved["log"]
        print(f"resumed {checkpoint} at step {step}")
    loader, finishing = windows_of(config, step, model.config.lookahead)
    held_out = load_utterances("kathleen.val")
    started, seen, running = time.time(), 0, None
    while step < config["steps"]:
        if not finishing and step >= config["steps"] - (config.get("finish") or {}).get("steps", 0):
            loader, finishing = windows_of(config, step, model.config.lookahead)
        model.train()
        batch = {name: value.to(device, non_blocking=True) for name, value in next(loader).items()}
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(config, step)
        with mixed(device):
            out = model(batch["mel"])
        parts = losses(out, batch, config["loss"])
        loss = torch.stack(list(parts.values())).sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        average.update(model, step)
        step, seen = step + 1, seen + 1
        running = loss.item() if running is None else 0.98 * running + 0.02 * loss.item()
        if step % 25 == 0 or step == config["steps"]:
            entry = {"step": step, "loss": running, **{name: part.item() for name, part in parts.items()}}
            rate = (time.time() - started) / seen
            if step % config["evaluate_every"] == 0 or step == config["steps"]:
                mean = SpeechEncoder(model.config).eval()
                mean.load_state_dict(average.state)
                score = evaluate(mean, held_out)
                opened = float(score.false_closures[0] / max(score.false_closures[1], 1))
                entry |= {"accuracy": score.accuracy, "recall": score.recall, "closed_aa": opened}
            log.append(entry)
            minutes = rate * (config["steps"] - step) / 60
            shown = " ".join(f"{name} {value:.4f}" for name, value in list(entry.items())[1:])
            bar = "#" * round(20 * step / config["steps"])
            print(f"[{bar:20s}] {step}/{config['steps']} {shown} {rate:.2f} s/step {minutes:.0f} min left", flush=True)
            if "accuracy" in entry:
                state = {"model": model.state_dict(), "average": average.state, "optimiser": optimiser.state_dict()}
                save(checkpoint, state | {"step": step, "log": log, "config": config})
                draw(log, folder / "curves.png")
    return log


def main():
    """Read the command line and train."""
    options = training_arguments(__doc__, "speech-encoder").parse_args()
    train(*configured(options, "speech_encoder"))


if __name__ == "__main__":
    main()
