// codes[r,g] = argmax_k l_k / TEMPERATURE - ln(-ln u_k) over the TOP largest l_k; argmax_k l_k where TEMPERATURE is 0
// l = logits[r, ((r % ROLES) * G + g) * K ...]; u from philox4x32((k>>2, r*G+g, clock[0], STAGE), clock[1..2]), word k&3.
// One workgroup per (g,r): its lanes stride over the codes and count how many are larger.

override E: u32;
override G: u32;
override K: u32;
override ROLES: u32;
override TEMPERATURE: f32;
override TOP: u32;
override WG: u32;

@group(0) @binding(0) var<storage, read> logits: array<f32>;      // [R,T,E]
@group(0) @binding(1) var<storage, read> clock: array<u32>;       // [4]
@group(0) @binding(2) var<storage, read_write> codes: array<f32>; // [R,G]

const STAGE = 0x10000u; // keeps these numbers apart from the noise of the denoisers

var<workgroup> logit: array<f32, K>;
var<workgroup> score: array<f32, WG>;
var<workgroup> code: array<u32, WG>;

fn mul_high(a: u32, b: u32) -> u32 { // WGSL has no 64-bit integers
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let carry = (middle & 0xffffu) + (a & 0xffffu) * (b >> 16u);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (carry >> 16u);
}

fn philox4x32(start: vec4u, seed: vec2u) -> vec4u {
  var c = start;
  var key = seed;
  for (var round = 0u; round < 10u; round++) {
    c = vec4u(
      mul_high(c.z, 0xcd9e8d57u) ^ c.y ^ key.x, c.z * 0xcd9e8d57u,
      mul_high(c.x, 0xd2511f53u) ^ c.w ^ key.y, c.x * 0xd2511f53u,
    );
    key += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

// -ln(-ln u), u = (m + 0.5) / 2^24. Above one half u has more bits than f32, and -ln u is what is small: there it is
// taken from q = 1 - u, which is exact, as 2 atanh(q / (2 - q)).
fn gumbel(m: u32) -> f32 {
  const UNIT = 5.9604644775390625e-8f; // 2^-24
  if (m < 0x800000u) { return -log(-log((f32(m) + 0.5) * UNIT)); }
  let q = (f32(0xffffffu - m) + 0.5) * UNIT;
  let y = q / (2.0 - q);
  let z = y * y;
  let series = 1.0 + z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0 + z / 11.0))));
  return -log(2.0 * y * series);
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let g = group.x;
  let r = group.y;
  let first = r * E + ((r % ROLES) * G + g) * K;
  for (var k = lane; k < K; k += WG) { logit[k] = logits[first + k]; }
  workgroupBarrier();

  var best = -3.4e38;
  var at = min(lane, K - 1u);
  for (var k = lane; k < K; k += WG) {
    let own = logit[k];
    var rank = 0u;
    for (var j = 0u; j < K; j++) { rank += select(0u, 1u, logit[j] > own || (logit[j] == own && j < k)); }
    if (rank >= TOP) { continue; }
    var value = own;
    if (TEMPERATURE > 0.0) {
      let words = philox4x32(vec4u(k >> 2u, r * G + g, clock[0], STAGE), vec2u(clock[1], clock[2]));
      value = own / TEMPERATURE + gumbel(words[k & 3u] >> 8u);
    }
    if (value > best) { best = value; at = k; }
  }
  score[lane] = best;
  code[lane] = at;
  for (var stride = WG / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      let other = lane + stride;
      let tie = score[other] == score[lane] && code[other] < code[lane];
      if (score[other] > score[lane] || tie) { score[lane] = score[other]; code[lane] = code[other]; }
    }
  }
  if (lane == 0u) { codes[r * G + g] = f32(code[0]); }
}
