/* angles.c: the angle networks' outputs by themselves, for pictures and parity. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/finite.h"
#include "nn/rotary.h"
#include "nn/siren.h"
#include "nn/time_features.h"
#include "rank/session.h"

srope_status srope_model_angles(const srope_model *model, srope_network network, size_t n, const double *time_s,
                                const float *signal, double utc_offset_minutes, double *out, srope_error *error) {
  if (!model || (n && (!time_s || !out)) || network > SROPE_NETWORK_ACTION)
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "model, times and out must be given, network is 0 or 1");
  const srope_info *info = &model->info;
  double offset = utc_offset_minutes == utc_offset_minutes ? utc_offset_minutes : info->utc_offset_minutes;
  for (size_t i = 0; i < n; i++)
    if (!(time_s[i] >= -SROPE_MAX_TIME_S && time_s[i] <= SROPE_MAX_TIME_S))
      return srope_fail(error, SROPE_ERR_TIME, "times", "time %zu is %g, expected seconds up to 8.64e12 in size", i,
                        time_s[i]);
  if (!(offset >= -SROPE_MAX_UTC_OFFSET_MINUTES && offset <= SROPE_MAX_UTC_OFFSET_MINUTES))
    return srope_fail(error, SROPE_ERR_VALUE, "utc_offset_minutes", "between -1440 and 1440 minutes, found %g", offset);
  size_t bad = signal ? srope_first_not_finite(signal, n * info->n_signals) : 0;
  if (signal && bad < n * info->n_signals)
    return srope_fail(error, SROPE_ERR_VALUE, "signal", "element %zu is %g, expected a finite number", bad,
                      (double)signal[bad]);

  float *work = malloc((info->n_angle_features + 2u * model->max_hidden + 2u * info->n_angles + 1u) * sizeof *work);
  if (!work) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the angle network's work");
  float *phi = work, *f = phi + info->n_angle_features;
  srope_siren_states states = srope_siren_scratch(model, 1, f + info->n_angles);
  for (size_t i = 0; i < n; i++) {
    if (info->variant == SROPE_SIREN) {
      srope_time_features(model, time_s[i], offset, 0, signal ? signal + i * info->n_signals : NULL, phi);
      srope_siren_forward(model, network, phi, 1, &states, f);
    }
    for (uint32_t j = 0; j < info->n_pairs; j++)
      out[i * info->n_pairs + j] = srope_rotary_time_angle(model, f, time_s[i] / 86400.0, j);
  }
  free(work);
  return SROPE_OK;
}

srope_status srope_session_angles(srope_session *session, const srope_candidates *candidates, srope_network network,
                                  float *out, srope_error *error) {
  if (!session || !candidates || !out || network > SROPE_NETWORK_ACTION)
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "session, candidates and out must be given, network is 0 or 1");
  const srope_info *info = &session->model->info;
  if (info->variant != SROPE_SIREN)
    return srope_fail(error, SROPE_ERR_UNSUPPORTED, NULL, "only siren models have angle networks");
  srope_status status = srope_candidates_check(session->model, candidates, error);
  if (status) return status;
  size_t a = info->n_angles, s = session->count + 1;
  srope_workspace *work = &session->works[0];
  for (size_t first = 0; first < session->count; first += SROPE_ROWS) {
    size_t m = session->count - first < SROPE_ROWS ? session->count - first : SROPE_ROWS;
    srope_session_run_angles(session, work, network, s, first, m, false);
    memcpy(out + first * a, work->f, m * a * sizeof *out);
  }
  srope_session_run_candidate_angles(session, work, candidates, candidates->signal, network, 1);
  memcpy(out + session->count * a, work->f, a * sizeof *out);
  return SROPE_OK;
}
