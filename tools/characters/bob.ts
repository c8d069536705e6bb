import type { Put } from './hair.ts';
import {
  add,
  bell,
  colour,
  curve,
  mix,
  mixVec,
  normalize,
  randomFrom,
  scale,
  smooth,
  type Vec,
} from './math.ts';
import type { Mesh } from './mesh.ts';
import type { Person } from './people.ts';
import { cast, type Field } from './sdf.ts';

/** Clumps on each side of the parting, and where each one's columns lie (0…1 across it). */
const CLUMPS = 5;
const ACROSS = [0, 0.14, 0.4, 0.68, 0.88, 0.97] as const;
const ROWS = 13;
/** Added to the texture's row where the hair is seen from inside; the texture repeats. */
export const INSIDE = 2;
/** Share of a line of hair that lies on the skull; the rest falls. */
const OVER = 0.56;
const CENTRE: Vec = [0, 4, -0.5];

/** Where the parting runs, from the brow (0) to the crown's back (1), as directions from the middle of the head. */
const parting = (u: number): Vec => [
  mix(2.3, 0.2, smooth(0.1, 1, u)) + 0.22 * Math.sin(9 * u),
  mix(5.4, 8.4, Math.sin(Math.PI * Math.min(0.5, u * 0.9))),
  mix(7.4, -5, u),
];

type Line = { side: 1 | -1; u: number };

