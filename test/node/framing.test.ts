import { PerspectiveCamera, Vector3 } from 'three';
import { describe, expect, test } from 'vitest';
import type { Duet } from '../../src/engine/stage/duet.ts';
import { SHOTS, type Shot, sideOf, type View, viewInto } from '../../src/engine/stage/shots.ts';

/** A person by the floor and the height of the eyes, as a shot sees it. */
type Body = { x: number; z: number; eyesM: number };

const duetOf = (bodies: readonly [Body, Body], hips = 0.56) =>
  ({
    characters: bodies.map(({ eyesM }) => ({ eyeHeightM: eyesM, hipHeightM: hips * eyesM })),
    floorM: 0,
    eyeInto: (at: Vector3, p: 0 | 1) => at.set(bodies[p].x, bodies[p].eyesM, bodies[p].z),
    hipsInto: (at: Vector3, p: 0 | 1) => at.set(bodies[p].x, hips * bodies[p].eyesM, bodies[p].z),
  }) as unknown as Duet;

const shoot = (shot: Shot, duet: Duet, aspect: number) => {
  const view: View = { position: new Vector3(), target: new Vector3(), fieldDeg: 0 };
  viewInto(view, shot, duet, aspect, sideOf(duet, 0));
  const camera = new PerspectiveCamera(view.fieldDeg, aspect, 0.05, 100);
  camera.position.copy(view.position);
  camera.lookAt(view.target);
  camera.updateMatrixWorld();
  return camera;
};

const pairs: [string, readonly [Body, Body]][] = [
  ['two adults', [adult(-0.5), adult(0.5)]],
  [
    'a child and a giant',
    [
      { x: -0.5, z: 0, eyesM: 0.95 },
      { x: 0.5, z: 0, eyesM: 2.6 },
    ],
  ],
  ['two who walked 5 m apart', [adult(-3, 0.4), adult(2, -0.8)]],
  ['two behind each other', [adult(0.1, -1), adult(-0.1, 1)]],
];

function adult(x: number, z = 0): Body {
  return { x, z, eyesM: 1.6 };
}

describe.each(pairs)('%s', (_, bodies) => {
  const duet = duetOf(bodies);
  test.each([3.6, 16 / 9, 1, 390 / 844])('are both in the picture at %f', (aspect) => {
    const at = new Vector3();
    for (const shot of ['both', 'full'] as const) {
      const camera = shoot(shot, duet, aspect);
      for (const { x, z, eyesM } of bodies)
        for (const height of shot === 'both' ? [1.09, 1, 0.75] : [1.09, 0.56, 0]) {
          at.set(x, height * eyesM, z).project(camera);
          expect(Math.max(Math.abs(at.x), Math.abs(at.y)), `${shot}, height ${height}`).toBeLessThan(1);
          expect(at.z).toBeLessThan(1);
        }
    }
  });

  test('no shot wastes the picture, and none stands under the floor', () => {
    for (const shot of SHOTS) {
      if (shot === 'free') continue;
      const camera = shoot(shot, duet, 16 / 9);
      expect(camera.position.y, shot).toBeGreaterThan(0.1);
    }
    const camera = shoot('full', duet, 16 / 9);
    const reach = bodies.flatMap(({ x, z, eyesM }) =>
      [1.15, 0].map((h) => new Vector3(x, h * eyesM, z).project(camera)),
    );
    const most = Math.max(...reach.map(({ x, y }) => Math.max(Math.abs(x), Math.abs(y))));
    expect(most).toBeGreaterThan(0.72);
  });

  test('a close-up shows the face of its person, and of nobody else', () => {
    for (const person of [0, 1] as const) {
      const camera = shoot(`close-up-${person}`, duet, 4 / 3);
      const own = bodies[person];
      const chin = new Vector3(own.x, 0.93 * own.eyesM, own.z).project(camera);
      const top = new Vector3(own.x, 1.09 * own.eyesM, own.z).project(camera);
      expect(top.y - chin.y).toBeGreaterThan(0.8);
      expect(Math.abs(top.x)).toBeLessThan(0.5);
      expect(top.y).toBeLessThan(1);
    }
  });

  test('over a shoulder the face of the other is in the picture', () => {
    for (const person of [0, 1] as const) {
      const camera = shoot(`over-shoulder-${person}`, duet, 16 / 9);
      const other = bodies[person === 0 ? 1 : 0];
      const eyes = new Vector3(other.x, other.eyesM, other.z).project(camera);
      expect(Math.max(Math.abs(eyes.x), Math.abs(eyes.y))).toBeLessThan(0.6);
      const own = new Vector3(bodies[person].x, bodies[person].eyesM, bodies[person].z).project(camera);
      // Beside the other's face, not before it.
      expect(Math.abs(own.x - eyes.x)).toBeGreaterThan(0.25);
    }
  });
});

test('the camera keeps to its side of the two until they turn their backs or sides to it', () => {
  expect(sideOf(duetOf([adult(-0.5), adult(0.5)]), 0)).toBe(0);
  expect(sideOf(duetOf([adult(0.5), adult(-0.5)]), 0)).toBe(0);
  const turned = sideOf(duetOf([adult(0, 1), adult(0.1, -1)]), 0);
  expect(Math.abs(turned)).toBeGreaterThan(0.7);
  expect(Math.abs(turned)).toBeLessThan(1.2);
});
