// out[r,t] = [a[r',t] | b[r',t]], r' = r, or r^1 where SWAP
// One lane per (r,t,e).

override T: u32;
override C: u32;
override D: u32;
override SWAP: u32;  // 0 or 1
override COUNT: u32; // R*T*E, E = C+D

@group(0) @binding(0) var<storage, read> a: array<f32>;         // [R,T,C]
@group(0) @binding(1) var<storage, read> b: array<f32>;         // [R,T,D]
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [R,T,E]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let e = id.x % (C + D);
  let t = id.x / (C + D) % T;
  let row = ((id.x / (C + D) / T) ^ SWAP) * T + t;
  if (e < C) { out[id.x] = a[row * C + e]; } else { out[id.x] = b[row * D + e - C]; }
}
