// out[r,0,c] += sum_n table[((r % ROLES) * N + n) * CODES + ids[r,n], c]
// One lane per (r,c).

override N: u32;
override K: u32;
override C: u32;
override CODES: u32; // rows of table for each id of a role
override ROLES: u32;
override COUNT: u32; // R*C

@group(0) @binding(0) var<storage, read> ids: array<f32>;       // [R,N]
@group(0) @binding(1) var<storage, read> table: array<u32>;     // [K,C] halves
@group(0) @binding(2) var<storage, read_write> out: array<f32>; // [R,T,C]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let c = id.x % C;
  let r = id.x / C;
  var sum = 0.0;
  for (var n = 0u; n < N; n++) {
    let row = ((r % ROLES) * N + n) * CODES + u32(ids[r * N + n]);
    let i = min(row, K - 1u) * C + c; // an id past the end is the last
    sum += unpack2x16float(table[i >> 1u])[i & 1u];
  }
  out[id.x] += sum;
}
