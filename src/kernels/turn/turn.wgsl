// activity += (v > activity ? ATTACK : RELEASE) * (v - activity), v = sigmoid(voicing)
// out = s^2 (3 - 2 s), s = clamp((activity - SILENT) / SPAN, 0, 1). One lane per row.

override ATTACK: f32;
override RELEASE: f32;
override SILENT: f32;
override SPAN: f32;
override COUNT: u32; // R

@group(0) @binding(0) var<storage, read> voicing: array<f32>;        // [R]
@group(0) @binding(1) var<storage, read_write> activity: array<f32>; // [R]
@group(0) @binding(2) var<storage, read_write> out: array<f32>;      // [R]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let v = 1.0 / (1.0 + exp(min(-voicing[id.x], 80.0)));
  var a = activity[id.x];
  a += select(RELEASE, ATTACK, v > a) * (v - a);
  activity[id.x] = a;
  let s = clamp((a - SILENT) / SPAN, 0.0, 1.0);
  out[id.x] = s * s * (3.0 - 2.0 * s);
}
