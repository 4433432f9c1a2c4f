/* abi_fuzz.c: any bytes as the tagged values that JavaScript hands to the wasm modules: events, candidates, times or a snapshot, by
 * the first byte. The ABI is built in, natively. Buffers start anew each time, so that every read past an end is seen. */
#define SROPE_ABI_BUILD "native"
#include "../../bindings/wasm/abi.c"

#include "golden/tensor_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
  if (!condition) abort();
}

static void drop(buffer *b) {
  free(b->data);
  *b = (buffer){0};
}

static void set_input(const uint8_t *data, size_t size) {
  drop(&abi.input);
  abi.input = (buffer){malloc(size ? size : 1), size}; /* not a byte longer */
  require(abi.input.data != NULL);
  memcpy(abi.input.data, data, size);
}

static srope_session *make_session(void) {
  size_t size;
  unsigned char *model = tensor_file_read(SROPE_SOURCE_DIR "/models/kuairand-excerpt.safetensors", &size);
  set_input(model, size);
  free(model);
  require(srope_abi_load_piece((uint32_t)size) == SROPE_OK && srope_abi_load_finish() == SROPE_OK);
  require(srope_abi_session_create(8, NAN) == SROPE_OK);
  return (srope_session *)abi.result.data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static srope_session *session;
  if (!session) session = make_session();
  if (size == 0) return 0;
  uint32_t n = (uint32_t)size - 1;
  drop(&abi.columns);
  drop(&abi.elements);
  drop(&abi.output);
  drop(&abi.row);
  set_input(data + 1, n);
  switch (data[0] % 4) {
    case 0: srope_abi_session_append(session, n); break;
    case 1:
      if (srope_abi_session_rank(session, n, 0) == SROPE_OK) require(abi.result.n <= n);
      break;
    case 2: srope_abi_model_angles(n, SROPE_NETWORK_LAYERS); break;
    default:
      if (srope_abi_session_restore(n) == SROPE_OK) srope_abi_session_free((srope_session *)abi.result.data);
  }
  return 0;
}
