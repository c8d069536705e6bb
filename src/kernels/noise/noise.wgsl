// out[r,t,f] = (sum of the eight 16-bit halves of philox4x32(counter, key) - 262140) * SCALE: a standard normal
// counter = (f, (r*T+t) mod ROWS, n, STEP) with n = clock[0]; key = (clock[1], clock[2]). One lane per (r,t,f).
// Integers until one multiplication, so the bits equal those of philox.ts and philox.py.

override F: u32;
override ROWS: u32;
override STEP: u32;
override COUNT: u32; // R*T*F

@group(0) @binding(0) var<storage, read> clock: array<u32>;     // [4]
@group(0) @binding(1) var<storage, read_write> out: array<f32>; // [R,T,F]

const SCALE = 1.8688124328036793e-05f; // 1 / the standard deviation of a sum of eight numbers 0…65535

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

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= COUNT) { return; }
  let f = id.x % F;
  let row = id.x / F % ROWS;
  let words = philox4x32(vec4u(f, row, clock[0], STEP), vec2u(clock[1], clock[2]));
  let halves = (words & vec4u(0xffffu)) + (words >> vec4u(16u));
  let sum = halves.x + halves.y + halves.z + halves.w;
  out[id.x] = f32(i32(sum) - 262140) * SCALE;
}
