#include "tests/runtime/fake_driver/fake_driver.h"

#include <cstdlib>
#include <cstring>
#include <mutex>

namespace bitloom::cuda {

// Every entry point of the table, under the driver's own symbol.
#define CUDA_CALL(name, symbol, parameters) \
  extern "C" __attribute__((visibility("default"))) CUresult name parameters asm(symbol);
#include "runtime/cuda/driver.def"

}  // namespace bitloom::cuda

namespace bitloom::test {
namespace {

FakeDriver& state() {
  static FakeDriver driver;
  return driver;
}

cuda::CUresult enter(const char* call) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  FakeDriver& fake = state();
  ++fake.calls[call];
  const auto found = fake.fail.find(call);
  if (found == fake.fail.end()) return cuda::kSuccess;
  const cuda::CUresult result = found->second;
  fake.fail.erase(found);
  return result;
}

template <class Handle>
Handle handle(std::uintptr_t number) {
  return reinterpret_cast<Handle>(number);
}

thread_local std::vector<cuda::CUcontext> current_contexts;

}  // namespace

extern "C" __attribute__((visibility("default"))) FakeDriver* bitloom_fake_driver() {
  return &state();
}

}  // namespace bitloom::test

#define ENTER(call)                                                                  \
  if (const CUresult failed = test::enter(#call); failed != kSuccess) return failed; \
  [[maybe_unused]] test::FakeDriver& fake = test::state()

namespace bitloom::cuda {

using test::handle;

CUresult cuInit(unsigned) {
  ENTER(cuInit);
  return kSuccess;
}
CUresult cuDriverGetVersion(int* version) {
  ENTER(cuDriverGetVersion);
  *version = 12080;
  return kSuccess;
}
CUresult cuGetErrorName(CUresult result, const char** name) {
  *name = result == kOutOfMemory ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_FAKE";
  return kSuccess;
}
CUresult cuGetErrorString(CUresult, const char** text) {
  *text = "as the test wanted it";
  return kSuccess;
}

CUresult cuDeviceGetCount(int* count) {
  ENTER(cuDeviceGetCount);
  *count = static_cast<int>(fake.devices.size());
  return kSuccess;
}
CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  ENTER(cuDeviceGet);
  *device = ordinal;
  return kSuccess;
}
CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  ENTER(cuDeviceGetName);
  std::strncpy(name, fake.devices[static_cast<std::size_t>(device)].name.c_str(),
               static_cast<std::size_t>(length) - 1);
  return kSuccess;
}
CUresult cuDeviceGetAttribute(int* value, CUdevice_attribute attribute, CUdevice device) {
  ENTER(cuDeviceGetAttribute);
  const test::FakeDevice& gpu = fake.devices[static_cast<std::size_t>(device)];
  switch (attribute) {
    case kMultiprocessorCount:
      *value = gpu.sms;
      break;
    case kL2CacheSize:
      *value = 50 << 20;
      break;
    case kComputeCapabilityMajor:
      *value = gpu.major;
      break;
    case kComputeCapabilityMinor:
      *value = gpu.minor;
      break;
    case kMaxSharedMemoryPerBlockOptin:
      *value = gpu.shared_limit;
      break;
  }
  return kSuccess;
}
CUresult cuDeviceTotalMem(std::size_t* bytes, CUdevice) {
  ENTER(cuDeviceTotalMem);
  *bytes = std::size_t{80} << 30;
  return kSuccess;
}
CUresult cuDevicePrimaryCtxRetain(CUcontext* context, CUdevice device) {
  ENTER(cuDevicePrimaryCtxRetain);
  ++fake.contexts;
  *context = handle<CUcontext>(static_cast<std::uintptr_t>(device) + 1);
  return kSuccess;
}
CUresult cuDevicePrimaryCtxRelease(CUdevice) {
  ENTER(cuDevicePrimaryCtxRelease);
  --fake.contexts;
  return kSuccess;
}

CUresult cuCtxGetCurrent(CUcontext* context) {
  ENTER(cuCtxGetCurrent);
  *context = test::current_contexts.empty() ? nullptr : test::current_contexts.back();
  return kSuccess;
}
CUresult cuCtxPushCurrent(CUcontext context) {
  ENTER(cuCtxPushCurrent);
  test::current_contexts.push_back(context);
  return kSuccess;
}
CUresult cuCtxPopCurrent(CUcontext* context) {
  ENTER(cuCtxPopCurrent);
  *context = test::current_contexts.back();
  test::current_contexts.pop_back();
  return kSuccess;
}
CUresult cuCtxSynchronize() {
  ENTER(cuCtxSynchronize);
  return fake.fault;
}

CUresult cuMemAlloc(CUdeviceptr* address, std::size_t bytes) {
  ENTER(cuMemAlloc);
  void* memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  std::memset(memory, 0xA5, bytes);
  *address = reinterpret_cast<CUdeviceptr>(memory);
  ++fake.allocations;
  return kSuccess;
}
CUresult cuMemFree(CUdeviceptr address) {
  ENTER(cuMemFree);
  std::free(reinterpret_cast<void*>(address));
  --fake.allocations;
  return kSuccess;
}
CUresult cuMemGetInfo(std::size_t* free_bytes, std::size_t* total) {
  ENTER(cuMemGetInfo);
  *free_bytes = *total = std::size_t{80} << 30;
  return kSuccess;
}
CUresult cuMemHostAlloc(void** address, std::size_t bytes, unsigned) {
  ENTER(cuMemHostAlloc);
  *address = std::malloc(bytes);
  return kSuccess;
}
CUresult cuMemFreeHost(void* address) {
  ENTER(cuMemFreeHost);
  std::free(address);
  return kSuccess;
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void* from, std::size_t bytes, CUstream) {
  ENTER(cuMemcpyHtoDAsync);
  std::memcpy(reinterpret_cast<void*>(to), from, bytes);
  return kSuccess;
}
CUresult cuMemcpyDtoHAsync(void* to, CUdeviceptr from, std::size_t bytes, CUstream) {
  ENTER(cuMemcpyDtoHAsync);
  if (fake.fault != kSuccess) return fake.fault;
  std::memcpy(to, reinterpret_cast<const void*>(from), bytes);
  return kSuccess;
}
CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, std::size_t bytes, CUstream) {
  ENTER(cuMemcpyAsync);
  std::memcpy(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
  return kSuccess;
}
CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, std::size_t bytes, CUstream) {
  ENTER(cuMemsetD8Async);
  std::memset(reinterpret_cast<void*>(to), value, bytes);
  return kSuccess;
}

