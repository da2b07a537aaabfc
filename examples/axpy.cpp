// A kernel written in the program, launched on a GPU through the library: modules, tensors,
// streams.
//
// Without a GPU it says what is missing and ends with 77.
#include <cstdio>
#include <cstdlib>
#include <type_traits>
#include <utility>

#include "runtime/module.h"

using namespace bitloom;

namespace {

constexpr const char* kText = R"(
/// y = a * x + y
kernel axpy<T: type = f32, B: int = 1024>(
    a: T,
    x: global T[n],
    y: global T[n],
) grid(ceildiv(n, B)) threads(256)
{
    let i = block.x * B
    y[i +: B] <- a * x[i +: B] + y[i +: B]
}
)";

// Errors are values; this program ends at the first one.
template <class T>
T must(runtime::Result<T> result) {
  if (result) {
    if constexpr (std::is_void_v<T>)
      return;
    else
      return std::move(*result);
  }
  std::fprintf(stderr, "error[%s]: %s\n", result.error().code.c_str(),
               result.error().message.c_str());
  std::exit(result.error().code == "BL0416" ? 77 : 1);
}

}  // namespace

int main() {
  const auto module = must(runtime::Module::from_text("axpy.bl", kText, {.stdlib = STDLIB_DIR}));
  const auto axpy = must(module.specialize("axpy", {.generics = {{"T", "f32"}}}));

  const auto device = must(runtime::Device::open());
  const auto stream = must(runtime::Stream::create(device));
  std::printf("on %s\n", device.name().c_str());
  must(axpy.prepare(device));  // compiles and loads; launches only launch

  constexpr std::size_t kCount = 5000;
  auto numbers = must(runtime::HostArray::zeros(vm::kF32, {kCount}));
  for (std::size_t i = 0; i < kCount; ++i) numbers.as<float>()[i] = static_cast<float>(i);
  const auto x = must(runtime::Tensor::from_host(numbers, stream));
  const auto y = must(runtime::Tensor::from_host(numbers, stream));
  must(axpy.launch(stream, 2.0, x, y));

  const auto result = must(y.to_host(stream));
  for (std::size_t i = 0; i < kCount; ++i) {
    if (result.as<float>()[i] != 3.0f * static_cast<float>(i)) return 1;
  }
  std::printf("y = 3 x, %zu times\n", kCount);
  return 0;
}
