import { type VRM, VRMLoaderPlugin } from '@pixiv/three-vrm';
import * as three from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import type { Pose } from './poses.ts';
import { ground, stool } from './stagehand.ts';

/** One picture of a sheet: who, from where, with which morphs, expressions, gaze and pose. */
export type Shot = {
  label?: string;
  who: readonly string[];
  /** Degrees around, degrees above, metres away, height looked at (share of the height), metres sideways. */
  camera?: {
    turn?: number;
    tilt?: number;
    away?: number;
    look?: number;
    side?: number;
    fov?: number;
    /** A bone to look at instead. */
    at?: string;
  };
  morphs?: Readonly<Record<string, number>>;
  expression?: string;
  gaze?: readonly [yaw: number, pitch: number];
  pose?: Pose;
  /** A pose and a turn (degrees) for each of several. */
  poses?: readonly Pose[];
  turns?: readonly number[];
  /** Metres between two. */
  apart?: number;
  /** On a stool. */
  seat?: boolean;
  /** In black and white. */
  grey?: boolean;
  /** Seconds for which springs swing before the picture. */
  settle?: number;
  light?: 'soft' | 'side' | 'flat';
  /** Meshes left out. */
  without?: readonly string[];
};

/** A grid of shots of one cell size in pixels. */
export type Sheet = {
  columns: number;
  width: number;
  height: number;
  shots: readonly Shot[];
  jpeg?: boolean;
};

declare global {
  interface Window {
    render: (sheet: Sheet) => Promise<string>;
  }
}

const renderer = new three.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
// As on the engine's stage.
renderer.toneMapping = three.LinearToneMapping;
renderer.toneMappingExposure = 0.9;
renderer.shadowMap.enabled = true;
document.body.append(renderer.domElement);

const scene = new three.Scene();
scene.background = new three.Color('#55616b');
const floor = new three.Mesh(
  new three.CircleGeometry(6, 48),
  new three.MeshStandardMaterial({ color: '#6b6f72', roughness: 1 }),
);
floor.rotation.x = -Math.PI / 2;
floor.receiveShadow = true;
scene.add(floor);
const key = new three.DirectionalLight('#fff0dd', 3.1);
key.position.set(1.2, 2.9, 2.8);
key.castShadow = true;
key.shadow.mapSize.set(2048, 2048);
key.shadow.camera.left = key.shadow.camera.bottom = -1.6;
key.shadow.camera.right = key.shadow.camera.top = 2;
key.shadow.bias = -0.0004;
key.shadow.normalBias = 0.006;
const fill = new three.HemisphereLight('#dfe4f5', '#7d6a66', 1.15);
const side = new three.DirectionalLight('#c3d0f2', 0.55);
side.position.set(-2.6, 1.6, 2.4);
const rims = [-1, 1].map((turn) => {
  const rim = new three.DirectionalLight(turn < 0 ? '#ffc9a0' : '#c6cfff', 2.2);
  rim.position.set(2.2 * turn, 2.3, -2.4);
  return rim;
});
for (const light of [key, side, ...rims]) {
  light.target.position.set(0, 1.3, 0);
  scene.add(light, light.target);
}
scene.add(fill);

const loader = new GLTFLoader();
loader.register((parser) => new VRMLoaderPlugin(parser));
const loaded = new Map<string, Promise<VRM>>();

const load = (name: string) => {
  const found = loaded.get(name);
  if (found) return found;
  const made = loader.loadAsync(`/public/models/${name}.vrm`).then((gltf) => {
    const vrm = gltf.userData.vrm as VRM;
    vrm.scene.traverse((o) => {
      o.castShadow = true;
      o.receiveShadow = true;
      o.frustumCulled = false;
      const material = (o as three.Mesh).material;
      for (const m of Array.isArray(material) ? material : material ? [material] : [])
        m.shadowSide = three.FrontSide;
    });
    return vrm;
  });
  loaded.set(name, made);
  return made;
};

const RELAXED: Record<string, readonly [number, number, number]> = {
  leftUpperArm: [0.08, 0, -1.24],
  rightUpperArm: [0.08, 0, 1.24],
  leftLowerArm: [0, -0.35, 0],
  rightLowerArm: [0, 0.35, 0],
};
for (const side of ['left', 'right'])
  for (const [k, finger] of ['Index', 'Middle', 'Ring', 'Little'].entries())
    for (const bone of ['Proximal', 'Intermediate', 'Distal'])
      RELAXED[`${side}${finger}${bone}`] = [0, 0, (side === 'left' ? -1 : 1) * (0.22 + 0.05 * k)];

