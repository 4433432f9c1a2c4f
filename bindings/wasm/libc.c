/* libc.c: functions of the C library that the core and yyjson call and that are large in WebAssembly's own: it prints over long
 * doubles in software, sorts smoothly and searches two ways. These are found before the library's. Not here: what is small there. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

int vsnprintf(char *restrict text, size_t capacity, const char *restrict format, va_list arguments) {
  return (int)srope_text_print_list(text, capacity, format, arguments);
}

int snprintf(char *restrict text, size_t capacity, const char *restrict format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t n = srope_text_print_list(text, capacity, format, arguments);
  va_end(arguments);
  return (int)n;
}

char *strstr(const char *text, const char *wanted) { /* of names: short */
  size_t n = strlen(wanted);
  for (; *text; text++)
    if (strncmp(text, wanted, n) == 0) return (char *)(uintptr_t)text;
  return n == 0 ? (char *)(uintptr_t)text : NULL;
}

typedef struct heap {
  char *elements;
  size_t size;
  int (*compare)(const void *, const void *);
} heap;

static void swap(const heap *h, size_t i, size_t j) {
  char *a = h->elements + i * h->size, *b = h->elements + j * h->size;
  for (size_t k = 0; k < h->size; k++) {
    char kept = a[k];
    a[k] = b[k];
    b[k] = kept;
  }
}

/* Restores the heap (its largest on top) of n elements below place i. */
static void sift_down(const heap *h, size_t n, size_t i) {
  for (size_t child = 2 * i + 1; child < n; i = child, child = 2 * i + 1) {
    if (child + 1 < n && h->compare(h->elements + child * h->size, h->elements + (child + 1) * h->size) < 0) child++;
    if (h->compare(h->elements + i * h->size, h->elements + child * h->size) >= 0) return;
    swap(h, i, child);
  }
}

void qsort(void *elements, size_t n, size_t size, int (*compare)(const void *, const void *)) {
  heap h = {elements, size, compare};
  for (size_t i = n / 2; i-- > 0;) sift_down(&h, n, i);
  for (size_t end = n; end > 1;) {
    swap(&h, 0, --end);
    sift_down(&h, end, 0);
  }
}
