/* schema.h: what a model file says about building vectors from named values (kinds and rules: docs of `features` in
 * src/features/README.md). Parsed from the configuration by schema.c, used by encode.c. Knows nothing of models. */
#ifndef SROPE_FEATURES_SCHEMA_H
#define SROPE_FEATURES_SCHEMA_H

#include "sirenrope/sirenrope.h"

typedef enum srope_kind {
  SROPE_KIND_NUMBER, SROPE_KIND_VECTOR, SROPE_KIND_HASH, SROPE_KIND_INDEX, SROPE_KIND_VOCAB
} srope_kind;

typedef struct srope_word { const char *text; uint32_t n; } srope_word;

typedef struct srope_field {     /* one feature */
  srope_feature public_view;     /* name, kind's name, dim, required */
  srope_kind kind;
  char place[96];                /* "item.tag", for errors */
  char table_name[160];          /* "encoder.item.tag.weight"; "" for number and vector */
  const float *table;            /* (rows, dim), owned by the model; set by the loader */
  uint32_t rows;                 /* buckets, size or the number of words */
  bool log1p;
  double clip_low, clip_high, shift, scale; /* clip ±infinity when not given */
  srope_word *words;             /* vocab: `rows` words, sorted for search by (n, bytes) */
  uint32_t *word_rows;           /* word_rows[i]: the row of sorted word i */
} srope_field;

typedef struct srope_schema {    /* one list */
  srope_field *fields;
  uint32_t n_fields;
  uint32_t dim;                  /* X, Y or Z */
} srope_schema;

#endif
