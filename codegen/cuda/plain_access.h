// Moving whole bytes between registers and memory, as wide as they lie together.
#pragma once

#include "codegen/cuda/window_access.h"

namespace bitloom::codegen {

// How, besides where: `each` elements an access; a mask may hold some back.
struct AccessOptions {
  std::string cache = {};
  const Register* mask = nullptr;
};

void load_registers(KernelWriter& out, WindowAccess& access, const Register& d, std::int64_t each,
                    const AccessOptions& options = {});
void store_registers(KernelWriter& out, WindowAccess& access, const Register& x, std::int64_t each,
                     const AccessOptions& options = {});
// a && b, either of which may be empty.
std::string both(const std::string& a, const std::string& b);

}  // namespace bitloom::codegen
