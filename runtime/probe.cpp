#include "runtime/probe.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <filesystem>
#include <memory>

namespace bitloom::runtime {
namespace {

struct Closer {
  void operator()(void* handle) const { dlclose(handle); }
};
using Library = std::unique_ptr<void, Closer>;

// The first of the names that the loader finds, and its name.
Library open_any(const std::vector<std::string>& names, std::string& found) {
  for (const std::string& name : names) {
    if (void* handle = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL)) {
      found = name;
      return Library(handle);
    }
  }
  return nullptr;
}

template <class F>
F symbol(const Library& library, const char* name) {
  return reinterpret_cast<F>(dlsym(library.get(), name));
}

std::vector<std::string> nvrtc_names() {
  std::vector<std::string> names = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
  for (const char* folder : {"/usr/local/cuda/lib64/"}) {
    for (int i = 0; i < 3; ++i) names.push_back(folder + names[static_cast<std::size_t>(i)]);
  }
  return names;
}

Component probe_nvrtc() {
  std::string name;
  const Library library = open_any(nvrtc_names(), name);
  if (!library) return {};
  int major = 0, minor = 0;
  const auto version = symbol<int (*)(int*, int*)>(library, "nvrtcVersion");
  if (!version || version(&major, &minor) != 0) return {};
  return {true, fmt::format("{}, version {}.{}", name, major, minor)};
}

// The driver API, as far as counting and naming GPUs needs it (cuda.h is not required to build).
struct Driver {
  Library library;
  int version = 0;

  static Driver open() {
    std::string name;
    Driver driver{open_any({"libcuda.so.1"}, name), 0};
    if (!driver.library) return driver;
    const auto init = symbol<int (*)(unsigned)>(driver.library, "cuInit");
    const auto get_version = symbol<int (*)(int*)>(driver.library, "cuDriverGetVersion");
    if (!init || !get_version || init(0) != 0 || get_version(&driver.version) != 0)
      driver.library.reset();
    return driver;
  }

  std::vector<std::string> gpus() const {
    constexpr int kMajor = 75, kMinor = 76;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_*
    const auto get_count = symbol<int (*)(int*)>(library, "cuDeviceGetCount");
    const auto get_name = symbol<int (*)(char*, int, int)>(library, "cuDeviceGetName");
    const auto get_attribute = symbol<int (*)(int*, int, int)>(library, "cuDeviceGetAttribute");
    int count = 0;
    std::vector<std::string> result;
    if (!get_count || !get_name || !get_attribute || get_count(&count) != 0) return result;
    for (int device = 0; device < count; ++device) {
      char text[128] = {};
      int major = 0, minor = 0;
      if (get_name(text, sizeof text, device) != 0 || get_attribute(&major, kMajor, device) != 0 ||
          get_attribute(&minor, kMinor, device) != 0) {
        continue;
      }
      result.push_back(fmt::format("{}, sm_{}{}", text, major, minor));
    }
    return result;
  }
};

}  // namespace

Probe probe() {
  Probe result;
  result.nvrtc = probe_nvrtc();
  const Driver driver = Driver::open();
  if (driver.library) {
    result.driver = {true, fmt::format("libcuda.so.1, for CUDA {}.{}", driver.version / 1000,
                                       driver.version % 1000 / 10)};
    result.gpus = driver.gpus();
  }
  return result;
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

}  // namespace bitloom::runtime
