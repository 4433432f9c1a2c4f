/* siren.c: see siren.h. Sine layers are sin(ω0 · (W h + b)): the authors' code scales the bias too, the paper does not. */
#include "nn/siren.h"

#include "nn/linear.h"

void srope_siren_forward(const srope_model *model, srope_network network, const float *phi, size_t m, float *work,
                         float *f) {
  const srope_angle_network *net = &model->angles[network];
  float *residual = work + 2 * m * model->max_hidden;
  srope_mlp_forward(model, &net->sine, srope_sine, phi, m, work, f);
  srope_mlp_forward(model, &net->relu, srope_relu, phi, m, work, residual);
  model->kernels->add(f, residual, f, m * model->info.n_angles);
}
