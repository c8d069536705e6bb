import { Box3, type Mesh, Quaternion, Vector3 } from 'three';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { placementOf } from '../../src/engine/body/placement.ts';
import { BODY_NUMBERS, FACE_CHANNELS } from '../../src/engine/motion.ts';
import { type Character, loadCharacter } from '../../src/engine/stage/character.ts';
import { FULL, Puppet } from '../../src/engine/stage/puppet.ts';
import { Stage } from '../../src/engine/stage/stage.ts';
import { CHANNEL } from '../../src/engine/stage/synthesis.ts';
import { Timeline } from '../../src/engine/timeline.ts';
import { addUpper, bodiesOf } from '../bodies.ts';
import { editGlb, type GltfJson } from '../glb.ts';
import { makeTinyVrm } from './tiny-vrm.ts';

// Real files, and what becomes of them when something is taken out.
const SHARED = import.meta.glob<string>(
  ['../../../shared/data/vrm/sphere.vrm', '../../../shared/data/motion-mesh2motion/human-{female,male}.glb'],
  { query: '?url', import: 'default', eager: true },
);
const sharedUrl = (name: string) => {
  const url = Object.entries(SHARED).find(([path]) => path.endsWith(name))?.[1];
  if (!url) console.log(`${name} is not here: what it would show is not tested.`);
  return url;
};
const SPHERE = sharedUrl('sphere.vrm');
const BODY = sharedUrl('human-male.glb');

let ada: ArrayBuffer;
beforeAll(async () => {
  ada = await (await fetch('/models/ada.vrm')).arrayBuffer();
}, 60_000);

const loaded: Character[] = [];
const load = async (source: Parameters<typeof loadCharacter>[0]) => {
  const character = await loadCharacter(source);
  loaded.push(character);
  return character;
};
afterEach(() => {
  for (const character of loaded.splice(0)) character.dispose();
});

const vrmOf = (json: GltfJson) => json.extensions.VRMC_vrm;
const withoutBones = (which: RegExp) =>
  editGlb(ada, (json) => {
    const { humanBones } = vrmOf(json).humanoid;
    for (const name of Object.keys(humanBones)) if (which.test(name)) delete humanBones[name];
  });
const withoutShapes = () =>
  editGlb(ada, (json) => {
    for (const mesh of json.meshes)
      if (mesh.extras?.targetNames)
        mesh.extras.targetNames = mesh.extras.targetNames.map((_: string, i: number) => `shape ${i}`);
  });
/** Lets the arms hang half way down. */
const inAPose = (json: GltfJson) => {
  for (const [name, sign] of [
    ['leftUpperArm', -1],
    ['rightUpperArm', 1],
  ] as const) {
    const node = json.nodes.find((node: GltfJson) => node.name === name);
    expect(node.rotation).toBeUndefined();
    node.rotation = new Quaternion().setFromAxisAngle(new Vector3(0, 0, 1), sign * 0.8).toArray();
  }
};
const asPlainGlb = (json: GltfJson) => {
  delete json.extensions.VRMC_vrm;
  delete json.extensions.VRMC_springBone;
  json.extensionsUsed = json.extensionsUsed.filter((name: string) => !/^VRMC_(vrm|springBone)$/.test(name));
};

/** Painted as most VRMs are: MToon with outlines and a picture of one grey pixel. */
const inMToon = (file: ArrayBuffer) =>
  editGlb(file, (json) => {
    json.extensionsUsed.push('VRMC_materials_mtoon');
    const pixel = document.createElement('canvas');
    pixel.width = pixel.height = 4;
    pixel.getContext('2d')!.fillRect(0, 0, 4, 4);
    json.images = [{ uri: pixel.toDataURL() }];
    json.textures = [{ source: 0 }];
    for (const material of json.materials) {
      material.pbrMetallicRoughness.baseColorTexture = { index: 0 };
      material.extensions = {
        VRMC_materials_mtoon: {
          specVersion: '1.0',
          shadeColorFactor: [0.5, 0.4, 0.4],
          shadeMultiplyTexture: { index: 0 },
          outlineWidthMode: 'worldCoordinates',
          outlineWidthFactor: 0.002,
        },
      };
    }
  });

