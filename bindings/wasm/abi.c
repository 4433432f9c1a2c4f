/* abi.c: what the WebAssembly modules export: the public C interface, with values as one run of tagged bytes.
 *
 * One instance holds one model: dropping the instance is how JavaScript gives memory back (wasm memory cannot shrink).
 * So the model, the last error, the last result and the buffers are this file's static state; sessions are pointers.
 * Every call returns 0 or a srope_status; after a failure `error` says why. Results lie where `result` points until the
 * next call. JavaScript learns every offset, size, tag and bound from srope_abi_describe, never from a second list.
 * Not here: any rule about features, times, requests or ranking. Those are the core's.
 *
 * Tagged bytes, little-endian and unaligned. A value is a tag byte and
 *   MISSING nothing   NUMBER f64   BOOLEAN u8   STRING u32 n, n bytes of UTF-8   LIST u32 n, n values that are no lists
 *   OTHER u32 n, n bytes: what it is, in words   NAMED one value per feature of the list (per signal), in its order
 * NAMED stands only where `item`, `action`, `context` or `signal` is expected; a LIST of numbers there is the raw
 * vector, and MISSING is no values at all.
 *   events      u32 count, then each: time request utc_offset item action context signal
 *   candidates  now utc_offset weights (LIST of T, or MISSING), u32 count, then each: item context signal
 *   times       utc_offset signal, u32 count, then each: time
 * A time is a NUMBER of Unix milliseconds or a STRING in ISO 8601. Numbers are numbers here: NaN arrives as NaN.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sirenrope/sirenrope.h"

#ifdef __wasm__
#define EXPORT(name) __attribute__((export_name(#name)))
#else
#define EXPORT(name) /* the tests also build this file natively, under sanitizers */
#endif

enum { TAG_NAMED = SROPE_VALUE_OTHER + 1 }; /* the other tags are srope_value_kind */

typedef struct buffer {
  unsigned char *data;
  size_t size;
} buffer; /* grows, never shrinks */

static struct {
  srope_loader *loader; /* NULL: no byte of a model came yet, or it is loaded */
  srope_model *model;
  const srope_info *info;
  srope_error error;
  struct {
    const void *data;
    uint32_t n;
    const srope_ranked *ranked;
  } result;
  buffer input;    /* what JavaScript wrote for this call */
  buffer columns;  /* decoded events or candidates */
  buffer elements; /* of the lists of one record */
  buffer row;      /* (T) weights or (G) signals of one call */
  buffer output;
  srope_value values[SROPE_MAX_FEATURES];
} abi;

/* ---------------------------------------------------------------- errors and buffers */

static srope_status fail(srope_status status, const char *where, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  abi.error.status = status;
  vsnprintf(abi.error.message, sizeof abi.error.message, format, arguments);
  snprintf(abi.error.where, sizeof abi.error.where, "%s", where);
  va_end(arguments);
  return status;
}

/* "item.tag" becomes "candidates[3].item.tag". */
static srope_status fail_at(srope_status status, const char *list, uint32_t i) {
  char place[sizeof abi.error.where];
  memcpy(place, abi.error.where, sizeof place);
  snprintf(abi.error.where, sizeof abi.error.where, "%s[%u]%s%.100s", list, (unsigned)i, place[0] ? "." : "", place);
  return status;
}

static srope_status truncated(void) {
  return fail(SROPE_ERR_ARGUMENT, "", "the encoded values end too early or are malformed");
}

/* Room for `size` bytes, never NULL. In steps: requests that get a little longer each time do not move it each time. */
static srope_status grow(buffer *b, uint64_t size) {
  if (b->data && size <= b->size) return SROPE_OK;
  size = (size | 0x3fff) + 1;
  unsigned char *data = size <= SIZE_MAX / 2 ? realloc(b->data, (size_t)size) : NULL;
  if (!data) return fail(SROPE_ERR_MEMORY, "", "%.0f bytes of memory were refused", (double)size);
  b->data = data;
  b->size = (size_t)size;
  return SROPE_OK;
}

/* ---------------------------------------------------------------- reading tagged values */

typedef struct reader {
  const unsigned char *at, *end;
} reader;

