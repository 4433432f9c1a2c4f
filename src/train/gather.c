/* gather.c: see gather.h. */
#include "train/gather.h"

#include <math.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/rng.h"
#include "features/field.h"
#include "features/words.h"

enum { SITE_IDS = 1 << 16 }; /* of dropped ids, beyond all sites of the network */

static size_t max_tokens(uint32_t max_n) { return max_n > SROPE_PASS_TOKENS ? max_n : SROPE_PASS_TOKENS; }

static size_t rounded(const srope_model *model, size_t n) {
  size_t to = srope_pass_rounding(model);
  return (n + to - 1) / to * to;
}

static void place_all(srope_gather *g, const srope_model *model, size_t m, srope_arena *arena) {
  const srope_info *info = &model->info;
  g->label = srope_arena_place(arena, m * info->n_tasks, sizeof(float));
  g->item = srope_arena_place(arena, m * info->n_item, sizeof(float));
  g->action = srope_arena_place(arena, m * info->n_action, sizeof(float));
  g->context = srope_arena_place(arena, m * info->n_context, sizeof(float));
  g->signal = srope_arena_place(arena, m * info->n_signals, sizeof(float));
  g->events = srope_arena_place(arena, m, sizeof(uint64_t));
  g->keys = srope_arena_place(arena, m, sizeof(uint64_t));
  g->time_s = srope_arena_place(arena, m, sizeof(double));
  g->utc_offset_minutes = srope_arena_place(arena, m, sizeof(double));
  g->length = srope_arena_place(arena, m, sizeof(uint32_t));
  g->order_s = srope_arena_place(arena, m, sizeof(uint32_t));
  g->request_start = srope_arena_place(arena, m, sizeof(uint32_t));
}

srope_status srope_gather_create(const srope_model *model, uint32_t max_n, srope_gather *out, srope_error *error) {
  srope_arena arena = {0};
  srope_gather g = {0};
  place_all(&g, model, max_tokens(max_n), &arena);
  g.block = arena.overflow ? NULL : srope_aligned_alloc(arena.used);
  if (!g.block) return srope_fail(error, SROPE_ERR_MEMORY, NULL, "no memory for the vectors of %u events", max_n);
  arena = (srope_arena){g.block, 0, false};
  place_all(&g, model, max_tokens(max_n), &arena);
  *out = g;
  return SROPE_OK;
}

void srope_gather_free(srope_gather *gather) {
  srope_aligned_free(gather->block);
  *gather = (srope_gather){0};
}

srope_status srope_gather_create_pass(const srope_model *model, uint32_t max_n, bool trains, srope_pass **out,
                                      srope_error *error) {
  size_t most = rounded(model, max_n);
  return srope_pass_create(model, max_tokens(max_n), most > SROPE_PASS_ROUNDED ? most : SROPE_PASS_ROUNDED, max_n,
                           trains, out, error);
}

size_t srope_gather_fit(const srope_model *model, const srope_window *list, const uint32_t *order, size_t n) {
  size_t m = 0, m_rounded = 0, i = 0;
  for (; i < n; i++) {
    uint32_t length = list[order ? order[i] : i].n;
    m += length;
    m_rounded += rounded(model, length);
    if (i > 0 && (m > SROPE_PASS_TOKENS || m_rounded > SROPE_PASS_ROUNDED)) break;
  }
  return i;
}

/* ---------------------------------------------------------------- dropped ids */

/* Zeros in the places of a dropped id: of the vector, and again of its gradient, which then adds nothing. */
static void drop_ids(const srope_schema *schema, const srope_dropout *ids, uint64_t key, float *item) {
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    uint32_t dim = schema->fields[i].public_view.dim;
    if (schema->fields[i].kind == SROPE_KIND_HASH && srope_dropout_drops(ids, key, SITE_IDS + i))
      memset(item, 0, dim * sizeof *item);
    item += dim;
  }
}

/* ---------------------------------------------------------------- there */

