#include <dlfcn.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/runtime/fake_driver/fake_driver.h"
#include "tests/support/places.h"

namespace bitloom::test {

FakeDriver& fake_driver() {
  static FakeDriver* const driver = []() -> FakeDriver* {
    const char* path = BITLOOM_BINARY_DIR "/tests/libfake_cuda.so";
    setenv("BITLOOM_CUDA_DRIVER", path, 1);
    void* library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!library) {
      ADD_FAILURE() << dlerror();
      std::abort();
    }
    return reinterpret_cast<FakeDriver* (*)()>(dlsym(library, "bitloom_fake_driver"))();
  }();
  return *driver;
}

}  // namespace bitloom::test
