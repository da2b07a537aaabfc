// The engine of a machine with a GPU: kernels are compiled once and launched into one stream.
#include <fmt/format.h>

#include "kernels/kernels_folder.h"
#include "runtime/module.h"
#include "runtime/pack.h"
#include "stack/engine/executor.h"
#include "stack/engine/gpu_product.h"
#include "vm/packed_type.h"

namespace bitloom::stack {

using runtime::failure;
using runtime::HostArray;
using runtime::Result;

namespace {

class Gpu : public Executor {
 public:
  Gpu(const ExecutorOptions& options, runtime::Stream stream)
      : folder_(options.kernels.empty() ? kernels::kernels_folder() : options.kernels),
        module_options_{.stdlib = options.stdlib},
        stream_(std::move(stream)) {}

  bool on_gpu() const override { return true; }

  Result<Array> allocate(vm::ElementType element, runtime::Shape shape) override {
    auto tensor = runtime::Tensor::zeros(stream_, element, std::move(shape));
    if (!tensor) return tl::make_unexpected(tensor.error());
    return array_of(*tensor);
  }

  Result<Array> pack(const HostArray& codes) override {
    if (codes.rank() != 2 || !codes.type().is_narrow())
      return failure("BL0404", "packed weights are a matrix of a narrow type");
    auto tensor = runtime::pack(vm::packed_atom(codes.type()), codes.type(), codes, stream_);
    if (!tensor) return tl::make_unexpected(tensor.error());
    return array_of(*tensor);
  }

  Result<void> write(const Array& array, const HostArray& from) override {
    if (from.bytes().size() != array.bytes || from.type() != array.element)
      return failure("BL0901", "internal error: an array is written from another type or shape");
    return buffer_of(array).upload(from.bytes(), stream_);
  }

  Result<HostArray> read(const Array& array) override {
    if (array.atom)
      return runtime::unpack(*std::static_pointer_cast<runtime::Tensor>(array.memory), stream_);
    auto result = HostArray::zeros(array.element, array.shape);
    if (!result) return result;
    if (auto done = buffer_of(array).download(result->bytes(), stream_); !done)
      return tl::make_unexpected(done.error());
    return result;
  }

  Result<void> launch(const Operator& op, std::span<const Operand> operands) override {
    auto found = kernels_.find(op);
    if (found == kernels_.end()) {
      auto kernel = prepare(op);
      if (!kernel) return tl::make_unexpected(kernel.error());
      found = kernels_.emplace(op, std::move(*kernel)).first;
    }
    std::vector<runtime::LaunchArgument> arguments;
    for (const Operand& operand : operands) arguments.push_back(argument_of(operand));
    return found->second.launch_with(stream_, arguments);
  }
  using Executor::launch;

  Result<std::shared_ptr<Product>> product(const ProductWeights& weights) override {
    return make_gpu_product(weights,
                            *std::static_pointer_cast<runtime::Tensor>(weights.codes.memory),
                            stream_, folder_, plans_);
  }

 private:
  Array array_of(const runtime::Tensor& tensor) const {
    auto memory = std::make_shared<runtime::Tensor>(tensor);
    Array array{.element = tensor.element(), .shape = tensor.shape()};
    array.address = static_cast<std::byte*>(tensor.address());
    array.bytes = tensor.bytes();
    if (tensor.packed()) array.atom = std::make_shared<const layouts::PackedAtom>(*tensor.packed());
    array.memory = std::move(memory);
    return array;
  }

  runtime::Buffer buffer_of(const Array& array) const {
    return runtime::Buffer::borrow(stream_.device(), array.address, array.bytes, array.memory);
  }

  runtime::LaunchArgument argument_of(const Operand& operand) const {
    if (const auto* integer = std::get_if<std::int64_t>(&operand))
      return runtime::to_argument(*integer);
    if (const auto* real = std::get_if<double>(&operand)) return runtime::to_argument(*real);
    runtime::LaunchArgument argument;
    const auto* array = std::get_if<Array>(&operand);
    if (!array) return argument;
    argument.kind = runtime::LaunchArgument::Kind::Tensor;
    argument.address = reinterpret_cast<std::uint64_t>(array->address);
    argument.bytes = array->bytes;
    argument.extents = array->shape;
    argument.element = array->element;
    argument.packed = array->atom.get();
    argument.device = stream_.device().state().get();
    return argument;
  }

  Result<runtime::Kernel> prepare(const Operator& op) {
    auto module = modules_.find(op.file);
    if (module == modules_.end()) {
      auto loaded = runtime::Module::from_file(folder_ + "/" + op.file, module_options_);
      if (!loaded) return tl::make_unexpected(loaded.error());
      module = modules_.emplace(op.file, std::move(*loaded)).first;
    }
    auto kernel =
        module->second.specialize(op.kernel, {.generics = op.generics, .present = op.present});
    if (!kernel) return kernel;
    if (auto done = kernel->prepare(stream_.device()); !done)
      return tl::make_unexpected(done.error());
    return kernel;
  }

  std::string folder_;
  runtime::ModuleOptions module_options_;
  runtime::Stream stream_;
  std::map<std::string, runtime::Module> modules_;
  std::map<Operator, runtime::Kernel> kernels_;
  std::shared_ptr<ProductPlans> plans_ = std::make_shared<ProductPlans>();
};

}  // namespace

Result<std::unique_ptr<Executor>> make_gpu(const runtime::Device& device,
                                           const ExecutorOptions& options) {
  auto stream = runtime::Stream::create(device);
  if (!stream) return tl::make_unexpected(stream.error());
  return std::make_unique<Gpu>(options, std::move(*stream));
}

}  // namespace bitloom::stack