static bool read_bytes(reader *r, void *out, size_t n) {
  if ((size_t)(r->end - r->at) < n) return false;
  memcpy(out, r->at, n);
  r->at += n;
  return true;
}

static const char *name_kind(const srope_value *v) {
  static const char *const names[] = {"nothing", "a number", "a boolean", "a string", "a list"};
  static char other[48];
  if (v->kind != SROPE_VALUE_OTHER) return names[v->kind];
  snprintf(other, sizeof other, "%.*s", (int)v->n, v->as.string);
  return other;
}

/* A value that is no list. */
static srope_status read_scalar(reader *r, srope_value *v) {
  uint8_t tag, boolean;
  *v = (srope_value){0};
  if (!read_bytes(r, &tag, 1)) return truncated();
  v->kind = (srope_value_kind)tag;
  switch (tag) {
    case SROPE_VALUE_MISSING: return SROPE_OK;
    case SROPE_VALUE_NUMBER: return read_bytes(r, &v->as.number, 8) ? SROPE_OK : truncated();
    case SROPE_VALUE_BOOLEAN:
      if (!read_bytes(r, &boolean, 1)) return truncated();
      v->as.number = boolean != 0;
      return SROPE_OK;
    case SROPE_VALUE_STRING:
    case SROPE_VALUE_OTHER:
      if (!read_bytes(r, &v->n, 4) || (size_t)(r->end - r->at) < v->n) return truncated();
      v->as.string = (const char *)r->at;
      r->at += v->n;
      return SROPE_OK;
    default: return truncated();
  }
}

/* Elements go to abi.elements from *used on, which may move: a list holds its first element's place there until
 * resolve() turns it into a pointer. */
static srope_status read_value(reader *r, srope_value *v, uint32_t *used, const char *where) {
  if (r->at == r->end || *r->at != SROPE_VALUE_LIST) return read_scalar(r, v);
  r->at++;
  *v = (srope_value){.kind = SROPE_VALUE_LIST};
  if (!read_bytes(r, &v->n, 4)) return truncated();
  if (v->n > SROPE_MAX_LIST)
    return fail(SROPE_ERR_LIMIT, where, "a list of %u elements, the bound is %u", (unsigned)v->n, SROPE_MAX_LIST);
  uint32_t first = *used;
  srope_status status = grow(&abi.elements, ((uint64_t)first + v->n) * sizeof(srope_value));
  for (uint32_t i = 0; !status && i < v->n; i++)
    status = read_scalar(r, (srope_value *)(void *)abi.elements.data + first + i);
  v->as.elements = (const srope_value *)(uintptr_t)first;
  *used = first + v->n;
  return status;
}

static void resolve(srope_value *v) {
  if (v->kind == SROPE_VALUE_LIST)
    v->as.elements = (const srope_value *)(void *)abi.elements.data + (uintptr_t)v->as.elements;
}

static srope_status read_values(reader *r, uint32_t n, const char *where) {
  uint32_t used = 0;
  for (uint32_t i = 0; i < n; i++) {
    srope_status status = read_value(r, &abi.values[i], &used, where);
    if (status) return status;
  }
  for (uint32_t i = 0; i < n; i++) resolve(&abi.values[i]);
  return SROPE_OK;
}

static bool read_named(reader *r) {
  if (r->at == r->end || *r->at != TAG_NAMED) return false;
  r->at++;
  return true;
}

/* ---------------------------------------------------------------- fields of a record */

static srope_status take_number(const srope_value *v, const char *where, const char *name, float *out) {
  char place[sizeof abi.error.where];
  if (v->kind == SROPE_VALUE_NUMBER || v->kind == SROPE_VALUE_BOOLEAN) {
    *out = (float)v->as.number;
    return SROPE_OK;
  }
  snprintf(place, sizeof place, "%s%s", where, name);
  return fail(SROPE_ERR_FEATURE, place, "expected a number, found %s", name_kind(v));
}

