#include "kernels/kernels_folder.h"

#include <filesystem>

#include "runtime/environment.h"

namespace bitloom::kernels {

std::string kernels_folder() {
  namespace fs = std::filesystem;
  if (const auto set = runtime::environment(runtime::Variable::Kernels)) return *set;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  // build/bin/bitloom in a checkout, bin/bitloom beside share/bitloom/kernels when installed.
  for (const char* candidate : {"../share/bitloom/kernels", "../../kernels"}) {
    const fs::path folder = program.parent_path() / candidate;
    if (!program.empty() && fs::is_directory(folder / "gemm", ignored))
      return fs::weakly_canonical(folder, ignored).string();
  }
  return BITLOOM_KERNELS_DIR;
}

}  // namespace bitloom::kernels
