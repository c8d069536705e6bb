import { type VRM, type VRMExpression, VRMLookAtExpressionApplier } from '@pixiv/three-vrm';
import type { Mesh, Object3D } from 'three';
import type { ArkitChannel } from '../motion.ts';
import { ARKIT_52, type ArkitShape, arkitShapeOf } from './names.ts';
import { CHANNEL, MOODS, type Mood, SMILE_BY_HAPPY, VOWEL_SHOWS, VOWELS } from './synthesis.ts';

/** How a character's face is driven, best first: ARKit shapes by name, VRM vowels and blinks, a jaw bone, not at all. */
export type FaceRoute = 'arkit' | 'vowels' | 'jaw' | 'none';

/** How a character's eyes turn: eye bones, ARKit look shapes, VRM look expressions, not at all. */
export type EyeRoute = 'bones' | 'shapes' | 'expressions' | 'none';

/**
 * How a face shows one ARKit channel: by a shape of its own, by a VRM expression that means just that, put together from
 * vowels, moods and blinks, by a bone, or not at all.
 */
export type ChannelRoute = 'shape' | 'expression' | 'synthesised' | 'bone' | 'none';

/** The part of a VRM a face needs. */
export type FaceRig = Pick<VRM, 'scene' | 'expressionManager' | 'humanoid' | 'lookAt'>;

/** What drives a face, and which channel each part of it listens to. */
export type FacePlan = {
  readonly route: FaceRoute;
  readonly eyes: EyeRoute;
  readonly channels: Readonly<Record<ArkitShape, ChannelRoute>>;
  readonly shapes: readonly { readonly mesh: Mesh; readonly index: number; readonly channel: number }[];
  readonly expressions: readonly { readonly name: string; readonly channel: number }[];
  /** One blink for both eyes, where the face has no better. */
  readonly blink: { readonly name: string; readonly channels: readonly number[] } | undefined;
  /** Vowels by their place in {@link VOWELS}, each driven by a share of its weight. */
  readonly vowels: readonly { readonly name: string; readonly at: number; readonly share: number }[];
  readonly moods: readonly {
    readonly name: string;
    readonly most: number;
    readonly gains: readonly { readonly channel: number; readonly gain: number }[];
  }[];
  readonly jaw: Object3D | null;
  readonly eyeBones: readonly Object3D[];
  /** Expressions that would be used, were it not for what each sentence says. */
  readonly troubles: readonly string[];
};

const LOOK = ARKIT_52.filter((name) => name.startsWith('eyeLook'));
const BLINKS = ['eyeBlinkLeft', 'eyeBlinkRight'] as const;
/** Below this many shapes the vowels are what a face speaks with. */
const ENOUGH_SHAPES = 30;

/** Finds out what a face has and how it can best show each ARKit channel. */
export function planFace(rig: FaceRig): FacePlan {
  const found = shapesOf(rig.scene);
  const expressions = Object.entries(rig.expressionManager?.expressionMap ?? {});
  // VRM 0.x has no preset for surprise, so its name may be spelled anyhow.
  const byName = new Map(expressions.map(([name, expression]) => [name.toLowerCase(), { name, expression }]));
  const troubles: string[] = [];
  const channels = Object.fromEntries(ARKIT_52.map((name) => [name, 'none'])) as Record<
    ArkitShape,
    ChannelRoute
  >;
  const lacks = (name: ArkitChannel) => channels[name] !== 'shape' && channels[name] !== 'expression';
  const claim = (names: readonly ArkitShape[], route: ChannelRoute) => {
    for (const name of names) if (channels[name] === 'none') channels[name] = route;
  };
  /** An expression that is there and does something; an empty one is named among the troubles. */
  const take = (preset: string, hinders?: (expression: VRMExpression) => string | undefined) => {
    const known = byName.get(preset.toLowerCase());
    if (!known) return undefined;
    const trouble = known.expression.binds.length === 0 ? 'moves nothing' : hinders?.(known.expression);
    if (!trouble) return known.name;
    troubles.push(`the expression ${known.name} ${trouble}, so it is not used`);
    return undefined;
  };

  for (const name of ARKIT_52) if (found.has(name)) channels[name] = 'shape';
  const named = new Map<ArkitShape, string>();
  for (const [name, { binds }] of expressions) {
    const channel = arkitShapeOf(name);
    if (channel && binds.length > 0 && channels[channel] === 'none') named.set(channel, name);
  }
  claim([...named.keys()], 'expression');

  let blink: FacePlan['blink'];
  const unblinking = BLINKS.filter(lacks);
  const single = unblinking.filter((name) => {
    const own = take(name.slice('eye'.length));
    if (own) named.set(name, own);
    return !own;
  });
  claim(
    unblinking.filter((name) => !single.includes(name)),
    'expression',
  );
  const together = single.length > 0 ? take('blink') : undefined;
  if (together) {
    blink = { name: together, channels: single.map((name) => CHANNEL[name]) };
    claim(single, 'synthesised');
  }

  const { eyes, eyeBones } = eyesOf(rig, channels, (name) => take(name));
  if (eyes === 'bones') claim(LOOK, 'bone');
  if (eyes === 'expressions') claim(LOOK, 'expression');

  const vowels = VOWELS.flatMap((vowel, at) => {
    const lacking = VOWEL_SHOWS[vowel].filter(lacks);
    const name = lacking.length > 0 ? take(vowel) : undefined;
    return name ? [{ name, at, share: lacking.length / VOWEL_SHOWS[vowel].length, vowel, lacking }] : [];
  });
  for (const { lacking, vowel } of vowels) {
    claim(lacking, 'synthesised');
    // Closed lips are an `aa` that does not open.
    if (vowel === 'aa') claim(['mouthClose'], 'synthesised');
  }
  const moods = moodsOf(lacks, take);
  for (const { names } of moods) claim(names, 'synthesised');

  const jaw = channels.jawOpen === 'none' ? rig.humanoid.getNormalizedBoneNode('jaw') : null;
  if (jaw) claim(['jawOpen'], 'bone');
  const own = ARKIT_52.filter((name) => !lacks(name as ArkitChannel)).length;
  const route =
    !lacks('jawOpen') && (own >= ENOUGH_SHAPES || vowels.length === 0)
      ? 'arkit'
      : vowels.length > 0
        ? 'vowels'
        : jaw
          ? 'jaw'
          : 'none';
  return {
    route,
    eyes,
    channels,
    shapes: [...found].flatMap(([name, shapes]) =>
      name === 'tongueOut' ? [] : shapes.map((shape) => ({ ...shape, channel: CHANNEL[name] })),
    ),
    expressions: [...named].flatMap(([channel, name]) =>
      channel === 'tongueOut' ? [] : [{ name, channel: CHANNEL[channel] }],
    ),
    blink,
    vowels,
    moods,
    jaw,
    eyeBones,
    troubles,
  };
}