/* A LIST of exactly dim numbers -> out (dim). */
static srope_status take_vector(const srope_value *v, const char *where, uint32_t dim, float *out) {
  if (v->kind != SROPE_VALUE_LIST)
    return fail(SROPE_ERR_FEATURE, where, "expected a list of %u numbers, found %s", (unsigned)dim, name_kind(v));
  if (v->n != dim)
    return fail(SROPE_ERR_FEATURE, where, "expected %u numbers, found %u", (unsigned)dim, (unsigned)v->n);
  for (uint32_t i = 0; i < dim; i++) {
    char name[16];
    snprintf(name, sizeof name, "[%u]", (unsigned)i);
    srope_status status = take_number(&v->as.elements[i], where, name, &out[i]);
    if (status) return status;
  }
  return SROPE_OK;
}

/* `item`, `action` or `context` -> out (dim). */
static srope_status read_list(reader *r, srope_list list, const char *where, uint32_t dim, float *out) {
  bool has_schema = abi.info->has_schema[list];
  uint32_t n = srope_model_feature_count(abi.model, list);
  srope_status status;
  if (read_named(r)) {
    if (!has_schema)
      return fail(SROPE_ERR_FEATURE, where, "expected a list of %u numbers, found named values", (unsigned)dim);
    status = read_values(r, n, where);
    return status ? status : srope_encode(abi.model, list, abi.values, out, &abi.error);
  }
  status = read_values(r, 1, where);
  if (status) return status;
  bool missing = abi.values[0].kind == SROPE_VALUE_MISSING;
  if (!has_schema) return missing && dim == 0 ? SROPE_OK : take_vector(&abi.values[0], where, dim, out);
  if (!missing) return fail(SROPE_ERR_FEATURE, where, "expected named values, found %s", name_kind(&abi.values[0]));
  memset(abi.values, 0, n * sizeof *abi.values);
  return srope_encode(abi.model, list, abi.values, out, &abi.error);
}

/* `signal` -> out (G); missing ones are 0. */
static srope_status read_signal(reader *r, float *out) {
  uint32_t n = abi.info->n_signals;
  memset(out, 0, n * sizeof *out);
  bool named = read_named(r);
  srope_status status = read_values(r, named ? n : 1, "signal");
  if (status || (!named && abi.values[0].kind == SROPE_VALUE_MISSING)) return status;
  if (!named) return take_vector(&abi.values[0], "signal", n, out);
  for (uint32_t i = 0; !status && i < n; i++)
    if (abi.values[i].kind != SROPE_VALUE_MISSING)
      status = take_number(&abi.values[i], "signal.", srope_model_signal(abi.model, i), &out[i]);
  return status;
}

static srope_status read_time(reader *r, const char *where, double *time_s) {
  srope_value v;
  double time_ms = 0;
  srope_status status = read_scalar(r, &v);
  if (status) return status;
  if (v.kind == SROPE_VALUE_STRING) {
    status = srope_time_parse(v.as.string, v.n, &time_ms, &abi.error);
    if (status) snprintf(abi.error.where, sizeof abi.error.where, "%s", where);
  } else if (v.kind == SROPE_VALUE_NUMBER) {
    time_ms = v.as.number;
    if (!isfinite(time_ms)) status = fail(SROPE_ERR_TIME, where, "expected a finite time, found %g", time_ms);
  } else {
    status = fail(SROPE_ERR_TIME, where, "expected Unix milliseconds or ISO 8601 text, found %s", name_kind(&v));
  }
  *time_s = time_ms / 1000;
  return status;
}

/* NaN where there is none. */
static srope_status read_utc_offset(reader *r, double *minutes) {
  srope_value v;
  srope_status status = read_scalar(r, &v);
  *minutes = NAN;
  if (status || v.kind == SROPE_VALUE_MISSING) return status;
  if (v.kind != SROPE_VALUE_NUMBER)
    return fail(SROPE_ERR_ARGUMENT, "utc_offset_minutes", "expected a number, found %s", name_kind(&v));
  if (!isfinite(v.as.number))
    return fail(SROPE_ERR_VALUE, "utc_offset_minutes", "expected a finite number, found %g", v.as.number);
  *minutes = v.as.number;
  return SROPE_OK;
}

