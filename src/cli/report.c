/* report.c: see report.h. */
#include "cli/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool cli_report_colours(FILE *stream) {
  const char *no_colour = getenv("NO_COLOR");
  return isatty(fileno(stream)) && (no_colour == NULL || no_colour[0] == '\0');
}

static void print_program(const char *command) {
  fprintf(stderr, "siren-rope%s%s: ", command != NULL ? " " : "", command != NULL ? command : "");
}

int cli_report_error(const char *command, const srope_error *error) {
  bool colours = cli_report_colours(stderr);
  print_program(command);
  fprintf(stderr, "%serror:%s %s [%s%s%s]\n", colours ? "\033[1;31m" : "", colours ? "\033[0m" : "", error->message,
          srope_status_code(error->status), error->where[0] != '\0' ? " at " : "", error->where);
  return EXIT_FAILURE;
}

void cli_report_note(const char *command, const char *format, ...) {
  va_list arguments;
  print_program(command);
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
}

void cli_report_progress(FILE *stream, const char *label, size_t done, size_t total) {
  enum { WIDTH = 32 };
  char bar[WIDTH + 1];
  if (!isatty(fileno(stream)) || total == 0) { return; }
  if (done >= total) {
    fputs("\r\033[K", stream);
    fflush(stream);
    return;
  }
  size_t filled = (size_t)((double)done / (double)total * WIDTH);
  memset(bar, '#', filled);
  memset(bar + filled, '.', WIDTH - filled);
  bar[WIDTH] = '\0';
  fprintf(stream, "\r%s [%s] %3.0f %%", label, bar, 100.0 * (double)done / (double)total);
  fflush(stream);
}

int cli_report_end(const char *command) {
  srope_error error;
  if (fflush(stdout) == 0 && !ferror(stdout)) { return EXIT_SUCCESS; }
  srope_fail(&error, SROPE_ERR_IO, "standard output", "could not be written: %s", strerror(errno));
  return cli_report_error(command, &error);
}
