#include <filesystem>

#include "stack/engine/executor.h"

namespace bitloom::stack {

std::string kernels_folder() {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  // build/bin/bitloom in a checkout, bin/bitloom beside share/bitloom/kernels when installed.
  for (const char* candidate : {"../share/bitloom/kernels", "../../kernels"}) {
    const fs::path folder = program.parent_path() / candidate;
    if (!program.empty() && fs::is_directory(folder / "llama", ignored))
      return fs::weakly_canonical(folder, ignored).string();
  }
  return BITLOOM_KERNELS_DIR;
}

}  // namespace bitloom::stack
