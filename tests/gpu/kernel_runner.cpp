// The runner of tests/kernels on the GPU. Every run happens twice, in the interpreter and on the
// GPU, and what comes out is compared: bit for bit where the program is exact, else as close as two
// results of one rounding each can be. The test then holds the GPU's numbers against float64, as it
// does those of the interpreter.
#include "tests/kernels/kernel_runner.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>

#include "dsl/render.h"
#include "runtime/execute.h"
#include "tests/support/source_path.h"
#include "vm/isa.h"
#include "vm/numerics.h"

namespace bitloom::test {
namespace {

using runtime::HostArray;

// The three classes that may differ (docs/numerics.md): sums inside of a matrix product,
// approximate instructions, atomics on floats, whose order is the GPU's.
bool is_exact(const vm::Function& function) {
  bool exact = true;
  vm::walk(function.body, [&](const vm::Instruction& instruction) {
    const vm::Opcode opcode = instruction.opcode;
    const bool product = opcode == vm::Opcode::Dot || opcode == vm::Opcode::SparseDot ||
                         opcode == vm::Opcode::DotAsync;
    const bool atomic = (opcode == vm::Opcode::Atomic || opcode == vm::Opcode::AtomicFetch) &&
                        function.type(instruction.inputs[0]).element.is_float();
    const bool approximate = std::string_view(vm::info(opcode).mnemonic).ends_with("_approx");
    exact = exact && !product && !atomic && !approximate;
  });
  return exact;
}

void expect_same_bits(const std::string& name, const HostArray& gpu, const HostArray& host) {
  std::size_t different = 0, first = 0;
  for (std::size_t i = gpu.size(); i-- > 0;) {
    if (gpu.code(i) == host.code(i)) continue;
    ++different;
    first = i;
  }
  EXPECT_EQ(different, 0u) << name << ": of " << gpu.size() << " elements; the first is " << first
                           << ": " << std::hex << gpu.code(first) << " on the GPU, "
                           << host.code(first) << " in the interpreter";
}

// ‖gpu − host‖ / ‖host‖ over the finite elements; the others must agree.
void expect_close(const std::string& name, const HostArray& gpu, const HostArray& host) {
  constexpr double kMost = 1e-3;
  if (!gpu.type().is_float()) return;  // a choice among near ties may fall the other way
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < gpu.size(); ++i) {
    const double a = vm::decode(gpu.type(), gpu.code(i)), b = vm::decode(host.type(), host.code(i));
    if (!std::isfinite(b)) {
      ASSERT_TRUE(std::isnan(b) ? std::isnan(a) : a == b)
          << name << "[" << i << "]: " << a << ", " << b;
      continue;
    }
    difference += (a - b) * (a - b);
    norm += b * b;
  }
  EXPECT_LE(std::sqrt(difference), kMost * std::sqrt(norm)) << name;
}

}  // namespace

std::optional<std::map<std::string, HostArray>> run_kernel(const KernelRun& run,
                                                           std::string& report) {
  runtime::Job job{.file = source_path("kernels/" + run.file)};
  job.kernel = run.kernel;
  job.generics = run.generics;
  job.target = *vm::Target::parse(run.target);
  job.request = run.request;
  job.launch.checks = false;
  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  runtime::Outcome host, gpu;
  bool done = runtime::execute(job, sources, source_path("stdlib"), host, diagnostics);
  if (done) {
    const auto device = runtime::Device::open();
    if (device) job.device = *device;
    done = device && runtime::execute(job, sources, source_path("stdlib"), gpu, diagnostics);
  }
  report = dsl::render(diagnostics, sources);
  if (!done) return std::nullopt;
  std::map<std::string, HostArray> results;
  const bool exact = is_exact(host.function);
  for (const std::string& name : run.request.outputs) {
    const auto [at, fresh] = results.emplace(name, gpu.logical(name));
    (exact ? expect_same_bits : expect_close)(name, at->second, host.logical(name));
  }
  return results;
}

}  // namespace bitloom::test
