import { readFileSync } from 'node:fs';

/** Who had the processors between two looks, in shares of all their time. */
export type Load = {
  /** Taken by the hypervisor for other machines. */
  readonly stolen: number;
  /** Other programs of this machine. */
  readonly others: number;
  readonly own: number;
};

type Ticks = { readonly all: number; readonly idle: number; readonly stolen: number };

/** Watches who has the processors, from /proc. */
export class MachineWatch {
  #ticks = machineTicks();
  #own = new Map<number, number>();

  /** Who had them since the last look; `own` are the processes that count as ours. Null where there is no /proc. */
  look(own: readonly number[]): Load | null {
    const before = this.#ticks;
    const ticks = machineTicks();
    const owned = new Map(own.map((id) => [id, processTicks(id)]));
    let used = 0;
    for (const [id, now] of owned) used += now - (this.#own.get(id) ?? now);
    this.#ticks = ticks;
    this.#own = owned;
    if (!before || !ticks || ticks.all === before.all) return null;
    const all = ticks.all - before.all;
    const stolen = (ticks.stolen - before.stolen) / all;
    const idle = (ticks.idle - before.idle) / all;
    return { stolen, own: used / all, others: Math.max(0, 1 - idle - stolen - used / all) };
  }
}

function machineTicks(): Ticks | undefined {
  try {
    const [first] = readFileSync('/proc/stat', 'utf8').split('\n');
    // user, nice, system, idle, iowait, irq, softirq, steal; the guests' time after them is in the user's already
    const ticks = first.trim().split(/\s+/).slice(1, 9).map(Number);
    return { all: ticks.reduce((a, b) => a + b, 0), idle: ticks[3] + ticks[4], stolen: ticks[7] };
  } catch {
    return undefined;
  }
}

/** Processor time of a process so far; 0 when it is gone. */
function processTicks(id: number): number {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  } catch {
    return 0;
  }
}
