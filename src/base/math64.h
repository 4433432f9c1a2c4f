/* math64.h: exp, log, log1p, sine and cosine in double precision from IEEE arithmetic alone, so that every machine
 * and WebAssembly give the same bits (libm's differ). Scalar; for angles and set-up, not for inner loops. */
#ifndef SROPE_BASE_MATH64_H
#define SROPE_BASE_MATH64_H

double srope_exp64(double x);   /* relative error below 4e-16 for |x| < 700 */
double srope_log64(double x);   /* x > 0 and normal; absolute error below 4e-16 · max(1, |log x|) */
double srope_log1p64(double x); /* x >= 0; relative error below 1e-15 */
/* absolute error below 2e-15 + 1.2e-16·|x| for |x| < 1e9; beyond, x is first taken modulo 2π as a double, exactly */
void srope_sincos64(double x, double *sine, double *cosine);

#endif
