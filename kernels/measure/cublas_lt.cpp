#include "kernels/measure/cublas_lt.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <limits>

#include "kernels/measure/graph_timer.h"
#include "runtime/device_state.h"

namespace bitloom::kernels {

using runtime::failure;
using runtime::Result;
using runtime::Tensor;

namespace {

// What of cublasLt.h is called, with its numbers.
using Handle = void*;
using Layout = void*;
using Descriptor = void*;
using Preference = void*;
constexpr int kCompute32F = 68, kReal32F = 0, kReal16F = 2;
constexpr int kTransA = 3, kTransB = 4, kTranspose = 1, kNoTranspose = 0;
constexpr int kMaxWorkspace = 1;
constexpr std::size_t kWorkspace = std::size_t{64} << 20;
struct Algorithm {
  std::uint64_t data[8];
};
struct Heuristic {
  Algorithm algorithm;
  std::size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

}  // namespace

struct CublasLt::Library {
  void* library = nullptr;
  int (*create)(Handle*) = nullptr;
  int (*destroy)(Handle) = nullptr;
  int (*create_layout)(Layout*, int, std::uint64_t, std::uint64_t, std::int64_t) = nullptr;
  int (*destroy_layout)(Layout) = nullptr;
  int (*create_descriptor)(Descriptor*, int, int) = nullptr;
  int (*set_descriptor)(Descriptor, int, const void*, std::size_t) = nullptr;
  int (*destroy_descriptor)(Descriptor) = nullptr;
  int (*create_preference)(Preference*) = nullptr;
  int (*set_preference)(Preference, int, const void*, std::size_t) = nullptr;
  int (*destroy_preference)(Preference) = nullptr;
  int (*heuristics)(Handle, Descriptor, Layout, Layout, Layout, Layout, Preference, int, Heuristic*,
                    int*) = nullptr;
  int (*matmul)(Handle, Descriptor, const void*, const void*, Layout, const void*, Layout,
                const void*, const void*, Layout, void*, Layout, const Algorithm*, void*,
                std::size_t, CUstream_st*) = nullptr;
  Handle handle = nullptr;
  runtime::Stream stream;
  runtime::Buffer workspace;

  Library(runtime::Stream s, runtime::Buffer w) : stream(std::move(s)), workspace(std::move(w)) {}
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (handle) destroy(handle);
    if (library) dlclose(library);
  }
};

struct CublasLt::Product::State {
  std::shared_ptr<Library> library;
  Descriptor descriptor = nullptr;
  Layout a = nullptr, b = nullptr, c = nullptr;
  Algorithm algorithm = {};

  State() = default;
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    for (const Layout layout : {a, b, c})
      if (layout) library->destroy_layout(layout);
    if (descriptor) library->destroy_descriptor(descriptor);
  }
};

Result<CublasLt> CublasLt::load(const runtime::Stream& stream) {
  auto workspace = runtime::Buffer::allocate(stream.device(), kWorkspace);
  if (!workspace) return tl::make_unexpected(workspace.error());
  auto lib = std::make_shared<Library>(stream, *workspace);
  for (const char* name : {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so",
                           "/usr/local/cuda/lib64/libcublasLt.so"}) {
    lib->library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (lib->library) break;
  }
  if (!lib->library)
    return failure("BL1124", "libcublasLt is not found, so there is no baseline",
                   "install the CUDA toolkit, or leave the baseline out");
  const auto find = [&](auto& function, const char* name) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(lib->library, name));
    return function != nullptr;
  };
  const bool all = find(lib->create, "cublasLtCreate") && find(lib->destroy, "cublasLtDestroy") &&
                   find(lib->create_layout, "cublasLtMatrixLayoutCreate") &&
                   find(lib->destroy_layout, "cublasLtMatrixLayoutDestroy") &&
                   find(lib->create_descriptor, "cublasLtMatmulDescCreate") &&
                   find(lib->set_descriptor, "cublasLtMatmulDescSetAttribute") &&
                   find(lib->destroy_descriptor, "cublasLtMatmulDescDestroy") &&
                   find(lib->create_preference, "cublasLtMatmulPreferenceCreate") &&
                   find(lib->set_preference, "cublasLtMatmulPreferenceSetAttribute") &&
                   find(lib->destroy_preference, "cublasLtMatmulPreferenceDestroy") &&
                   find(lib->heuristics, "cublasLtMatmulAlgoGetHeuristic") &&
                   find(lib->matmul, "cublasLtMatmul");
  const runtime::CurrentContext current(*stream.device().state());
  if (!all || lib->create(&lib->handle) != 0)
    return failure("BL1124", "libcublasLt is there, but cannot be used");
  return CublasLt(std::move(lib));
}

