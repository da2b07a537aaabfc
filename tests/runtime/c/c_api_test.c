/* The C API from plain C, over a driver without a GPU (tests/runtime/fake_driver): handles, errors,
 * copies, packing, a launch. Exits with the number of the line of the first check that fails. */
#include <stdio.h>
#include <string.h>

#include "runtime/c/bitloom.h"

static int failed_line = 0;

static void check(int holds, int line, const char* what) {
  if (holds) return;
  fprintf(stderr, "line %d: %s\n", line, what);
  if (!failed_line) failed_line = line;
}
#define CHECK(condition) check((condition) ? 1 : 0, __LINE__, #condition)

static void done(bitloom_error* error, int line) {
  if (!error) return;
  check(0, line, bitloom_error_message(error));
  bitloom_error_free(error);
}
#define DONE(call) done((call), __LINE__)

static void refused(bitloom_error* error, const char* code, int line) {
  check(error != NULL, line, "an error is expected");
  if (!error) return;
  check(strcmp(bitloom_error_code(error), code) == 0, line, bitloom_error_message(error));
  check(strlen(bitloom_error_message(error)) > 0, line, "an error says something");
  bitloom_error_free(error);
}
#define REFUSED(call, code) refused((call), (code), __LINE__)

static const char* const kText =
    "kernel scale(a: f32, x: global f32[n], y: global f32[n]) grid(ceildiv(n, 256)) threads(64) {\n"
    "    let i = block.x * 256\n"
    "    y[i +: 256] <- a * x[i +: 256]\n"
    "}\n";

static void tensors(const bitloom_device* device, const bitloom_stream* stream) {
  const int64_t shape[2] = {3, 5};
  float data[15], back[15];
  uint8_t codes[15], codes_back[15];
  bitloom_tensor *tensor = NULL, *view = NULL, *narrow = NULL, *again = NULL;
  void* managed = NULL;
  for (int i = 0; i < 15; ++i) data[i] = (float)i, codes[i] = (uint8_t)(i % 8);
  DONE(bitloom_tensor_allocate(device, "f32", 2, shape, &tensor));
  CHECK(bitloom_tensor_bytes(tensor) == sizeof data);
  DONE(bitloom_tensor_upload(tensor, stream, data, sizeof data));
  DONE(bitloom_tensor_download(tensor, stream, back, sizeof back));
  CHECK(memcmp(data, back, sizeof data) == 0);
  REFUSED(bitloom_tensor_upload(tensor, stream, data, 8), "BL0421");
  REFUSED(bitloom_tensor_allocate(device, "f31", 2, shape, &view), "BL0403");
  DONE(bitloom_tensor_wrap(device, bitloom_tensor_address(tensor), sizeof data, "i32", 2, shape,
                           NULL, &view));
  CHECK(bitloom_tensor_address(view) == bitloom_tensor_address(tensor));
  DONE(bitloom_tensor_allocate(device, "u3", 2, shape, &narrow));
  CHECK(bitloom_tensor_bytes(narrow) == 6);
  DONE(bitloom_tensor_upload(narrow, stream, codes, sizeof codes));
  DONE(bitloom_tensor_download(narrow, stream, codes_back, sizeof codes_back));
  CHECK(memcmp(codes, codes_back, sizeof codes) == 0);
  CHECK(strcmp(bitloom_tensor_tag(narrow), "") == 0);
  DONE(bitloom_tensor_to_dlpack(tensor, &managed));
  DONE(bitloom_tensor_from_dlpack(managed, &again));
  CHECK(bitloom_tensor_address(again) == bitloom_tensor_address(tensor));
  REFUSED(bitloom_tensor_to_dlpack(narrow, &managed), "BL0809");
  bitloom_tensor_free(tensor);
  bitloom_tensor_free(view);
  bitloom_tensor_free(narrow);
  bitloom_tensor_free(again);
}

