#include "runtime/cuda/nvrtc.h"

#include <fmt/format.h>

#include <cstdlib>

#include "runtime/environment.h"
#include "runtime/shared_library.h"

namespace bitloom::cuda {
namespace {

using runtime::failure;
using runtime::SharedLibrary;

using Program = void*;

}  // namespace

std::vector<std::string> Nvrtc::candidates() {
  if (const auto given = runtime::environment(runtime::Variable::Nvrtc)) return {*given};
  const std::vector<std::string> names = {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"};
  std::vector<std::string> all = names;
  const auto add = [&](const std::string& toolkit) {
    for (const char* folder : {"/lib64/", "/targets/x86_64-linux/lib/"}) {
      for (const std::string& name : names)
        all.push_back(fmt::format("{}{}{}", toolkit, folder, name));
    }
  };
  for (const char* variable : {"CUDA_HOME", "CUDA_PATH"}) {
    if (const char* toolkit = std::getenv(variable)) add(toolkit);
  }
  add("/usr/local/cuda");
  return all;
}

std::string Nvrtc::version() const {
  return fmt::format("{}.{}", major_, minor_);
}

struct Nvrtc::Calls {
  int (*version)(int*, int*);
  int (*create)(Program*, const char*, const char*, int, const char* const*, const char* const*);
  int (*compile)(Program, int, const char* const*);
  int (*log_size)(Program, std::size_t*);
  int (*log)(Program, char*);
  int (*cubin_size)(Program, std::size_t*);
  int (*cubin)(Program, char*);
  int (*ptx_size)(Program, std::size_t*);
  int (*ptx)(Program, char*);
  int (*destroy)(Program*);
  const char* (*error)(int);
};

Result<Nvrtc> Nvrtc::look_up() {
  const std::vector<std::string> names = candidates();
  const std::optional<SharedLibrary> library = SharedLibrary::open(names);
  if (!library) {
    return failure(
        "BL0416",
        fmt::format("this machine has no NVRTC, which compiles kernels for a GPU ({} was "
                    "not found)",
                    names.front()),
        "install the CUDA toolkit (12 or later), or set BITLOOM_NVRTC to libnvrtc.so");
  }
  Calls calls{};
  bool whole = true;
  const auto find = [&]<class F>(F*& call, const char* name) {
    call = library->symbol<F>(name);
    whole = whole && call != nullptr;
  };
  find(calls.version, "nvrtcVersion");
  find(calls.create, "nvrtcCreateProgram");
  find(calls.compile, "nvrtcCompileProgram");
  find(calls.log_size, "nvrtcGetProgramLogSize");
  find(calls.log, "nvrtcGetProgramLog");
  find(calls.cubin_size, "nvrtcGetCUBINSize");
  find(calls.cubin, "nvrtcGetCUBIN");
  find(calls.ptx_size, "nvrtcGetPTXSize");
  find(calls.ptx, "nvrtcGetPTX");
  find(calls.destroy, "nvrtcDestroyProgram");
  find(calls.error, "nvrtcGetErrorString");
  Nvrtc nvrtc;
  nvrtc.library_ = library->name();
  nvrtc.path_ = library->path();
  nvrtc.calls_ = std::make_shared<const Calls>(calls);
  if (!whole || calls.version(&nvrtc.major_, &nvrtc.minor_) != 0) {
    return failure("BL0416",
                   fmt::format("{} is not an NVRTC that Bitloom can use", library->name()),
                   "NVRTC of CUDA 12 or later compiles kernels; BITLOOM_NVRTC names the file");
  }
  return nvrtc;
}

Result<const Nvrtc*> Nvrtc::find() {
  static const Result<Nvrtc> nvrtc = look_up();
  if (!nvrtc) return tl::make_unexpected(nvrtc.error());
  return &*nvrtc;
}

Result<Compiled> Nvrtc::compile(const std::string& text, const std::string& name,
                                const std::vector<std::string>& options, bool with_ptx) const {
  struct Owner {
    const Calls& calls;
    Program program = nullptr;
    ~Owner() {
      if (program) calls.destroy(&program);
    }
  } owner{*calls_};
  const auto fault = [&](const char* call, int result) {
    return failure("BL0801", fmt::format("{}: {}", call, calls_->error(result)));
  };
  if (const int result =
          calls_->create(&owner.program, text.c_str(), name.c_str(), 0, nullptr, nullptr);
      result != 0) {
    return fault("nvrtcCreateProgram", result);
  }
  std::vector<const char*> pointers;
  pointers.reserve(options.size() + 1);
  for (const std::string& option : options) pointers.push_back(option.c_str());
  // Without declarations for textures and for launches from kernels, which no text of ours uses.
  if (major_ > 12 || (major_ == 12 && minor_ >= 4)) pointers.push_back("-minimal");
  Compiled compiled;
  const int result =
      calls_->compile(owner.program, static_cast<int>(pointers.size()), pointers.data());
  constexpr int kCompilation = 6;  // NVRTC_ERROR_COMPILATION: the text is refused
  if (result != 0 && result != kCompilation) return fault("nvrtcCompileProgram", result);
  compiled.done = result == 0;
  const auto fetch = [&](int (*size_of)(Program, std::size_t*), int (*get)(Program, char*),
                         std::string& into) {
    std::size_t size = 0;
    if (size_of(owner.program, &size) != 0) return false;
    into.resize(size);
    return size == 0 || get(owner.program, into.data()) == 0;
  };
  fetch(calls_->log_size, calls_->log, compiled.log);
  while (!compiled.log.empty() && compiled.log.back() == '\0') compiled.log.pop_back();
  if (!compiled.done) return compiled;
  if (!fetch(calls_->cubin_size, calls_->cubin, compiled.cubin) || compiled.cubin.empty()) {
    return failure("BL0801", "nvrtcGetCUBIN: NVRTC gives no image",
                   "-arch=sm_… makes it compile to one");
  }
  if (with_ptx) {
    if (!fetch(calls_->ptx_size, calls_->ptx, compiled.ptx)) {
      return failure("BL0801", "nvrtcGetPTX: NVRTC gives no PTX");
    }
    while (!compiled.ptx.empty() && compiled.ptx.back() == '\0') compiled.ptx.pop_back();
  }
  return compiled;
}

}  // namespace bitloom::cuda
