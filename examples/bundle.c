/* A kernel compiled ahead of time, in a plain C program: nothing of Bitloom is linked, only the
 * source that `bitloom build kernels/vector_add/vector_add.bl -o FOLDER` wrote. The context and the
 * memory are the program's own; it takes them from the driver, which it looks up when it runs.
 * Without a GPU it says what is missing and ends with 77. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vector_add.h"

#define COUNT 5000

/* Of the driver's functions, those that this program calls. */
static struct {
  int (*init)(unsigned flags);
  int (*device_get)(int* device, int ordinal);
  int (*context_retain)(void** context, int device);
  int (*context_set)(void* context);
  int (*allocate)(uint64_t* address, size_t bytes);
  int (*upload)(uint64_t to, const void* from, size_t bytes);
  int (*download)(void* to, uint64_t from, size_t bytes);
} driver;

static int find(void* library, const char* name, void* function) {
  void* symbol = dlsym(library, name);
  memcpy(function, &symbol, sizeof symbol);
  return symbol != NULL;
}

static int find_driver(void) {
  void* library = dlopen("libcuda.so.1", RTLD_NOW);
  return library && find(library, "cuInit", &driver.init) &&
         find(library, "cuDeviceGet", &driver.device_get) &&
         find(library, "cuDevicePrimaryCtxRetain", &driver.context_retain) &&
         find(library, "cuCtxSetCurrent", &driver.context_set) &&
         find(library, "cuMemAlloc_v2", &driver.allocate) &&
         find(library, "cuMemcpyHtoD_v2", &driver.upload) &&
         find(library, "cuMemcpyDtoH_v2", &driver.download);
}

/* Ends the program at the first error. */
static void must(int error) {
  if (!error) return;
  fprintf(stderr, "error: %s\n", vector_add_message(error));
  exit(1);
}

int main(void) {
  int device = 0;
  if (!find_driver() || driver.init(0) != 0 || driver.device_get(&device, 0) != 0) {
    fprintf(stderr, "skipped: there is no driver or no GPU\n");
    return 77;
  }
  void* context = NULL;
  must(driver.context_retain(&context, device));
  must(driver.context_set(context));

  struct vector_add kernel;
  must(vector_add_load(&kernel));
  static float numbers[COUNT];
  for (int i = 0; i < COUNT; ++i) numbers[i] = (float)i;
  struct vector_add_arguments arguments = {0, 0, 0, COUNT};
  must(driver.allocate(&arguments.a, sizeof numbers));
  must(driver.allocate(&arguments.b, sizeof numbers));
  must(driver.allocate(&arguments.c, sizeof numbers));
  must(driver.upload(arguments.a, numbers, sizeof numbers));
  must(driver.upload(arguments.b, numbers, sizeof numbers));
  must(vector_add_launch(&kernel, &arguments, NULL));
  must(driver.download(numbers, arguments.c, sizeof numbers)); /* waits for the launch */
  for (int i = 0; i < COUNT; ++i) {
    if (numbers[i] != 2.0f * (float)i) return 1;
  }
  printf("c = 2 a, %d times\n", COUNT);
  return vector_add_unload(&kernel);
}
