// out[r,t,c] = (x[r,t,c] - mean) * rstd * gain[c] + bias[c]
// One workgroup per row (r,t); its WG lanes stride over the C channels.

override C: u32;
override EPS: f32;
override WG: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R,T,C]
@group(0) @binding(1) var<storage, read> gain: array<f32>;      // [C]
@group(0) @binding(2) var<storage, read> bias: array<f32>;      // [C]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [R,T,C]

var<workgroup> partial: array<f32, WG>;

fn sum_lanes(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var stride = WG / 2u; stride > 0u; stride /= 2u) {
    if (lane < stride) { partial[lane] += partial[lane + stride]; }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier(); // partial is reused by the next call
  return total;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * C;

  var sum = 0.0;
  for (var c = lane; c < C; c += WG) { sum += x[row + c]; }
  let mean = sum_lanes(lane, sum) / f32(C);

  var square = 0.0; // two passes: mean(x²) − mean² cancels badly in f32
  for (var c = lane; c < C; c += WG) { let d = x[row + c] - mean; square += d * d; }
  let rstd = inverseSqrt(sum_lanes(lane, square) / f32(C) + EPS);

  for (var c = lane; c < C; c += WG) {
    out[row + c] = (x[row + c] - mean) * rstd * gain[c] + bias[c];
  }
}
