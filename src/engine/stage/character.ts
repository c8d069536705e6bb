import {
  type VRM,
  VRMHumanBoneList,
  type VRMHumanBoneName,
  VRMLoaderPlugin,
  VRMUtils,
} from '@pixiv/three-vrm';
import { type Object3D, Vector3 } from 'three';
import { type GLTF, GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import { EngineError } from '../../errors.ts';
import { type EyeRoute, Face, type FaceRoute } from './retarget.ts';

/** Where a character comes from: an address, a file the user chose, or its bytes. */
export type CharacterSource = string | URL | Blob | ArrayBuffer;

/** What a character can do and what it lacks. */
export type CharacterReport = {
  readonly name: string;
  readonly vrmVersion: '0' | '1';
  readonly bones: {
    readonly present: readonly VRMHumanBoneName[];
    readonly missing: readonly VRMHumanBoneName[];
  };
  /** `missing` names the ARKit shapes (of 52) that are neither shapes nor expressions. */
  readonly face: { readonly route: FaceRoute; readonly missing: readonly string[] };
  readonly eyes: EyeRoute;
};

/** A loaded VRM: its bones, its face and its measures; facing +Z, feet on the floor. */
export class Character {
  readonly vrm: VRM;
  readonly face: Face;
  readonly name: string;
  readonly facesMinusZ: boolean;
  /** Height of the eyes over the floor, in metres, in the file's pose. */
  readonly eyeHeightM: number;
  /** The point between the eyes in the frame of the raw head bone. */
  readonly eyeOffset: Vector3;
  /** Height of the hips over the floor, in metres, in the file's pose. */
  readonly hipHeightM: number;

  /** Takes over a parsed VRM; use {@link loadCharacter}. */
  constructor(vrm: VRM, name: string) {
    this.vrm = vrm;
    this.name = name;
    this.facesMinusZ = vrm.meta?.metaVersion === '0';
    VRMUtils.rotateVRM0(vrm);
    // Gaze is ours: three-vrm's own would turn the eyes after us.
    if (vrm.lookAt) vrm.lookAt.autoUpdate = false;
    this.face = new Face(vrm, this.facesMinusZ);
    vrm.scene.updateWorldMatrix(true, true);
    const left = this.#worldOf('leftEye');
    const right = this.#worldOf('rightEye');
    const head = vrm.humanoid.getRawBoneNode('head');
    // Without eye bones: where eyes stand over the head joint of an adult.
    const eye =
      left && right
        ? left.add(right).multiplyScalar(0.5)
        : (this.#worldOf('head') ?? new Vector3(0, 1.5, 0)).add(new Vector3(0, 0.07, 0.08));
    this.eyeHeightM = eye.y;
    this.eyeOffset = head ? head.worldToLocal(eye) : eye;
    this.hipHeightM = this.#worldOf('hips')?.y ?? 0.9;
  }

  /** The normalised bone, which is unturned in the T-pose whatever the file says; null where there is none. */
  bone(name: VRMHumanBoneName): Object3D | null {
    return this.vrm.humanoid.getNormalizedBoneNode(name);
  }

  /** Says which bones and which way into the face the character has. */
  report(): CharacterReport {
    const names = Object.values(VRMHumanBoneList);
    return {
      name: this.name,
      vrmVersion: this.facesMinusZ ? '0' : '1',
      bones: {
        present: names.filter((name) => this.bone(name)),
        missing: names.filter((name) => !this.bone(name)),
      },
      face: { route: this.face.route, missing: this.face.missing },
      eyes: this.face.eyes,
    };
  }

  /** Moves springs and expressions on by `deltaS` seconds and shows the 51 ARKit weights at `face[offset…]`. */
  update(deltaS: number, face: Float32Array, offset: number): void {
    this.face.applyBefore(face, offset);
    this.vrm.update(Math.min(deltaS, LONGEST_SPRING_STEP_S));
    this.face.applyAfter(face, offset);
  }

  /** Frees geometry, textures and materials, and takes the character off the stage. */
  dispose(): void {
    this.vrm.scene.removeFromParent();
    VRMUtils.deepDispose(this.vrm.scene);
  }

  #worldOf(name: VRMHumanBoneName): Vector3 | undefined {
    return this.vrm.humanoid.getRawBoneNode(name)?.getWorldPosition(new Vector3());
  }
}

// Springs overshoot when a slow machine makes their steps too long.
const LONGEST_SPRING_STEP_S = 0.05;
const EXPORT_HINT = 'Export the character as VRM 1.0 (VRoid Studio, UniVRM, or the VRM add-on of Blender).';

/**
 * Loads a VRM 0.x or 1.0 character. Throws `asset` when the file is missing, broken, or holds no VRM humanoid.
 */
export async function loadCharacter(source: CharacterSource): Promise<Character> {
  const name = nameOf(source);
  const bytes = await bytesOf(source, name);
  if (bytes.byteLength < 20 || new DataView(bytes).getUint32(0, true) !== 0x46546c67)
    throw new EngineError('asset', `${name} is not a VRM file: it does not begin like a binary glTF`, {
      hint: 'Check that the address leads to the .vrm file itself and not to a web page.',
    });
  const loader = new GLTFLoader();
  loader.register((parser) => new VRMLoaderPlugin(parser));
  let gltf: GLTF;
  try {
    gltf = await loader.parseAsync(bytes, '');
  } catch (cause) {
    throw new EngineError('asset', `${name} is broken: ${messageOf(cause)}`, { hint: EXPORT_HINT, cause });
  }
  const vrm = gltf.userData.vrm as VRM | undefined;
  if (!vrm) {
    VRMUtils.deepDispose(gltf.scene);
    throw new EngineError('asset', `${name} holds a 3D model but no VRM humanoid`, { hint: EXPORT_HINT });
  }
  VRMUtils.removeUnnecessaryVertices(gltf.scene);
  // Bounds are those of the T-pose; culling by them would make posed limbs vanish at the edge of the picture.
  vrm.scene.traverse((object) => {
    object.frustumCulled = false;
  });
  return new Character(vrm, name);
}

function nameOf(source: CharacterSource): string {
  if (source instanceof ArrayBuffer) return 'the character';
  if (source instanceof Blob) return 'name' in source ? String(source.name) : 'the character';
  const path = String(source).split(/[?#]/)[0]!;
  return path.startsWith('blob:') || path.startsWith('data:')
    ? 'the character'
    : path.slice(path.lastIndexOf('/') + 1);
}

async function bytesOf(source: CharacterSource, name: string): Promise<ArrayBuffer> {
  if (source instanceof ArrayBuffer) return source;
  if (source instanceof Blob) return source.arrayBuffer();
  let response: Response;
  try {
    response = await fetch(source);
  } catch (cause) {
    throw new EngineError('asset', `the character ${name} could not be fetched: ${messageOf(cause)}`, {
      hint: 'Check the address and the network; another site must allow the request (CORS).',
      cause,
    });
  }
  // Servers of single-page sites answer a wrong address with their start page.
  if (!response.ok || response.headers.get('content-type')?.includes('text/html'))
    throw new EngineError('asset', `the character ${name} is missing at ${source}`, {
      hint: 'Check the address of the .vrm file.',
    });
  return response.arrayBuffer();
}

const messageOf = (cause: unknown) => (cause instanceof Error ? cause.message : String(cause));
