// out[r,t,o] = act(sum_c n[r,t,c] * w[o,c] + b[o]), n = (x - mean) * rstd * gain + bias: layernorm, then linear
// For C a multiple of 8. Work is split as in linear.vec4: 4*GROUPS outputs of up to TILE rows (r,t) a workgroup, LANES
// lanes to a dot product. Every workgroup normalises the rows it reads: that costs less than a dispatch.

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

// the rows of the tile, [row][first or last four of 8 channels][8 channels], so that lanes read neighbours
override ROWS: u32;    // rows of a tile that are there
override SHARERS: u32; // lanes to a row while it is normalised
override STAGED = ROWS * C / 4u;
var<workgroup> normal: array<vec4f, STAGED>;
// mean and sum of squared deviations of each lane's share of a row
var<workgroup> moments: array<vec2f, WG>;

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

// how many groups of 4 channels a lane has of its row
fn share(part: u32) -> u32 { return (C / 4u + SHARERS - 1u - part) / SHARERS; }

// normalises the tile's rows, SHARERS lanes to a row; every lane of the workgroup must come by
fn normalise(row: u32, lane: u32) {
  let r = lane / SHARERS;
  let part = lane % SHARERS;
  let used = r < ROWS;
  let begin = min(row + r, M - 1u) * (C / 4u);
  var own = vec2f();
  if (used && part < C / 4u) {
    let n = 4.0 * f32(share(part));
    for (var i = part; i < C / 4u; i += SHARERS) { own.x += dot(x[begin + i], vec4f(1.0)); }
    own.x /= n;
    for (var i = part; i < C / 4u; i += SHARERS) { let d = x[begin + i] - own.x; own.y += dot(d, d); }
  }
  moments[lane] = own;
  workgroupBarrier();
  if (used) {
    var mean = 0.0; // of means, weighed by their share; then the squares about the common mean (Chan et al. 1979)
    for (var k = 0u; k < min(SHARERS, C / 4u); k++) { mean += moments[r * SHARERS + k].x * f32(4u * share(k)); }
    mean /= f32(C);
    var square = 0.0;
    for (var k = 0u; k < min(SHARERS, C / 4u); k++) {
      let m = moments[r * SHARERS + k];
      square += m.y + (m.x - mean) * (m.x - mean) * f32(4u * share(k));
    }
    let rstd = inverseSqrt(square / f32(C) + EPS);
    for (var i = part; i < C / 4u; i += SHARERS) {
      normal[(r * 2u + i % 2u) * (C / 8u) + i / 2u] = (x[begin + i] - mean) * rstd * gain[i] + bias[i];
    }
  }
  workgroupBarrier();
}

// where a row of the tile begins; rows past the last are read as the last and never written
fn begin_of(r: u32) -> u32 { return min(r, ROWS - 1u) * (C / 4u); }

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = (group.x * GROUPS + lane / LANES) * 4u;
  let at = min(vec4u(first, first + 1u, first + 2u, first + 3u), vec4u(O - 1u)) * (C / 8u);
  let row = group.y * TILE;
  normalise(row, lane);
  var s0 = vec4f(); var s1 = vec4f(); var s2 = vec4f(); var s3 = vec4f();
  var s4 = vec4f(); var s5 = vec4f(); var s6 = vec4f(); var s7 = vec4f();
  for (var i = lane % LANES; i < C / 8u; i += LANES) { // 8 channels of 4 outputs at a time, a column of f and l an output
    let h0 = w[at.x + i];
    let h1 = w[at.y + i];
    let h2 = w[at.z + i];
    let h3 = w[at.w + i];
    let f = mat4x4f(first_four(h0), first_four(h1), first_four(h2), first_four(h3));
    let l = mat4x4f(last_four(h0), last_four(h1), last_four(h2), last_four(h3));
    let j = i + C / 8u;
    s0 += normal[i] * f + normal[j] * l;
    if (M > 1u) { s1 += normal[begin_of(1u) + i] * f + normal[begin_of(1u) + j] * l; }
    if (M > 2u) {
      s2 += normal[begin_of(2u) + i] * f + normal[begin_of(2u) + j] * l;
      s3 += normal[begin_of(3u) + i] * f + normal[begin_of(3u) + j] * l;
    }
    if (TILE > 4u) {
      s4 += normal[begin_of(4u) + i] * f + normal[begin_of(4u) + j] * l;
      s5 += normal[begin_of(5u) + i] * f + normal[begin_of(5u) + j] * l;
      s6 += normal[begin_of(6u) + i] * f + normal[begin_of(6u) + j] * l;
      s7 += normal[begin_of(7u) + i] * f + normal[begin_of(7u) + j] * l;
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