const pose = (vrm: VRM, rotations: Pose) => {
  vrm.humanoid.resetNormalizedPose();
  for (const [name, [x, y, z]] of Object.entries(rotations))
    vrm.humanoid.getNormalizedBoneNode(name as 'hips')?.rotation.set(x, y, z);
};

const take = async (shot: Shot, width: number, height: number) => {
  const people = await Promise.all(shot.who.map(load));
  for (const [name, other] of loaded) if (!shot.who.includes(name)) scene.remove((await other).scene);
  for (const [k, vrm] of people.entries()) {
    scene.add(vrm.scene);
    vrm.scene.position.x = people.length > 1 ? (k - 0.5) * (shot.apart ?? 0.92) : 0;
    const turns = shot.turns ?? (people.length > 1 ? [23, -23] : [0]);
    vrm.scene.rotation.y = ((turns[k] ?? 0) * Math.PI) / 180;
    pose(vrm, shot.poses?.[k] ?? shot.pose ?? RELAXED);
    vrm.update(0);
    ground(vrm);
    for (const e of vrm.expressionManager?.expressions ?? [])
      vrm.expressionManager?.setValue(e.expressionName, 0);
    if (shot.expression) vrm.expressionManager?.setValue(shot.expression, 1);
    if (vrm.lookAt) {
      vrm.lookAt.target = null;
      vrm.lookAt.yaw = shot.gaze?.[0] ?? 0;
      vrm.lookAt.pitch = shot.gaze?.[1] ?? 0;
    }
    vrm.scene.traverse((o) => (o as three.Mesh).morphTargetInfluences?.fill(0));
    for (const name of ['Hair', 'Eyes', 'Face'])
      vrm.scene.getObjectByName(name)!.visible = !shot.without?.includes(name);
    vrm.springBoneManager?.reset();
    for (let t = 0; t < (shot.settle ?? 0); t += 1 / 60) vrm.update(1 / 60);
    vrm.update(0);
    vrm.scene.traverse((o) => {
      const mesh = o as three.Mesh;
      const dictionary = mesh.morphTargetDictionary;
      if (!dictionary || !mesh.morphTargetInfluences) return;
      for (const [name, value] of Object.entries(shot.morphs ?? {})) {
        if (dictionary[name] === undefined) throw new Error(`no morph ${name}`);
        mesh.morphTargetInfluences[dictionary[name]] = value;
      }
    });
  }
  stool(scene, shot.seat ? people[0]! : null);
  const { turn = 0, tilt = 3, away = 0.95, look = 0.925, side = 0, fov = 24 } = shot.camera ?? {};
  const tall = new three.Box3().setFromObject(people[0]!.scene).max.y;
  const camera = new three.PerspectiveCamera(fov, width / height, 0.05, 30);
  const [a, b] = [(turn * Math.PI) / 180, (tilt * Math.PI) / 180];
  camera.position.set(
    side + Math.sin(a) * Math.cos(b) * away,
    tall * look + Math.sin(b) * away,
    Math.cos(a) * Math.cos(b) * away,
  );
  camera.lookAt(side, tall * look, 0);
  const bone = shot.camera?.at && people[0]!.humanoid.getRawBoneNode(shot.camera.at as 'leftHand');
  if (bone) {
    const aim = bone.localToWorld(new three.Vector3(0.07, 0, 0));
    camera.position.add(aim).sub(new three.Vector3(side, tall * look, 0));
    camera.lookAt(aim);
  }
  key.position.set(
    shot.light === 'side' ? 3 : 1.2,
    shot.light === 'side' ? 1.8 : 2.9,
    shot.light === 'side' ? 0.4 : 2.8,
  );
  key.intensity = shot.light === 'flat' ? 1 : 3.1;
  fill.intensity = shot.light === 'flat' ? 2.4 : 1.15;
  renderer.setSize(width, height);
  renderer.render(scene, camera);
};

window.render = async ({ columns, width, height, shots, jpeg }) => {
  const sheet = document.createElement('canvas');
  sheet.width = columns * width;
  sheet.height = Math.ceil(shots.length / columns) * height;
  const paper = sheet.getContext('2d')!;
  paper.font = '14px sans-serif';
  for (const [k, shot] of shots.entries()) {
    await take(shot, width, height);
    const x = (k % columns) * width;
    const y = Math.floor(k / columns) * height;
    paper.filter = shot.grey ? 'grayscale(1)' : 'none';
    paper.drawImage(renderer.domElement, x, y);
    paper.filter = 'none';
    paper.fillStyle = '#fff';
    paper.fillText(shot.label ?? '', x + 6, y + 16);
  }
  return jpeg ? sheet.toDataURL('image/jpeg', 0.9) : sheet.toDataURL('image/png');
};