static void expand_event(srope_gather *g, const srope_model *model, const srope_dataset *data, uint64_t event,
                         size_t row) {
  const srope_info *info = &model->info;
  const uint32_t *words = data->words + data->word_first[event];
  words += srope_schema_expand(&model->schema[SROPE_ITEM], words, g->item + row * info->n_item);
  words += srope_schema_expand(&model->schema[SROPE_ACTION], words, g->action + row * info->n_action);
  srope_schema_expand(&model->schema[SROPE_CONTEXT], words, g->context + row * info->n_context);
}

/* Where the request of a window's event i begins in the window. One that began before it begins at its first event
 * there, as in a session that has dropped the others. */
static uint32_t find_request(const srope_dataset *data, const srope_window *window, uint32_t i) {
  const uint32_t *back = data->request_back + window->first;
  uint32_t first = 0;
  if (i >= back[i]) return i - back[i];
  while (back[i] - i != back[first] - first) first++; /* both began as far before the window */
  return first;
}

static void fill_window(srope_gather *g, const srope_model *model, const srope_dataset *data,
                        const srope_window *window, size_t row, const srope_dropout *ids) {
  const srope_info *info = &model->info;
  for (uint32_t i = 0; i < window->n; i++, row++) {
    uint64_t event = window->first + i;
    g->events[row] = event;
    g->keys[row] = srope_rng_mix(window->first) ^ event;
    g->time_s[row] = data->time_s[event];
    float offset = data->utc_offset_minutes[event];
    g->utc_offset_minutes[row] = isnan(offset) ? info->utc_offset_minutes : offset;
    g->request_start[row] = find_request(data, window, i);
    memcpy(g->signal + row * info->n_signals, data->signal + event * info->n_signals, info->n_signals * sizeof(float));
    for (uint32_t t = 0; t < info->n_tasks; t++)
      g->label[row * info->n_tasks + t] = i < window->score_from ? NAN : data->label[event * info->n_tasks + t];
    expand_event(g, model, data, event, row);
    if (ids) drop_ids(&model->schema[SROPE_ITEM], ids, g->keys[row], g->item + row * info->n_item);
  }
}

void srope_gather_fill(srope_gather *gather, const srope_model *model, const srope_dataset *data,
                       const srope_window *list, const uint32_t *order, size_t n, const srope_dropout *ids) {
  size_t row = 0;
  for (size_t i = 0; i < n; i++) {
    const srope_window *window = &list[order ? order[i] : i];
    fill_window(gather, model, data, window, row, ids);
    gather->length[i] = window->n;
    gather->order_s[i] = window->order_s;
    row += window->n;
  }
  gather->tokens = (srope_tokens){.n_sequences = n,
                                  .m = row,
                                  .length = gather->length,
                                  .order_s = gather->order_s,
                                  .item = gather->item,
                                  .action = gather->action,
                                  .context = gather->context,
                                  .signal = gather->signal,
                                  .time_s = gather->time_s,
                                  .utc_offset_minutes = gather->utc_offset_minutes,
                                  .request_start = gather->request_start};
}

/* ---------------------------------------------------------------- and back */

static size_t skip_words(const srope_schema *schema, const uint32_t *words) {
  size_t n = 0;
  for (uint32_t i = 0; i < schema->n_fields; i++) {
    const srope_field *field = &schema->fields[i];
    n += srope_field_has_table(field) ? 1 + words[n] : field->public_view.dim;
  }
  return n;
}

void srope_gather_scatter(const srope_model *model, const srope_dataset *data, const uint64_t *events,
                          const uint64_t *keys, size_t m, const srope_vector_gradients *dvectors,
                          const srope_dropout *ids, float *const *const dtable[3]) {
  float *const d[3] = {dvectors->item, dvectors->action, dvectors->context};
  const size_t width[3] = {model->info.n_item, model->info.n_action, model->info.n_context};
  for (size_t row = 0; row < m; row++) {
    const uint32_t *words = data->words + data->word_first[events[row]];
    for (int list = 0; list < 3; list++) {
      const srope_schema *schema = &model->schema[list];
      float *at = d[list] ? d[list] + row * width[list] : NULL;
      if (at && list == SROPE_ITEM && ids) drop_ids(schema, ids, keys[row], at);
      words += at ? srope_schema_expand_backward(schema, words, at, dtable[list]) : skip_words(schema, words);
    }
  }
}
