/* loss.c: see loss.h. */
#include "nn/loss.h"

#include "base/math64.h"

void srope_loss_forward(const srope_model *model, const float *logits, const float *label, const float *task_weight,
                        size_t m, srope_loss *loss, float *dlogits) {
  size_t n_tasks = model->info.n_tasks;
  for (size_t i = 0; i < m * n_tasks; i++) {
    double z = logits[i], y = label[i], weight = task_weight ? task_weight[i % n_tasks] : 1;
    if (dlogits) dlogits[i] = 0;
    if (y != y) continue;
    /* log(1 + exp(-|z|)) + max(z, 0) - z·y, which overflows nowhere; a NaN logit stays one */
    double size = z < 0 ? -z : z, e = srope_exp64(size < 700 ? -size : size - size - 700);
    loss->sum += weight * (srope_log1p64(e) + (z > 0 ? z : 0) - z * y);
    loss->weight += weight;
    if (dlogits) dlogits[i] = (float)(weight * ((z < 0 ? e : 1) / (1 + e) - y));
  }
}