/* 0 where there is none. */
static srope_status read_request(reader *r, uint64_t *key) {
  srope_value v;
  srope_status status = read_scalar(r, &v);
  *key = 0;
  if (status || v.kind == SROPE_VALUE_MISSING) return status;
  if (v.kind == SROPE_VALUE_STRING)
    *key = srope_request_key(v.as.string, v.n);
  else if (v.kind == SROPE_VALUE_NUMBER && v.as.number == trunc(v.as.number) && fabs(v.as.number) <= 9007199254740992.0)
    *key = srope_request_key_integer((int64_t)v.as.number);
  else
    return fail(SROPE_ERR_ARGUMENT, "request", "expected a string or an integer, found %s",
                v.kind == SROPE_VALUE_NUMBER ? "another number" : name_kind(&v));
  return SROPE_OK;
}

/* ---------------------------------------------------------------- records -> columns */

/* How many records follow; each takes `least` bytes or more, so a false count cannot ask for memory. */
static srope_status read_count(reader *r, size_t least, uint32_t *n) {
  return read_bytes(r, n, 4) && *n <= (size_t)(r->end - r->at) / least ? SROPE_OK : truncated();
}

static srope_status read_events(reader *r, srope_events *events) {
  const srope_info *m = abi.info;
  uint32_t n = 0;
  srope_status status = read_count(r, 7, &n);
  uint64_t width = 3 * 8 + 4 * ((uint64_t)m->n_item + m->n_action + m->n_signals);
  if (!status) status = grow(&abi.columns, n * width + 4 * (uint64_t)m->n_context);
  if (status) return status;
  double *time_s = (void *)abi.columns.data, *utc_offset = time_s + n;
  uint64_t *request = (void *)(utc_offset + n);
  float *item = (void *)(request + n), *action = item + (size_t)n * m->n_item;
  float *signal = action + (size_t)n * m->n_action, *context = signal + (size_t)n * m->n_signals;
  for (uint32_t i = 0; i < n; i++) {
    status = read_time(r, "time", &time_s[i]);
    if (!status) status = read_request(r, &request[i]);
    if (!status) status = read_utc_offset(r, &utc_offset[i]);
    if (!status) status = read_list(r, SROPE_ITEM, "item", m->n_item, item + (size_t)i * m->n_item);
    if (!status) status = read_list(r, SROPE_ACTION, "action", m->n_action, action + (size_t)i * m->n_action);
    if (!status && r->at < r->end && *r->at == SROPE_VALUE_MISSING)
      r->at++;
    else if (!status)
      status = read_list(r, SROPE_CONTEXT, "context", m->n_context, context); /* not used, but wrong is wrong */
    if (!status) status = read_signal(r, signal + (size_t)i * m->n_signals);
    if (status) return fail_at(status, "history", i);
  }
  *events = (srope_events){.n = n,
                           .item = item,
                           .action = action,
                           .time_s = time_s,
                           .signal = signal,
                           .request = request,
                           .utc_offset_minutes = utc_offset};
  return SROPE_OK;
}

static srope_status read_candidates(reader *r, srope_candidates *candidates) {
  const srope_info *m = abi.info;
  uint32_t n = 0;
  srope_status status = read_count(r, 3, &n);
  uint64_t width = 4 * ((uint64_t)m->n_item + m->n_context + m->n_signals);
  if (!status) status = grow(&abi.columns, n * width);
  if (status) return status;
  float *item = (void *)abi.columns.data, *context = item + (size_t)n * m->n_item;
  float *signal = context + (size_t)n * m->n_context;
  for (uint32_t i = 0; i < n; i++) {
    status = read_list(r, SROPE_ITEM, "item", m->n_item, item + (size_t)i * m->n_item);
    if (!status) status = read_list(r, SROPE_CONTEXT, "context", m->n_context, context + (size_t)i * m->n_context);
    if (!status) status = read_signal(r, signal + (size_t)i * m->n_signals);
    if (status) return fail_at(status, "candidates", i);
  }
  candidates->n = n;
  candidates->item = item;
  candidates->context = context;
  candidates->signal = signal;
  return SROPE_OK;
}

