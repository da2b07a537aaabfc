#include "tests/codegen/nvrtc.h"

#include <dlfcn.h>

#include <regex>

namespace bitloom::test {
namespace {

void* open_nvrtc() {
  for (const char* name :
       {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so", "/usr/local/cuda/lib64/libnvrtc.so"}) {
    if (void* library = dlopen(name, RTLD_LAZY | RTLD_LOCAL)) return library;
  }
  return nullptr;
}

template <class F>
F symbol(void* library, const char* name) {
  return reinterpret_cast<F>(dlsym(library, name));
}

using Program = void*;

}  // namespace

std::optional<Compiled> compile_with_nvrtc(const std::string& text, const std::string& name,
                                           const std::string& architecture) {
  static void* const library = open_nvrtc();
  if (!library) return std::nullopt;
  const auto create = symbol<int (*)(Program*, const char*, const char*, int, const char* const*,
                                     const char* const*)>(library, "nvrtcCreateProgram");
  const auto compile =
      symbol<int (*)(Program, int, const char* const*)>(library, "nvrtcCompileProgram");
  const auto log_size = symbol<int (*)(Program, std::size_t*)>(library, "nvrtcGetProgramLogSize");
  const auto get_log = symbol<int (*)(Program, char*)>(library, "nvrtcGetProgramLog");
  const auto cubin_size = symbol<int (*)(Program, std::size_t*)>(library, "nvrtcGetCUBINSize");
  const auto get_cubin = symbol<int (*)(Program, char*)>(library, "nvrtcGetCUBIN");
  const auto destroy = symbol<int (*)(Program*)>(library, "nvrtcDestroyProgram");

  Compiled result;
  Program program = nullptr;
  if (create(&program, text.c_str(), name.c_str(), 0, nullptr, nullptr) != 0) return result;
  const std::string target = "-arch=" + architecture;
  const char* options[] = {target.c_str(), "-std=c++17", "--ptxas-options=-v", "-default-device"};
  result.done = compile(program, 4, options) == 0;
  std::size_t size = 0;
  if (log_size(program, &size) == 0 && size > 0) {
    result.log.resize(size);
    get_log(program, result.log.data());
  }
  if (result.done && cubin_size(program, &size) == 0) {
    result.cubin.resize(size);
    get_cubin(program, result.cubin.data());
  }
  destroy(&program);
  return result;
}

std::optional<long> ptxas_count(const std::string& log, const std::string& what) {
  const std::regex pattern("([0-9]+) bytes " + what);
  long sum = 0;
  bool found = false;
  for (std::sregex_iterator at(log.begin(), log.end(), pattern), end; at != end; ++at) {
    sum += std::stol((*at)[1]);
    found = true;
  }
  if (!found) return std::nullopt;
  return sum;
}

}  // namespace bitloom::test
