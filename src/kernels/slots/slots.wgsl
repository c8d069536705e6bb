// out[r,t,c] = x[r, t % N, c] + table[t / N, c]
// One lane per element of out.

override N: u32;
override C: u32;
override T: u32;
override COUNT: u32; // R*T*C

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R,N,C]
@group(0) @binding(1) var<storage, read> table: array<u32>;     // [K,C] halves
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [R,T,C]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let c = id.x % C;
  let t = id.x / C % T;
  let r = id.x / C / T;
  let i = t / N * C + c;
  out[id.x] = x[(r * N + t % N) * C + c] + unpack2x16float(table[i >> 1u])[i & 1u];
}
