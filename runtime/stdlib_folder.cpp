#include "runtime/stdlib_folder.h"

#include <filesystem>

#include "runtime/environment.h"

namespace bitloom::runtime {

std::string stdlib_folder() {
  namespace fs = std::filesystem;
  if (const auto set = environment(Variable::Stdlib)) return *set;
  std::error_code ignored;
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  // build/bin/bitloom in a checkout, bin/bitloom beside share/bitloom/stdlib when installed.
  for (const char* candidate : {"../share/bitloom/stdlib", "../../stdlib"}) {
    const fs::path folder = program.parent_path() / candidate;
    if (!program.empty() && fs::is_directory(folder, ignored))
      return fs::weakly_canonical(folder, ignored).string();
  }
  return BITLOOM_STDLIB_DIR;
}

}  // namespace bitloom::runtime