const PLACES = ['leftHand', 'rightHand', 'leftFoot', 'rightFoot', 'head'] as const;

/** Where the bones that move the skin are, after a body frame with the left arm up and the right elbow bent. */
function placesOf(character: Character): Map<string, Vector3> {
  const bodies = bodiesOf((f) => {
    addUpper(f, 'leftUpperArm', 0, 0, 1.9);
    addUpper(f, 'rightLowerArm', 0, 0.9, 0);
  }, 60);
  new Puppet(character).apply(bodies, 59 * 2 * BODY_NUMBERS, placementOf('vis-a-vis')[0], 1, 0, FULL);
  character.vrm.update(0);
  character.vrm.scene.updateMatrixWorld(true);
  const { humanoid } = character.vrm;
  for (const bone of character.report().bones.present) {
    const raw = humanoid.getRawBoneNode(bone)!.getWorldPosition(new Vector3());
    const normalised = humanoid.getNormalizedBoneNode(bone)!.getWorldPosition(new Vector3());
    expect(raw.distanceTo(normalised), bone).toBeLessThan(0.002);
  }
  return new Map(
    PLACES.map((name) => [name, humanoid.getRawBoneNode(name)!.getWorldPosition(new Vector3())]),
  );
}

describe('the characters of the house', () => {
  test.each(['ada', 'bo'])('%s lacks nothing', async (name) => {
    const report = (await load(`/models/${name}.vrm`)).report();
    expect(report.warnings).toEqual([]);
    expect(report).toMatchObject({
      name: `${name}.vrm`,
      kind: 'vrm1',
      face: { route: 'arkit', missing: [] },
      eyes: 'bones',
      licence: {
        authors: ['Duologue'],
        url: 'https://creativecommons.org/publicdomain/zero/1.0/',
        allowedUsers: 'everyone',
        credit: 'unnecessary',
        modification: 'allowed with redistribution',
      },
    });
    expect(report.bones.missing).toEqual([]);
  });
});

describe('with something taken out', () => {
  const cases: [string, () => ArrayBuffer, string, RegExp[]][] = [
    [
      'no fingers',
      () => withoutBones(/Thumb|Index|Middle|Ring|Little/),
      'vrm1',
      [/left fingers.*neither opens nor closes/, /right fingers/],
    ],
    ['no upperChest', () => withoutBones(/^upperChest$/), 'vrm1', [/^no upperChest: the trunk bends/]],
    ['no toes', () => withoutBones(/Toes$/), 'vrm1', [/^no leftToes or rightToes: feet roll without them$/]],
    ['arms that hang', () => editGlb(ada, inAPose), 'vrm1', []],
    ['no VRM at all', () => editGlb(ada, asPlainGlb), 'glb', []],
    [
      'no VRM at all, and arms that hang',
      () =>
        editGlb(ada, (json) => {
          asPlainGlb(json);
          inAPose(json);
        }),
      'glb',
      [],
    ],
  ];
  test.each(cases)('%s: hands and feet are where they were', async (_, make, kind, warnings) => {
    const whole = placesOf(await load(ada));
    const character = await load(make());
    const report = character.report();
    expect(report.kind).toBe(kind);
    expect(report.warnings.length).toBe(warnings.length);
    for (const [i, warning] of warnings.entries()) expect(report.warnings[i]).toMatch(warning);
    for (const [name, place] of placesOf(character))
      expect(place.distanceTo(whole.get(name)!), name).toBeLessThan(0.03);
  });

  test('no ARKit shapes: vowels, moods and blinks of the file show the face', async () => {
    const character = await load(withoutShapes());
    const { face, warnings } = character.report();
    expect(face.route).toBe('vowels');
    expect(face.channels).toMatchObject({
      jawOpen: 'synthesised',
      mouthPucker: 'synthesised',
      browInnerUp: 'synthesised',
      mouthSmileLeft: 'synthesised',
      eyeBlinkLeft: 'expression',
      cheekPuff: 'none',
    });
    expect(warnings.join('\n')).toMatch(/jawOpen.*stand in for them/);
    expect(warnings.join('\n')).toMatch(/cheekPuff.*not seen/);
    const weights = new Float32Array(FACE_CHANNELS);
    weights[CHANNEL.jawOpen] = 0.7;
    weights[CHANNEL.eyeBlinkRight] = 1;
    character.update(1 / 30, weights, 0);
    let moved: number[] = [];
    character.vrm.scene.traverse((object) => {
      moved = (object as Mesh).morphTargetInfluences ?? moved;
    });
    expect(moved[CHANNEL.jawOpen]).toBeGreaterThan(0.3);
    expect(moved[CHANNEL.eyeBlinkRight]).toBeCloseTo(1);
    expect(moved[CHANNEL.eyeBlinkLeft]).toBe(0);
  });

  test('a bone that makes a human: what is there, what is missing, what to do', async () => {
    await expect(load(withoutBones(/^leftLowerArm$/))).rejects.toMatchObject({
      kind: 'asset',
      message: expect.stringMatching(/it has hips, spine, head.*lacks leftLowerArm$/),
      hint: expect.stringMatching(/VRM 1\.0/),
    });
  });
});

