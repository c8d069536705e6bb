// ring[r,(n+t)%W,e] = qkv[r,t,E-E2+e]: the keys and values of tokens n…n+T-1, n = clock[0]*T
// One lane per (r,t,e).

override T: u32;
override E: u32;
override E2: u32;
override W: u32;
override COUNT: u32; // R*T*E2

@group(0) @binding(0) var<storage, read> qkv: array<f32>;        // [R,T,E]
@group(0) @binding(1) var<storage, read> clock: array<u32>;      // [4]
@group(0) @binding(2) var<storage, read_write> ring: array<f32>; // [R,W,E2]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let e = id.x % E2;
  let t = id.x / E2 % T;
  let r = id.x / E2 / T;
  ring[(r * W + (clock[0] * T + t) % W) * E2 + e] = qkv[(r * T + t) * E + E - E2 + e];
}
