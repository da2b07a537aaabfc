// NVRTC as the tests of generated text need it: with what ptxas says of registers and spills.
#pragma once

#include <optional>
#include <string>

namespace bitloom::test {

struct Compiled {
  bool done = false;
  std::string log;  // of NVRTC and, after it, of ptxas (-v)
  std::string cubin;
};

// nullopt when the machine has no NVRTC.
std::optional<Compiled> compile_with_nvrtc(const std::string& text, const std::string& name,
                                           const std::string& architecture);

// "0 bytes spill stores" and the like out of a ptxas log: the number before `what`, summed over its
// lines.
std::optional<long> ptxas_count(const std::string& log, const std::string& what);

}  // namespace bitloom::test
