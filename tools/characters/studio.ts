import { type VRM, VRMLoaderPlugin } from '@pixiv/three-vrm';
import * as three from 'three';
import { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';

/** One picture of a sheet: who, from where, with which morphs, expressions, gaze and pose. */
export type Shot = {
  label?: string;
  who: readonly string[];
  /** Degrees around, degrees above, metres away, height looked at (share of the height), metres sideways. */
  camera?: { turn?: number; tilt?: number; away?: number; look?: number; side?: number; fov?: number };
  morphs?: Readonly<Record<string, number>>;
  expression?: string;
  gaze?: readonly [yaw: number, pitch: number];
  pose?: Readonly<Record<string, readonly [number, number, number]>>;
  /** Seconds for which springs swing before the picture. */
  settle?: number;
  light?: 'soft' | 'side' | 'flat';
};

/** A grid of shots of one cell size in pixels. */
export type Sheet = { columns: number; width: number; height: number; shots: readonly Shot[] };

declare global {
  interface Window {
    render: (sheet: Sheet) => Promise<string>;
  }
}

const renderer = new three.WebGLRenderer({ antialias: true, preserveDrawingBuffer: true });
renderer.toneMapping = three.ACESFilmicToneMapping;
renderer.toneMappingExposure = 1.05;
renderer.shadowMap.enabled = true;
document.body.append(renderer.domElement);

const scene = new three.Scene();
scene.background = new three.Color('#8f9a93');
const floor = new three.Mesh(
  new three.CircleGeometry(6, 48),
  new three.MeshStandardMaterial({ color: '#98a39b', roughness: 1 }),
);
floor.rotation.x = -Math.PI / 2;
floor.receiveShadow = true;
scene.add(floor);
const key = new three.DirectionalLight('#fff1e0', 2.6);
key.position.set(1.6, 3, 2.4);
key.castShadow = true;
key.shadow.mapSize.set(2048, 2048);
key.shadow.camera.left = key.shadow.camera.bottom = -1.6;
key.shadow.camera.right = key.shadow.camera.top = 2;
key.shadow.bias = -0.0004;
key.shadow.normalBias = 0.006;
const fill = new three.HemisphereLight('#dfe9ff', '#8d7a68', 1.5);
const rim = new three.DirectionalLight('#cfe0ff', 2.2);
rim.position.set(-1.5, 2.2, -3);
rim.castShadow = true;
rim.shadow.mapSize.set(2048, 2048);
rim.shadow.bias = -0.0006;
rim.shadow.normalBias = 0.006;
rim.shadow.camera.left = rim.shadow.camera.bottom = -1.6;
rim.shadow.camera.right = rim.shadow.camera.top = 2;
scene.add(key, fill, rim);

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

const pose = (vrm: VRM, rotations: Readonly<Record<string, readonly [number, number, number]>>) => {
  vrm.humanoid.resetNormalizedPose();
  for (const [name, [x, y, z]] of Object.entries(rotations))
    vrm.humanoid.getNormalizedBoneNode(name as 'hips')?.rotation.set(x, y, z);
};

const take = async (shot: Shot, width: number, height: number) => {
  const people = await Promise.all(shot.who.map(load));
  for (const [name, other] of loaded) if (!shot.who.includes(name)) scene.remove((await other).scene);
  for (const [k, vrm] of people.entries()) {
    scene.add(vrm.scene);
    vrm.scene.position.x = people.length > 1 ? (k === 0 ? -0.46 : 0.46) : 0;
    vrm.scene.rotation.y = people.length > 1 ? (k === 0 ? 0.4 : -0.4) : 0;
    pose(vrm, shot.pose ?? RELAXED);
    for (const e of vrm.expressionManager?.expressions ?? [])
      vrm.expressionManager?.setValue(e.expressionName, 0);
    if (shot.expression) vrm.expressionManager?.setValue(shot.expression, 1);
    if (vrm.lookAt) {
      vrm.lookAt.target = null;
      vrm.lookAt.yaw = shot.gaze?.[0] ?? 0;
      vrm.lookAt.pitch = shot.gaze?.[1] ?? 0;
    }
    vrm.scene.traverse((o) => (o as three.Mesh).morphTargetInfluences?.fill(0));
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
  key.position.set(
    shot.light === 'side' ? 3 : 1.6,
    shot.light === 'side' ? 1.8 : 3,
    shot.light === 'side' ? 0.4 : 2.4,
  );
  key.intensity = shot.light === 'flat' ? 1 : 2.6;
  fill.intensity = shot.light === 'flat' ? 2.6 : 1.5;
  renderer.setSize(width, height);
  renderer.render(scene, camera);
};

window.render = async ({ columns, width, height, shots }) => {
  const sheet = document.createElement('canvas');
  sheet.width = columns * width;
  sheet.height = Math.ceil(shots.length / columns) * height;
  const paper = sheet.getContext('2d')!;
  paper.font = '14px sans-serif';
  for (const [k, shot] of shots.entries()) {
    await take(shot, width, height);
    const x = (k % columns) * width;
    const y = Math.floor(k / columns) * height;
    paper.drawImage(renderer.domElement, x, y);
    paper.fillStyle = '#fff';
    paper.fillText(shot.label ?? '', x + 6, y + 16);
  }
  return sheet.toDataURL('image/png');
};
