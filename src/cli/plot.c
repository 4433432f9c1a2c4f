/* plot.c: see plot.h. Colours are Okabe and Ito's (2008), lighter in the dark; shapes always say the same as colours do. */
#include "cli/plot.h"

#include <math.h>
#include <string.h>

/* ---------------------------------------------------------------- the file */

/* Plain classes, no variables: more viewers know them. */
static const char style[] =
    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;fill:#1f2328}\n"
    ".title{font-size:17px;font-weight:600}.head{font-size:14px;font-weight:600}\n"
    ".value{font-size:12px;font-variant-numeric:tabular-nums}.note{font-size:12px;fill:#59636e}\n"
    ".paper{fill:#fff}.grid{stroke:#e3e7eb}.zero{stroke:#59636e;stroke-width:1.5}line,path{stroke-width:1;fill:none}\n"
    ".better,.c0{stroke:#0072b2}circle.better{fill:#0072b2}text.better{fill:#00629b;stroke:none}\n"
    ".worse,.c1{stroke:#c24a00}circle.worse{fill:#c24a00}text.worse{fill:#b04300;stroke:none}\n"
    ".neutral{stroke:#6e7781}circle.neutral{fill:#6e7781}text.neutral{fill:#59636e;stroke:none}\n"
    ".c2{stroke:#008060}.c3{stroke:#a8497f}.c4{stroke:#9a7400}.c5{stroke:#1f2328}\n"
    "line.better,line.worse,line.neutral{stroke-width:2}.c0,.c1,.c2,.c3,.c4,.c5{stroke-width:2}\n"
    "circle{stroke-width:1.75}circle.hollow{fill:#fff}circle.faint{stroke:none;opacity:.55}\n"
    "@media(prefers-color-scheme:dark){\n"
    "text{fill:#e6edf3}.note{fill:#9aa4ae}.paper{fill:#14181d}.grid{stroke:#2b323a}.zero{stroke:#9aa4ae}\n"
    ".better,.c0{stroke:#56b4e9}circle.better,text.better{fill:#56b4e9}\n"
    ".worse,.c1{stroke:#f0953f}circle.worse,text.worse{fill:#f0953f}\n"
    ".neutral{stroke:#9aa4ae}circle.neutral,text.neutral{fill:#9aa4ae}\n"
    ".c2{stroke:#33c79c}.c3{stroke:#e08fc0}.c4{stroke:#e0c341}.c5{stroke:#e6edf3}circle.hollow{fill:#14181d}\n"
    "}";

void cli_plot_escape(FILE *out, const char *text) {
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    switch (c) {
      case '&': fputs("&amp;", out); break;
      case '<': fputs("&lt;", out); break;
      case '>': fputs("&gt;", out); break;
      case '"': fputs("&quot;", out); break;
      default: fputc(c < 0x20 ? ' ' : c, out);
    }
  }
}

void cli_plot_begin(FILE *out, double width, double height, const char *title, const char *description) {
  fprintf(out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\" "
          "role=\"img\" aria-labelledby=\"plot-title plot-description\">\n<title id=\"plot-title\">",
          width, height, width, height);
  cli_plot_escape(out, title);
  fputs("</title>\n<desc id=\"plot-description\">", out);
  cli_plot_escape(out, description);
  fprintf(out, "</desc>\n<style>\n%s\n</style>\n<rect class=\"paper\" width=\"%.0f\" height=\"%.0f\"/>\n", style, width,
          height);
}

void cli_plot_end(FILE *out) { fputs("</svg>\n", out); }

/* ---------------------------------------------------------------- pieces */

void cli_plot_text(FILE *out, double x, double y, const char *class, const char *anchor, const char *text) {
  fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\"", x, y, class);
  if (strcmp(anchor, "start") != 0) fprintf(out, " text-anchor=\"%s\"", anchor);
  fputc('>', out);
  cli_plot_escape(out, text);
  fputs("</text>\n", out);
}

void cli_plot_line(FILE *out, double x1, double y1, double x2, double y2, const char *class) {
  fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2, class);
}

void cli_plot_dot(FILE *out, double x, double y, double radius, const char *class) {
  fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" class=\"%s\"/>\n", x, y, radius, class);
}

void cli_plot_begin_group(FILE *out, const char *tip) {
  fputs("<g><title>", out);
  cli_plot_escape(out, tip);
  fputs("</title>\n", out);
}

void cli_plot_end_group(FILE *out) { fputs("</g>\n", out); }

/* ---------------------------------------------------------------- scales */

/* Room for rounding, in steps: 0.3 / 0.1 is below 3. */
static const double slack = 1e-9;

static double first_tick(const cli_plot_axis *axis) { return ceil(axis->low / axis->step - slack); } /* in steps */
static double last_tick(const cli_plot_axis *axis) { return floor(axis->high / axis->step + slack); }

static double step_at_least(double width) {
  static const double steps[] = {1, 2, 5};
  double power = pow(10, floor(log10(width)));
  for (int i = 0; i < 3; i++)
    if (steps[i] * power >= width * (1 - slack)) return steps[i] * power;
  return 10 * power;
}

/* Moves the end that is nearer to a tick outwards to it. */
static void reach_tick(cli_plot_axis *axis) {
  double below = (first_tick(axis) - 1) * axis->step, above = (last_tick(axis) + 1) * axis->step;
  if (axis->low - below < above - axis->high)
    axis->low = below;
  else
    axis->high = above;
}

cli_plot_axis cli_plot_fit_axis(double low, double high, int max_ticks, double from_px, double to_px) {
  double a = isfinite(low) ? low : 0, b = isfinite(high) ? high : 0;
  cli_plot_axis axis = {.low = fmin(a, b), .high = fmax(a, b), .from_px = from_px, .to_px = to_px};
  if (!(axis.high - axis.low > 1e-9 * fmax(fabs(a), fabs(b)))) { /* no width that ticks could show */
    double around = fmax(0.1 * fabs(a), 1e-3);
    axis.low -= around;
    axis.high += around;
  }
  axis.step = step_at_least((axis.high - axis.low) / (max_ticks > 1 ? max_ticks : 1));
  axis.decimals = (int)fmax(0, -floor(log10(axis.step) + slack));
  while (last_tick(&axis) - first_tick(&axis) < 1) reach_tick(&axis);
  return axis;
}

double cli_plot_place(const cli_plot_axis *axis, double value) {
  return axis->from_px + (value - axis->low) / (axis->high - axis->low) * (axis->to_px - axis->from_px);
}

int cli_plot_count_ticks(const cli_plot_axis *axis) { return (int)(last_tick(axis) - first_tick(axis)) + 1; }

double cli_plot_tick(const cli_plot_axis *axis, int i) { return (first_tick(axis) + i) * axis->step; }

const char *cli_plot_format(char *text, size_t size, double value, int decimals, bool plus) {
  char digits[64];
  if (isnan(value)) {
    snprintf(text, size, "undefined");
    return text;
  }
  snprintf(digits, sizeof digits, "%.*f", decimals, fmin(fabs(value), 1e30));
  bool zero = strspn(digits, "0.") == strlen(digits);
  snprintf(text, size, "%s%s", zero ? "" : value < 0 ? "\xe2\x88\x92" : plus ? "+" : "", digits);
  return text;
}
