import type { VRM } from '@pixiv/three-vrm';
import * as three from 'three';

const SOLES = ['leftFoot', 'rightFoot', 'leftToes', 'rightToes'] as const;

/** Lifts or lowers a posed figure until its lowest foot stands on the floor. */
export const ground = (vrm: VRM) => {
  vrm.scene.position.y = 0;
  vrm.scene.updateMatrixWorld(true);
  const at = new three.Vector3();
  const low = SOLES.map((name) => {
    const bone = vrm.humanoid.getRawBoneNode(name);
    const rest = vrm.humanoid.rawRestPose;
    const up = name.endsWith('Toes') ? 0.02 : 0.05 * height(rest);
    return bone ? bone.getWorldPosition(at).y - up : 0;
  });
  vrm.scene.position.y = -Math.min(...low);
  vrm.scene.updateMatrixWorld(true);
};

/** The height of a figure (m), by the height of its hips at rest. */
const height = (rest: VRM['humanoid']['rawRestPose']) => (rest.hips?.position?.[1] ?? 0.87) / 0.508;

let seat: three.Mesh | null = null;

/** Puts a stool under a seated figure, or takes it away. */
export const stool = (scene: three.Scene, who: VRM | null) => {
  seat?.removeFromParent();
  if (!who) return;
  if (!seat) {
    seat = new three.Mesh(
      new three.CylinderGeometry(0.21, 0.19, 1, 40),
      new three.MeshStandardMaterial({ color: '#7a6a58', roughness: 0.9 }),
    );
    seat.castShadow = true;
    seat.receiveShadow = true;
  }
  const hip = who.humanoid.getRawBoneNode('leftUpperLeg')!.getWorldPosition(new three.Vector3());
  const top = hip.y - 0.105;
  seat.scale.y = top;
  seat.position.set(0, top / 2, 0.04);
  scene.add(seat);
};
