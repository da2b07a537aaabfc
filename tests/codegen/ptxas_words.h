// What ptxas -v says of one kernel, and what codegen/cubin.h read of it, as texts to compare.
#pragma once

#include <fmt/format.h>

#include <regex>
#include <string>

#include "codegen/cubin.h"

namespace bitloom::test {

// The number in front of `what`; 0 when ptxas does not speak of it.
inline long count_before(const std::string& log, const std::string& what) {
  std::smatch match;
  if (!std::regex_search(log, match, std::regex("([0-9]+) " + what))) return 0;
  return std::stol(match[1]);
}

inline std::string words_of_ptxas(const std::string& log) {
  return fmt::format("{} registers, {} stack, {} stores, {} loads, {} shared, {} barriers",
                     count_before(log, "registers"), count_before(log, "bytes stack frame"),
                     count_before(log, "bytes spill stores"),
                     count_before(log, "bytes spill loads"), count_before(log, "bytes smem"),
                     count_before(log, "barriers"));
}

inline std::string words_of(const codegen::KernelResources& kernel) {
  return fmt::format("{} registers, {} stack, {} stores, {} loads, {} shared, {} barriers",
                     kernel.registers, kernel.local_bytes, kernel.spill_store_bytes,
                     kernel.spill_load_bytes, kernel.shared_bytes, kernel.barriers);
}

}  // namespace bitloom::test
