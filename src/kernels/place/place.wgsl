// out[r, AT + n, c] = x[r,n,c]
// One lane per element of x.

override N: u32;
override C: u32;
override P: u32;
override AT: u32;
override COUNT: u32; // R*N*C

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R,N,C]
@group(0) @binding(1) var<storage, read_write> out: array<f32>; // [R,P,C]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= COUNT) { return; }
  let row = i / C;
  out[((row / N) * P + AT + row % N) * C + i % C] = x[i];
}
