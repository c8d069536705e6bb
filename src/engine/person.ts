import { EngineError } from '../errors.ts';
import type { Conditions } from './backend/backend.ts';
import { ACTIONS, EMOTIONS, RELATIONSHIPS } from './backend/conditions.ts';
import { checkOneOf, told, wholeNumber } from './checks.ts';

/** A person of the conversation: 0 stands on the left, 1 on the right. */
export type Person = 0 | 1;

/** Emotion group of a person (InterAct 4.1), in the order of its index 0…6. */
export type Emotion = (typeof EMOTIONS)[number];

/** What a person does with the legs (InterAct 4.2), in the order of its index 0…2. */
export type Action = (typeof ACTIONS)[number];

/** What the two are to each other (InterAct 4.2), in the order of its index 0…5. */
export type Relationship = (typeof RELATIONSHIPS)[number];

/** How a person is, by names of or indices into the conditions that the networks were trained with (InterAct 4.1, 4.2). */
export type PersonConditions = {
  /** Speaking style, 0…3. */
  readonly style?: number;
  /** Emotion group: neutral, surprise, fear, social, self, positive, negative, or 0…6. */
  readonly emotion?: Emotion | number;
  /** Whether the person faces the other. */
  readonly facing?: boolean;
  /** Action mode: stand, walk, sit, or 0…2. */
  readonly action?: Action | number;
};

/** The last style that the networks were trained with. */
const LAST_STYLE = 3;

/** Throws `unsupported` for a person that there is not. */
export function checkPerson(person: unknown): asserts person is Person {
  if (person === 0 || person === 1) return;
  throw new EngineError('unsupported', `There is no person ${told(person)}, expected 0 or 1.`, {
    hint: 'Person 0 stands on the left and person 1 on the right.',
  });
}

/** The index of a relationship; throws `unsupported` for one that no training knew. */
export const relationshipOf = (value: Relationship | number) => indexOf(value, RELATIONSHIPS, 'relationship');

/** How two people are at the beginning: styles 0 and 1, neutral, facing each other, standing or `seated`. */
export function conditionsFor(seated: boolean, relationship: Relationship | number = 0): Conditions {
  const action = ACTIONS.indexOf(seated ? 'sit' : 'stand');
  return {
    style: [0, 1],
    facing: [1, 1],
    emotion: [0, 0],
    action: [action, action],
    relationship: relationshipOf(relationship),
  };
}

/** The conditions with a person changed; throws `unsupported` for what no training knew. */
export function withPerson(conditions: Conditions, person: Person, changes: PersonConditions): Conditions {
  const { style, emotion, facing, action } = changes;
  const put = <T>(old: readonly number[], change: T | undefined, indexOf: (change: T) => number) => {
    if (change === undefined) return old;
    const index = indexOf(change);
    return old.map((each, p) => (p === person ? index : each));
  };
  return {
    ...conditions,
    style: put(conditions.style, style, (value) => index(value, LAST_STYLE, 'style')),
    emotion: put(conditions.emotion, emotion, (value) => indexOf(value, EMOTIONS, 'emotion')),
    action: put(conditions.action ?? [0, 0], action, (value) => indexOf(value, ACTIONS, 'action')),
    facing: put(conditions.facing, facing, (value) => index(Number(value), 1, 'facing')),
  };
}

/** Checks an index into an embedding. */
const index = (value: unknown, most: number, name: string) =>
  wholeNumber(value, 0, most, name, 'See PersonConditions for what each number means.');

function indexOf(value: string | number, names: readonly string[], name: string): number {
  if (typeof value === 'number') return index(value, names.length - 1, name);
  checkOneOf(value, names, name, 'An index of these will do, too.');
  return names.indexOf(value);
}
