/* spectrum.c: see spectrum.h. */
#include "train/spectrum.h"

#include "base/math64.h"

static const double TWO_PI = 6.28318530717958647692;

/* The least-squares line. */
static void take_line_off(double *x, size_t n) {
  double middle = ((double)n - 1) / 2, mean = 0, slope = 0, spread = 0;
  for (size_t i = 0; i < n; i++) mean += x[i] / (double)n;
  for (size_t i = 0; i < n; i++) {
    slope += ((double)i - middle) * (x[i] - mean);
    spread += ((double)i - middle) * ((double)i - middle);
  }
  slope = spread > 0 ? slope / spread : 0;
  for (size_t i = 0; i < n; i++) x[i] -= mean + slope * ((double)i - middle);
}

void srope_spectrum(double *x, size_t n, double *power) {
  take_line_off(x, n);
  for (size_t k = 0; k <= n / 2; k++) {
    double cosine = 0, sine = 0;
    for (size_t i = 0; i < n; i++) {
      double s, c;
      srope_sincos64(TWO_PI * (double)(k * i % n) / (double)n, &s, &c);
      cosine += x[i] * c;
      sine += x[i] * s;
    }
    double both = 2 * k == n ? 1 : 2; /* k and n - k are one oscillation, but for the fastest */
    power[k] = k == 0 ? 0 : both * (cosine * cosine + sine * sine) / ((double)n * (double)n);
  }
}