static void kernels(const bitloom_device* device, const bitloom_stream* stream, const char* stdlib,
                    const char* gemm_path) {
  bitloom_module *module = NULL, *wrong = NULL, *gemm_module = NULL;
  bitloom_kernel *scale = NULL, *gemm = NULL, *none = NULL;
  bitloom_tensor *x = NULL, *y = NULL, *w = NULL;
  const int64_t shape[1] = {1000};
  const bitloom_generic generics[1] = {{"W", "u4"}};
  uint8_t codes[128 * 64], back[128 * 64];
  for (size_t i = 0; i < sizeof codes; ++i) codes[i] = (uint8_t)(i * 7 % 16);

  REFUSED(bitloom_module_load("/nowhere/kernel.bl", stdlib, &wrong), "BL0601");
  REFUSED(bitloom_module_load_text("wrong.bl", "kernel k( {", stdlib, &wrong), "BL0101");
  DONE(bitloom_module_load_text("scale.bl", kText, stdlib, &module));
  REFUSED(bitloom_kernel_specialize(module, "scalle", NULL, 0, NULL, 0, &none), "BL0419");
  DONE(bitloom_kernel_specialize(module, "scale", NULL, 0, NULL, 0, &scale));
  bitloom_module_free(module);
  bitloom_error* error = bitloom_kernel_prepare(scale, device);
  if (error && strcmp(bitloom_error_code(error), "BL0416") == 0) {
    printf("this machine has no NVRTC: no kernel is launched\n");
    bitloom_error_free(error);
    bitloom_kernel_free(scale);
    return;
  }
  DONE(error);
  DONE(bitloom_tensor_allocate(device, "f32", 1, shape, &x));
  DONE(bitloom_tensor_allocate(device, "f32", 1, shape, &y));
  const bitloom_argument arguments[3] = {bitloom_real_argument(0.5), bitloom_tensor_argument(x),
                                         bitloom_tensor_argument(y)};
  DONE(bitloom_kernel_launch(scale, stream, arguments, 3, NULL, 0));
  DONE(bitloom_stream_synchronize(stream));
  REFUSED(bitloom_kernel_launch(scale, stream, arguments, 2, NULL, 0), "BL0401");
  const bitloom_size size = {"n", 999};
  REFUSED(bitloom_kernel_launch(scale, stream, arguments, 3, &size, 1), "BL0405");
  const bitloom_argument absent[3] = {bitloom_integer_argument(2), bitloom_tensor_argument(x),
                                      bitloom_absent_argument()};
  REFUSED(bitloom_kernel_launch(scale, stream, absent, 3, NULL, 0), "BL0401");

  DONE(bitloom_module_load(gemm_path, stdlib, &gemm_module));
  DONE(bitloom_kernel_specialize(gemm_module, "gemm", generics, 1, NULL, 0, &gemm));
  DONE(bitloom_pack(gemm, "w", stream, codes, 128, 64, &w));
  CHECK(strlen(bitloom_tensor_tag(w)) > 0);
  DONE(bitloom_unpack(w, stream, back, sizeof back));
  CHECK(memcmp(codes, back, sizeof codes) == 0);
  REFUSED(bitloom_pack(gemm, "a", stream, codes, 128, 64, &w), "BL0402");
  codes[0] = 16;
  REFUSED(bitloom_pack(gemm, "w", stream, codes, 128, 64, &w), "BL0417");
  bitloom_tensor_free(x);
  bitloom_tensor_free(y);
  bitloom_tensor_free(w);
  bitloom_kernel_free(scale);
  bitloom_kernel_free(gemm);
  bitloom_module_free(gemm_module);
}

int main(int argc, char** argv) {
  int count = 0;
  bitloom_device* device = NULL;
  bitloom_stream *stream = NULL, *borrowed = NULL;
  if (argc != 3) return 2;
  DONE(bitloom_device_count(&count));
  CHECK(count == 1);
  REFUSED(bitloom_device_open(7, &device), "BL0416");
  DONE(bitloom_device_open(0, &device));
  if (!device) return 1;
  CHECK(strlen(bitloom_device_name(device)) > 0);
  CHECK(bitloom_device_sms(device) == 132);
  DONE(bitloom_stream_create(device, &stream));
  DONE(bitloom_stream_borrow(device, NULL, &borrowed));
  bitloom_stream_free(borrowed);
  tensors(device, stream);
  kernels(device, stream, argv[1], argv[2]);
  DONE(bitloom_device_synchronize(device));
  bitloom_stream_free(stream);
  bitloom_device_free(device);
  bitloom_error_free(NULL);
  if (failed_line) printf("failed at line %d\n", failed_line);
  return failed_line ? 1 : 0;
}
