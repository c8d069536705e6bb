"""The HTML report of an evaluation: configuration, goals, every section's tables, curves and contact sheets.

    python evaluate.py --report DIR                  # writes DIR/index.html with its pictures
    python evaluation/report.py RESULTS.json DIR     # draws again from what a run left in DIR

Tables are made from the results as they stand: `baselines` and `truth` become columns beside ours, dictionaries of
dictionaries become tables, so a section may grow without this file.
"""

from __future__ import annotations

import html
import json
import math
import sys
from datetime import date
from pathlib import Path

import numpy as np

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from evaluation import figures, lips
from evaluation.pictures import contact_sheet, lips_picture, sweep_picture, talk_curves
from evaluation.setting import Missing, data_folder
from phones import SILENCE

TITLES = {
    "lips": "Lips",
    "kathleen": "Kathleen test: sentences that occur in no training text",
    "unseen": "dc-tts: a talker in no training data",
    "grid": "GRID validation clips against the tracked face",
    "listener": "Listener",
    "body": "Body",
    "sweeps": "Quality against look-ahead, denoising steps and weight precision",
    "lookahead": "Look-ahead (a probe: softmax heads on the shipped encoder)",
    "steps": "Denoising steps",
    "precision": "Weight precision",
    "partner": "Right against wrong partner",
    "reaction": "Reaction to turn onsets",
    "free_running": "Free running",
    "strokes": "Strokes against stresses",
    "per_minute_of_listening": "Events per minute of listening",
    "small_networks": "Small networks: hierarchy, one network, regression",
    "truth": "simulated corpus",
    "call": "a real telephone call",
}
SIMULATED = ("listener", "body")
REAL = ("call", "reaction")
"""Sections whose data are simulated, and what in them is not, or is mixed and says so row by row."""
SWEEP_KEYS = {
    "lookahead": ({"kathleen": "visemes, Kathleen", "unseen": "visemes, unseen talker"}, "look-ahead, frames"),
    "steps": (
        {"viseme_accuracy": "visemes", "pbm_closed": "P, B, M closed", "jaw_r": "GRID jaw r", "lve_mm2": "LVE, mm²"},
        "denoising steps",
    ),
}
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #1d1d1f; max-width: 1320px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7rem } h2 { margin-top: 2.6rem; border-bottom: 2px solid #ddd } h3 { margin-top: 1.8rem }
table { border-collapse: collapse; margin: .7rem 0 1.2rem; font-variant-numeric: tabular-nums }
th, td { padding: .22rem .7rem; border-bottom: 1px solid #e3e3e6; text-align: right; vertical-align: top }
th:first-child, td:first-child { text-align: left } thead th { border-bottom: 2px solid #999 }
caption { text-align: left; font-weight: 600; padding: .3rem 0; white-space: nowrap } td.ours { background: #eef5ff }
.met { color: #176b2c } .missed { color: #a3161b; font-weight: 600 } .open { color: #777 }
.simulated { background: #fff1c9; border-radius: .3rem; padding: .05rem .45rem; font-size: .8rem; font-weight: 600 }
img { max-width: 100%; border: 1px solid #e3e3e6; border-radius: .3rem } figure { margin: 1rem 0 }
figcaption { color: #555; font-size: .9rem } nav a { margin-right: 1rem } .error { color: #777; font-size: .85em }
"""


def words(key: str) -> str:
    """A key of the results in words."""
    known = {**figures.LABELS, **lips.GRID_ROWS, **lips.ROWS}
    text = known.get(key) or TITLES.get(key) or key.rpartition(".")[2].replace("_", " ")
    return f"{key.partition('.')[0]}: {text}" if "." in key and key not in known else text


def number(value: object) -> str:
    """A cell: numbers short, lists joined, nothing where nothing was measured."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 0.001 or abs(value) >= 1000 else f"{value:.3f}"
    if isinstance(value, list):
        return ", ".join(number(one) for one in value)
    return html.escape(str(value))


def scalar(value: object) -> bool:
    """Whether a value fits into a cell."""
    return not isinstance(value, dict) and not (isinstance(value, list) and any(isinstance(v, dict) for v in value))


def flat(found: dict, depth: int = 1) -> dict:
    """Scalars of a dictionary, and those one level down as "name.key"."""
    out = {key: value for key, value in found.items() if scalar(value)}
    if depth:
        for name, inner in found.items():
            if isinstance(inner, dict) and name not in ("baselines", "truth"):
                out |= {f"{name}.{key}": value for key, value in flat(inner, depth - 1).items()}
    return out


def cell(row: dict, key: str) -> str:
    """A number with its standard error, where it has one."""
    error = row.get(f"{key}_error")
    return number(row.get(key)) + (f' <span class="error">± {number(error)}</span>' if error is not None else "")


def grid(columns: dict[str, dict], keys: list[str], caption: str) -> str:
    """A table: one row per key, one column per dictionary."""
    head = "".join(f"<th>{html.escape(words(name))}</th>" for name in columns)
    lines = [f"<table><caption>{caption}</caption><thead><tr><th></th>{head}</tr></thead><tbody>"]
    for key in keys:
        cells = "".join(
            f'<td class="ours">{cell(row, key)}</td>' if name == "ours" else f"<td>{cell(row, key)}</td>"
            for name, row in columns.items()
        )
        lines.append(f"<tr><td>{html.escape(words(key))}</td>{cells}</tr>")
    return "".join([*lines, "</tbody></table>"])


def beside(found: dict, caption: str) -> tuple[str, set[str]]:
    """Ours beside truth and baselines, and the keys that this shows."""
    columns = {"ours": flat(found)}
    if isinstance(found.get("truth"), dict):
        columns["truth"] = flat(found["truth"])
    rows = {name: row for name, row in found["baselines"].items() if isinstance(row, dict)}
    columns |= {name: flat(row) for name, row in rows.items()}
    others = [row for name, row in columns.items() if name != "ours"]
    keys = [k for k in columns["ours"] if not k.endswith("_error") and any(k in row for row in others)]
    used = {name: row for name, row in columns.items() if name == "ours" or any(k in row for k in keys)}
    return grid(used, keys, caption), {k.partition(".")[0] for k in keys}


def folded(found: dict) -> list[tuple[dict[str, dict], str]]:
    """Columns and what to say of them for rows that are nested: right against wrong partners, means over seeds."""
    inner = {name: row for name, row in found.items() if isinstance(row, dict)}
    wrong = {name: row for name, row in inner.items() if isinstance(row.get("scores"), dict)}
    out = []
    if wrong and "right" in inner:
        out.append(({"right": inner["right"]} | {name: row["scores"] for name, row in wrong.items()}, ": scores"))
        held = {
            name: {key: one.get("of_listeners") for key, one in row.get("right_is_better", {}).items()}
            for name, row in wrong.items()
        }
        out.append((held, ": share of listeners with whom the right partner scores better"))
    means = {name: row for name, row in inner.items() if isinstance(row.get("mean"), dict)}
    if means:
        columns = {
            name: row["mean"] | {f"{key}_error": value for key, value in row.get("spread", {}).items()}
            for name, row in means.items()
        }
        out.append((columns, ": mean ± spread over seeds"))
    return out


def tables(name: str, found: dict, path: tuple[str, ...] = ()) -> str:
    """All tables of a part of the results."""
    path = (*path, name)
    trail = " › ".join(html.escape(words(part)) for part in path[1:] or path)
    caption = trail + mark(path)
    out, shown = [], {"baselines", "truth"}
    for columns, about in folded(found):
        keys = list(dict.fromkeys(key for row in columns.values() for key in row if not key.endswith("_error")))
        out.append(grid(columns, keys, f"{trail}{about}{mark(path)}"))
        shown |= set(columns)
    if isinstance(found.get("baselines"), dict):
        text, keys = beside(found, caption)
        out.append(text)
        shown |= keys
        inner = {k: v for k, v in found["baselines"].items() if isinstance(v, dict)}
        out += [tables(key, value, path) for key, value in inner.items() if not set(flat(value)) & set(flat(found))]
    rows = {k: v for k, v in found.items() if isinstance(v, dict) and k not in shown}
    alike = [k for k, v in rows.items() if v and all(scalar(x) for x in v.values())]
    if len(alike) > 1 and len({frozenset(rows[k]) for k in alike}) <= max(len(alike) // 2, 1):
        keys = list(dict.fromkeys(key for k in alike for key in rows[k] if not key.endswith("_error")))
        if len(keys) > len(alike):
            out.append(grid({k: rows[k] for k in alike}, keys, caption))
        else:
            turned = {key: {k: rows[k].get(key) for k in alike} for key in keys}
            out.append(grid(turned, alike, caption))
        shown |= set(alike)
    rest = {k: v for k, v in found.items() if scalar(v) and k not in shown and not k.endswith("_error")}
    if rest:
        title = caption if not out else f"{trail}, further{mark(path)}"
        out.append(grid({"measured": found}, list(rest), title))
    for key, value in found.items():
        if key not in shown and not scalar(value):
            listed = value if isinstance(value, dict) else {str(i + 1): v for i, v in enumerate(value)}
            out.append(tables(key, listed, path))
    return "\n".join(out)


def mark(path: tuple[str, ...]) -> str:
    """The word simulated, where the data are."""
    simulated = path[0] in SIMULATED and ("simulated" in path or not set(path) & set(REAL))
    return ' <span class="simulated">simulated</span>' if simulated else ""


def goals(found: list[dict]) -> str:
    """The stated goals with what was measured."""
    said = {True: ("met", "met"), False: ("missed", "MISSED"), None: ("open", "not measured")}
    lines = ["<table><thead><tr><th>goal</th><th>measured</th><th>limit</th><th></th></tr></thead><tbody>"]
    for one in found:
        kind, text = said[one["met"]]
        badge = mark((one["path"].partition(".")[0], *one["path"].split(".")))
        lines.append(
            f"<tr><td>{html.escape(one['name'])}{badge}</td><td>{number(one['measured'])}</td>"
            f'<td>{html.escape(one["goal"])}</td><td class="{kind}">{text}</td></tr>'
        )
    return "".join([*lines, "</tbody></table>"])


def figure(path: Path | None, caption: str) -> str:
    """A picture of the report's folder."""
    if path is None:
        return ""
    name, about = html.escape(path.name), html.escape(caption)
    return f'<figure><img src="{name}" alt="{about}"><figcaption>{about}</figcaption></figure>'


def lip_pictures(folder: Path) -> list[str]:
    """Curves and faces of the utterances that the lips section left."""
    found = sorted(folder.glob("lips-*.npz"))
    if not found:
        return []
    try:
        model = data_folder() / "face-ict/ict_arkit.npz"
    except Missing:
        return ["<p>Not drawn: the face model is not on this machine.</p>"]
    out = ["<h3>Curves and faces</h3>"]
    for path in found:
        clip = "grid" in path.stem
        what = "a GRID clip: ours and the tracked face" if clip else "a Kathleen sentence: ours and a baseline"
        drawn = lips_picture(path, model, path.with_suffix(".png"))
        out.append(figure(drawn, f"{path.stem.removeprefix('lips-')}, {what}"))
    return out


def talk_pictures(folder: Path) -> list[str]:
    """Curves and contact sheets of the talks that were kept."""
    out = []
    for path in sorted(folder.glob("talk-*.npz")):
        name = path.stem.removeprefix("talk-")
        with np.load(path) as file:
            spoken = file["phone"] != SILENCE
            bodies = {"ours": file["body"]} | ({"the simulated corpus": file["corpus"]} if "corpus" in file else {})
        curves = talk_curves(path, folder / f"{path.stem}-curves.png")
        out.append(f"<h3>Talk {html.escape(name)} {mark(('body',))}</h3>")
        out.append(figure(curves, f"{name}: what the product makes of a held-out simulated talk"))
        for who, body in bodies.items():
            target = folder / f"{path.stem}-{who.split()[-1]}.png"
            sheet = contact_sheet(body, target, f"{name}, {who}; A blue, B orange, left limbs lighter", spoken)
            out.append(figure(sheet, f"{name}: bodies of {who}, seen from the side of the line between both"))
    return out


def sweep_pictures(found: dict, folder: Path) -> list[str]:
    """Curves of the sweeps."""
    out = []
    for name, (keys, label) in SWEEP_KEYS.items():
        if isinstance(found.get(name), dict):
            drawn = sweep_picture(found[name], keys, folder / f"sweep-{name}.png", label)
            out.append(figure(drawn, f"{words(name)}; bars are standard errors"))
    return out


def page(result: dict, folder: Path) -> str:
    """The whole page; pictures are drawn into the folder."""
    sections = [name for name in ("lips", "listener", "body", "sweeps") if isinstance(result.get(name), dict)]
    sections += [k for k, v in result.items() if isinstance(v, dict) and k not in (*sections, "configuration")]
    pictures = {"lips": lip_pictures(folder), "body": talk_pictures(folder)}
    pictures["sweeps"] = sweep_pictures(result.get("sweeps") or {}, folder)
    setup = flat(result.get("configuration") or {}, 2)
    links = "".join(f'<a href="#{name}">{html.escape(words(name))}</a>' for name in sections)
    out = [
        "<!doctype html><html lang=en><head><meta charset=utf-8><title>Duologue: evaluation</title>",
        f"<style>{STYLE}</style></head><body><h1>Duologue: evaluation</h1><p>{date.today().isoformat()}. Everything is",
        "made by the product's own generator in the configuration below. Tables marked",
        '<span class="simulated">simulated</span> compare with simulated talk, not with recorded people.</p>',
        f"<nav>{links}</nav>",
        grid({"value": setup}, list(setup), "Configuration"),
    ]
    if result.get("goals"):
        out += ["<h2>Goals</h2>", goals(result["goals"])]
    for name in sections:
        out += [f'<h2 id="{name}">{html.escape(words(name))}{mark((name,))}</h2>', tables(name, result[name])]
        out += pictures.get(name, [])
    for name, drawn in pictures.items():
        if name not in sections:
            out += drawn
    return "\n".join([*out, "</body></html>"])


def write(result: dict, folder: Path) -> Path:
    """Writes the report of results into a folder; its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "index.html"
    path.write_text(page(result, folder), encoding="utf-8")
    print(f"report: {path}")
    return path


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python evaluation/report.py RESULTS.json DIR")
    write(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
