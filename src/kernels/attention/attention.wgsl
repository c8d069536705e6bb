// out[r,t,h] = softmax_j(q · k_j / sqrt(D) - slope_h * floor(dist_j / PERIOD)) · v_j, dist_j = |i/GROUP - j/GROUP|, per head h
// Keys j: PREFIX tokens (no bias) | tokens still in the ring, newest first | the T tokens of the block itself.
// One workgroup per (head, TILE queries, r), so that a key is read once for all of them: a lane per key for the scores,
// then a lane per 4 channels for the sums.

override T: u32;
override C: u32; // channels of out, a multiple of 4 a head; qkv rows are q|k|v, prefix and ring rows k|v
override D: u32; // channels of a head
override H: u32;
override P: u32; // tokens in prefix, of which the first PREFIX are used
override PREFIX: u32;
override W: u32;
override GROUP: u32; // tokens that stand at one moment
override PERIOD: u32;
override TILE: u32;  // queries of a workgroup, 1, 2 or 4
override WG: u32;
override PARTS: u32; // lanes that share the keys of 4 channels in the last sum
override STRIDE: u32; // lanes that take a vector of 4 channels each

@group(0) @binding(0) var<storage, read> qkv: array<vec4f>;       // [R,T,E]
@group(0) @binding(1) var<storage, read> prefix: array<vec4f>;    // [R,P,E2]
@group(0) @binding(2) var<storage, read> ring: array<vec4f>;      // [R,W,E2]
@group(0) @binding(3) var<storage, read> clock: array<u32>;       // [4]
@group(0) @binding(4) var<storage, read_write> out: array<vec4f>; // [R,T,C]

override KEYS = PREFIX + W + T;
var<workgroup> weight: array<vec4f, KEYS>; // component = query of the tile
override SUMS = TILE * WG;
var<workgroup> partial: array<vec4f, SUMS>;

// the largest, or the sum, of every lane's value; every lane of the workgroup must come by
fn max_lanes(lane: u32, value: vec4f) -> vec4f {
  partial[lane] = value;
  workgroupBarrier();
  if (WG > 16u) { // 16 lanes fold the rest, then every lane the 16
    if (lane < 16u) {
      var best = value;
      for (var l = lane + 16u; l < WG; l += 16u) { best = max(best, partial[l]); }
      partial[lane] = best;
    }
    workgroupBarrier();
  }
  var best = partial[0];
  for (var l = 1u; l < min(WG, 16u); l++) { best = max(best, partial[l]); }
  workgroupBarrier(); // partial is used again
  return best;
}

fn sum_lanes(lane: u32, value: vec4f) -> vec4f {
  partial[lane] = value;
  workgroupBarrier();
  if (WG > 16u) {
    if (lane < 16u) {
      var sum = value;
      for (var l = lane + 16u; l < WG; l += 16u) { sum += partial[l]; }
      partial[lane] = sum;
    }
    workgroupBarrier();
  }
  var sum = partial[0];
  for (var l = 1u; l < min(WG, 16u); l++) { sum += partial[l]; }
  workgroupBarrier();
  return sum;
}

// q · k of the queries that are there, 4 channels at a time
fn products(q: vec4u, k: vec4f) -> vec4f {
  var s = vec4f(dot(qkv[q.x], k), 0.0, 0.0, 0.0);
  if (TILE > 1u) { s.y = dot(qkv[q.y], k); }
  if (TILE > 2u) { s.z = dot(qkv[q.z], k); s.w = dot(qkv[q.w], k); }
  return s;
}

fn exponential(v: vec4f) -> vec4f { // of the queries that are there
  if (TILE == 1u) { return vec4f(exp(v.x), 0.0, 0.0, 0.0); }
  if (TILE == 2u) { return vec4f(exp(v.xy), 0.0, 0.0); }
  return exp(v);
}

