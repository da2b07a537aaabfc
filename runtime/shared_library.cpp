#include "runtime/shared_library.h"

#include <dlfcn.h>
#include <link.h>

namespace bitloom::runtime {

std::optional<SharedLibrary> SharedLibrary::open(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (void* handle = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL)) {
      return SharedLibrary(name, handle);
    }
  }
  return std::nullopt;
}

std::string SharedLibrary::path() const {
  const link_map* map = nullptr;
  const bool known = dlinfo(handle_, RTLD_DI_LINKMAP, &map) == 0 && map && map->l_name;
  return known && *map->l_name != '\0' ? map->l_name : name_;
}

void* SharedLibrary::address(const char* symbol_name) const {
  return dlsym(handle_, symbol_name);
}

}  // namespace bitloom::runtime
