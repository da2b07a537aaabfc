#include "runtime/cuda/driver.h"

#include <fmt/format.h>

#include "runtime/environment.h"
#include "runtime/shared_library.h"

namespace bitloom::cuda {
namespace {

using runtime::failure;
using runtime::SharedLibrary;

Result<Driver> look_up() {
  const std::string name =
      runtime::environment(runtime::Variable::CudaDriver).value_or("libcuda.so.1");
  const std::optional<SharedLibrary> library = SharedLibrary::open({name});
  if (!library) {
    return failure("BL0416",
                   fmt::format("this machine has no CUDA driver ({} was not found)", name),
                   "--on interpreter runs on every machine; `bitloom doctor` says what was found");
  }
  Driver driver;
  driver.library = library->name();
  const char* missing = nullptr;
#define CUDA_CALL(member, symbol_name, parameters)                   \
  driver.member = library->symbol<CUresult parameters>(symbol_name); \
  if (!driver.member && !missing) missing = symbol_name;
#define CUDA_OPTIONAL(member, symbol_name, parameters) \
  driver.member = library->symbol<CUresult parameters>(symbol_name);
#include "runtime/cuda/driver.def"
  if (missing) {
    return failure("BL0416",
                   fmt::format("the CUDA driver {} is too old: it has no {}", name, missing),
                   "a driver for CUDA 12 or later has it");
  }
  if (const CUresult result = driver.cuInit(0); result != kSuccess) {
    return failure(
        "BL0416",
        fmt::format("the CUDA driver {} does not start: {}", name, error_text(driver, result)),
        "`nvidia-smi` shows whether the machine's GPU answers");
  }
  if (driver.cuDriverGetVersion(&driver.version) != kSuccess) driver.version = 0;
  return driver;
}

}  // namespace

Result<const Driver*> Driver::find() {
  static const Result<Driver> driver = look_up();
  if (!driver) return tl::make_unexpected(driver.error());
  return &*driver;
}

std::string error_text(const Driver& driver, CUresult result) {
  const char *name = nullptr, *text = nullptr;
  driver.cuGetErrorName(result, &name);
  driver.cuGetErrorString(result, &text);
  if (!name) return fmt::format("CUDA error {}", static_cast<int>(result));
  return text ? fmt::format("{} ({})", name, text) : name;
}

bool is_kernel_fault(CUresult result) {
  switch (result) {
    case kIllegalAddress:
    case kLaunchTimeout:
    case kAssert:
    case kHardwareStackError:
    case kIllegalInstruction:
    case kMisalignedAddress:
    case kInvalidAddressSpace:
    case kInvalidPc:
    case kLaunchFailed:
      return true;
    case kSuccess:
    case kInvalidValue:
    case kOutOfMemory:
    case kNoDevice:
    case kNoBinaryForGpu:
    case kLaunchOutOfResources:
    case kCooperativeLaunchTooLarge:
      break;
  }
  return false;
}

Result<void> check(const Driver& driver, CUresult result, std::string_view call) {
  if (result == kSuccess) return {};
  if (result == kOutOfMemory) {
    return failure("BL0802", fmt::format("the GPU has not enough free memory ({})", call),
                   "free tensors, or launch with smaller ones");
  }
  return failure("BL0801", fmt::format("{}: {}", call, error_text(driver, result)));
}

}  // namespace bitloom::cuda
