import {
  DataTexture,
  DirectionalLight,
  EquirectangularReflectionMapping,
  FloatType,
  Group,
  HemisphereLight,
  LinearFilter,
  type Mesh,
  NeutralToneMapping,
  type Object3D,
  RGBAFormat,
  type Scene,
  type Vector3,
  VSMShadowMap,
} from 'three';

/** What a renderer of either kind lets be set; both of three's have it. */
type Rendering = {
  toneMapping: number;
  toneMappingExposure: number;
  shadowMap: { enabled: boolean; type: number };
};

/** The light around people, for any scene. */
export type LightRig = {
  /** The lights themselves, with what they point at. */
  readonly objects: Group;
  /** Points the lights at a place on the floor, around which shadows reach `radiusM`. */
  aim(middle: Readonly<Vector3>, radiusM: number): void;
  /** Lights a scene: adds the lights and, where there is one, the environment. */
  addTo(scene: Scene): void;
  /** Takes the lights out again and frees what they hold. */
  dispose(): void;
};

const SHADOW_PIXELS = 1024;
const SHADOW_DEPTH_M = 9;

/** Sets tone mapping, and soft shadows where `full`: painted colours keep their hue, highlights roll off. */
export function prepare(renderer: Rendering, full: boolean): void {
  renderer.toneMapping = NeutralToneMapping;
  renderer.toneMappingExposure = 1;
  renderer.shadowMap.enabled = full;
  renderer.shadowMap.type = VSMShadowMap;
}

/** Lets everything under `object` throw shadows and receive them. */
export function castShadows(object: Object3D): void {
  object.traverse((part) => {
    if (!(part as Mesh).isMesh || part.userData.flat) return;
    part.castShadow = true;
    part.receiveShadow = true;
  });
}

/**
 * A large warm key from the front, a cool fill from the other side, a sky, and a rim light behind each shoulder: warm behind
 * the left, cool behind the right. `full` adds a soft shadow of the key, `mirrored` an environment; both want a real GPU.
 */
export function makeLights(full: boolean, mirrored = full): LightRig {
  const objects = new Group();
  // What the environment gives, the sky gives alone without it.
  const sky = new HemisphereLight(0xe4e2f2, 0x8a6a5e, mirrored ? 0.85 : 1.9);
  const key = new DirectionalLight(0xffecd6, 2.9);
  const fill = new DirectionalLight(0xb9c8f0, 0.75);
  const warm = new DirectionalLight(0xffb98a, 2.1);
  const cool = new DirectionalLight(0xb4c4ff, 2.1);
  const places = [
    [key, 0.15, 2.6, 3.4],
    [fill, -2.8, 1.5, 2],
    [warm, -2.3, 2.4, -2.3],
    [cool, 2.3, 2.4, -2.3],
  ] as const;
  objects.add(sky);
  for (const [light, x, y, z] of places) {
    light.userData.from = [x, y, z];
    objects.add(light, light.target);
  }
  if (full) {
    key.castShadow = true;
    key.shadow.mapSize.set(SHADOW_PIXELS, SHADOW_PIXELS);
    key.shadow.bias = -0.0006;
    key.shadow.normalBias = 0.012;
    key.shadow.radius = 5;
    key.shadow.blurSamples = 12;
    key.shadow.camera.near = 0.5;
    key.shadow.camera.far = SHADOW_DEPTH_M;
  }
  const environment = mirrored ? makeEnvironment() : undefined;
  let lit: Scene | undefined;
  const aim = (middle: Readonly<Vector3>, radiusM: number) => {
    for (const [light, x, y, z] of places) {
      light.target.position.set(middle.x, middle.y + 1.15, middle.z);
      light.position.set(middle.x + x, middle.y + y, middle.z + z);
    }
    const { camera } = key.shadow;
    if (!full || Math.abs(camera.right - radiusM) < 0.2) return;
    camera.left = camera.bottom = -radiusM;
    camera.right = camera.top = radiusM;
    camera.updateProjectionMatrix();
  };
  return {
    objects,
    aim,
    addTo(scene) {
      lit = scene;
      scene.add(objects);
      if (!environment) return;
      scene.environment = environment;
      scene.environmentIntensity = 0.55;
    },
    dispose() {
      objects.removeFromParent();
      for (const [light] of places) light.dispose();
      sky.dispose();
      if (lit?.environment === environment && lit) lit.environment = null;
      environment?.dispose();
    },
  };
}

const SIZE = 64;

/** A dim warm studio to be mirrored: a bright window over the viewer, two strips behind, a dark floor. */
function makeEnvironment(): DataTexture {
  const pixels = new Float32Array(4 * SIZE * (SIZE / 2));
  const lamp = (u: number, v: number, atU: number, atV: number, wide: number, high: number) => {
    const across = Math.abs(((u - atU + 1.5) % 1) - 0.5) / wide;
    return Math.exp(-(across ** 4) - (Math.abs(v - atV) / high) ** 4);
  };
  for (let y = 0; y < SIZE / 2; y++)
    for (let x = 0; x < SIZE; x++) {
      const [u, v] = [(x + 0.5) / SIZE, (y + 0.5) / (SIZE / 2)];
      const up = v; // rows go from the floor to the sky
      const soft = 0.16 + 0.5 * up;
      const front = 5 * lamp(u, v, 0.75, 0.78, 0.1, 0.1);
      const left = 2.4 * lamp(u, v, 0.38, 0.62, 0.035, 0.2);
      const right = 2.4 * lamp(u, v, 0.12, 0.62, 0.035, 0.2);
      const at = 4 * (y * SIZE + x);
      pixels[at] = soft * 1.0 + front * 1.0 + left * 1.0 + right * 0.75;
      pixels[at + 1] = soft * 0.93 + front * 0.92 + left * 0.75 + right * 0.84;
      pixels[at + 2] = soft * 0.98 + front * 0.82 + left * 0.6 + right * 1.05;
      pixels[at + 3] = 1;
    }
  const texture = new DataTexture(pixels, SIZE, SIZE / 2, RGBAFormat, FloatType);
  texture.mapping = EquirectangularReflectionMapping;
  texture.minFilter = LinearFilter;
  texture.magFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}
