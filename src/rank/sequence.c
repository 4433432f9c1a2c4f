/* sequence.c: a whole sequence at once, every event predicted from the events before its request: a session of its own
 * that is run with outputs. For evaluation and parity; ranking never comes here. */
#include "base/error.h"
#include "base/finite.h"
#include "rank/session.h"

static srope_status check_context(const srope_model *model, const srope_events *events, srope_error *error) {
  size_t z = model->info.n_context;
  if (z == 0 || events->n == 0) return SROPE_OK;
  if (!events->context) return srope_fail(error, SROPE_ERR_ARGUMENT, "history", "context must be given for logits");
  size_t bad = srope_first_not_finite(events->context, events->n * z);
  if (bad == events->n * z) return SROPE_OK;
  srope_status status = srope_fail(error, SROPE_ERR_VALUE, "context", "element %zu is %g, expected a finite number",
                                   bad % z, (double)events->context[bad]);
  srope_error_prefix(error, "history[%zu]", bad / z);
  return status;
}

srope_status srope_sequence_forward(const srope_model *model, const srope_events *events, double utc_offset_minutes,
                                    const srope_sequence_outputs *out, srope_error *error) {
  if (!model || !events || !out)
    return srope_fail(error, SROPE_ERR_ARGUMENT, NULL, "model, events and out must be given");
  if (events->n == 0) return SROPE_OK;
  if (events->n > SROPE_MAX_HISTORY)
    return srope_fail(error, SROPE_ERR_LIMIT, "history", "at most %d events, found %zu", SROPE_MAX_HISTORY, events->n);
  srope_status status = out->logits ? check_context(model, events, error) : SROPE_OK;
  if (status) return status;
  srope_session_options options = {(uint32_t)events->n, utc_offset_minutes};
  srope_session *session;
  status = srope_session_create(model, &options, &session, error);
  if (status) return status;
  status = srope_session_append(session, events, error);
  if (!status) srope_session_run(session, events->n, events->context, out);
  srope_session_free(session);
  return status;
}