// how far the queries of the tile stand from a token
fn distance_of(first: u32, token: u32) -> vec4f {
  let own = (vec4u(first, first + 1u, first + 2u, first + 3u)) / GROUP;
  let other = vec4u(token / GROUP);
  return vec4f((max(own, other) - min(own, other)) / PERIOD);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let width = C / 4u; // of q, k or v, in vectors
  let head = group.x * (D / 4u);
  let t = group.y * TILE;
  let r = group.z;
  let emitted = clock[0] * T; // tokens so far; the ring holds the last `cached` of them
  let cached = min(emitted, W);
  let keys = PREFIX + cached + T;
  let slope = exp2(-8.0 * f32(group.x + 1u) / f32(H));
  let scale = inverseSqrt(f32(D));
  // queries past the last are read as the last and never written
  let q = (r * T + min(vec4u(t, t + 1u, t + 2u, t + 3u), vec4u(T - 1u))) * 3u * width + head;

  var best = vec4f(-3.0e38);
  for (var j = lane; j < keys; j += WG) {
    var score = vec4f();
    var far = vec4f();
    if (j < PREFIX) {
      let k = (r * P + j) * 2u * width + head;
      for (var d = 0u; d < D / 4u; d++) { score += products(q + d, prefix[k + d]); }
    } else if (j < PREFIX + cached) {
      let token = emitted - 1u - (j - PREFIX);
      let k = (r * W + token % W) * 2u * width + head;
      for (var d = 0u; d < D / 4u; d++) { score += products(q + d, ring[k + d]); }
      far = distance_of(emitted + t, token);
    } else {
      let other = j - PREFIX - cached;
      let k = (r * T + other) * 3u * width + width + head;
      for (var d = 0u; d < D / 4u; d++) { score += products(q + d, qkv[k + d]); }
      far = distance_of(emitted + t, emitted + other);
    }
    let biased = score * scale - slope * far;
    weight[j] = biased;
    best = max(best, biased);
  }
  let top = max_lanes(lane, best);
  var sum = vec4f();
  for (var j = lane; j < keys; j += WG) {
    let e = exponential(weight[j] - top);
    weight[j] = e;
    sum += e;
  }
  let total = sum_lanes(lane, sum); // its barriers make every weight visible

  // STRIDE lanes for the vectors of a head would idle the others, so PARTS lanes share the keys of a vector.
  let part = lane / STRIDE;
  for (var base = 0u; base < D / 4u; base += STRIDE) {
    let d = base + lane % STRIDE;
    var m0 = vec4f(); var m1 = vec4f(); var m2 = vec4f(); var m3 = vec4f();
    if (d < D / 4u && part < PARTS) {
      for (var j = part; j < keys; j += PARTS) {
        var v = vec4f();
        if (j < PREFIX) {
          v = prefix[(r * P + j) * 2u * width + width + head + d];
        } else if (j < PREFIX + cached) {
          v = ring[(r * W + (emitted - 1u - (j - PREFIX)) % W) * 2u * width + width + head + d];
        } else {
          v = qkv[(r * T + j - PREFIX - cached) * 3u * width + 2u * width + head + d];
        }
        let e = weight[j];
        m0 += e.x * v;
        if (TILE > 1u) { m1 += e.y * v; }
        if (TILE > 2u) { m2 += e.z * v; m3 += e.w * v; }
      }
    }
    partial[lane] = m0;
    if (TILE > 1u) { partial[lane + WG] = m1; }
    if (TILE > 2u) { partial[lane + 2u * WG] = m2; partial[lane + 3u * WG] = m3; }
    workgroupBarrier();
    for (var i = lane; i < TILE * STRIDE; i += WG) { // a lane per query and vector
      let query = i / STRIDE;
      let vector = i % STRIDE;
      if (base + vector < D / 4u && t + query < T) {
        var mixed = partial[query * WG + vector];
        for (var p = 1u; p < PARTS; p++) { mixed += partial[query * WG + p * STRIDE + vector]; }
        out[(r * T + t + query) * width + head + base + vector] = mixed / total[query];
      }
    }
    workgroupBarrier();
  }
}
