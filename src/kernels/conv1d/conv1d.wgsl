// out[r,u,o] = act(sum_e window[e] * w[o,e] + b[o]), added to out where ADD
// window = elements e of [state; x][r] from row u*STRIDE on: its K rows lie side by side, so e = k*C + c, k = 0 oldest.
// Work is split as in linear: LANES lanes share a dot product of E terms, 4 outputs a lane, 4 rows (r,u) a workgroup.

override C: u32;
override S: u32;      // rows of state before x
override T: u32;
override U: u32;      // rows of out
override E: u32;      // K*C
override O: u32;
override M: u32;      // R*U
override STRIDE: u32;
override LANES: u32;  // lanes per dot product
override GROUPS: u32; // dot products side by side in a workgroup; 4 outputs each
override ACT: u32;    // 0 none, 1 gelu (tanh approximation), 2 silu
override ADD: bool;

@group(0) @binding(0) var<storage, read> x: array<f32>;         // [R,T,C]
@group(0) @binding(1) var<storage, read> state: array<f32>;     // [R,S,C]
@group(0) @binding(2) var<storage, read> w: array<u32>;         // [O,E] halves
@group(0) @binding(3) var<storage, read> b: array<f32>;         // [O]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [R,U,O]

override WG = LANES * GROUPS;
override SUMS = 4u * WG;
var<workgroup> partial: array<vec4f, SUMS>; // component = row of the tile

fn activate(v: f32) -> f32 {
  if (ACT == 1u) { // 1 + tanh(u) = 2 / (1 + exp(-2u)); the bound keeps exp finite
    let u = 0.7978845608028654 * (v + 0.044715 * v * v * v);
    return v / (1.0 + exp(min(-2.0 * u, 80.0)));
  }
  if (ACT == 2u) { return v / (1.0 + exp(min(-v, 80.0))); }
  return v;
}

fn half_at(i: u32) -> f32 { return unpack2x16float(w[i >> 1u])[i & 1u]; }

// where the windows of a tile's 4 rows begin: in state, and in x had it begun S rows earlier (the subtraction wraps)
struct Windows { i: vec4u, state: vec4u, x: vec4u }

fn windows(row: u32) -> Windows {
  let m = min(vec4u(row, row + 1u, row + 2u, row + 3u), vec4u(M - 1u)); // never written past the last row
  let i = m % U * STRIDE * C;
  let r = m / U;
  return Windows(i, r * S * C + i, r * T * C + i - S * C);
}

fn element(i: u32, in_state: u32, in_x: u32) -> f32 {
  if (i < S * C) { return state[in_state]; }
  return x[in_x];
}

fn column(at: Windows, e: u32) -> vec4f {
  var v = vec4f(element(at.i.x + e, at.state.x + e, at.x.x + e), 0.0, 0.0, 0.0);
  if (M > 1u) { v.y = element(at.i.y + e, at.state.y + e, at.x.y + e); }
  if (M > 2u) {
    v.z = element(at.i.z + e, at.state.z + e, at.x.z + e);
    v.w = element(at.i.w + e, at.state.w + e, at.x.w + e);
  }
  return v;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x * GROUPS + lane / LANES) * 4u;
  let row = group.y * 4u;
  let rows = windows(row);
  let at = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(O - 1u)) * E;
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  if (E % 2u == 0u) { // every row of w starts at a word
    let word = at / 2u;
    for (var i = lane % LANES; i < E / 2u; i += LANES) {
      let h0 = unpack2x16float(w[word.x + i]);
      let h1 = unpack2x16float(w[word.y + i]);
      let h2 = unpack2x16float(w[word.z + i]);
      let h3 = unpack2x16float(w[word.w + i]);
      let even = column(rows, 2u * i);
      let odd = column(rows, 2u * i + 1u);
      s0 += even * h0.x + odd * h0.y;
      s1 += even * h1.x + odd * h1.y;
      s2 += even * h2.x + odd * h2.y;
      s3 += even * h3.x + odd * h3.y;
    }
  } else {
    for (var e = lane % LANES; e < E; e += LANES) {
      let v = column(rows, e);
      s0 += v * half_at(at.x + e);
      s1 += v * half_at(at.y + e);
      s2 += v * half_at(at.z + e);
      s3 += v * half_at(at.w + e);
    }
  }

  partial[lane] = s0;
  partial[lane + WG] = s1;
  partial[lane + 2u * WG] = s2;
  partial[lane + 3u * WG] = s3;
  workgroupBarrier();

  for (var i = lane; i < 4u * GROUPS * min(M, 4u); i += WG) { // a lane per output and row of the tile
    let local = i % (4u * GROUPS);
    let r = i / (4u * GROUPS);
    let o = group.x * GROUPS * 4u + local;
    if (o < O && row + r < M) {
      let begin = (local % 4u) * WG + (local / 4u) * LANES;
      var sum = b[o];
      for (var l = 0u; l < LANES; l++) { sum += partial[begin + (l + lane) % LANES][r]; } // each lane in another bank
      let value = activate(sum);
      if (ADD) { out[(row + r) * O + o] += value; } else { out[(row + r) * O + o] = value; }
    }
  }
}
