/* embed.c: see embed.h. */
#include "nn/embed.h"

void srope_embed_items(const srope_model *model, const float *item, size_t m, float *rectified, float *x) {
  const srope_kernels *kernels = model->kernels;
  size_t d = model->info.d_model;
  srope_linear_forward(model, &model->projection, item, m, rectified);
  kernels->relu(rectified, m * d);
  kernels->layer_norm(rectified, model->projection_norm.gain, model->projection_norm.bias, x, m, d);
}

void srope_embed_actions(const srope_model *model, const float *action, size_t m, const srope_mlp_states *states,
                         float *a) {
  srope_mlp_forward(model, &model->action_embedding, srope_silu, action, m, states, NULL, a);
  model->kernels->relu(a, m * model->info.d_model);
}
