// Bitloom for C: kernels on GPUs from a plain C program.
//
//   bitloom_error* error = bitloom_device_open(0, &device);
//   if (error) { fprintf(stderr, "%s\n", bitloom_error_message(error)); bitloom_error_free(error);
// … }
//
// Every function that can fail gives back an error, or NULL when all went well; then, and only
// then, its results are set. Errors are freed by the caller. Everything else that a function hands
// out is freed by the function of its name; handles may be freed in any order, and freeing NULL
// does nothing. Nothing here throws or exits. All functions may be called from several threads; one
// handle must not be freed while another thread uses it.
//
// Element types are named as in kernels: "f16", "bf16", "f32", "i32", "u4", "e3m2". Shapes are in
// elements, the slow dimension first.
#ifndef BITLOOM_C_H
#define BITLOOM_C_H
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct bitloom_error bitloom_error;
typedef struct bitloom_device bitloom_device;
typedef struct bitloom_stream bitloom_stream;
typedef struct bitloom_tensor bitloom_tensor;
typedef struct bitloom_module bitloom_module;
typedef struct bitloom_kernel bitloom_kernel;

/* ---- Errors ---- */
const char* bitloom_error_code(const bitloom_error* error); /* "BL0405": `bitloom explain BL0405` */
const char* bitloom_error_message(const bitloom_error* error); /* one sentence */
const char* bitloom_error_hint(const bitloom_error* error);    /* what to do; may be "" */
void bitloom_error_free(bitloom_error* error);

/* ---- Devices and streams ---- */
bitloom_error* bitloom_device_count(int* count);
bitloom_error* bitloom_device_open(int ordinal, bitloom_device** device);
const char* bitloom_device_name(const bitloom_device* device);
int bitloom_device_sms(const bitloom_device* device);
bitloom_error* bitloom_device_synchronize(const bitloom_device* device);
void bitloom_device_free(bitloom_device* device);

bitloom_error* bitloom_stream_create(const bitloom_device* device, bitloom_stream** stream);
/* A cudaStream_t or CUstream of somebody else; NULL is the default stream. */
bitloom_error* bitloom_stream_borrow(const bitloom_device* device, void* handle,
                                     bitloom_stream** stream);
/* Waits; a kernel that faulted is reported here, with its arguments. */
bitloom_error* bitloom_stream_synchronize(const bitloom_stream* stream);
void bitloom_stream_free(bitloom_stream* stream);

/* ---- Tensors ---- */
bitloom_error* bitloom_tensor_allocate(const bitloom_device* device, const char* type, size_t rank,
                                       const int64_t* shape, bitloom_tensor** tensor);
/* Memory of somebody else, which must outlive the tensor. `strides` may be NULL: dense. */
bitloom_error* bitloom_tensor_wrap(const bitloom_device* device, void* address, size_t bytes,
                                   const char* type, size_t rank, const int64_t* shape,
                                   const int64_t* strides, bitloom_tensor** tensor);
/* `managed` is a DLManagedTensor*; it is taken over, also on failure. */
bitloom_error* bitloom_tensor_from_dlpack(void* managed, bitloom_tensor** tensor);
bitloom_error* bitloom_tensor_to_dlpack(const bitloom_tensor* tensor, void** managed);
/* Copies of all bytes, which the host holds dense (a narrow type as one code a byte); they wait. */
bitloom_error* bitloom_tensor_upload(bitloom_tensor* tensor, const bitloom_stream* stream,
                                     const void* data, size_t bytes);
bitloom_error* bitloom_tensor_download(const bitloom_tensor* tensor, const bitloom_stream* stream,
                                       void* data, size_t bytes);
void* bitloom_tensor_address(const bitloom_tensor* tensor);
size_t bitloom_tensor_bytes(const bitloom_tensor* tensor);
const char* bitloom_tensor_tag(const bitloom_tensor* tensor); /* of packed weights; else "" */
void bitloom_tensor_free(bitloom_tensor* tensor);

/* ---- Kernels ---- */
/* `stdlib` may be NULL: where BITLOOM_STDLIB says, or beside the program. */
bitloom_error* bitloom_module_load(const char* path, const char* stdlib, bitloom_module** module);
bitloom_error* bitloom_module_load_text(const char* name, const char* text, const char* stdlib,
                                        bitloom_module** module);
void bitloom_module_free(bitloom_module* module);

typedef struct bitloom_generic {
  const char* name;  /* "W" */
  const char* value; /* "u4" */
} bitloom_generic;
/* `present` names the optional parameters that launches give. */
bitloom_error* bitloom_kernel_specialize(const bitloom_module* module, const char* name,
                                         const bitloom_generic* generics, size_t generic_count,
                                         const char* const* present, size_t present_count,
                                         bitloom_kernel** kernel);
/* Compiles and loads; a launch that is captured into a graph needs it before. */
bitloom_error* bitloom_kernel_prepare(const bitloom_kernel* kernel, const bitloom_device* device);
void bitloom_kernel_free(bitloom_kernel* kernel);

/* Codes [k, n], one a byte, row-major, in the order in which the kernel's parameter wants them. */
bitloom_error* bitloom_pack(const bitloom_kernel* kernel, const char* parameter,
                            const bitloom_stream* stream, const uint8_t* codes, int64_t k,
                            int64_t n, bitloom_tensor** tensor);
/* Back; `bytes` is k * n. */
bitloom_error* bitloom_unpack(const bitloom_tensor* tensor, const bitloom_stream* stream,
                              uint8_t* codes, size_t bytes);

typedef enum bitloom_argument_kind {
  BITLOOM_ABSENT = 0, /* an optional parameter that the specialisation has not */
  BITLOOM_TENSOR = 1,
  BITLOOM_INTEGER = 2,
  BITLOOM_REAL = 3
} bitloom_argument_kind;
typedef struct bitloom_argument {
  bitloom_argument_kind kind;
  const bitloom_tensor* tensor;
  int64_t integer;
  double real;
} bitloom_argument;
typedef struct bitloom_size { /* a size that does not follow from the tensors */
  const char* name;
  int64_t value;
} bitloom_size;

static inline bitloom_argument bitloom_tensor_argument(const bitloom_tensor* tensor) {
  bitloom_argument argument = {BITLOOM_TENSOR, tensor, 0, 0};
  return argument;
}
static inline bitloom_argument bitloom_integer_argument(int64_t number) {
  bitloom_argument argument = {BITLOOM_INTEGER, NULL, number, 0};
  return argument;
}
static inline bitloom_argument bitloom_real_argument(double number) {
  bitloom_argument argument = {BITLOOM_REAL, NULL, 0, number};
  return argument;
}
static inline bitloom_argument bitloom_absent_argument(void) {
  bitloom_argument argument = {BITLOOM_ABSENT, NULL, 0, 0};
  return argument;
}

/* Arguments in the order of the kernel's parameters. Does not wait. */
bitloom_error* bitloom_kernel_launch(const bitloom_kernel* kernel, const bitloom_stream* stream,
                                     const bitloom_argument* arguments, size_t argument_count,
                                     const bitloom_size* sizes, size_t size_count);

#ifdef __cplusplus
}
#endif

#endif
