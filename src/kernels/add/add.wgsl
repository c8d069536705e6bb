// out[r,t,c] += x[r,t,c]
// One lane per element.

override COUNT: u32; // R*T*C

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R,T,C]
@group(0) @binding(1) var<storage, read_write> out: array<f32>; // [R,T,C]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < COUNT) { out[id.x] += x[id.x]; }
}