CUresult cuStreamCreate(CUstream* stream, unsigned) {
  ENTER(cuStreamCreate);
  *stream = handle<CUstream>(static_cast<std::uintptr_t>(0x1000 + ++fake.streams));
  return kSuccess;
}
CUresult cuStreamDestroy(CUstream) {
  ENTER(cuStreamDestroy);
  --fake.streams;
  return kSuccess;
}
CUresult cuStreamSynchronize(CUstream) {
  ENTER(cuStreamSynchronize);
  return fake.fault;
}
CUresult cuStreamWaitEvent(CUstream, CUevent, unsigned) {
  ENTER(cuStreamWaitEvent);
  return kSuccess;
}
CUresult cuStreamIsCapturing(CUstream, CUstreamCaptureStatus* status) {
  ENTER(cuStreamIsCapturing);
  *status = fake.capturing ? kCaptureActive : kCaptureNone;
  return kSuccess;
}
CUresult cuStreamBeginCapture(CUstream, CUstreamCaptureMode) {
  ENTER(cuStreamBeginCapture);
  fake.capturing = true;
  return kSuccess;
}
CUresult cuStreamEndCapture(CUstream, CUgraph* graph) {
  ENTER(cuStreamEndCapture);
  fake.capturing = false;
  *graph = handle<CUgraph>(0x3000);
  return kSuccess;
}
CUresult cuGraphInstantiate(CUgraphExec* executable, CUgraph, unsigned long long) {
  ENTER(cuGraphInstantiate);
  *executable = handle<CUgraphExec>(0x3100);
  return kSuccess;
}
CUresult cuGraphLaunch(CUgraphExec, CUstream) {
  ENTER(cuGraphLaunch);
  return kSuccess;
}
CUresult cuGraphExecDestroy(CUgraphExec) {
  ENTER(cuGraphExecDestroy);
  return kSuccess;
}
CUresult cuGraphDestroy(CUgraph) {
  ENTER(cuGraphDestroy);
  return kSuccess;
}
CUresult cuEventCreate(CUevent* event, unsigned) {
  ENTER(cuEventCreate);
  *event = handle<CUevent>(static_cast<std::uintptr_t>(0x2000 + ++fake.events));
  return kSuccess;
}
CUresult cuEventDestroy(CUevent) {
  ENTER(cuEventDestroy);
  --fake.events;
  return kSuccess;
}
CUresult cuEventRecord(CUevent, CUstream) {
  ENTER(cuEventRecord);
  return kSuccess;
}
CUresult cuEventSynchronize(CUevent) {
  ENTER(cuEventSynchronize);
  return fake.fault;
}
CUresult cuEventElapsedTime(float* milliseconds, CUevent, CUevent) {
  ENTER(cuEventElapsedTime);
  *milliseconds = 0.25f;
  return kSuccess;
}

