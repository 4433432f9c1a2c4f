/* plot.h: the pieces of a plot as SVG text to a stream, in the house's look: a background of its own, system fonts, colours
 * that can be told apart by the colour-blind, light or dark as the reader prefers. In: pixels, y downwards, and texts that are
 * escaped here. Out: one self-contained SVG file. Not here: what is plotted and where. */
#ifndef SROPE_CLI_PLOT_H
#define SROPE_CLI_PLOT_H

#include <stdbool.h>
#include <stdio.h>

/* ---------------------------------------------------------------- the file */

/* `title` and `description` are what a screen reader says. Classes for the pieces below: "title", "head", "label", "note",
 * "value" (texts); "grid", "zero" (lines); "better", "worse", "neutral" (all), each also with "hollow" or "faint" after a
 * blank; "c0" .. "c5" (the lines of curves). */
void cli_plot_begin(FILE *out, double width, double height, const char *title, const char *description);
void cli_plot_end(FILE *out);

/* Text of an element or attribute. What XML has no character for becomes a blank. */
void cli_plot_escape(FILE *out, const char *text);

/* ---------------------------------------------------------------- pieces */

/* `anchor` is "start", "middle" or "end"; y is the base line. */
void cli_plot_text(FILE *out, double x, double y, const char *class, const char *anchor, const char *text);
void cli_plot_line(FILE *out, double x1, double y1, double x2, double y2, const char *class);
void cli_plot_dot(FILE *out, double x, double y, double radius, const char *class);

/* What follows until the end of the group belongs together; `tip` is shown where the pointer rests on it. */
void cli_plot_begin_group(FILE *out, const char *tip);
void cli_plot_end_group(FILE *out);

/* ---------------------------------------------------------------- scales */

typedef struct cli_plot_axis {
  double low, high;      /* values at its ends */
  double from_px, to_px; /* where those are */
  double step;           /* between ticks, which are multiples of it: 1, 2 or 5 times a power of ten */
  int decimals;          /* that a tick needs */
} cli_plot_axis;

/* The axis of low..high (swapped ends are put right, equal ones drawn apart, those that are not finite taken as 0), with
 * max_ticks + 1 ticks at most and 2 at least, for which an end may move outwards. */
cli_plot_axis cli_plot_fit_axis(double low, double high, int max_ticks, double from_px, double to_px);

double cli_plot_place(const cli_plot_axis *axis, double value);
int cli_plot_count_ticks(const cli_plot_axis *axis);
double cli_plot_tick(const cli_plot_axis *axis, int i);

/* A number with a true minus, a plus where `plus`, or "undefined", into text (size). Returns text. */
const char *cli_plot_format(char *text, size_t size, double value, int decimals, bool plus);

#endif
