// Runs a kernel file on arrays of this program, in the interpreter.
//
//   softmax [KERNEL.bl]        the softmax that comes with Bitloom, or another file with parameters
//   x and y
#include <cstdio>

#include "dsl/render.h"
#include "runtime/execute.h"

using namespace bitloom;

int main(int argc, char** argv) {
  // Two rows of three numbers.
  auto x = runtime::HostArray::zeros(vm::kF32, {2, 3});
  if (!x) return 1;
  const float numbers[] = {1, 2, 3, 0, 0, 0};
  for (std::size_t i = 0; i < x->size(); ++i) x->as<float>()[i] = numbers[i];

  // What is to run, and on what. Sizes and types follow from the array.
  runtime::Job job{.file = KERNELS_DIR "/softmax/softmax.bl"};
  job.request.arguments["x"] = {*x, "x"};
  job.request.outputs = {"y"};
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) != "gpu") {
      job.file = argv[i];
    } else if (auto gpu = runtime::Device::open()) {
      job.use(*gpu);
    } else {
      std::fprintf(stderr, "%s\n", gpu.error().message.c_str());
      return 1;
    }
  }

  dsl::SourceManager sources;
  vm::Diagnostics diagnostics;
  runtime::Outcome outcome;
  if (!runtime::execute(job, sources, STDLIB_DIR, outcome, diagnostics)) {
    std::fputs(dsl::render(diagnostics, sources).c_str(), stderr);
    return 1;
  }

  const runtime::HostArray y = outcome.logical("y");
  for (std::size_t i = 0; i < y.size(); ++i)
    std::printf("%.4f%c", static_cast<double>(y.as<float>()[i]), i % 3 == 2 ? '\n' : ' ');
  return 0;
}
