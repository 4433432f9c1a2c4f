/* inspect.c: `siren-rope inspect`: what is in a model file, as tables for a person or as the library's JSON. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/file.h"
#include "cli/json.h"
#include "cli/options.h"
#include "cli/report.h"
#include "yyjson.h"

/* A value of the configuration as compact JSON. */
static void print_value(yyjson_val *value) {
  char *text = yyjson_val_write(value, YYJSON_WRITE_NOFLAG, NULL);
  fputs(text != NULL ? text : "?", stdout);
  free(text);
}

static void print_object(const char *title, yyjson_val *object) {
  size_t i, n;
  yyjson_val *key, *value;
  printf("\n%s\n", title);
  yyjson_obj_foreach(object, i, n, key, value) {
    printf("  %-20s ", yyjson_get_str(key));
    print_value(value);
    putchar('\n');
  }
}

static const char *get_text(yyjson_val *object, const char *key) {
  const char *text = yyjson_get_str(yyjson_obj_get(object, key));
  return text != NULL ? text : "";
}

static void print_tensors(yyjson_val *tensors) {
  size_t i, n;
  yyjson_val *tensor;
  printf("\n%-48s %-5s shape\n", "tensor", "dtype");
  yyjson_arr_foreach(tensors, i, n, tensor) {
    printf("%-48s %-5s ", get_text(tensor, "name"), get_text(tensor, "dtype"));
    print_value(yyjson_obj_get(tensor, "shape"));
    putchar('\n');
  }
}

static void print_tables(const char *path, const srope_info *info, yyjson_val *root) {
  static const char *const variants[] = {"ordinal", "torope", "siren"};
  printf("%s: %s, %" PRIu64 " parameters, hash %016" PRIx64 ", runs on %s\n", path, variants[info->variant],
         info->n_parameters, info->hash, info->isa);
  print_object("sizes", yyjson_obj_get(root, "sizes"));
  print_object("configuration", yyjson_obj_get(root, "config"));
  if (info->variant == SROPE_SIREN) printf("  %-20s %.9g\n", "(order_scale)", info->order_scale);
  print_tensors(yyjson_obj_get(root, "tensors"));
}

static srope_status inspect(const char *path, const srope_model *model, bool json, srope_error *error) {
  char *text;
  size_t n;
  srope_status status = srope_model_describe(model, &text, &n, error);
  if (status != SROPE_OK) return status;
  if (json) {
    puts(text);
  } else {
    yyjson_doc *document = yyjson_read(text, n, YYJSON_READ_NOFLAG);
    if (document == NULL)
      status = srope_fail(error, SROPE_ERR_MEMORY, path, "no memory for its description");
    else
      print_tables(path, srope_model_info(model), yyjson_doc_get_root(document));
    yyjson_doc_free(document);
  }
  srope_free(text);
  return status;
}

int cli_inspect(int n, char **arguments) {
  const char *path = NULL, *isa = NULL;
  bool json = false;
  const cli_option options[] = {
      {"--json", NULL, "print JSON instead of tables", CLI_FLAG, &json, 0, 0, 0},
      CLI_OPTION_ISA(&isa),
  };
  const cli_positional positional = {"MODEL", &path};
  const cli_syntax syntax = {
      .command = "inspect",
      .usage = "MODEL [options]",
      .about = "Prints a model's configuration (defaults filled in), sizes, tensors, number of parameters and hash.",
      .options = options,
      .n_options = sizeof options / sizeof options[0],
      .positionals = &positional,
      .n_positionals = 1};
  cli_parsed parsed = cli_options_parse(&syntax, n, arguments);
  if (parsed != CLI_GO_ON) return cli_options_exit(parsed);
  srope_model *model = NULL;
  srope_error error;
  srope_status status = cli_file_load_model(path, isa, &model, &error);
  if (status == SROPE_OK) status = inspect(path, model, json, &error);
  srope_model_free(model);
  return status == SROPE_OK ? cli_report_end("inspect") : cli_report_error("inspect", &error);
}
