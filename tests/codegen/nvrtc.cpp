#include "tests/codegen/nvrtc.h"

#include <regex>

#include "runtime/cuda/nvrtc.h"

namespace bitloom::test {

std::optional<Compiled> compile_with_nvrtc(const std::string& text, const std::string& name,
                                           const std::string& architecture) {
  const auto nvrtc = cuda::Nvrtc::find();
  if (!nvrtc) return std::nullopt;
  auto compiled = (*nvrtc)->compile(
      text, name, {"-arch=" + architecture, "-std=c++17", "--ptxas-options=-v", "-default-device"});
  if (!compiled) return Compiled{false, compiled.error().message, {}};
  return Compiled{compiled->done, std::move(compiled->log), std::move(compiled->cubin)};
}

std::optional<long> ptxas_count(const std::string& log, const std::string& what) {
  const std::regex pattern("([0-9]+) bytes " + what);
  long sum = 0;
  bool found = false;
  for (std::sregex_iterator at(log.begin(), log.end(), pattern), end; at != end; ++at) {
    sum += std::stol((*at)[1]);
    found = true;
  }
  if (!found) return std::nullopt;
  return sum;
}

}  // namespace bitloom::test
