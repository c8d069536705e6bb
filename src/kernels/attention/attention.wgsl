// out[r,t,h] = softmax_j(q · k_j / sqrt(D) - slope_h * floor(dist_j / PERIOD)) · v_j, dist_j = |i/GROUP - j/GROUP|, per head h
// Keys j: PREFIX tokens (no bias) | tokens still in the ring, newest first | the T tokens of the block itself.
// One workgroup per (head, t, r): a lane per key for the scores, then a lane per channel for the sum.

override T: u32;
override C: u32; // channels of out; qkv rows are q|k|v, prefix and ring rows k|v
override D: u32; // channels of a head
override H: u32;
override P: u32; // tokens in prefix, of which the first PREFIX are used
override PREFIX: u32;
override W: u32;
override GROUP: u32; // tokens that stand at one moment
override PERIOD: u32;
override WG: u32;
override PARTS: u32; // lanes per channel in the last sum

@group(0) @binding(0) var<storage, read> qkv: array<f32>;       // [R,T,E]
@group(0) @binding(1) var<storage, read> prefix: array<f32>;    // [R,P,E2]
@group(0) @binding(2) var<storage, read> ring: array<f32>;      // [R,W,E2]
@group(0) @binding(3) var<storage, read> clock: array<u32>;     // [4]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [R,T,C]

override KEYS = PREFIX + W + T;
var<workgroup> query: array<f32, D>;
var<workgroup> weight: array<f32, KEYS>;
var<workgroup> partial: array<f32, WG>;

fn max_lanes(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var stride = WG / 2u; stride > 0u; stride /= 2u) {
    if (lane < stride) { partial[lane] = max(partial[lane], partial[lane + stride]); }
    workgroupBarrier();
  }
  let best = partial[0];
  workgroupBarrier(); // partial is reused by the next call
  return best;
}

fn sum_lanes(lane: u32, value: f32) -> f32 {
  partial[lane] = value;
  workgroupBarrier();
  for (var stride = WG / 2u; stride > 0u; stride /= 2u) {
    if (lane < stride) { partial[lane] += partial[lane + stride]; }
    workgroupBarrier();
  }
  let total = partial[0];
  workgroupBarrier();
  return total;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = group.x * D;
  let t = group.y;
  let r = group.z;
  let emitted = clock[0] * T; // tokens so far; the ring holds the last `cached` of them
  let moment = (emitted + t) / GROUP;
  let cached = min(emitted, W);
  let keys = PREFIX + cached + T;
  for (var d = lane; d < D; d += WG) { query[d] = qkv[(r * T + t) * 3u * C + head + d]; }
  workgroupBarrier();

  let slope = exp2(-8.0 * f32(group.x + 1u) / f32(H));
  let scale = inverseSqrt(f32(D));
  var best = -3.0e38;
  for (var j = lane; j < keys; j += WG) {
    var score = 0.0;
    var bias = 0.0;
    if (j < PREFIX) {
      let key = (r * P + j) * 2u * C + head;
      for (var d = 0u; d < D; d++) { score += query[d] * prefix[key + d]; }
    } else if (j < PREFIX + cached) {
      let age = j - PREFIX; // 0 is the token before the block
      let key = (r * W + (emitted - 1u - age) % W) * 2u * C + head;
      for (var d = 0u; d < D; d++) { score += query[d] * ring[key + d]; }
      bias = slope * f32((moment - (emitted - 1u - age) / GROUP) / PERIOD);
    } else {
      let other = j - PREFIX - cached;
      let key = (r * T + other) * 3u * C + C + head;
      for (var d = 0u; d < D; d++) { score += query[d] * qkv[key + d]; }
      let theirs = (emitted + other) / GROUP;
      bias = slope * f32((max(moment, theirs) - min(moment, theirs)) / PERIOD);
    }
    weight[j] = score * scale - bias;
    best = max(best, weight[j]);
  }
  let top = max_lanes(lane, best);
  var sum = 0.0;
  for (var j = lane; j < keys; j += WG) {
    weight[j] = exp(weight[j] - top);
    sum += weight[j];
  }
  let total = sum_lanes(lane, sum);

  // D channels at a time would idle most lanes when D < WG, so PARTS lanes share the keys of a channel.
  let part = lane / (WG / PARTS);
  for (var base = 0u; base < D; base += WG / PARTS) {
    let d = base + lane % (WG / PARTS);
    var mixed = 0.0;
    if (d < D) {
      for (var j = part; j < keys; j += PARTS) {
        var value = 0.0;
        if (j < PREFIX) {
          value = prefix[(r * P + j) * 2u * C + C + head + d];
        } else if (j < PREFIX + cached) {
          value = ring[(r * W + (emitted - 1u - (j - PREFIX)) % W) * 2u * C + C + head + d];
        } else {
          value = qkv[(r * T + j - PREFIX - cached) * 3u * C + 2u * C + head + d];
        }
        mixed += weight[j] * value;
      }
    }
    partial[lane] = mixed;
    workgroupBarrier();
    if (part == 0u && d < D) {
      for (var p = 1u; p < PARTS; p++) { mixed += partial[lane + p * (WG / PARTS)]; }
      out[(r * T + t) * C + head + d] = mixed / total;
    }
    workgroupBarrier();
  }
}
