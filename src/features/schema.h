/* schema.h: what a model file says about building vectors from named values (kinds and rules: README.md here). Read from
 * the configuration by schema.c, used by encode.c. Knows nothing of models. */
#ifndef SROPE_FEATURES_SCHEMA_H
#define SROPE_FEATURES_SCHEMA_H

#include "sirenrope/sirenrope.h"

enum { SROPE_MAX_FEATURE_NAME_BYTES = 80 };

typedef enum srope_kind {
  SROPE_KIND_NUMBER,
  SROPE_KIND_VECTOR,
  SROPE_KIND_HASH,
  SROPE_KIND_INDEX,
  SROPE_KIND_VOCAB
} srope_kind;

typedef struct srope_word {
  const char *text;
  uint32_t n, row;
} srope_word; /* n bytes; its row of the table */

typedef struct srope_field { /* one feature */
  srope_feature public_view; /* name, kind's name, dim, required */
  srope_kind kind;
  char place[96];                  /* "item.tag", for errors */
  char table_name[160];            /* its own table's: "encoder.item.tag.weight"; "" for number and vector */
  const struct srope_field *owner; /* whose table it reads: itself or another field; NULL for number and vector */
  const float *table;              /* (rows, dim), the owner's; owned by the model, set by the loader */
  uint32_t rows;                   /* buckets, size or the number of words */
  bool log1p;
  double clip_low, clip_high, shift, scale; /* clip ±infinity when not given */
  srope_word *words;                        /* vocab: `rows` words, sorted for search by (n, bytes) */
} srope_field;

typedef struct srope_schema { /* one list */
  srope_field *fields;
  uint32_t n_fields;
  uint32_t dim; /* X, Y or Z */
} srope_schema;

struct yyjson_val;

/* The key `features` of a configuration -> the three lists, by srope_list. Names and words point into the document,
 * which must outlive the schema. Free it also after a failure. Errors: CONFIG, LIMIT, MEMORY; where =
 * "features.item[2].dim". */
srope_status srope_schema_read(struct yyjson_val *features, srope_schema schema[3], srope_error *error);
void srope_schema_free(srope_schema schema[3]);

/* "item", "action", "context". Static. */
const char *srope_list_name(srope_list list);

/* One vector (dim) from one value per field. No allocation; `out` is untouched on failure. Errors: FEATURE, LIMIT;
 * where = "item.tag" or, for an element of a list, "item.tag[3]". */
srope_status srope_schema_encode(const srope_schema *schema, const srope_value *values, float *out, srope_error *error);

#endif