Result<void> CublasLt::Product::launch(const Tensor& x, const Tensor& w, const Tensor& y) const {
  const Library& lib = *state_->library;
  const float one = 1, zero = 0;
  const runtime::CurrentContext current(*lib.stream.device().state());
  // Column-major: yᵀ[n, m] = Wᵀ… the weights [n, k] row-major are a k x n matrix to be transposed.
  const int error =
      lib.matmul(lib.handle, state_->descriptor, &one, w.address(), state_->a, x.address(),
                 state_->b, &zero, y.address(), state_->c, y.address(), state_->c,
                 &state_->algorithm, lib.workspace.address(), kWorkspace, lib.stream.handle());
  if (error) return failure("BL1124", fmt::format("cublasLtMatmul gave status {}", error));
  return {};
}

Result<CublasLt::Product> CublasLt::product(std::int64_t m, std::int64_t n, std::int64_t k,
                                            const Tensor& x, const std::vector<Tensor>& weights,
                                            const Tensor& y) const {
  const Library& lib = *library_;
  const runtime::CurrentContext current(*lib.stream.device().state());
  auto state = std::make_shared<Product::State>();
  state->library = library_;
  const auto u = [](std::int64_t number) { return static_cast<std::uint64_t>(number); };
  int error = lib.create_descriptor(&state->descriptor, kCompute32F, kReal32F);
  error |= lib.set_descriptor(state->descriptor, kTransA, &kTranspose, sizeof kTranspose);
  error |= lib.set_descriptor(state->descriptor, kTransB, &kNoTranspose, sizeof kNoTranspose);
  error |= lib.create_layout(&state->a, kReal16F, u(k), u(n), k);
  error |= lib.create_layout(&state->b, kReal16F, u(k), u(m), k);
  error |= lib.create_layout(&state->c, kReal16F, u(n), u(m), n);
  Preference preference = nullptr;
  error |= lib.create_preference(&preference);
  error |= lib.set_preference(preference, kMaxWorkspace, &kWorkspace, sizeof kWorkspace);
  Heuristic found[8] = {};
  int count = 0;
  if (!error)
    error = lib.heuristics(lib.handle, state->descriptor, state->a, state->b, state->c, state->c,
                           preference, 8, found, &count);
  if (preference) lib.destroy_preference(preference);
  if (error || count == 0)
    return failure("BL1124",
                   fmt::format("cublasLt knows no algorithm for m = {}, n = {}, k = {} (status {})",
                               m, n, k, error));
  double least = std::numeric_limits<double>::infinity();
  Algorithm best = found[0].algorithm;
  const Product product(state);
  for (int i = 0; i < count; ++i) {
    state->algorithm = found[i].algorithm;
    const auto time = time_graph(
        lib.stream, static_cast<int>(weights.size()),
        [&](int copy) { return product.launch(x, weights[static_cast<std::size_t>(copy)], y); },
        {.warm_up = 1, .least_runs = 5});
    if (!time || time->median >= least) continue;
    least = time->median;
    best = found[i].algorithm;
  }
  state->algorithm = best;
  return product;
}

}  // namespace bitloom::kernels