/* *weights (T) lie in abi.row, or are NULL where there are none. */
static srope_status read_weights(reader *r, const double **weights) {
  uint32_t n_tasks = abi.info->n_tasks;
  srope_status status = read_values(r, 1, "weights");
  if (!status) status = grow(&abi.row, n_tasks * sizeof(double));
  const srope_value *list = &abi.values[0];
  *weights = NULL;
  if (status || list->kind == SROPE_VALUE_MISSING) return status;
  if (list->kind != SROPE_VALUE_LIST || list->n != n_tasks)
    return fail(SROPE_ERR_ARGUMENT, "weights", "expected %u numbers", (unsigned)n_tasks);
  double *row = (void *)abi.row.data;
  for (uint32_t i = 0; i < n_tasks; i++) {
    const srope_value *v = &list->as.elements[i];
    if (v->kind != SROPE_VALUE_NUMBER || !isfinite(v->as.number))
      return fail(SROPE_ERR_VALUE, "weights", "expected a finite number for %s, found %s",
                  srope_model_task(abi.model, i), v->kind == SROPE_VALUE_NUMBER ? "another" : name_kind(v));
    row[i] = v->as.number;
  }
  *weights = row;
  return SROPE_OK;
}

/* ---------------------------------------------------------------- exports: the instance and its model */

/* JSON: where error and result lie, what is in them, tags, bounds. The text stays. */
EXPORT(describe) const char *srope_abi_describe(void) {
  static char text[1024];
  snprintf(text, sizeof text,
           "{\"version\":\"%s\",\"build\":\"%s\","
           "\"error\":{\"message\":%zu,\"where\":%zu},"
           "\"result\":{\"data\":%zu,\"n\":%zu,\"ranked\":%zu},"
           "\"ranked\":{\"size\":%zu,\"index\":%zu,\"score\":%zu},"
           "\"tags\":{\"missing\":%d,\"number\":%d,\"boolean\":%d,\"string\":%d,\"list\":%d,\"other\":%d,\"named\":%d},"
           "\"networks\":{\"layers\":%d,\"action\":%d},"
           "\"max_list\":%d,\"max_history\":%d}",
           SROPE_VERSION, SROPE_ABI_BUILD, (size_t)abi.error.message, (size_t)abi.error.where, (size_t)&abi.result.data,
           (size_t)&abi.result.n, (size_t)&abi.result.ranked, sizeof(srope_ranked), offsetof(srope_ranked, index),
           offsetof(srope_ranked, score), SROPE_VALUE_MISSING, SROPE_VALUE_NUMBER, SROPE_VALUE_BOOLEAN,
           SROPE_VALUE_STRING, SROPE_VALUE_LIST, SROPE_VALUE_OTHER, TAG_NAMED, SROPE_NETWORK_LAYERS,
           SROPE_NETWORK_ACTION, SROPE_MAX_LIST, SROPE_MAX_HISTORY);
  return text;
}

EXPORT(error_code) const char *srope_abi_error_code(void) { return srope_status_code(abi.error.status); }

/* Room for n bytes of input; what is there already stays. result.data = where to write, 8-byte aligned. */
EXPORT(reserve) int32_t srope_abi_reserve(uint32_t n) {
  srope_status status = grow(&abi.input, n);
  abi.result.data = abi.input.data;
  return status;
}

/* The first n bytes of input are the model file's next; after the last, finish. */
EXPORT(load_piece) int32_t srope_abi_load_piece(uint32_t n) {
  srope_status status = abi.loader ? SROPE_OK : srope_loader_create(NULL, 0, &abi.loader, &abi.error);
  return status ? status : srope_loader_push(abi.loader, abi.input.data, n, &abi.error);
}

EXPORT(load_finish) int32_t srope_abi_load_finish(void) {
  srope_status status = srope_abi_load_piece(0); /* of a file of no bytes nothing came */
  if (!status) status = srope_loader_finish(abi.loader, &abi.model, &abi.error);
  if (status) return status;
  srope_loader_free(abi.loader);
  abi.loader = NULL;
  abi.info = srope_model_info(abi.model);
  return SROPE_OK;
}

/* result: the JSON text of srope_model_describe. */
EXPORT(describe_model) int32_t srope_abi_describe_model(void) {
  char *text;
  size_t n;
  srope_status status = srope_model_describe(abi.model, &text, &n, &abi.error);
  if (status) return status;
  status = grow(&abi.output, n);
  if (!status) memcpy(abi.output.data, text, n);
  srope_free(text);
  abi.result.data = abi.output.data;
  abi.result.n = (uint32_t)n;
  return status;
}