describe('a packed file: how it is packed, and what to do', () => {
  const packings: [string, RegExp, (json: GltfJson) => void][] = [
    [
      'KHR_draco_mesh_compression',
      /packed with draco/i,
      (json) => {
        for (const { primitives } of json.meshes)
          for (const primitive of primitives)
            primitive.extensions = {
              KHR_draco_mesh_compression: { bufferView: 0, attributes: { POSITION: 0, NORMAL: 1 } },
            };
      },
    ],
    [
      'EXT_meshopt_compression',
      /packed with meshopt/i,
      (json) => {
        const { byteLength, byteOffset } = json.bufferViews[0];
        json.bufferViews[0].extensions = {
          EXT_meshopt_compression: {
            ...{ buffer: 0, byteOffset, byteLength, byteStride: 12, count: 24 },
            mode: 'ATTRIBUTES',
          },
        };
      },
    ],
    [
      'KHR_texture_basisu',
      /packed with ktx2/i,
      (json) => {
        json.images = [{ bufferView: 0, mimeType: 'image/ktx2' }];
        json.textures = [{ extensions: { KHR_texture_basisu: { source: 0 } } }];
        json.materials[0].pbrMetallicRoughness.baseColorTexture = { index: 0 };
      },
    ],
  ];
  test.each(packings)('%s', async (extension, message, pack) => {
    const packed = editGlb(makeTinyVrm(), (json) => {
      json.extensionsUsed.push(extension);
      json.extensionsRequired = [extension];
      pack(json);
    });
    await expect(load(packed)).rejects.toMatchObject({
      kind: 'asset',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/without compression/),
    });
  });
});

describe.skipIf(!SPHERE)('VRM 0.x', () => {
  test('the sphere: bones of a human, nothing of a face', async () => {
    const character = await load(SPHERE!);
    const { kind, licence, bones, face, warnings } = character.report();
    expect([kind, face.route]).toEqual(['vrm0', 'none']);
    expect(bones.present).toContain('upperChest');
    expect(licence).toEqual({
      title: 'sphere',
      authors: ['FMS_Cat'],
      name: 'CC0',
      url: 'https://creativecommons.org/publicdomain/zero/1.0/',
      allowedUsers: 'everyone',
      credit: 'unnecessary',
      modification: 'allowed with redistribution',
    });
    expect(warnings.join('\n')).toMatch(/mouth does not speak/);
    const places = placesOf(character);
    expect(places.get('leftHand')!.y).toBeGreaterThan(places.get('rightHand')!.y + 0.2);
    expect(places.get('leftFoot')!.x).toBeGreaterThan(0.05);
  });

  test('its preset names are those of VRM 1.0', async () => {
    const presets = [
      'a',
      'i',
      'u',
      'e',
      'o',
      'blink_l',
      'blink_r',
      'joy',
      'angry',
      'sorrow',
      'fun',
      'lookup',
    ];
    const character = await load(
      editGlb(makeTinyVrm({ version: '0', face: 'vowels' }), (json) => {
        const { binds } = json.extensions.VRM.blendShapeMaster.blendShapeGroups[0];
        json.extensions.VRM.blendShapeMaster.blendShapeGroups = presets.map((presetName) => ({
          name: presetName.toUpperCase(),
          presetName,
          binds,
          materialValues: [],
        }));
      }),
    );
    const { face } = character.report();
    expect(face.route).toBe('vowels');
    expect(face.channels).toMatchObject({ eyeBlinkLeft: 'expression', mouthFrownLeft: 'synthesised' });
  });
});

