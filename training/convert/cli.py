"""Command line of the converters: `python -m training.convert KIND CHECKPOINT OUTPUT`."""

import argparse
import sys
from pathlib import Path

from convert import diffspeaker, dim, l2l, lda
from convert.source import ConvertError

KINDS = {"diffspeaker": diffspeaker, "lda": lda, "l2l": l2l, "dim": dim}


def parser():
    """The arguments."""
    out = argparse.ArgumentParser(
        prog="convert", description="Convert published checkpoints into Duologue's weight format."
    )
    out.add_argument("--list", action="store_true", help="print every tensor that is recognised, and its name here")
    kinds = out.add_subparsers(dest="kind", metavar="KIND")

    def kind(name, about, output=True):
        sub = kinds.add_parser(name, help=about, description=about)
        sub.add_argument("checkpoint", type=Path, nargs="?", help="the file as it was published")
        if output:
            sub.add_argument("output", type=Path, nargs="?", help="the .safetensors to write")
            sub.add_argument("--half", action="store_true", help="store matrices as F16, half the size")
        sub.add_argument("--list", action="store_true", default=argparse.SUPPRESS, help="print what is recognised")
        return sub

    sub = kind("diffspeaker", "DiffSpeaker, VOCASET or BIWI (Lightning .ckpt)")
    sub.add_argument("--variant", choices=sorted(diffspeaker.VARIANTS), help="where the output's size does not tell")
    sub.add_argument("--basis", type=Path, help=".npz with deltas [51, V, 3]: ARKit blendshapes on the same mesh")
    sub.add_argument("--no-audio", action="store_true", help="leave the speech encoder out")
    kind("lda", "Listen, Denoise, Action! dance (Lightning .ckpt)")
    sub = kind("l2l", "Learning2Listen: the listener VQ-VAE (.pth) and, with --predictor, all of one person")
    sub.add_argument("--norm", type=Path, help="the VQ-VAE's ..._preprocess_core.npz")
    sub.add_argument("--predictor", type=Path, help="the predictor (.pth)")
    sub.add_argument("--predictor-norm", type=Path, help="the predictor's ..._preprocess_core.npz")
    kind("dim", "DIM: nothing is public; checks a VQ-VAE file", output=False)
    return out


def run(options):
    """What the chosen converter has to tell, in lines; raises ConvertError."""
    if options.list:
        chosen = [KINDS[options.kind]] if options.kind else KINDS.values()
        return [line for module in chosen for line in module.listing()]
    if not options.kind:
        raise ConvertError(f"no kind was given, expected one of {', '.join(KINDS)}", "See --help, or --list.")
    if options.kind == "dim":
        return dim.check(options.checkpoint) if options.checkpoint else list(dim.WHY)
    if not options.checkpoint or not options.output:
        raise ConvertError(
            f"got checkpoint {options.checkpoint or 'none'} and no output, expected both",
            f"Like this: convert {options.kind} CHECKPOINT OUTPUT.safetensors",
        )
    if options.kind == "diffspeaker":
        return diffspeaker.convert(
            options.checkpoint, options.output, options.variant, options.basis, not options.no_audio, options.half
        )
    if options.kind == "lda":
        return lda.convert(options.checkpoint, options.output, options.half)
    if not options.norm:
        raise ConvertError(
            "no normalisation was given, expected --norm ..._preprocess_core.npz",
            "It stands beside the weights; without it their numbers mean nothing.",
        )
    return l2l.convert(
        options.checkpoint, options.norm, options.output, options.predictor, options.predictor_norm, options.half
    )


def main(arguments=None):
    """Convert; returns the exit code: 0, or 1 with the error and the next move on stderr."""
    options = parser().parse_args(arguments)
    try:
        lines = run(options)
    except ConvertError as error:
        print(f"error: {error}\n       {error.hint}", file=sys.stderr)
        return 1
    print("\n".join(lines))
    if getattr(options, "output", None) and not options.list:
        print(f"wrote {options.output} ({options.output.stat().st_size / 1e6:.1f} MB)")
    return 0
