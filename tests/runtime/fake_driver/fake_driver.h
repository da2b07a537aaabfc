// A CUDA driver that has no GPU: memory is the host's, a launch calls the test.
//
// It is a library of its own (libfake_cuda.so) with the symbols of libcuda.so.1, so that the
// runtime finds it as it finds the real one. Everything that is called is counted; any call can be
// told to fail.
//
//   FakeDriver& fake = fake_driver();       // before anything of the runtime
//   fake.on_launch = [](const FakeLaunch& launch) { … *static_cast<float**>(launch.parameters[0]) …
//   }; fake.fail["cuMemAlloc"] = cuda::kOutOfMemory;
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/cuda/types.h"

namespace bitloom::test {

struct FakeLaunch {
  std::string kernel;
  cuda::CUlaunchConfig config;
  std::map<int, int> attributes;  // of the launch: id, value
  void** parameters;              // valid inside of on_launch only
};

struct FakeDevice {
  std::string name = "Fake H100";
  int major = 9, minor = 0, sms = 132, shared_limit = 232448, blocks_per_sm = 2;
};

struct FakeTensorMap {
  int type, rank, swizzle;
  std::uint64_t address;
  std::vector<std::uint64_t> extents, strides;
  std::vector<std::uint32_t> box;
};

struct FakeDriver {
  std::vector<FakeDevice> devices = {{}};
  std::map<std::string, int> calls;            // how often each was called
  std::map<std::string, cuda::CUresult> fail;  // what the next call answers, once
  cuda::CUresult fault = cuda::kSuccess;  // what every call that waits answers, from a launch on
  std::function<void(const FakeLaunch&)> on_launch;
  std::vector<FakeTensorMap> maps;
  std::map<std::string, int> attributes;  // of functions, as set: "8" -> bytes
  bool capturing = false;
  int allocations = 0, modules = 0, streams = 0, events = 0, contexts = 0;  // that live

  void reset() { *this = FakeDriver{}; }
};

// Loads the library, and makes the runtime use it.
FakeDriver& fake_driver();

}  // namespace bitloom::test