/* Input: times. result: (n, P) doubles. */
EXPORT(model_angles)
int32_t srope_abi_model_angles(uint32_t n_bytes, uint32_t network) {
  reader r = {abi.input.data, abi.input.data + n_bytes};
  double utc_offset;
  uint32_t n = 0, g = abi.info->n_signals, p = abi.info->n_pairs;
  srope_status status = read_utc_offset(&r, &utc_offset);
  if (!status) status = grow(&abi.row, (uint64_t)g * 4);
  if (!status) status = read_signal(&r, (void *)abi.row.data);
  if (!status) status = read_count(&r, 1, &n);
  if (!status) status = grow(&abi.columns, (uint64_t)n * (8 + 4 * (uint64_t)g));
  if (!status) status = grow(&abi.output, (uint64_t)n * p * 8);
  if (status) return status;
  double *time_s = (void *)abi.columns.data;
  float *signal = (void *)(time_s + n);
  for (uint32_t i = 0; i < n; i++) {
    status = read_time(&r, "", &time_s[i]);
    if (status) return fail_at(status, "times", i);
    memcpy(signal + (size_t)i * g, abi.row.data, g * sizeof *signal);
  }
  abi.result.data = abi.output.data;
  abi.result.n = n * p;
  return srope_model_angles(abi.model, (srope_network)network, n, time_s, signal, utc_offset, (void *)abi.output.data,
                            &abi.error);
}

/* Columns in the input, all n rows; signal, request, utc_offset and context may be 0. Request names are integers and
 * become keys in place. */
static srope_events columns(uint32_t n, const float *item, const float *action, const double *time_s,
                            const float *signal, int64_t *request, const double *utc_offset, const float *context) {
  uint64_t *key = (void *)request;
  for (uint32_t i = 0; request && i < n; i++) key[i] = srope_request_key_integer(request[i]);
  return (srope_events){n, item, action, time_s, signal, key, utc_offset, context};
}

/* result: (n, T) floats. */
EXPORT(sequence)
int32_t srope_abi_sequence(uint32_t n, const float *item, const float *action, const double *time_s,
                           const float *signal, int64_t *request, const double *utc_offset, const float *context,
                           double session_utc_offset) {
  srope_events events = columns(n, item, action, time_s, signal, request, utc_offset, context);
  srope_status status = grow(&abi.output, (uint64_t)n * abi.info->n_tasks * 4);
  if (status) return status;
  srope_sequence_outputs out = {.logits = (void *)abi.output.data};
  abi.result.data = abi.output.data;
  abi.result.n = n * abi.info->n_tasks;
  return srope_sequence_forward(abi.model, &events, session_utc_offset, &out, &abi.error);
}

/* ---------------------------------------------------------------- exports: sessions */

/* result.data: the session. */
EXPORT(session_create) int32_t srope_abi_session_create(uint32_t max_history, double utc_offset) {
  srope_session_options options = {max_history, utc_offset};
  srope_session *session = NULL;
  srope_status status = srope_session_create(abi.model, &options, &session, &abi.error);
  abi.result.data = session;
  return status;
}

/* Input: a snapshot of n bytes. result.data: the session. */
EXPORT(session_restore) int32_t srope_abi_session_restore(uint32_t n) {
  srope_session *session = NULL;
  srope_status status = srope_session_restore(abi.model, abi.input.data, n, &session, &abi.error);
  abi.result.data = session;
  return status;
}

EXPORT(session_free) void srope_abi_session_free(srope_session *session) { srope_session_free(session); }
EXPORT(session_clear) void srope_abi_session_clear(srope_session *session) { srope_session_clear(session); }
EXPORT(session_count) uint32_t srope_abi_session_count(const srope_session *session) {
  return (uint32_t)srope_session_count(session);
}

/* Input: events. */
EXPORT(session_append) int32_t srope_abi_session_append(srope_session *session, uint32_t n_bytes) {
  reader r = {abi.input.data, abi.input.data + n_bytes};
  srope_events events;
  srope_status status = read_events(&r, &events);
  return status ? status : srope_session_append(session, &events, &abi.error);
}

EXPORT(session_append_tensors)
int32_t srope_abi_session_append_tensors(srope_session *session, uint32_t n, const float *item, const float *action,
                                         const double *time_s, const float *signal, int64_t *request,
                                         const double *utc_offset) {
  srope_events events = columns(n, item, action, time_s, signal, request, utc_offset, NULL);
  return srope_session_append(session, &events, &abi.error);
}

