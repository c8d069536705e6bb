import { type VRM, VRMFirstPerson, type VRMFirstPersonMeshAnnotation } from '@pixiv/three-vrm';
import type { Camera, Mesh, Object3D, SkinnedMesh } from 'three';
import type { Character } from './character.ts';

/** Layers 1 and 2 are the eyes of three's XR cameras, 9 to 12 those of the heads of the two. */
const FIRST_LAYER = 9;

/**
 * Hides the head of whoever looks out of it, as VRM's first person does: from eyes, not from mirrors and shadows. By the
 * annotations of the file, and without any by skin weights, plain GLB included. Cameras that are given to {@link blind} see
 * the body without its head, those given to {@link show} and shadows see all of it. {@link dispose} puts everything back.
 */
export class HiddenHead {
  readonly character: Character;
  /** What only the owner of the head sees, and what only others see. */
  readonly ownLayer: number;
  readonly othersLayer: number;
  readonly #masks = new Map<Object3D, number>();
  readonly #made: Object3D[] = [];
  #disposed = false;

  /** `index` keeps the layers of several people apart. */
  constructor(character: Character, index: 0 | 1 = 0) {
    this.character = character;
    this.ownLayer = FIRST_LAYER + 2 * index;
    this.othersLayer = this.ownLayer + 1;
    const { scene, humanoid } = character.vrm;
    scene.traverse((object) => {
      this.#masks.set(object, object.layers.mask);
      const { geometry } = object as Mesh;
      // Triangles are left out of the index.
      if (geometry && !geometry.index)
        geometry.setIndex(Array.from({ length: geometry.getAttribute('position').count }, (_, i) => i));
    });
    const firstPerson = new VRMFirstPerson(humanoid, annotationsOf(character.vrm));
    firstPerson.setup({ firstPersonOnlyLayer: this.ownLayer, thirdPersonOnlyLayer: this.othersLayer });
    scene.traverse((object) => {
      if (!this.#masks.has(object)) this.#made.push(object);
    });
    for (const object of this.#made) {
      const mesh = object as SkinnedMesh;
      if (!mesh.isSkinnedMesh) continue;
      // Nothing is left of a head; the whole body throws the shadow.
      mesh.visible = (mesh.geometry.index?.count ?? 0) > 0;
      mesh.receiveShadow = [...this.#masks.keys()].some((part) => part.receiveShadow);
      mesh.castShadow = false;
    }
  }

  /** This camera looks out of the head. */
  blind(camera: Camera): void {
    camera.layers.enable(this.ownLayer);
    camera.layers.disable(this.othersLayer);
  }

  /** This camera sees the person as others do. */
  show(camera: Camera): void {
    camera.layers.disable(this.ownLayer);
    camera.layers.enable(this.othersLayer);
  }

  /** Everything is seen by everybody again. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const [object, mask] of this.#masks) object.layers.mask = mask;
    for (const object of this.#made) {
      object.removeFromParent();
      const mesh = object as SkinnedMesh;
      if (!mesh.isSkinnedMesh) continue;
      mesh.geometry.dispose();
      mesh.skeleton.dispose();
    }
  }
}

/** What the file says of its meshes, else every mesh by its weights. */
function annotationsOf({ firstPerson, scene }: VRM): VRMFirstPersonMeshAnnotation[] {
  if (firstPerson && firstPerson.meshAnnotations.length > 0) return firstPerson.meshAnnotations;
  const meshes: Mesh[] = [];
  scene.traverse((object) => {
    if ((object as Mesh).isMesh) meshes.push(object as Mesh);
  });
  return meshes.map((mesh) => ({ meshes: [mesh], type: 'auto' }));
}
