/* A CUDA driver that launches nothing: it writes the calls that matter, with what they were given,
 * to the file that FAKE_CUDA_LOG names. FAKE_CUDA_SM is the compute capability (90 unless said). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void say(const char* text) {
  const char* path = getenv("FAKE_CUDA_LOG");
  FILE* file = path ? fopen(path, "a") : NULL;
  if (!file) return;
  fprintf(file, "%s\n", text);
  fclose(file);
}

int cuInit(unsigned flags) {
  return (int)flags;
}

int cuCtxGetDevice(int* device) {
  *device = 0;
  return 0;
}

int cuDeviceGetAttribute(int* value, int attribute, int device) {
  const char* text = getenv("FAKE_CUDA_SM");
  const int sm = text ? atoi(text) : 90;
  *value = attribute == 75 ? sm / 10 : attribute == 76 ? sm % 10 : attribute == 16 ? 132 : 0;
  return device;
}

int cuModuleLoadData(void** module, const void* image) {
  *module = (void*)image;
  return memcmp(image,
                "\x7f"
                "ELF",
                4) == 0
             ? 0
             : 200;
}

int cuModuleUnload(void* module) {
  say(module ? "unload" : "unload nothing");
  return 0;
}

int cuModuleGetFunction(void** function, void* module, const char* name) {
  char text[200];
  /* e_flags of the image: bits 8 to 15 are its architecture. */
  snprintf(text, sizeof text, "function %s of sm_%d", name, ((const unsigned char*)module)[49]);
  say(text);
  *function = module;
  return 0;
}

int cuFuncSetAttribute(void* function, int attribute, int value) {
  char text[100];
  snprintf(text, sizeof text, "attribute %d = %d", attribute, value);
  say(text);
  return function ? 0 : 1;
}

int cuGetErrorString(int error, const char** text) {
  *text = error == 700 ? "an illegal memory access was encountered" : NULL;
  return 0;
}

int cuTensorMapEncodeTiled(void* map, int type, uint32_t rank, void* address, const uint64_t* dims,
                           const uint64_t* strides, const uint32_t* box, const uint32_t* steps,
                           int interleave, int swizzle, int promotion, int fill) {
  char text[300];
  snprintf(
      text, sizeof text,
      "map type %d rank %u at %#llx dims %llu %llu stride %llu box %u %u steps %u %u %d swizzle "
      "%d %d %d",
      type, rank, (unsigned long long)(uintptr_t)address, (unsigned long long)dims[0],
      (unsigned long long)dims[1], (unsigned long long)strides[0], box[0], box[1], steps[0],
      steps[1], interleave, swizzle, promotion, fill);
  say(text);
  memset(map, 7, 128);
  return (uintptr_t)map % 64 == 0 ? 0 : 1;
}

/* The first words of the parameters, as many as FAKE_CUDA_WORDS says. */
int cuLaunchKernel(void* function, unsigned x, unsigned y, unsigned z, unsigned tx, unsigned ty,
                   unsigned tz, unsigned shared, void* stream, void** parameters, void** extra) {
  char text[400];
  const char* words = getenv("FAKE_CUDA_WORDS");
  int used = snprintf(text, sizeof text, "launch %u %u %u threads %u %u %u shared %u:", x, y, z, tx,
                      ty, tz, shared);
  for (int i = 0; i < (words ? atoi(words) : 0); ++i) {
    long long word;
    memcpy(&word, parameters[i], sizeof word);
    used += snprintf(text + used, sizeof text - (size_t)used, " %lld", word);
  }
  say(text);
  return function && !stream && !extra ? 0 : 1;
}
