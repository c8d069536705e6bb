// out[r,t] = [x[r,t] | x[r^1,t]]: each row beside its neighbour (0 and 1, 2 and 3)
// One lane per (r,t,e).

override T: u32;
override C: u32;
override COUNT: u32; // R*T*E, E = 2C

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R,T,C]
@group(0) @binding(1) var<storage, read_write> out: array<f32>; // [R,T,E]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let e = id.x % (2u * C);
  let t = id.x / (2u * C) % T;
  let r = id.x / (2u * C) / T;
  let source = select(r ^ 1u, r, e < C);
  out[id.x] = x[(source * T + t) * C + e % C];
}
