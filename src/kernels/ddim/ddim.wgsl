// x = sqrt(a') * x0 + direction * eps + sigma * noise   (DDIM, Song et al. 2021, eq. 12; a = alpha bar, a' the next)
// x0 = clamp(y or (x - sqrt(1-a) * y) / sqrt(a), low, high), eps = (x - sqrt(a) * x0) / sqrt(1-a), or x0 where REPLACES.
// One lane per (r,t,f).

override F: u32;
override STEP: u32;         // row of steps
override PREDICTS_EPS: bool; // y is eps, else x0
override REPLACES: bool;     // x0 stands for eps too (diffusers 0.11)
override COUNT: u32;        // R*T*F

@group(0) @binding(0) var<storage, read> y: array<f32>;       // [R,T,F]
@group(0) @binding(1) var<storage, read> noise: array<f32>;   // [R,T,F]
@group(0) @binding(2) var<storage, read> low: array<f32>;     // [F]
@group(0) @binding(3) var<storage, read> high: array<f32>;    // [F]
@group(0) @binding(4) var<storage, read> steps: array<f32>;   // [S,5]
@group(0) @binding(5) var<storage, read_write> x: array<f32>; // [R,T,F]

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= COUNT) { return; }
  let f = i % F;
  let signal = steps[5u * STEP];           // sqrt(a)
  let spread = steps[5u * STEP + 1u];      // sqrt(1-a)
  let next_signal = steps[5u * STEP + 2u]; // sqrt(a')
  let direction = steps[5u * STEP + 3u];
  let sigma = steps[5u * STEP + 4u];

  var x0 = y[i];
  if (PREDICTS_EPS) { x0 = (x[i] - spread * y[i]) / signal; }
  x0 = clamp(x0, low[f], high[f]);
  var eps = (x[i] - signal * x0) / spread;
  if (REPLACES) { eps = x0; }
  var next = next_signal * x0 + direction * eps;
  if (sigma > 0.0) { next += sigma * noise[i]; }
  x[i] = next;
}
