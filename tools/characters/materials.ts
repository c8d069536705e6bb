import type { Json } from './gltf.ts';
import { colour } from './math.ts';
import type { Person } from './people.ts';

type Fields = { [key: string]: Json };

/** A painted surface; `shine` scales its reflection, which on dark skin and hair would look like dust. */
const painted = (
  name: string,
  texture: number,
  roughness: number,
  shine: number,
  extra: Fields = {},
): Fields => ({
  name,
  pbrMetallicRoughness: {
    baseColorTexture: { index: texture },
    metallicFactor: 0,
    roughnessFactor: roughness,
  },
  extensions: { KHR_materials_specular: { specularFactor: shine } },
  ...extra,
});

/** Materials of skin, mouth, eyes and hair, in this order; their textures are eye (0), skin (1) and hair (2). */
export const headMaterials = (person: Person): Fields[] => {
  const skin = colour(person.colours.skin);
  return [
    // Light that wanders under the skin keeps its shade warm.
    painted('Skin', 1, 0.72, Math.round(100 * (0.2 + 0.27 * skin[0])) / 100, {
      emissiveTexture: { index: 1 },
      emissiveFactor: [0.085, 0.026, 0.014].map((x) => Math.round(1000 * x * (0.4 + 0.6 * skin[0])) / 1000),
    }),
    {
      name: 'Mouth',
      pbrMetallicRoughness: { metallicFactor: 0, roughnessFactor: 1 },
      extensions: { KHR_materials_unlit: {} },
    },
    painted('Eyes', 0, 0.25, 0.7),
    painted('Hair', 2, person.hair === 'bob' ? 0.5 : 0.8, person.hair === 'bob' ? 0.45 : 0.3),
  ];
};
