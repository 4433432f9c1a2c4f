/* model.h: a loaded model as the rest of the core sees it. Weights are packed for the kernels the model owns.
 * Made by model/load.c, immutable afterwards. Who may include it: nn, rank, train; never base, kernels, features. */
#ifndef SROPE_MODEL_MODEL_H
#define SROPE_MODEL_MODEL_H

#include "features/schema.h"
#include "kernels/kernels.h"
#include "sirenrope/sirenrope.h"

typedef struct srope_linear { /* y (n_out) = x (n_in) · W^T + b */
  const float *weight;        /* packed, see kernels.h */
  const float *bias;          /* padded to nr with zeros; NULL = none */
  uint32_t n_in, n_out;
} srope_linear;

typedef struct srope_norm {
  const float *gain, *bias;
} srope_norm; /* (D) each */

typedef struct srope_attention {
  srope_linear q, k, v, o; /* (D, D), no bias */
  const float *padding;    /* (D): the output before W_o of a token with nothing to attend to */
} srope_attention;

typedef struct srope_layer {
  srope_attention mha;
  srope_norm norm_1, norm_2;
  srope_linear up, down; /* ffwd.0, ffwd.2 */
} srope_layer;

typedef struct srope_mlp { /* linear layers one after the other; the activation is the caller's */
  srope_linear layer[SROPE_MAX_DEPTH];
  uint32_t n;
} srope_mlp;

typedef struct srope_angle_network { /* f: sine branch + ReLU branch; the last layer of each is linear */
  srope_mlp sine, relu;
} srope_angle_network;

typedef enum srope_angle_feature {
  SROPE_ANGLE_ORDER,
  SROPE_ANGLE_YEAR,
  SROPE_ANGLE_SIN_DAY,
  SROPE_ANGLE_COS_DAY,
  SROPE_ANGLE_SIN_WEEK,
  SROPE_ANGLE_COS_WEEK,
  SROPE_ANGLE_TREND
} srope_angle_feature;
enum { SROPE_MAX_ANGLE_FEATURES = 64 }; /* named ones, repeats allowed; the G signals follow them */

struct srope_model {
  srope_info info;
  const srope_kernels *kernels;

  srope_angle_feature angle_features[SROPE_MAX_ANGLE_FEATURES]; /* F - G of them */
  uint32_t n_time_features;
  const char **signals;   /* G names */
  const char **tasks;     /* T names */
  double *score_weights;  /* (T) */
  srope_schema schema[3]; /* by srope_list; n_fields 0 = raw vectors */

  srope_linear projection;       /* seq_projection.0: X -> D */
  srope_norm projection_norm;    /* seq_norm */
  srope_mlp action_embedding;    /* .0 .2 .4: Y -> ... -> D */
  double *inverse_frequency;     /* inv (P) = base^(-2j/K) */
  double *frequency;             /* freq (A); NULL unless siren */
  srope_angle_network angles[2]; /* by srope_network; n = 0 unless siren */
  srope_layer *layers;           /* (L) */
  srope_attention action_attention;
  srope_mlp head;      /* .0 .2 .4: 2D+Z -> ... -> T */
  uint32_t max_hidden; /* widest activation of any mlp or feed-forward, for workspaces */

  char *description; /* the JSON of srope_model_describe; owned */
  size_t description_n;
  /* whatever else the loader must own to free it */
  void *memory;              /* one aligned block with all numbers */
  struct yyjson_doc *config; /* the configuration's document: all names and words live in it */
};

#endif
