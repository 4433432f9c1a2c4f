/* model.h: a loaded model as the rest of the core sees it. Weights are packed for the kernels the model owns.
 * Placed by model/tensors.c, filled by model/load.c, immutable afterwards. Who may include it: nn, rank, train; never
 * base, kernels, features. */
#ifndef SROPE_MODEL_MODEL_H
#define SROPE_MODEL_MODEL_H

#include "features/schema.h"
#include "kernels/kernels.h"
#include "sirenrope/sirenrope.h"

typedef struct srope_linear { /* y (n_out) = x (n_in) · W^T + b */
  const float *weight;        /* packed, see kernels.h; NULL where int8 has it */
  const float *bias;          /* padded to nr with zeros; NULL = none */
  srope_int8_matrix int8;     /* panels NULL: float weights */
  uint32_t n_in, n_out;
  uint32_t
      parameter; /* the weight's place in srope_model.parameters; the bias follows it, then the scale, where there are any */
} srope_linear;

typedef struct srope_norm {
  const float *gain, *bias; /* (D) each */
  uint32_t parameter;       /* the gain's place in srope_model.parameters; the bias follows it */
} srope_norm;

typedef struct srope_attention {
  srope_linear q, k, v, o; /* (D, D), no bias */
  const float *padding;    /* (D): the output before W_o of a token with nothing to attend to */
  uint32_t padding_parameter;
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

/* A tensor of the file and where it went: what the trainer learns and writes back. */
typedef enum srope_layout {
  SROPE_LAYOUT_PLAIN,  /* floats, row-major as in the file */
  SROPE_LAYOUT_PACKED, /* a weight (n_out, n_in) in panels, see kernels.h */
  SROPE_LAYOUT_DOUBLE, /* doubles that hold float32 numbers */
  SROPE_LAYOUT_INT8,   /* a weight (n_out, n_in) of bytes; place: its srope_int8_matrix */
  SROPE_LAYOUT_SCALE   /* (n_out) floats, plain: what the bytes of each row of an int8 weight count; not learnt */
} srope_layout;

typedef struct srope_parameter {
  const char *name; /* the tensor's */
  uint32_t n_dims;
  uint64_t shape[2];
  size_t n; /* elements */
  srope_layout layout;
  void *place; /* in the model's memory */
} srope_parameter;

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
  srope_mlp head;                  /* .0 .2 .4: 2D+Z -> ... -> T */
  srope_int8_matrix head_parts[2]; /* of an int8 head.0: u and context, which have other sizes than x has */
  srope_parameter *parameters;     /* (n_parameters), in the order of tensors.c's list */
  uint32_t n_parameters, frequency_parameter, order_scale_parameter;
  uint32_t max_hidden; /* widest activation of any mlp or feed-forward, for workspaces */

  char *description; /* the JSON of srope_model_describe; owned */
  size_t description_n;
  /* whatever else the loader must own to free it */
  void *memory;              /* one aligned block with all numbers */
  struct yyjson_doc *config; /* the configuration's document: all names and words live in it */
};

#endif
