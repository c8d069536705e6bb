// out[r,u,o] = act(sum_e window[e] * w[o,e] + b[o]), added to out where ADD
// window = elements e of [state; x][r] from row u*STRIDE on: its K rows lie side by side, so e = k*C + c, k = 0 oldest.
// For C a multiple of 8, so that a word of w is 8 halves of one row. Work is split as in linear.vec4: 4*GROUPS outputs of
// up to 4 rows (r,u) a workgroup, LANES lanes to a dot product.

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

@group(0) @binding(0) var<storage, read> x: array<vec4f>;       // [R,T,C]
@group(0) @binding(1) var<storage, read> state: array<vec4f>;   // [R,S,C]
@group(0) @binding(2) var<storage, read> w: array<vec4u>;       // [O,E] halves
@group(0) @binding(3) var<storage, read> b: array<f32>;         // [O]
@group(0) @binding(4) var<storage, read_write> out: array<f32>; // [R,U,O]

override WG = LANES * GROUPS;
override SUMS = 4u * WG;
var<workgroup> partial: array<vec4f, SUMS>; // [row of the tile][lane], component = output

fn activate(v: f32) -> f32 {
  if (ACT == 1u) { // 1 + tanh(u) = 2 / (1 + exp(-2u)); the bound keeps exp finite
    let u = 0.7978845608028654 * (v + 0.044715 * v * v * v);
    return v / (1.0 + exp(min(-2.0 * u, 80.0)));
  }
  if (ACT == 2u) { return v / (1.0 + exp(min(-v, 80.0))); }
  return v;
}

fn first_four(h: vec4u) -> vec4f { return vec4f(unpack2x16float(h.x), unpack2x16float(h.y)); }
fn last_four(h: vec4u) -> vec4f { return vec4f(unpack2x16float(h.z), unpack2x16float(h.w)); }

// where a row's window begins, in vectors of 4: in [state; x], in state, and in x had it begun S rows earlier (it wraps)
struct Window { i: u32, state: u32, x: u32 }

fn window_of(row: u32) -> Window { // rows past the last are read as the last and never written
  let m = min(row, M - 1u);
  let i = m % U * STRIDE * (C / 4u);
  let r = m / U;
  return Window(i, r * S * (C / 4u) + i, r * T * (C / 4u) + i - S * (C / 4u));
}

// 8 channels of a window by 4 outputs
fn dots(at: Window, j: u32, f: mat4x4f, l: mat4x4f) -> vec4f {
  if (at.i + j < S * (C / 4u)) { return state[at.state + j] * f + state[at.state + j + 1u] * l; }
  return x[at.x + j] * f + x[at.x + j + 1u] * l;
}

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x * GROUPS + lane / LANES) * 4u;
  let at = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(O - 1u)) * (E / 8u);
  let row = group.y * 4u;
  let w0 = window_of(row);
  let w1 = window_of(row + 1u);
  let w2 = window_of(row + 2u);
  let w3 = window_of(row + 3u);
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  for (var i = lane % LANES; i < E / 8u; i += LANES) { // 8 channels of 4 outputs at a time, a column of f and l an output
    let h0 = w[at.x + i];
    let h1 = w[at.y + i];
    let h2 = w[at.z + i];
    let h3 = w[at.w + i];
    let f = mat4x4f(first_four(h0), first_four(h1), first_four(h2), first_four(h3));
    let l = mat4x4f(last_four(h0), last_four(h1), last_four(h2), last_four(h3));
    s0 += dots(w0, 2u * i, f, l);
    if (M > 1u) { s1 += dots(w1, 2u * i, f, l); }
    if (M > 2u) { s2 += dots(w2, 2u * i, f, l); s3 += dots(w3, 2u * i, f, l); }
  }

  partial[lane] = s0;
  if (M > 1u) { partial[lane + WG] = s1; }
  if (M > 2u) { partial[lane + 2u * WG] = s2; partial[lane + 3u * WG] = s3; }
  workgroupBarrier();

  for (var i = lane; i < 4u * GROUPS * min(M, 4u); i += WG) { // a lane per output and row of the tile
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
