/* siren.c: see siren.h. Sine layers are sin(ω0 · (W h + b)): the authors' code scales the bias too, the paper does not. */
#include "nn/siren.h"

void srope_siren_forward(const srope_model *model, srope_network network, const float *phi, size_t m,
                         const srope_siren_states *states, float *f) {
  const srope_angle_network *net = &model->angles[network];
  srope_mlp_forward(model, &net->sine, srope_sine, phi, m, &states->sine, NULL, f);
  srope_mlp_forward(model, &net->relu, srope_relu, phi, m, &states->relu, NULL, states->residual);
  model->kernels->add(f, states->residual, f, m * model->info.n_angles);
}

/* dbias (n) += the columns' sums of dy (m, n), but for units that are on in every row: those are linear there, and a constant
 * on an angle is a gauge (src/README.md), so their exact gradient is zero and what is found is rounding. */
static void add_bias_gradient(const float *before, const float *dy, size_t m, size_t n, float *dbias) {
  for (size_t j = 0; j < n; j++) {
    float sum = 0;
    size_t n_on = 0;
    for (size_t i = 0; i < m; i++) {
      sum += dy[i * n + j];
      n_on += before[i * n + j] > 0;
    }
    if (n_on < m) dbias[j] += sum;
  }
}

static void relu_branch_backward(const srope_model *model, const srope_mlp *relu, const srope_gradients *gradients,
                                 const float *phi, size_t m, const srope_mlp_states *states, const float *df,
                                 float *work) {
  if (relu->n < 2) {
    srope_mlp_backward(model, relu, srope_relu_backward, gradients, phi, m, states, NULL, df, work, NULL);
    return;
  }
  uint32_t last = relu->n - 1;
  srope_mlp rest = *relu;
  size_t width = relu->layer[last].n_in;
  float *dhidden = work + (last % 2) * m * model->max_hidden; /* read before the rest writes there */
  srope_linear_backward(model, &relu->layer[last], gradients, states->after[last - 1], df, m, dhidden);
  srope_relu_backward(model, gradients, states->before[last - 1], dhidden, m * width);
  add_bias_gradient(states->before[last - 1], dhidden, m, width, gradients->of[relu->layer[last - 1].parameter + 1]);
  rest.n = last;
  rest.layer[last - 1].bias = NULL; /* its gradient is done */
  srope_mlp_backward(model, &rest, srope_relu_backward, gradients, phi, m, states, NULL, dhidden, work, NULL);
}

void srope_siren_backward(const srope_model *model, srope_network network, const srope_gradients *gradients,
                          const float *phi, size_t m, const srope_siren_states *states, const float *df, float *work) {
  const srope_angle_network *net = &model->angles[network];
  srope_mlp_backward(model, &net->sine, srope_sine_backward, gradients, phi, m, &states->sine, NULL, df, work, NULL);
  relu_branch_backward(model, &net->relu, gradients, phi, m, &states->relu, df, work);
}

srope_siren_states srope_siren_scratch(const srope_model *model, size_t m, float *work) {
  srope_mlp_states scratch = srope_mlp_scratch(model, m, work);
  return (srope_siren_states){scratch, scratch, work + 2 * m * model->max_hidden};
}
