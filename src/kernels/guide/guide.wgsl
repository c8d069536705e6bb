// y[0,n] = y[1,n] = y[1,n] + SCALE * (y[0,n] - y[1,n])
// One lane per n: row 0 is the conditional output, row 1 that without its condition.

override N: u32;
override SCALE: f32;

@group(0) @binding(0) var<storage, read_write> y: array<f32>; // [B,N]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= N) { return; }
  let mixed = y[N + id.x] + SCALE * (y[id.x] - y[N + id.x]);
  y[id.x] = mixed;
  y[N + id.x] = mixed;
}
