import { Color, DataTexture, LinearFilter, MeshToonMaterial, RedFormat } from 'three';

const STEPS = 64;

type Toon = ConstructorParameters<typeof MeshToonMaterial>[0] & {
  shadeColorFactor?: Color;
  shadingShiftFactor?: number;
  shadingToonyFactor?: number;
};

/**
 * Stands in for MToon where the renderer has no GLSL (WebGPU): three's own toon material, with MToon's border between light
 * and shade and the depth of its shade. Outlines, rims and the shade's hue are left out. three-vrm's own material for WebGPU
 * needs an older three.
 */
export class ToonMaterial extends MeshToonMaterial {
  constructor(parameters: Toon = {}) {
    const { map, normalMap, emissiveMap, alphaTest, transparent, depthWrite, side } = parameters;
    super({
      ...(map && { map }),
      ...(normalMap && { normalMap }),
      ...(emissiveMap && { emissiveMap }),
      ...(alphaTest !== undefined && { alphaTest }),
      ...(transparent !== undefined && { transparent }),
      ...(depthWrite !== undefined && { depthWrite }),
      ...(side !== undefined && { side }),
    });
    if (parameters.color !== undefined) this.color.set(parameters.color);
    if (parameters.opacity !== undefined) this.opacity = parameters.opacity;
    if (parameters.emissive !== undefined) this.emissive.set(parameters.emissive);
    const { shadeColorFactor = new Color(0.6, 0.6, 0.6) } = parameters;
    const depth = Math.min(1, brightness(shadeColorFactor) / Math.max(0.05, brightness(this.color)));
    this.gradientMap = gradient(
      depth,
      parameters.shadingShiftFactor ?? 0,
      parameters.shadingToonyFactor ?? 0.9,
    );
  }

  override dispose(): void {
    this.gradientMap?.dispose();
    super.dispose();
  }
}

const brightness = ({ r, g, b }: Color) => 0.3 * r + 0.6 * g + 0.1 * b;

/** From shade to light over the cosine of the light's angle, −1 … 1, as the VRMC_materials_mtoon specification has it. */
function gradient(depth: number, shift: number, toony: number): DataTexture {
  const pixels = new Uint8Array(STEPS);
  for (let i = 0; i < STEPS; i++) {
    const cosine = (2 * (i + 0.5)) / STEPS - 1 + shift;
    const light = Math.min(1, Math.max(0, (cosine - (toony - 1)) / Math.max(1e-3, 2 - 2 * toony)));
    pixels[i] = 255 * (depth + (1 - depth) * light);
  }
  const texture = new DataTexture(pixels, STEPS, 1, RedFormat);
  texture.minFilter = LinearFilter;
  texture.magFilter = LinearFilter;
  texture.needsUpdate = true;
  return texture;
}
