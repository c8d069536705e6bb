// out[q,0,g*D+d] = book[g*CODES + codes[(q*STRIDE)^FLIP, g], d]
// One lane per element of out.

override G: u32;
override CODES: u32;  // rows of book for each g: K/G
override D: u32;
override STRIDE: u32; // rows of codes for each q: R/Q
override FLIP: u32;
override COUNT: u32;  // Q*E, E = G*D

@group(0) @binding(0) var<storage, read> codes: array<f32>;     // [R,G]
@group(0) @binding(1) var<storage, read> book: array<f32>;      // [K,D]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [Q,T,E]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let d = id.x % D;
  let g = id.x / D % G;
  let row = ((id.x / D / G) * STRIDE) ^ FLIP;
  let code = min(u32(codes[row * G + g]), CODES - 1u);
  out[id.x] = book[(g * CODES + code) * D + d];
}