/** A bob with a side parting as two sheets of overlapping clumps with a rolled edge, closed towards the head. */
export const buildBob = (person: Person, field: Field, mesh: Mesh, put: Put) => {
  const random = randomFrom(person.seed + 5);
  const base = colour(person.colours.hair);
  const tip = colour(person.colours.hairTip);
  const dark = scale(base, 0.4);
  for (const side of [1, -1] as const) {
    const clumps = Array.from({ length: CLUMPS + 1 }, () => ({
      long: (random() - 0.5) * 1.1,
      high: 0.85 + 0.3 * random(),
      shade: random(),
    }));
    // Both sheets meet at the back.
    clumps[CLUMPS] = { long: 0, high: 1, shade: 0.5 };
    const lift = (u: number, t: number, clump: number, f: number) => {
      // A clump lies over the next one: it rises gently from under its neighbour's edge and ends in a round step.
      const bump = smooth(0, 0.3, f) * (0.75 + 0.25 * f) * smooth(1.02, 0.93, f);
      const grown = smooth(0.03, 0.4, t);
      const volume = curve(
        [
          [0, 0.5],
          [0.2, 0.95],
          [0.56, 1.15],
          [1, 1.15],
        ],
        t,
      );
      return (
        volume +
        grown * 0.62 * clumps[clump]!.high * (bump - 0.35) +
        0.25 * bell(u, 0.14) * smooth(0.1, 0.4, t)
      );
    };
    const line = ({ u }: Line, t: number, out: number, longer: number): Vec => {
      const front = smooth(0.42, 0, u);
      const start = normalize(parting(u));
      const lon = side * mix(side === 1 ? 0.98 : 1.0, Math.PI, u ** 1.12);
      const end = normalize([Math.sin(lon), -0.3 + 0.1 * front, Math.cos(lon)]);
      const via = normalize(
        side === 1
          ? [mix(1, 0.95, u) * smooth(1, 0.5, u), mix(0.5, 0.95, u), mix(1.05, -0.8, u)]
          : [
              mix(-0.62, -1.05, smooth(0, 0.45, u)) * smooth(1, 0.5, u),
              mix(0.3, 0.95, smooth(0, 0.8, u)),
              mix(1.02, -0.8, u),
            ],
      );
      const over = (w: number) => {
        const d = normalize(
          add(add(scale(start, (1 - w) ** 2), scale(via, 2 * w * (1 - w))), scale(end, w * w)),
        );
        return add(cast(field, CENTRE, d), scale(d, out));
      };
      if (t <= OVER) return over(t / OVER);
      const w = (t - OVER) / (1 - OVER);
      const rest = over(1);
      const back = smooth(0.4, 1, u);
      const y = mix(rest[1], mix(mix(-12.6, -12.9, smooth(0, 0.5, u)), -12.4, back) + longer, w);
      // It swells at the jaw and turns in at the tips; the front bends towards the chin.
      const round = 1 + 0.07 * Math.sin(Math.PI * Math.min(1, w * 1.15)) - mix(0.2, 0.3, back) * w ** 3;
      const forward = front * (0.9 * Math.sin(Math.PI * w * 0.8) - 0.3);
      return [rest[0] * round - side * front * 0.9 * w ** 2, y, (rest[2] + 1) * round - 1 + forward];
    };
    const columns: { u: number; clump: number; f: number }[] = [];
    for (let k = 0; k < CLUMPS; k++)
      for (const f of ACROSS) columns.push({ u: (k + f) / CLUMPS, clump: k, f });
    columns.push({ u: 1, clump: CLUMPS, f: 0 });
    const rowAt = (r: number) => {
      const x = r / ROWS;
      return x < 0.9 ? (x / 0.9) * 0.93 : mix(0.93, 1, (x - 0.9) / 0.1);
    };
    const taper = (f: number) => 1.5 * Math.abs(f * 1.05 - 0.5) ** 1.6 * 2 - 0.55;
    const point = (c: (typeof columns)[number], t: number, inward: number) => {
      const free = c.clump === CLUMPS ? 0.2 : c.f;
      const grow = smooth(0.62, 1, t);
      const longer = -(clumps[c.clump]!.long * 0.6 - taper(free)) * grow;
      const thin = 1 - 0.75 * smooth(0.84, 1, t);
      const out = c.clump === CLUMPS ? lift(1, t, CLUMPS, 0.05) : lift(c.u, t, c.clump, c.f);
      // Each clump gathers to a point.
      const u = mix(c.u, (c.clump + 0.5) / CLUMPS, c.clump === CLUMPS ? 0 : 0.72 * smooth(0.66, 1, t));
      return line({ side, u }, t, out * thin - inward, longer);
    };
    // Where the hair leaves the skull its lines would break: they are evened out.
    const path = (c: (typeof columns)[number], inward: (t: number) => number) => {
      let points = Array.from({ length: ROWS + 1 }, (_, r) => point(c, rowAt(r), inward(rowAt(r))));
      for (let round = 0; round < 4; round++)
        points = points.map((p, r) =>
          r === 0 || r === ROWS
            ? p
            : mixVec(p, scale(add(points[r - 1]!, points[r + 1]!), 0.5), 0.6 * bell(rowAt(r) - OVER, 0.2)),
        );
      return points;
    };
    const outer = columns.map((c) =>
      path(c, () => 0).map((q, r) => {
        const t = rowAt(r);
        const groove = smooth(0.22, 0, c.f) + smooth(0.9, 1, c.f) * 0.6;
        const shade = clumps[c.clump]!.shade;
        let tone = mixVec(base, tip, 0.2 + 0.45 * shade + 0.35 * smooth(0.5, 1, t));
        tone = mixVec(tone, dark, Math.min(1, groove) * 0.72 * smooth(0, 0.25, t));
        tone = mixVec(tone, dark, 0.5 * smooth(0.1, 0, t));
        return put(q, tone, [c.u * 2.4, t]);
      }),
    );
    const quad = (a: number, b: number, c: number, d: number) =>
      mesh.faces.push(side === 1 ? [a, b, c, d] : [d, c, b, a]);
    for (let k = 0; k + 1 < outer.length; k++)
      for (let r = 0; r < ROWS; r++)
        quad(outer[k]![r]!, outer[k]![r + 1]!, outer[k + 1]![r + 1]!, outer[k + 1]![r]!);
    // The inside: along the free edge beside the face from the parting on, elsewhere where the hair falls.
    const inside = columns.filter((_, k) => k % 3 === 0 || k === columns.length - 1);
    const first = Math.floor(ROWS * 0.56);
    // Beside the face the edge goes down to the skin.
    const edge = (t: number) => mix(1.35, 0.5, smooth(OVER - 0.12, OVER + 0.12, t));
    const inner = inside.map((c, k) =>
      path(c, (t) => (k === 0 ? edge(t) : 0.85) * (1 - 0.8 * smooth(0.8, 1, t))).map((q, r) =>
        k > 1 && r < first ? -1 : put(q, scale(dark, 0.3), [c.u * 2.4, INSIDE + rowAt(r)]),
      ),
    );
    for (let k = 0; k + 1 < inner.length; k++)
      for (let r = k === 0 ? 0 : first; r < ROWS; r++)
        quad(inner[k + 1]![r]!, inner[k + 1]![r + 1]!, inner[k]![r + 1]!, inner[k]![r]!);
    for (let r = 0; r < ROWS; r++) quad(inner[0]![r]!, inner[0]![r + 1]!, outer[0]![r + 1]!, outer[0]![r]!);
    for (let k = 0; k + 1 < inside.length; k++) {
      const [a, b] = [columns.indexOf(inside[k]!), columns.indexOf(inside[k + 1]!)];
      for (let j = a; j < b; j++) {
        const near = j - a < (b - a) / 2 ? k : k + 1;
        mesh.faces.push(
          side === 1
            ? [outer[j]![ROWS]!, inner[near]![ROWS]!, outer[j + 1]![ROWS]!]
            : [outer[j + 1]![ROWS]!, inner[near]![ROWS]!, outer[j]![ROWS]!],
        );
        if (j === a + Math.floor((b - a - 1) / 2))
          mesh.faces.push(
            side === 1
              ? [inner[k]![ROWS]!, inner[k + 1]![ROWS]!, outer[j + 1]![ROWS]!]
              : [outer[j + 1]![ROWS]!, inner[k + 1]![ROWS]!, inner[k]![ROWS]!],
          );
      }
    }
  }
};
