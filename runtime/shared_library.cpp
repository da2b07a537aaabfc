#include "runtime/shared_library.h"

#include <dlfcn.h>

namespace bitloom::runtime {

std::optional<SharedLibrary> SharedLibrary::open(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (void* handle = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL)) {
      return SharedLibrary(name, handle);
    }
  }
  return std::nullopt;
}

void* SharedLibrary::address(const char* symbol_name) const {
  return dlsym(handle_, symbol_name);
}

}  // namespace bitloom::runtime