/** What turns the eyes: bones, unless the file says that it looks by expressions. */
function eyesOf(
  { humanoid, lookAt }: FaceRig,
  channels: Readonly<Record<ArkitShape, ChannelRoute>>,
  take: (name: string) => string | undefined,
): { eyes: EyeRoute; eyeBones: readonly Object3D[] } {
  const eyeBones = (['leftEye', 'rightEye'] as const)
    .map((name) => humanoid.getNormalizedBoneNode(name))
    .filter((bone) => bone !== null);
  const bones = { eyes: 'bones', eyeBones } as const;
  const both = eyeBones.length === 2;
  if (both && !(lookAt?.applier instanceof VRMLookAtExpressionApplier)) return bones;
  if (channels.eyeLookInLeft !== 'none') return { eyes: 'shapes', eyeBones: [] };
  if (take('lookLeft')) return { eyes: 'expressions', eyeBones: [] };
  return both ? bones : { eyes: 'none', eyeBones: [] };
}

/** The moods that can lend something to the channels that a face lacks. */
function moodsOf(
  lacks: (name: ArkitChannel) => boolean,
  take: (name: string, hinders: (expression: VRMExpression) => string | undefined) => string | undefined,
) {
  const hinders = (expression: VRMExpression) => {
    if (expression.isBinary) return 'is either off or on and knows no small amounts';
    const { overrideBlink, overrideLookAt, overrideMouth } = expression;
    const blocked = [overrideBlink, overrideLookAt, overrideMouth].includes('block');
    return blocked ? 'would block blinks, gaze or speech' : undefined;
  };
  const lacking = (mood: Mood, times = 1) =>
    (Object.entries(MOODS[mood].gains) as [ArkitChannel, number][])
      .filter(([name]) => lacks(name))
      .map(([name, gain]) => ({ name, channel: CHANNEL[name], gain: gain * times }));
  const moods: {
    mood: Mood;
    name: string;
    most: number;
    gains: ReturnType<typeof lacking>;
    names: ArkitChannel[];
  }[] = [];
  for (const mood of Object.keys(MOODS) as Mood[]) {
    const smiles = moods.some((other) => other.mood === 'relaxed');
    const gains = [
      ...lacking(mood),
      ...(mood === 'happy' && !smiles ? lacking('relaxed', SMILE_BY_HAPPY) : []),
    ];
    const name = gains.length > 0 ? take(mood, hinders) : undefined;
    if (name) moods.push({ mood, name, most: MOODS[mood].most, gains, names: gains.map((g) => g.name) });
  }
  return moods;
}

function shapesOf(scene: Object3D) {
  const shapes = new Map<ArkitShape, { mesh: Mesh; index: number }[]>();
  scene.traverse((object) => {
    const mesh = object as Mesh;
    // A numbered copy stands in where the mesh has not the shape itself.
    const names = Object.entries(mesh.morphTargetDictionary ?? {});
    names.sort(([a], [b]) => Number(/\d$/.test(a)) - Number(/\d$/.test(b)));
    for (const [name, index] of names) {
      const channel = arkitShapeOf(name);
      if (!channel) continue;
      const known = shapes.get(channel);
      if (/\d$/.test(name) && known?.some((shape) => shape.mesh === mesh)) continue;
      if (known) known.push({ mesh, index });
      else shapes.set(channel, [{ mesh, index }]);
    }
  });
  return shapes;
}
