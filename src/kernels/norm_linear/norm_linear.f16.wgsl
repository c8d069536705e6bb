// out[r,t,o] = act(sum_c n[r,t,c] * w[o,c] + b[o]), n = (x - mean) * rstd * gain + bias: layernorm, then linear
// For C a multiple of 8. Work is split as in linear.vec4: 4*GROUPS outputs of up to TILE rows (r,t) a workgroup, LANES
// lanes to a dot product. Every workgroup normalises the rows it reads: that costs less than a dispatch.
// Products in halves, 4 at a time; the moments, and sums of fours, in f32.
// The lanes of a subgroup find the moments among themselves: no row is staged and no barrier needed before the sums.

enable f16;
enable subgroups;

override C: u32;
override O: u32;
override M: u32;      // rows: R*T
override EPS: f32;
override TILE: u32;   // rows of a workgroup, 4 or 8
override LANES: u32;  // lanes per dot product
override GROUPS: u32; // dot products side by side in a workgroup; 4 outputs each
override ACT: u32;    // 0 none, 1 gelu (tanh approximation), 2 silu

@group(0) @binding(0) var<storage, read> x: array<vec4f>;       // [R,T,C]
@group(0) @binding(1) var<storage, read> gain: array<vec4f>;    // [C]
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;    // [C]
@group(0) @binding(3) var<storage, read> w: array<vec4u>;       // [O,C] halves
@group(0) @binding(4) var<storage, read> b: array<f32>;         // [O]
@group(0) @binding(5) var<storage, read_write> out: array<f32>; // [R,T,O]

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

struct Pair { first: vec4f, last: vec4f } // 8 channels
struct Row { begin: u32, mean: f32, rstd: f32 } // begin in vectors of 4 channels

// the moments of a row, by the SIZE lanes of a subgroup together; rows past the last are read as the last, never written
fn row_of(m: u32, part: u32, size: u32) -> Row {
  let begin = min(m, M - 1u) * (C / 4u);
  var sum = 0.0;
  for (var i = part; i < C / 4u; i += size) { sum += dot(x[begin + i], vec4f(1.0)); }
  let mean = subgroupAdd(sum) / f32(C);
  var square = 0.0; // two passes: mean(x²) − mean² cancels badly in f32
  for (var i = part; i < C / 4u; i += size) { let d = x[begin + i] - mean; square += dot(d, d); }
  return Row(begin, mean, inverseSqrt(subgroupAdd(square) / f32(C) + EPS));
}

fn eight(row: Row, j: u32, scale: Pair, shift: Pair) -> Pair {
  let first = (x[row.begin + j] - row.mean) * row.rstd * scale.first + shift.first;
  let last = (x[row.begin + j + 1u] - row.mean) * row.rstd * scale.last + shift.last;
  return Pair(first, last);
}

// 8 channels of a row by 4 outputs
fn dots(n: Pair, f: mat4x4h, l: mat4x4h) -> vec4f { return vec4f(vec4h(n.first) * f) + vec4f(vec4h(n.last) * l); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x * GROUPS + lane / LANES) * 4u;
  let at = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(O - 1u)) * (C / 8u);
  let row = group.y * TILE;
  let part = subgroupExclusiveAdd(1u); // counted, not built-in: a subgroup need not be full
  let size = subgroupAdd(1u);
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
  let r0 = row_of(row, part, size);
  var r1 = r0; var r2 = r0; var r3 = r0; var r4 = r0; var r5 = r0; var r6 = r0; var r7 = r0;
  if (M > 1u) { r1 = row_of(row + 1u, part, size); }
  if (M > 2u) { r2 = row_of(row + 2u, part, size); r3 = row_of(row + 3u, part, size); }
  if (TILE > 4u) {
    r4 = row_of(row + 4u, part, size); r5 = row_of(row + 5u, part, size);
    r6 = row_of(row + 6u, part, size); r7 = row_of(row + 7u, part, size);
  }
  for (var i = lane % LANES; i < C / 8u; i += LANES) { // 8 channels of 4 outputs at a time, a column of f and l an output
    let h0 = w[at.x + i];
    let h1 = w[at.y + i];
    let h2 = w[at.z + i];
    let h3 = w[at.w + i];
    let f = mat4x4h(first_four(h0), first_four(h1), first_four(h2), first_four(h3));
    let l = mat4x4h(last_four(h0), last_four(h1), last_four(h2), last_four(h3));
    let j = 2u * i;
    let scale = Pair(gain[j], gain[j + 1u]);
    let shift = Pair(bias[j], bias[j + 1u]);
    let n0 = eight(r0, j, scale, shift);
    s0 += dots(n0, f, l);
    if (M > 1u) { let n = eight(r1, j, scale, shift); s1 += dots(n, f, l); }
    if (M > 2u) {
      let n2 = eight(r2, j, scale, shift); s2 += dots(n2, f, l);
      let n3 = eight(r3, j, scale, shift); s3 += dots(n3, f, l);
    }
    if (TILE > 4u) {
      let n4 = eight(r4, j, scale, shift); s4 += dots(n4, f, l);
      let n5 = eight(r5, j, scale, shift); s5 += dots(n5, f, l);
      let n6 = eight(r6, j, scale, shift); s6 += dots(n6, f, l);
      let n7 = eight(r7, j, scale, shift); s7 += dots(n7, f, l);
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
      out[(row + r) * O + o] = activate(sum);
    }
  }
}
