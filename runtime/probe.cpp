#include "runtime/probe.h"

#include <fmt/format.h>

#include <filesystem>

#include "runtime/cuda/driver.h"
#include "runtime/cuda/nvrtc.h"
#include "runtime/device.h"

namespace bitloom::runtime {

Probe probe() {
  Probe result;
  if (const auto nvrtc = cuda::Nvrtc::find()) {
    result.nvrtc = {true, fmt::format("{}, version {}.{}", (*nvrtc)->library(), (*nvrtc)->major(),
                                      (*nvrtc)->minor())};
  } else {
    result.nvrtc.detail = nvrtc.error().message;
  }
  if (const auto driver = cuda::Driver::find()) {
    result.driver = {true, fmt::format("{}, for CUDA {}.{}", (*driver)->library,
                                       (*driver)->version / 1000, (*driver)->version % 1000 / 10)};
  } else {
    result.driver.detail = driver.error().message;
  }
  const Result<int> count = Device::count();
  for (int ordinal = 0; count && ordinal < *count; ++ordinal) {
    const Result<Device> device = Device::open(ordinal);
    result.gpus.push_back(device ? fmt::format("{}, {}, {} SMs, {} MiB", device->name(),
                                               vm::to_string(device->target()), device->sms(),
                                               device->memory() >> 20)
                                 : fmt::format("GPU {}: {}", ordinal, device.error().message));
  }
  return result;
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace bitloom::runtime
