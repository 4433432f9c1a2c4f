/* buffer.h: an array that grows and is used again, so that a stream of requests settles into no allocation.
 * Owns its memory. */
#ifndef SROPE_CLI_BUFFER_H
#define SROPE_CLI_BUFFER_H

#include "sirenrope/sirenrope.h"

typedef struct cli_buffer { /* zeroed = empty */
  void *data;
  size_t capacity_bytes;
} cli_buffer;

/* Room for count elements of `size` bytes; keeps what is there. Errors: MEMORY. */
srope_status cli_buffer_reserve(cli_buffer *buffer, size_t count, size_t size, srope_error *error);
void cli_buffer_free(cli_buffer *buffer);

#endif
