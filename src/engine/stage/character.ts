import {
  MToonMaterialLoaderPlugin,
  type VRM,
  type VRMHumanBoneName,
  VRMLoaderPlugin,
  VRMMetaLoaderPlugin,
  VRMUtils,
} from '@pixiv/three-vrm';
import { type Material, type Mesh, type Object3D, type ShaderMaterial, type Texture, Vector3 } from 'three';
import { type GLTF, GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
import { EngineError } from '../../errors.ts';
import { decodeEmbedded } from './embedded.ts';
import { makeHumanoid, noHumanoid, straightened } from './humanoid.ts';
import { type CharacterKind, type CharacterReport, type ReportParts, reportOf } from './report.ts';
import { Face } from './retarget.ts';

/** Where a character comes from: an address, a file the user chose, or its bytes. */
export type CharacterSource = string | URL | Blob | ArrayBuffer;

/** A loaded character: its bones, its face and its measures; facing +Z, feet on the floor. */
export class Character {
  readonly vrm: VRM;
  readonly face: Face;
  readonly name: string;
  readonly kind: CharacterKind;
  readonly #asset: ReportParts['asset'];
  readonly facesMinusZ: boolean;
  /** Height of the eyes over the floor, in metres, in the file's pose. */
  readonly eyeHeightM: number;
  /** The point between the eyes in the frame of the raw head bone. */
  readonly eyeOffset: Vector3;
  /** Height of the hips over the floor, in metres, in the file's pose. */
  readonly hipHeightM: number;

  /** Takes over a parsed VRM, or one made of a plain model; use {@link loadCharacter}. */
  constructor(vrm: VRM, name: string, kind: CharacterKind, asset: ReportParts['asset']) {
    this.vrm = vrm;
    this.name = name;
    this.kind = kind;
    this.#asset = asset;
    this.facesMinusZ = kind === 'vrm0';
    VRMUtils.rotateVRM0(vrm);
    // Gaze is ours: three-vrm's own would turn the eyes after us, the first time even when it is off.
    if (vrm.lookAt) {
      vrm.lookAt.autoUpdate = false;
      vrm.lookAt.update(0);
    }
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

  /** Says what the character has, how its face is driven and what follows from what it lacks. */
  report(): CharacterReport {
    return reportOf({
      name: this.name,
      kind: this.kind,
      vrm: this.vrm,
      plan: this.face.plan,
      asset: this.#asset,
    });
  }

  /** Moves springs and expressions on by `deltaS` seconds and shows the 51 ARKit weights at `face[offset…]`. */
  update(deltaS: number, face: Float32Array, offset: number): void {
    this.face.applyBefore(face, offset);
    this.vrm.update(Math.min(deltaS, LONGEST_SPRING_STEP_S));
    this.face.applyAfter();
  }

  /** Frees geometry, textures, their pictures and materials, and takes the character off the stage. */
  dispose(): void {
    this.vrm.scene.removeFromParent();
    VRMUtils.deepDispose(this.vrm.scene);
    this.vrm.scene.traverse((object) => {
      for (const material of [(object as Mesh).material ?? []].flat()) {
        const uniforms = Object.values((material as Partial<ShaderMaterial>).uniforms ?? {});
        for (const value of [...Object.values(material), ...uniforms.map(({ value }) => value)])
          closePicture(value);
      }
    });
  }

  #worldOf(name: VRMHumanBoneName): Vector3 | undefined {
    return this.vrm.humanoid.getRawBoneNode(name)?.getWorldPosition(new Vector3());
  }
}

// Springs overshoot when a slow machine makes their steps too long.
const LONGEST_SPRING_STEP_S = 0.05;
const EXPORT_HINT = 'Export the character as VRM 1.0 (VRoid Studio, UniVRM, or the VRM add-on of Blender).';

/**
 * Loads a VRM 0.x or 1.0 character, or a plain GLB with a human skeleton named as Mixamo, Unreal, Mesh2Motion or VRM name
 * theirs. Throws `asset` when the file is missing, broken, or holds no humanoid. `mtoon` is what toon materials are made of,
 * where the renderer needs another than WebGL's.
 */
export async function loadCharacter(source: CharacterSource, mtoon?: typeof Material): Promise<Character> {
  const name = nameOf(source);
  const bytes = await bytesOf(source, name);
  if (bytes.byteLength < 20 || new DataView(bytes).getUint32(0, true) !== 0x46546c67)
    throw new EngineError(
      'asset',
      `${name} is neither a VRM nor a GLB file: it does not begin like a binary glTF`,
      { hint: 'Check that the address leads to the .vrm or .glb file itself and not to a web page.' },
    );
  const gltf = await parse(bytes, name, mtoon);
  VRMUtils.removeUnnecessaryVertices(gltf.scene);
  try {
    const found = gltf.userData.vrm as VRM | undefined;
    const kind = found ? (found.meta.metaVersion === '0' ? 'vrm0' : 'vrm1') : 'glb';
    const vrm = found ? straightened(found, kind === 'vrm0' ? -1 : 1) : makeHumanoid(gltf.scene, name);
    // Bounds are those of the T-pose; culling by them would make posed limbs vanish at the edge of the picture.
    vrm.scene.traverse((object) => {
      object.frustumCulled = false;
    });
    return new Character(vrm, name, kind, gltf.asset);
  } catch (error) {
    VRMUtils.deepDispose(gltf.scene);
    throw error;
  }
}

async function parse(bytes: ArrayBuffer, name: string, mtoon?: typeof Material): Promise<GLTF> {
  const loader = new GLTFLoader();
  loader.register(decodeEmbedded);
  loader.register((parser) => {
    // Whose licence a file has is for the report to say, not for the loader to judge.
    const url = parser.json.extensions?.VRMC_vrm?.meta?.licenseUrl;
    const metaPlugin = new VRMMetaLoaderPlugin(parser, url ? { acceptLicenseUrls: [url] } : {});
    const mtoonMaterialPlugin = new MToonMaterialLoaderPlugin(parser, mtoon ? { materialType: mtoon } : {});
    return new VRMLoaderPlugin(parser, { metaPlugin, mtoonMaterialPlugin });
  });
  try {
    return await loader.parseAsync(bytes, '');
  } catch (cause) {
    const lacking = /required but not exist: (.*)/.exec(messageOf(cause))?.[1];
    if (lacking) throw noHumanoid(name, lacking.split(', '), cause);
    const packing = /draco|meshopt|ktx2/i.exec(messageOf(cause))?.[0];
    if (packing)
      throw new EngineError('asset', `${name} is packed with ${packing}, which is not unpacked here`, {
        hint: 'Save the character without compression of meshes and textures.',
        cause,
      });
    throw new EngineError('asset', `${name} is broken: ${messageOf(cause)}`, { hint: EXPORT_HINT, cause });
  }
}

/** Decoded pictures are large, and wait long for the garbage collector. */
function closePicture(value: Texture | null) {
  if (!value?.isTexture) return;
  const image: unknown = value.source.data;
  if (image instanceof ImageBitmap) image.close();
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
