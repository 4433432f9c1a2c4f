/* siren.c: see siren.h. Sine layers are sin(ω0 · (W h + b)): the authors' code scales the bias too, the paper does not. */
#include "nn/siren.h"

void srope_siren_forward(const srope_model *model, srope_network network, const float *phi, size_t m,
                         const srope_siren_states *states, float *f) {
  const srope_angle_network *net = &model->angles[network];
  srope_mlp_forward(model, &net->sine, srope_sine, phi, m, &states->sine, NULL, f);
  srope_mlp_forward(model, &net->relu, srope_relu, phi, m, &states->relu, NULL, states->residual);
  model->kernels->add(f, states->residual, f, m * model->info.n_angles);
}

srope_siren_states srope_siren_scratch(const srope_model *model, size_t m, float *work) {
  srope_mlp_states scratch = srope_mlp_scratch(model, m, work);
  return (srope_siren_states){scratch, scratch, work + 2 * m * model->max_hidden};
}
