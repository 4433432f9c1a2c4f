/* elementwise.h: what the kernels of ranking (body.h) and of training (gradient_body.h) share, over the vector vocabulary
 * (vec_*.h) that was included before it: tails, exp, sin, sigmoid, and the moments of a row. */
#include "base/math64.h"

enum { NR = VL * TILE_VECS };
#define ROUNDER 12582912.0f /* 1.5·2^23: x + ROUNDER is x rounded, and its last bits are that number's */

/* ---------------------------------------------------------------- elementwise */

/* The last, partial vector, zero-filled, and back. Which elements end up in a tail depends on how many are computed
 * together, so a tail must see the same (fused) steps as a whole vector. */
static inline vec load_tail(const float *p, size_t n) {
  float tail[VL] = {0};
  memcpy(tail, p, n * sizeof *tail);
  return v_load(tail);
}
static inline void store_tail(float *p, size_t n, vec a) {
  float tail[VL];
  v_store(tail, a);
  memcpy(p, tail, n * sizeof *tail);
}

/* out (n) = operation on in (n), written in terms of `vec v`; the tail goes through a full vector, so its lanes see the
 * same steps. in and out may be one array. */
#define MAP(n, in, out, operation)                               \
  do {                                                           \
    const float *map_in = (in);                                  \
    float *map_out = (out);                                      \
    size_t map_at = 0, map_n = (n);                              \
    for (; map_at + VL <= map_n; map_at += VL) {                 \
      vec v = v_load(map_in + map_at);                           \
      v_store(map_out + map_at, (operation));                    \
    }                                                            \
    if (map_at < map_n) {                                        \
      vec v = load_tail(map_in + map_at, map_n - map_at);        \
      store_tail(map_out + map_at, map_n - map_at, (operation)); \
    }                                                            \
  } while (0)

/* exp: x = n·ln2 + r, |r| <= ln2/2; degree-6 polynomial fitted at Chebyshev nodes; relative error below 1.5e-7.
 * Arguments are clamped to [-87, 88], where the result is a normal number. */
static inline vec v_exp(vec x) {
  const vec rounder = v_constant(ROUNDER);
  x = v_max(v_min(x, v_constant(88.0f)), v_constant(-87.0f));
  vec t = v_madd(x, v_constant(1.44269504f), rounder);
  vec n = v_sub(t, rounder);
  vec r = v_madd(n, v_constant(-0x1.62e4p-1f), x); /* 15 bits of ln2: n times it is exact */
  r = v_madd(n, v_constant(-1.428606820309e-06f), r);
  vec p = v_constant(1.3926176120e-03f);
  p = v_madd(p, r, v_constant(8.3631730745e-03f));
  p = v_madd(p, r, v_constant(4.1666554662e-02f));
  p = v_madd(p, r, v_constant(1.6666577026e-01f));
  p = v_madd(p, r, v_constant(0.5f));
  p = v_madd(v_mul(p, r), r, r);
  return v_mul(v_add(p, v_constant(1.0f)), v_power_of_two(t));
}

/* sin for |x| <= SINE_LIMIT: x = n·π + r, |r| <= π/2; odd degree-11 polynomial fitted at Chebyshev nodes in r²;
 * absolute error below 1.5e-7. */
static const float SINE_LIMIT = 8192.0f; /* n < 2^12, so n times each 12-bit part of π is exact */
static inline vec v_sin(vec x) {
  const vec rounder = v_constant(ROUNDER);
  vec t = v_madd(x, v_constant(0.318309886f), rounder);
  vec n = v_sub(t, rounder);
  vec r = v_madd(n, v_constant(-0x1.92p+1f), x);
  r = v_madd(n, v_constant(-0x1.fb4p-11f), r);
  r = v_madd(n, v_constant(-1.509957990978e-07f), r);
  vec s = v_mul(r, r);
  vec p = v_constant(-2.4080190433e-08f);
  p = v_madd(p, s, v_constant(2.7536463563e-06f));
  p = v_madd(p, s, v_constant(-1.9841086561e-04f));
  p = v_madd(p, s, v_constant(8.3333327688e-03f));
  p = v_madd(p, s, v_constant(-1.6666666664e-01f));
  return v_negate_if_odd(v_madd(v_mul(p, s), r, r), t);
}

static inline vec v_sigmoid(vec x) {
  const vec one = v_constant(1.0f);
  return v_div(one, v_add(one, v_exp(v_sub(v_constant(0.0f), x))));
}

/* ---------------------------------------------------------------- rows */

static float row_mean(const float *x, size_t d) {
  vec sum = v_splat(0.0f);
  size_t i = 0;
  for (; i + VL <= d; i += VL) sum = v_add(sum, v_load(x + i));
  if (i < d) sum = v_add(sum, load_tail(x + i, d - i));
  return v_sum(sum) / (float)d;
}

static float row_variance(const float *x, float mean, size_t d) {
  const vec m = v_splat(mean);
  vec sum = v_splat(0.0f);
  size_t i = 0;
  for (; i + VL <= d; i += VL) {
    vec c = v_sub(v_load(x + i), m);
    sum = v_madd(c, c, sum);
  }
  if (i < d) {
    float tail[VL] = {0};
    for (size_t j = 0; j < d - i; j++) tail[j] = x[i + j] - mean; /* the filled lanes stay 0 */
    vec c = v_load(tail);
    sum = v_madd(c, c, sum);
  }
  return v_sum(sum) / (float)d;
}
