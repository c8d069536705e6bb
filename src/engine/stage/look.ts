import { type Object3D, Vector3 } from 'three';
import { EngineError } from '../../errors.ts';

/**
 * Whom a person looks at: the partner's eyes, whoever watches (camera or headset), a mix as people in a talk do it, or a
 * place or thing of the world, which may move.
 */
export type LookTarget = 'partner' | 'camera' | 'auto' | Readonly<Vector3> | Object3D;

/** Heads go over from one target to another within this time. */
const CHANGE_S = 0.5;

/** Throws `unsupported` for what nobody can look at. */
export function checkLook(target: unknown): asserts target is LookTarget {
  const known = target === 'partner' || target === 'camera' || target === 'auto';
  const thing = target as { isVector3?: boolean; isObject3D?: boolean } | null | undefined;
  if (known || thing?.isVector3 || thing?.isObject3D) return;
  throw new EngineError('unsupported', `look is ${String(target)}, which is nothing to look at`, {
    hint: 'Take `partner`, `camera`, `auto`, a three.js Vector3 or an Object3D.',
  });
}

/** The point that a person looks at; goes over softly when another target is set. */
export class Focus {
  /** Where the eyes are aimed, in the world. */
  readonly eyes = new Vector3();
  /** Where the head is aimed: as {@link eyes}, but in no hurry. */
  readonly head = new Vector3();
  #target: LookTarget = 'auto';
  readonly #from = new Vector3();
  #changeS = CHANGE_S;

  /** Whether the person looks away now and then, as people do. */
  get wanders(): boolean {
    return this.#target === 'auto';
  }

  /** Looks at something else from now on. */
  set(target: LookTarget): void {
    this.#target = target;
    this.#from.copy(this.head);
    this.#changeS = 0;
  }

  /** Moves on by `deltaS`, given where partner and viewer are. */
  update(deltaS: number, partner: Readonly<Vector3>, viewer: Readonly<Vector3>): void {
    const target = this.#target;
    if (target === 'camera') this.eyes.copy(viewer);
    else if (typeof target === 'string') this.eyes.copy(partner);
    else if ('isObject3D' in target) target.getWorldPosition(this.eyes);
    else this.eyes.copy(target);
    this.head.copy(this.eyes);
    if (this.#changeS >= CHANGE_S) return;
    this.#changeS += deltaS;
    const t = Math.min(1, this.#changeS / CHANGE_S);
    this.head.lerpVectors(this.#from, this.eyes, t * t * (3 - 2 * t));
  }
}
