/* A kernel in a plain C program, through the C API. Without a GPU it says what is missing and ends
 * with 77. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/c/bitloom.h"

#define COUNT 5000

static const char kText[] =
    "kernel axpy<T: type = f32, B: int = 1024>(a: T, x: global T[n], y: global T[n])\n"
    "    grid(ceildiv(n, B)) threads(256)\n"
    "{\n"
    "    let i = block.x * B\n"
    "    y[i +: B] <- a * x[i +: B] + y[i +: B]\n"
    "}\n";

/* Ends the program at the first error. */
static void must(bitloom_error* error) {
  if (!error) return;
  const int lacking = strcmp(bitloom_error_code(error), "BL0416") == 0;
  fprintf(stderr, "error[%s]: %s\n", bitloom_error_code(error), bitloom_error_message(error));
  bitloom_error_free(error);
  exit(lacking ? 77 : 1);
}

int main(void) {
  bitloom_module* module = NULL;
  bitloom_kernel* axpy = NULL;
  const bitloom_generic generics[] = {{"T", "f32"}};
  must(bitloom_module_load_text("axpy.bl", kText, STDLIB_DIR, &module));
  must(bitloom_kernel_specialize(module, "axpy", generics, 1, NULL, 0, &axpy));

  bitloom_device* device = NULL;
  bitloom_stream* stream = NULL;
  must(bitloom_device_open(0, &device));
  must(bitloom_stream_create(device, &stream));
  must(bitloom_kernel_prepare(axpy, device));

  static float numbers[COUNT];
  for (int i = 0; i < COUNT; ++i) numbers[i] = (float)i;
  const int64_t shape[] = {COUNT};
  bitloom_tensor *x = NULL, *y = NULL;
  must(bitloom_tensor_allocate(device, "f32", 1, shape, &x));
  must(bitloom_tensor_allocate(device, "f32", 1, shape, &y));
  must(bitloom_tensor_upload(x, stream, numbers, sizeof numbers));
  must(bitloom_tensor_upload(y, stream, numbers, sizeof numbers));

  const bitloom_argument arguments[] = {bitloom_real_argument(2.0), bitloom_tensor_argument(x),
                                        bitloom_tensor_argument(y)};
  must(bitloom_kernel_launch(axpy, stream, arguments, 3, NULL, 0));
  must(bitloom_tensor_download(y, stream, numbers, sizeof numbers));
  for (int i = 0; i < COUNT; ++i) {
    if (numbers[i] != 3.0f * (float)i) return 1;
  }
  printf("y = 3 x, %d times, on %s\n", COUNT, bitloom_device_name(device));

  bitloom_tensor_free(x);
  bitloom_tensor_free(y);
  bitloom_stream_free(stream);
  bitloom_device_free(device);
  bitloom_kernel_free(axpy);
  bitloom_module_free(module);
  return 0;
}
