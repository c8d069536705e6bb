// out[r,t,o] = act(sum_c x[r,t,c] * w[o,c] + b[o]), added to out where ADD
// The same as linear.vec4 with products in halves, 4 at a time; sums of fours are added up in f32.
// For C a multiple of 8, so that a word of w is 8 halves. One workgroup takes 4*GROUPS outputs of up to TILE rows (r,t),
// so a weight is read once for all of them. LANES lanes share a dot product and read neighbouring words of w.

enable f16;

override C: u32;
override O: u32;
override M: u32;      // rows: R*T
override TILE: u32;   // rows of a workgroup, 4 or 8
override LANES: u32;  // lanes per dot product
override GROUPS: u32; // dot products side by side in a workgroup; 4 outputs each
override ACT: u32;    // 0 none, 1 gelu (tanh approximation), 2 silu
override ADD: bool;

@group(0) @binding(0) var<storage, read> x: array<vec4f>;       // [R,T,C]
@group(0) @binding(1) var<storage, read> w: array<vec4u>;       // [O,C] halves
@group(0) @binding(2) var<storage, read> b: array<f32>;         // [O]
@group(0) @binding(3) var<storage, read_write> out: array<f32>; // [R,T,O]

override WG = LANES * GROUPS;
override SUMS = TILE * WG;
var<workgroup> partial: array<vec4f, SUMS>; // [row of the tile][lane], component = output

fn activate(v: f32) -> f32 {
  if (ACT == 1u) { // 1 + tanh(u) = 2 / (1 + exp(-2u)); the bound keeps exp finite
    let u = 0.7978845608028654 * (v + 0.044715 * v * v * v);
    return v / (1.0 + exp(min(-2.0 * u, 80.0)));
  }
  if (ACT == 2u) { return v / (1.0 + exp(min(-v, 80.0))); }
  return v;
}

fn first_four(h: vec4u) -> vec4h { return bitcast<vec4h>(h.xy); }
fn last_four(h: vec4u) -> vec4h { return bitcast<vec4h>(h.zw); }

// where a row of x begins; rows past the last are read as the last and never written
fn begin_of(row: u32) -> u32 { return min(row, M - 1u) * (C / 4u); }

// 8 channels of a row, from vector `at` of x on, by 4 outputs
fn dots(at: u32, f: mat4x4h, l: mat4x4h) -> vec4f { return vec4f(vec4h(x[at]) * f) + vec4f(vec4h(x[at + 1u]) * l); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x * GROUPS + lane / LANES) * 4u;
  let at = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(O - 1u)) * (C / 8u);
  let row = group.y * TILE;
  let x0 = begin_of(row);      let x1 = begin_of(row + 1u);
  let x2 = begin_of(row + 2u); let x3 = begin_of(row + 3u);
  let x4 = begin_of(row + 4u); let x5 = begin_of(row + 5u);
  let x6 = begin_of(row + 6u); let x7 = begin_of(row + 7u);
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
  for (var i = lane % LANES; i < C / 8u; i += LANES) { // 8 channels of 4 outputs at a time, a column of f and l an output
    let h0 = w[at.x + i];
    let h1 = w[at.y + i];
    let h2 = w[at.z + i];
    let h3 = w[at.w + i];
    let f = mat4x4h(first_four(h0), first_four(h1), first_four(h2), first_four(h3));
    let l = mat4x4h(last_four(h0), last_four(h1), last_four(h2), last_four(h3));
    let j = 2u * i;
    s0 += dots(x0 + j, f, l);
    if (M > 1u) { s1 += dots(x1 + j, f, l); }
    if (M > 2u) {
      s2 += dots(x2 + j, f, l);
      s3 += dots(x3 + j, f, l);
    }
    if (TILE > 4u) {
      s4 += dots(x4 + j, f, l);
      s5 += dots(x5 + j, f, l);
      s6 += dots(x6 + j, f, l);
      s7 += dots(x7 + j, f, l);
    }
  }

  partial[lane] = s0;
  if (M > 1u) { partial[lane + WG] = s1; }
  if (M > 2u) { partial[lane + 2u * WG] = s2; partial[lane + 3u * WG] = s3; }
  if (TILE > 4u) {
    partial[lane + 4u * WG] = s4; partial[lane + 5u * WG] = s5;
    partial[lane + 6u * WG] = s6; partial[lane + 7u * WG] = s7;
  }
  workgroupBarrier();

  for (var i = lane; i < 4u * GROUPS * min(M, TILE); i += WG) { // a lane per output and row of the tile
    let local = i % (4u * GROUPS);
    let r = i / (4u * GROUPS);
    let o = group.x * GROUPS * 4u + local;
    if (o < O && row + r < M) {
      let begin = r * WG + local / 4u * LANES;
      var sum = b[o];
      for (var k = 0u; k < LANES; k++) { sum += partial[begin + (k + lane) % LANES][local % 4u]; } // each lane in another bank
      let value = activate(sum);
      if (ADD) { out[(row + r) * O + o] += value; } else { out[(row + r) * O + o] = value; }
    }
  }
}