static srope_status read_ranking(uint32_t n_bytes, srope_candidates *candidates, const double **weights) {
  reader r = {abi.input.data, abi.input.data + n_bytes};
  srope_status status = read_time(&r, "now", &candidates->now_s);
  if (!status) status = read_utc_offset(&r, &candidates->utc_offset_minutes);
  if (!status) status = read_weights(&r, weights);
  return status ? status : read_candidates(&r, candidates);
}

/* Input: candidates. limit 0 = all. result: ranked (n), and data: the probabilities (N, T) of all candidates. */
EXPORT(session_rank)
int32_t srope_abi_session_rank(srope_session *session, uint32_t n_bytes, uint32_t limit) {
  srope_candidates candidates;
  const double *weights;
  size_t n_ranked = 0;
  srope_status status = read_ranking(n_bytes, &candidates, &weights);
  if (!status) status = grow(&abi.output, candidates.n * (sizeof(srope_ranked) + (uint64_t)abi.info->n_tasks * 4));
  if (status) return status;
  srope_ranked *ranked = (void *)abi.output.data;
  float *logits = (void *)(ranked + candidates.n);
  status = srope_session_score(session, &candidates, logits, &abi.error);
  if (status) return status;
  srope_probabilities(abi.model, logits, candidates.n, logits);
  status = srope_rank(abi.model, logits, candidates.n, weights, limit, ranked, &n_ranked, &abi.error);
  abi.result.ranked = ranked;
  abi.result.data = logits;
  abi.result.n = (uint32_t)n_ranked;
  return status;
}

/* Input: candidates, as in session_rank. result: influence (N, C), then timeless (N): doubles. */
EXPORT(session_explain)
int32_t srope_abi_session_explain(srope_session *session, uint32_t n_bytes) {
  srope_candidates candidates;
  const double *weights;
  uint64_t c = srope_session_count(session);
  srope_status status = read_ranking(n_bytes, &candidates, &weights);
  if (!status) status = grow(&abi.output, candidates.n * (c + 1) * 8);
  if (status) return status;
  double *influence = (void *)abi.output.data;
  abi.result.data = influence;
  abi.result.n = (uint32_t)(candidates.n * (c + 1));
  return srope_session_explain(session, &candidates, weights, influence, influence + candidates.n * c, &abi.error);
}

/* result: logits (n, T). context and signal may be 0. */
EXPORT(session_score_tensors)
int32_t srope_abi_session_score_tensors(srope_session *session, uint32_t n, const float *item, const float *context,
                                        const float *signal, double now_s, double utc_offset) {
  srope_candidates candidates = {n, item, context, signal, now_s, utc_offset};
  srope_status status = grow(&abi.output, (uint64_t)n * abi.info->n_tasks * 4);
  abi.result.data = abi.output.data;
  abi.result.n = n * abi.info->n_tasks;
  return status ? status : srope_session_score(session, &candidates, (void *)abi.output.data, &abi.error);
}

/* result: (C + 1, A). signal (G) may be 0. */
EXPORT(session_angles)
int32_t srope_abi_session_angles(srope_session *session, const float *signal, double now_s, double utc_offset,
                                 uint32_t network) {
  srope_candidates candidates = {0, NULL, NULL, signal, now_s, utc_offset};
  uint64_t n = (srope_session_count(session) + (uint64_t)1) * abi.info->n_angles;
  srope_status status = grow(&abi.output, n * 4);
  abi.result.data = abi.output.data;
  abi.result.n = (uint32_t)n;
  return status
             ? status
             : srope_session_angles(session, &candidates, (srope_network)network, (void *)abi.output.data, &abi.error);
}

/* result: the bytes. */
EXPORT(session_snapshot) int32_t srope_abi_session_snapshot(srope_session *session) {
  size_t n = srope_session_snapshot_size(session);
  srope_status status = grow(&abi.output, n);
  abi.result.data = abi.output.data;
  abi.result.n = (uint32_t)n;
  return status ? status : srope_session_snapshot(session, abi.output.data, n, &abi.error);
}
