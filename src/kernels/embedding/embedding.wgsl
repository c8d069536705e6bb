// out[r,AT+n,c] = table[ids[r,n],c]
// One lane per (r,n,c).

override N: u32;
override K: u32;
override C: u32;
override P: u32;
override AT: u32;    // first row of out that is written
override COUNT: u32; // R*N*C

@group(0) @binding(0) var<storage, read> ids: array<u32>;       // [R,N]
@group(0) @binding(1) var<storage, read> table: array<u32>;     // [K,C] halves
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [R,P,C]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let c = id.x % C;
  let n = id.x / C % N;
  let r = id.x / C / N;
  let i = min(ids[r * N + n], K - 1u) * C + c; // an id past the end is the last
  out[(r * P + AT + n) * C + c] = unpack2x16float(table[i >> 1u])[i & 1u];
}
