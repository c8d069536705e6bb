// state[r,s,c] = last S rows of [state; x][r,:,c]
// One lane per (r,c) walks its column upwards, so it never reads what it has overwritten.

override S: u32;
override T: u32;
override C: u32;
override COUNT: u32; // R*C

@group(0) @binding(0) var<storage, read> x: array<f32>;           // [R,T,C]
@group(0) @binding(1) var<storage, read_write> state: array<f32>; // [R,S,C]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let r = id.x / C;
  let c = id.x % C;
  for (var s = 0u; s < S; s++) {
    let source = s + T; // row of [state; x]
    if (source < S) {
      state[(r * S + s) * C + c] = state[(r * S + source) * C + c];
    } else {
      state[(r * S + s) * C + c] = x[(r * T + source - S) * C + c];
    }
  }
}
