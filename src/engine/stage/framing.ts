import { MathUtils, type PerspectiveCamera } from 'three';

/** Where two people stand: `separationM` apart on the x axis, each body turned `openRad` away from the partner. */
export type Placement = {
  readonly separationM: number;
  readonly openRad: number;
  readonly cameraYawRad: number;
};

const FIELD_OF_VIEW_DEG = 30;
const SHOULDERS_M = 0.66;
const OVER_HEAD_M = 0.23;
const OVER_HIPS_M = 0;

/** The placement for a picture of this width over height: on an upright phone they stand closer, seen a bit aslant. */
export function placementFor(aspect: number): Placement {
  const upright = MathUtils.clamp((1.25 - aspect) / 0.7, 0, 1);
  return {
    separationM: MathUtils.lerp(1, 0.8, upright),
    openRad: MathUtils.degToRad(MathUtils.lerp(52, 50, upright)),
    cameraYawRad: MathUtils.degToRad(MathUtils.lerp(-4, -3, upright)),
  };
}

/**
 * Sets the camera so that both people are in the picture from above the head to the waist at any aspect ratio; what
 * height is left over in an upright picture goes mostly below them.
 */
export function frameInto(
  camera: PerspectiveCamera,
  aspect: number,
  placement: Placement,
  eyeHeightM: number,
  hipHeightM: number,
): void {
  const top = eyeHeightM + OVER_HEAD_M;
  const bottom = hipHeightM + OVER_HIPS_M;
  const width = placement.separationM * Math.cos(placement.cameraYawRad) + SHOULDERS_M;
  const height = top - bottom;
  const slope = Math.tan(MathUtils.degToRad(FIELD_OF_VIEW_DEG / 2));
  const distance = Math.max(height / 2 / slope, width / 2 / (slope * aspect));
  const visible = 2 * distance * slope;
  const centre = top + 0.36 * (visible - height) - visible / 2;
  camera.fov = FIELD_OF_VIEW_DEG;
  camera.aspect = aspect;
  // The near one of an aslant pair stands before the middle: step back by that much.
  const back = distance + (placement.separationM / 2) * Math.abs(Math.sin(placement.cameraYawRad)) + 0.12;
  camera.position.set(
    Math.sin(placement.cameraYawRad) * back,
    centre + 0.05 * distance,
    Math.cos(placement.cameraYawRad) * back,
  );
  camera.lookAt(0, centre, 0);
  camera.near = 0.1;
  camera.far = 40;
  camera.updateProjectionMatrix();
}