CUresult cuModuleLoadData(CUmodule* module, const void*) {
  ENTER(cuModuleLoadData);
  *module = handle<CUmodule>(static_cast<std::uintptr_t>(0x4000 + ++fake.modules));
  return kSuccess;
}
CUresult cuModuleUnload(CUmodule) {
  ENTER(cuModuleUnload);
  --fake.modules;
  return kSuccess;
}
// A function is known by its name.
CUresult cuModuleGetFunction(CUfunction* function, CUmodule, const char* name) {
  ENTER(cuModuleGetFunction);
  static std::map<std::string, char> names;
  const auto [at, fresh] = names.emplace(name, '\0');
  *function = reinterpret_cast<CUfunction>(const_cast<std::string*>(&at->first));
  return kSuccess;
}
CUresult cuFuncGetAttribute(int* value, CUfunction_attribute attribute, CUfunction) {
  ENTER(cuFuncGetAttribute);
  *value = attribute == kNumRegs ? 42 : 0;
  return kSuccess;
}
CUresult cuFuncSetAttribute(CUfunction, CUfunction_attribute attribute, int value) {
  ENTER(cuFuncSetAttribute);
  fake.attributes[std::to_string(attribute)] = value;
  return kSuccess;
}
CUresult cuFuncLoad(CUfunction) {
  ENTER(cuFuncLoad);
  return kSuccess;
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, CUfunction, int, std::size_t) {
  ENTER(cuOccupancyMaxActiveBlocksPerMultiprocessor);
  *blocks = fake.devices[0].blocks_per_sm;
  return kSuccess;
}
CUresult cuOccupancyMaxActiveClusters(int* clusters, CUfunction, const CUlaunchConfig*) {
  ENTER(cuOccupancyMaxActiveClusters);
  *clusters = 1;
  return kSuccess;
}
CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction function, void** parameters,
                          void**) {
  ENTER(cuLaunchKernelEx);
  test::FakeLaunch launch{*reinterpret_cast<const std::string*>(function), *config, {}, parameters};
  for (unsigned i = 0; i < config->numAttrs; ++i)
    launch.attributes[config->attrs[i].id] = config->attrs[i].value.number;
  if (fake.on_launch) fake.on_launch(launch);
  return kSuccess;
}
CUresult cuTensorMapEncodeTiled(CUtensorMap* map, CUtensorMapDataType type, std::uint32_t rank,
                                void* address, const std::uint64_t* extents,
                                const std::uint64_t* strides, const std::uint32_t* box,
                                const std::uint32_t*, CUtensorMapInterleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion,
                                CUtensorMapFloatOOBfill) {
  ENTER(cuTensorMapEncodeTiled);
  fake.maps.push_back({type,
                       static_cast<int>(rank),
                       swizzle,
                       reinterpret_cast<std::uint64_t>(address),
                       {extents, extents + rank},
                       {strides, strides + rank - 1},
                       {box, box + rank}});
  map->opaque[0] = fake.maps.size();
  return kSuccess;
}

}  // namespace bitloom::cuda
