// out[r,f] = (1 - turn[r]) * listener[r,f] + turn[r] * own[r,f];  tail[r] = the last H of out * norms[3] + norms[2]
// own = speaker, or (clamp(face * norms[0] + norms[1], 0, 1) - norms[2]) / norms[3] where channels[f] is one of face.
// One lane per (r,f).

override F: u32;
override C: u32;
override H: u32;
override COUNT: u32; // R*F

@group(0) @binding(0) var<storage, read> turn: array<f32>;       // [R]
@group(0) @binding(1) var<storage, read> listener: array<f32>;   // [R,F]
@group(0) @binding(2) var<storage, read> speaker: array<f32>;    // [R,F]
@group(0) @binding(3) var<storage, read> face: array<f32>;       // [R,C]
@group(0) @binding(4) var<storage, read> channels: array<u32>;   // [F]
@group(0) @binding(5) var<storage, read> norms: array<f32>;      // [4,F]
@group(0) @binding(6) var<storage, read_write> out: array<f32>;  // [R,F]
@group(0) @binding(7) var<storage, read_write> tail: array<f32>; // [R,H]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let f = id.x % F;
  let r = id.x / F;
  let mean = norms[2u * F + f];
  let spread = norms[3u * F + f];
  var own = speaker[id.x];
  if (channels[f] < C) {
    own = (clamp(face[r * C + channels[f]] * norms[f] + norms[F + f], 0.0, 1.0) - mean) / spread;
  }
  let z = (1.0 - turn[r]) * listener[id.x] + turn[r] * own;
  out[id.x] = z;
  if (f + H >= F) { tail[r * H + f + H - F] = z * spread + mean; }
}
