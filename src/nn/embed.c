/* embed.c: see embed.h. */
#include "nn/embed.h"

#include <string.h>

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

void srope_embed_items_backward(const srope_model *model, const srope_gradients *gradients, const float *item, size_t m,
                                const float *rectified, const float *dx, float *work, float *ditem) {
  size_t d = model->info.d_model;
  memset(work, 0, m * d * sizeof *work);
  srope_norm_backward(&model->projection_norm, gradients, rectified, dx, m, d, work);
  gradients->kernels->relu_backward(rectified, work, m * d);
  srope_linear_backward(model, &model->projection, gradients, item, work, m, ditem);
}

void srope_embed_actions_backward(const srope_model *model, const srope_gradients *gradients, const float *action,
                                  size_t m, const srope_mlp_states *states, const float *a, float *da, float *work,
                                  float *daction) {
  gradients->kernels->relu_backward(a, da, m * model->info.d_model);
  srope_mlp_backward(model, &model->action_embedding, srope_silu_backward, gradients, action, m, states, NULL, da, work,
                     daction);
}
