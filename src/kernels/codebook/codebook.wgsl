// ids[r,t] = argmin_k sum_c (x[r,t,c] - codes[k,c])^2, the lowest k of equals; out[r,t,:] = codes[ids[r,t],:]
// One workgroup per row (r,t): its lanes stride over the codes, then over the channels of the nearest.

override K: u32;
override C: u32;
override WG: u32;

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R,T,C]
@group(0) @binding(1) var<storage, read> codes: array<f32>;     // [K,C]
@group(0) @binding(2) var<storage, read_write> ids: array<f32>; // [R,T]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [R,T,C]

var<workgroup> distance: array<f32, WG>;
var<workgroup> nearest: array<u32, WG>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * C;
  var best = 3.0e38;
  var id = K - 1u;
  for (var k = lane; k < K; k += WG) {
    var sum = 0.0;
    for (var c = 0u; c < C; c++) { let d = x[row + c] - codes[k * C + c]; sum += d * d; }
    if (sum < best) { best = sum; id = k; }
  }
  distance[lane] = best;
  nearest[lane] = id;
  for (var stride = WG / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      let other = lane + stride;
      let closer = distance[other] < distance[lane];
      let tie = distance[other] == distance[lane] && nearest[other] < nearest[lane];
      if (closer || tie) { distance[lane] = distance[other]; nearest[lane] = nearest[other]; }
    }
  }
  workgroupBarrier();
  if (lane == 0u) { ids[group.x] = f32(nearest[0]); }
  for (var c = lane; c < C; c += WG) { out[row + c] = codes[nearest[0] * C + c]; }
}