test.skipIf(!BODY)(
  'a body on the Mesh2Motion skeleton: hands and feet follow, the skin with them',
  async () => {
    const character = await load(BODY!);
    const { kind, bones, warnings } = character.report();
    expect(kind).toBe('glb');
    expect(bones.missing).toEqual(['leftEye', 'rightEye', 'jaw']);
    expect(warnings.length).toBeGreaterThan(0);
    const places = placesOf(character);
    expect(places.get('leftHand')!.y).toBeGreaterThan(places.get('head')!.y);
    expect(places.get('rightHand')!.y).toBeLessThan(1.3);
    const skin = new Box3().setFromObject(character.vrm.scene, true);
    expect(skin.max.y - places.get('leftHand')!.y).toBeGreaterThan(0.1);
    expect(skin.max.y - places.get('leftHand')!.y).toBeLessThan(0.25);
    expect(Math.abs(skin.min.y)).toBeLessThan(0.015);
    for (const [foot, sign] of [
      ['leftFoot', 1],
      ['rightFoot', -1],
    ] as const) {
      expect(places.get(foot)!.x * sign).toBeGreaterThan(0.05);
      expect(places.get(foot)!.x * sign).toBeLessThan(0.2);
      expect(places.get(foot)!.y).toBeGreaterThan(0.07);
      expect(places.get(foot)!.y).toBeLessThan(0.12);
    }
  },
);

describe('coming and going', () => {
  const makeStage = async () => {
    const canvas = document.createElement('canvas');
    canvas.style.cssText = 'width:64px;height:36px';
    document.body.append(canvas);
    const characters = [await loadCharacter(makeTinyVrm()), await loadCharacter(makeTinyVrm())] as const;
    return new Stage({ container: canvas, characters, timeline: new Timeline(), maxPixelRatio: 1 });
  };

  test.each<[string, number, () => Parameters<typeof loadCharacter>[0] | undefined]>([
    ['ada', 12, () => ada],
    ['a small VRM in MToon', 20, () => inMToon(makeTinyVrm())],
    ['a small VRM 0.x', 50, () => makeTinyVrm({ version: '0', face: 'vowels' })],
    ['the sphere', 50, () => SPHERE],
  ])(
    'leaves nothing in the graphics memory: %s, %i times',
    async (_, times, source) => {
      const character = source();
      if (!character) return;
      const stage = await makeStage();
      const { info } = stage.renderer;
      const held = () => ({ ...info.memory, programs: info.programs!.length });
      const comeAndGo = async (i: number) => {
        stage.setCharacter(1, await loadCharacter(character));
        stage.render(0, i + 0.5);
        const there = held();
        stage.setCharacter(1, await loadCharacter(makeTinyVrm()));
        stage.render(0, i + 1);
        return { there, gone: held() };
      };
      // The first round loads what the room keeps: another figure brings more of it into the picture.
      await comeAndGo(0);
      const first = await comeAndGo(1);
      expect(first.there).not.toEqual(first.gone);
      for (let i = 2; i < times + 2; i++) expect(await comeAndGo(i), `round ${i}`).toEqual(first);
      stage.dispose();
      expect(info.memory).toMatchObject({ geometries: 0, textures: 0 });
      stage.canvas.remove();
    },
    600_000,
  );
});
